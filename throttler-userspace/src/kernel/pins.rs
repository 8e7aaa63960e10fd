//! Where maps and links are pinned: `<bpffs>/v<abi>/<interface>/`.

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use throttler_common::abi::{ABI_VERSION, map};

use super::sys;

/// The name of the link's pin, beside the maps'.
const LINK: &str = "link";
/// What a staging directory's name ends with.
const STAGING: &str = "%new";
/// The name of the program's pin, in a staging directory.
const PROGRAM: &str = "program";

/// Where maps are made that will take the place of those in a directory.
pub(super) fn staging(dir: &Path) -> PathBuf {
    let mut dir = dir.as_os_str().to_owned();
    dir.push(STAGING);
    dir.into()
}

/// One interface's pins.
#[derive(Clone, Debug)]
pub struct Pins {
    /// The interface's name.
    pub iface: String,
    /// Their directory.
    pub dir: PathBuf,
}

impl Pins {
    /// The pins of an interface, whether they exist or not.
    #[must_use]
    pub fn of(bpffs: &Path, iface: &str) -> Self {
        Self {
            iface: iface.to_owned(),
            dir: bpffs.join(format!("v{ABI_VERSION}")).join(escape(iface)),
        }
    }

    /// All pins of this ABI, by interface name.
    ///
    /// # Errors
    /// Where the directory exists and cannot be read.
    pub fn all(bpffs: &Path) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        let dir = bpffs.join(format!("v{ABI_VERSION}"));
        // What is staged belongs to the pins beside it.
        let staged = |name: &String| name.ends_with(STAGING);
        for name in children(&dir)?.into_iter().filter(|name| !staged(name)) {
            let iface = unescape(&name);
            found.push(Self::of(bpffs, &iface));
        }
        found.sort_by(|a, b| a.iface.cmp(&b.iface));
        Ok(found)
    }

    /// Directories of other ABI versions that hold pins.
    ///
    /// # Errors
    /// Where the directory exists and cannot be read.
    pub fn other_abis(bpffs: &Path) -> Result<Vec<String>> {
        let ours = format!("v{ABI_VERSION}");
        let mut found = children(bpffs)?;
        found.retain(|name| {
            let version = name.strip_prefix('v');
            *name != ours && version.is_some_and(|v| v.parse::<u32>().is_ok())
        });
        Ok(found)
    }

    /// The version, as `v5`, whose link runs this program on the interface.
    #[must_use]
    pub fn other_abi_of(&self, program: u32) -> Option<String> {
        let bpffs = self.dir.parent()?.parent()?;
        let runs = |version: &String| {
            let path = bpffs.join(version).join(escape(&self.iface)).join(LINK);
            let link = sys::open_pinned(&path).and_then(|link| sys::link_info(link.as_fd()));
            link.is_ok_and(|link| link.program == program)
        };
        Self::other_abis(bpffs).ok()?.into_iter().find(runs)
    }

    /// The link's pin.
    #[must_use]
    pub fn link(&self) -> PathBuf {
        self.dir.join(LINK)
    }

    /// The pin of the program that will use staged maps.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.dir.join(PROGRAM)
    }

    /// A map's pin.
    #[must_use]
    pub fn map(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Whether anything is pinned.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.dir.exists()
    }

    /// Whether all maps are pinned.
    #[must_use]
    pub fn complete(&self) -> bool {
        map::ALL.iter().all(|name| self.map(name).exists())
    }

    /// Makes the directory.
    ///
    /// # Errors
    /// The kernel's.
    pub fn create(&self) -> Result<()> {
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("making the pin directory {}", self.dir.display()))
    }

    /// Where maps are made that will take the place of these. No interface's pins have this name: a
    /// percent sign in a name is followed by a code.
    #[must_use]
    pub fn staging(&self) -> Self {
        Self {
            iface: self.iface.clone(),
            dir: staging(&self.dir),
        }
    }

    /// Detaches the link and removes every pin, staged ones, too; whether a link was there.
    ///
    /// # Errors
    /// The kernel's. What could be removed is removed.
    pub fn remove(&self) -> Result<bool> {
        let attached = match sys::open_pinned(&self.link()) {
            Ok(link) => {
                // ENOLINK: the interface is gone already, and the link with it.
                match sys::detach(link.as_fd()) {
                    Err(error) if error.raw_os_error() != Some(libc::ENOLINK) => {
                        return Err(error).context(format!("detaching from {}", self.iface));
                    }
                    _ => true,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error).context(format!("opening {}", self.link().display())),
        };
        let staging = self.staging();
        if staging.exist() {
            staging.clear()?;
        }
        self.clear()?;
        Ok(attached)
    }

    fn clear(&self) -> Result<()> {
        let mut names = children(&self.dir)?;
        // What says whose the others are goes last: whoever is interrupted here can go on.
        names.sort_by_key(|name| name == PROGRAM);
        for name in names {
            let path = self.dir.join(name);
            std::fs::remove_file(&path).with_context(|| format!("unpinning {}", path.display()))?;
        }
        std::fs::remove_dir(&self.dir).with_context(|| format!("removing {}", self.dir.display()))
    }
}

fn children(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(format!("reading {}", dir.display())),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// bpffs refuses names with dots (kernel/bpf/inode.c), and VLAN interfaces have them.
fn escape(iface: &str) -> String {
    iface.replace('%', "%25").replace('.', "%2E")
}

fn unescape(name: &str) -> String {
    name.replace("%2E", ".").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_with_dots_become_pin_names_and_back() {
        for name in ["eth0", "eth0.100", "we%ird.2E", "a%2Eb"] {
            let escaped = escape(name);
            assert!(!escaped.contains('.'), "{escaped}");
            assert_eq!(unescape(&escaped), name);
        }
    }
}
