//! A guest's whole file system: busybox, iproute2, the programs, the libraries of all of these, and veth.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{
    debian::{Image, output},
    programs::{Programs, below, make_parent},
};

const INIT: &str = include_str!("init");
/// What the tests' lab calls by name.
const TOOLS: [&str; 2] = ["ip", "tc"];
const SEARCHED: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// The one module that the smoke test needs; Debian builds everything else in.
const MODULE: &str = "veth";

/// Builds the tree at `root` and packs it beside, for a kernel to boot with; `arguments` are the smoke test's.
pub(super) fn build(
    root: &Path,
    image: &Image,
    programs: &Programs,
    arguments: &[&str],
) -> Result<PathBuf> {
    if root.exists() {
        fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    for directory in ["bin", "dev", "proc", "run", "sys", "tmp", "var", "etc"] {
        let path = root.join(directory);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    symlink("/run", root.join("var/run")).context("cannot link /var/run")?;
    symlink(&programs.smoke, root.join("smoke")).context("cannot link the smoke test")?;
    let init = root.join("init");
    fs::write(&init, INIT).context("cannot write init")?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))
        .context("cannot set init's mode")?;
    fs::write(root.join("arguments"), arguments.join("\n"))
        .context("cannot write the arguments")?;

    programs.copy(root)?;
    let busybox = find("busybox")?;
    fs::copy(&busybox, root.join("bin/busybox")).context("cannot copy busybox")?;
    let tools = TOOLS.map(find).into_iter().collect::<Result<Vec<_>>>()?;
    let mut libraries = BTreeSet::new();
    for program in tools
        .iter()
        .chain([&busybox, &programs.smoke, &programs.throttler])
    {
        libraries.extend(needed(program));
    }
    for path in tools.iter().chain(&libraries) {
        let to = below(root, path);
        make_parent(&to)?;
        fs::copy(path, &to).with_context(|| format!("cannot copy {}", path.display()))?;
    }
    modules(root, image)?;
    pack(root)
}

/// A program of the host's.
fn find(name: &str) -> Result<PathBuf> {
    let mut paths = SEARCHED
        .iter()
        .map(|directory| Path::new(directory).join(name));
    paths
        .find(|path| path.exists())
        .with_context(|| format!("there is no {name}"))
}

/// The shared libraries of a program; of a static one, none.
fn needed(program: &Path) -> Vec<PathBuf> {
    let list = output(Command::new("ldd").arg(program)).unwrap_or_default();
    list.lines().filter_map(library).collect()
}

/// `name => /path (0x...)`, or the loader's `/path (0x...)`.
fn library(line: &str) -> Option<PathBuf> {
    let path = line.split_whitespace().find(|word| word.starts_with('/'))?;
    Some(path.into())
}

/// Puts the module and what it depends on at the root, and their names, in the order of loading, into `modules`.
fn modules(root: &Path, image: &Image) -> Result<()> {
    let mut order = Vec::new();
    let mut waiting = vec![MODULE.to_owned()];
    while let Some(name) = waiting.pop() {
        let found = search(&image.root, &|file| {
            let stem = file.split_once(".ko").map(|(stem, _)| stem);
            stem.is_some_and(|stem| stem.replace('-', "_") == name.replace('-', "_"))
        });
        let path =
            found.with_context(|| format!("Linux {} has no module {name}", image.release))?;
        let to = root.join(format!("{name}.ko"));
        unpack(&path, &to)?;
        waiting.extend(depends(
            &fs::read(&to).with_context(|| format!("cannot read {}", to.display()))?,
        ));
        // What it depends on goes before it, also where something else had it before.
        order.retain(|other| *other != name);
        order.insert(0, name);
    }
    let lines: Vec<String> = order.iter().map(|name| format!("{name}.ko\n")).collect();
    fs::write(root.join("modules"), lines.concat()).context("cannot write the list of modules")
}

fn unpack(from: &Path, to: &Path) -> Result<()> {
    let extension = from.extension().and_then(|extension| extension.to_str());
    let tool = match extension {
        Some("xz") => "xzcat",
        Some("gz") => "zcat",
        Some("ko") => "cat",
        _ => bail!("cannot unpack {}", from.display()),
    };
    let file = fs::File::create(to).with_context(|| format!("cannot make {}", to.display()))?;
    let status = Command::new("busybox")
        .arg(tool)
        .arg(from)
        .stdout(file)
        .status()
        .context("cannot start busybox")?;
    anyhow::ensure!(status.success(), "cannot unpack {}", from.display());
    Ok(())
}

/// The modules that a module names in its section `.modinfo`, which is a row of C strings.
fn depends(module: &[u8]) -> Vec<String> {
    let strings = module.split(|byte| *byte == 0);
    let list = strings
        .filter_map(|string| string.strip_prefix(b"depends="))
        .next()
        .unwrap_or_default();
    let names = String::from_utf8_lossy(list);
    names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The first file below a directory whose name will do.
pub(super) fn search(directory: &Path, fits: &impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        if path.is_dir() && !path.is_symlink() {
            return search(&path, fits);
        }
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(fits).then_some(path)
    })
}

/// Packs the tree as the kernel wants it (Documentation/driver-api/early-userspace/buffer-format.rst).
fn pack(root: &Path) -> Result<PathBuf> {
    let archive = root.with_extension("cpio");
    output(
        Command::new("busybox")
            .args([
                "sh",
                "-c",
                "busybox find . | busybox cpio -o -H newc > \"$0\"",
            ])
            .arg(&archive)
            .current_dir(root),
    )?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_ldd() {
        let path = |line| library(line).map(|path| path.display().to_string());
        assert_eq!(
            path("\tlibc.so.6 => /lib/libc.so.6 (0x7f)").as_deref(),
            Some("/lib/libc.so.6")
        );
        assert_eq!(
            path("\t/lib64/ld-linux-x86-64.so.2 (0x7f)").as_deref(),
            Some("/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(path("\tlinux-vdso.so.1 (0x7f)"), None);
        assert_eq!(path("\tstatically linked"), None);
    }

    #[test]
    fn a_modules_dependencies_are_read() {
        assert_eq!(
            depends(b"\x7fELF\0license=GPL\0depends=a,b_c\0retpoline=Y\0"),
            ["a", "b_c"]
        );
        assert_eq!(depends(b"\0depends=\0"), [""; 0]);
        assert_eq!(depends(b"no such string"), [""; 0]);
    }
}
