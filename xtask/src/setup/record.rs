//! Writing the choice down, as `Toolchain::parse` reads it.

use std::fmt;

use crate::toolchain::Toolchain;

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cargo={}", self.cargo.display())?;
        writeln!(f, "rustc={}", self.rustc.display())?;
        writeln!(f, "path_prefix={}", self.path_prefix)?;
        writeln!(f, "bootstrap={}", u8::from(self.bootstrap))?;
        writeln!(f, "describe={}", self.describe)
    }
}

#[cfg(test)]
mod tests {
    use crate::toolchain::Toolchain;

    fn example() -> Toolchain {
        Toolchain {
            cargo: "/usr/bin/cargo".into(),
            rustc: "/usr/bin/rustc".into(),
            path_prefix: "/a tree/target/bpf-tools/bin:/usr/lib/llvm-22/bin".into(),
            bootstrap: true,
            describe: "Debian rustc 1.96.0 (x=y), llvm-22".into(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for bootstrap in [true, false] {
            let toolchain = Toolchain {
                bootstrap,
                ..example()
            };
            assert_eq!(Toolchain::parse(&toolchain.to_string()), Ok(toolchain));
        }
    }

    #[test]
    fn a_torn_record_is_refused_by_key() {
        let text = example().to_string();
        let torn = text.split("describe").next().unwrap_or_default();
        assert_eq!(
            Toolchain::parse(torn),
            Err("no `describe=` in it".to_owned())
        );
    }

    #[test]
    fn the_outer_build_does_not_leak_in() {
        use crate::toolchain::is_of_the_outer_build as outer;
        for name in [
            "CARGO",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_PROFILE_RELEASE_LTO",
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(outer(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_TERM_COLOR",
            "PATH",
            "RUSTUP_HOME",
        ] {
            assert!(!outer(name), "{name}");
        }
    }
}
