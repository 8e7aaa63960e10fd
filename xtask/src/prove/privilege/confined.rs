//! A program run as nobody with a few capabilities, and a BPF file system of its own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// A capability (include/uapi/linux/capability.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capability {
    pub(super) name: &'static str,
    number: u32,
}

/// What the program, and so the daemon, needs.
pub(super) const NEEDED: [Capability; 3] = [
    Capability {
        name: "CAP_NET_ADMIN",
        number: 12,
    },
    Capability {
        name: "CAP_PERFMON",
        number: 38,
    },
    Capability {
        name: "CAP_BPF",
        number: 39,
    },
];

/// Any user that is not root does.
const NOBODY: u32 = 65_534;
const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
/// In a mount namespace of its own: mounts a BPF file system over the host's, for the user; steps down for good; notes
/// what it then is; and becomes the program. `$1`: user, `$2`: capabilities, `$3`: where to note.
const SCRIPT: &str = r#"
set -eu
user=$1 set=$2 notes=$3
shift 3
mount -t bpf bpf /sys/fs/bpf
chown "$user:$user" /sys/fs/bpf
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
    --bounding-set "$set" --inh-caps "$set" --ambient-caps "$set" \
    sh -euc 'cat /proc/$$/status >"$0"; exec "$@"' "$notes" "$@"
"#;

/// A directory that the user can read, and write notes to.
pub(super) struct Confined(TempDir);

/// What a program said and how it ended.
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) text: String,
}

impl Confined {
    pub(super) fn new() -> Result<Self> {
        let directory =
            TempDir::with_prefix("thr-privilege-").context("cannot make a directory")?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let notes = directory.path().join("notes");
        fs::write(&notes, "")?;
        chown(&notes, Some(NOBODY), Some(NOBODY))?;
        Ok(Self(directory))
    }

    /// The same program where the user can run it: the tree may lie where only its owner may look.
    pub(super) fn copy(&self, program: &Path) -> Result<PathBuf> {
        let name = program.file_name().context("a program has a name")?;
        let copy = self.0.path().join(name);
        fs::copy(program, &copy).with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(copy)
    }

    /// Runs it to its end.
    pub(super) fn run(
        &self,
        program: &Path,
        args: &[&str],
        capabilities: &[Capability],
    ) -> Result<ExitStatus> {
        let status = self.command(program, args, capabilities).status();
        let status = status.context("cannot run unshare; install util-linux")?;
        self.check(capabilities)?;
        Ok(status)
    }

    /// The same, and keeps what it says.
    pub(super) fn output(
        &self,
        program: &Path,
        args: &[&str],
        capabilities: &[Capability],
    ) -> Result<Said> {
        let output = self.command(program, args, capabilities).output();
        let output = output.context("cannot run unshare; install util-linux")?;
        self.check(capabilities)?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Said {
            status: output.status,
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    }

    fn notes(&self) -> PathBuf {
        self.0.path().join("notes")
    }

    fn command(&self, program: &Path, args: &[&str], capabilities: &[Capability]) -> Command {
        let mut set = "-all".to_owned();
        for capability in capabilities {
            set += ",+";
            set += &capability.name.trim_start_matches("CAP_").to_lowercase();
        }
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT, "confined"]);
        command.arg(NOBODY.to_string()).arg(set).arg(self.notes());
        command.arg(program).args(args).current_dir(self.0.path());
        command
    }

    /// That what ran was confined as asked: otherwise it would show nothing.
    fn check(&self, capabilities: &[Capability]) -> Result<()> {
        let notes = fs::read_to_string(self.notes())?;
        fs::write(self.notes(), "")?;
        ensure!(!notes.is_empty(), "the program was not started");
        confined(&notes, capabilities)
    }
}

/// Whether a process with this status has these capabilities, can get no other, and is not root.
fn confined(status: &str, capabilities: &[Capability]) -> Result<()> {
    let field = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim)
            .with_context(|| format!("no {name} in a process's status"))
    };
    let mask = capabilities
        .iter()
        .fold(0, |mask, one| mask | 1u64 << one.number);
    for set in SETS {
        let found = u64::from_str_radix(field(set)?, 16).context("a set is hexadecimal")?;
        ensure!(found == mask, "{set} is {found:#x}, not {mask:#x}");
    }
    for id in ["Uid", "Gid"] {
        for found in field(id)?.split_whitespace() {
            ensure!(found == NOBODY.to_string(), "{id} is {found}, not {NOBODY}");
        }
    }
    if !field("Groups")?.is_empty() || field("NoNewPrivs")? != "1" {
        bail!("it has groups, or may gain privileges:\n{status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(uid: u32, bounding: u64) -> String {
        let three = "000000c000001000";
        format!(
            "Name:\tsh\nUid:\t{uid}\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t \n\
             CapInh:\t{three}\nCapPrm:\t{three}\nCapEff:\t{three}\nCapBnd:\t{bounding:016x}\nCapAmb:\t{three}\n\
             NoNewPrivs:\t1\n"
        )
    }

    #[test]
    fn root_and_a_wider_bounding_set_are_noticed() {
        let three = 0xc0_0000_1000;
        confined(&status(NOBODY, three), &NEEDED).expect("exactly the three");
        assert!(confined(&status(0, three), &NEEDED).is_err());
        assert!(confined(&status(NOBODY, three | 1 << 21), &NEEDED).is_err());
        assert!(confined(&status(NOBODY, three), &NEEDED[1..]).is_err());
        assert!(confined("", &NEEDED).is_err());
    }
}
