//! Debian's packages of the kernel: which is which.

use std::{cmp::Ordering, process::Command};

/// The highest version in any suite that is read.
pub(in crate::kernels) const NEWEST: &str = "newest";

pub(super) const PREFIX: &str = "linux-image-";
/// The cloud flavour: small, and with what virtual machines need built in.
pub(super) const SUFFIX: &str = "-cloud-amd64";

/// A package as its index describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    depends: String,
}

impl Package {
    pub(super) fn release(&self) -> &str {
        self.name.strip_prefix(PREFIX).unwrap_or(&self.name)
    }

    /// Whether it is a kernel of a version such as `6.1`, which is not 6.12.
    pub(super) fn is_kernel(&self, wanted: &str) -> bool {
        let Some(release) = self.release().strip_suffix(SUFFIX) else {
            return false;
        };
        // A release has three numbers at least; `linux-image-6.12-cloud-amd64` only depends on one.
        let is_release = release
            .split('.')
            .take(3)
            .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        let rest = release.strip_prefix(wanted);
        let fits = rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        is_release.count() == 3 && (wanted == NEWEST || fits)
    }

    /// This package, and those that newer kernels have their image and modules in, as apt-get takes them.
    pub(super) fn parts(&self) -> Vec<String> {
        let others = self.depends.split(", ").filter_map(|depend| {
            let name = depend.split(' ').next()?;
            let part = ["linux-binary-", "linux-modules-"]
                .iter()
                .find_map(|kind| name.strip_prefix(kind))?;
            (part == self.release()).then(|| name.to_owned())
        });
        let names = [self.name.clone()].into_iter().chain(others);
        names
            .map(|name| format!("{name}={}", self.version))
            .collect()
    }
}

/// The packages that `apt-cache show` describes.
pub(super) fn packages(shown: &str) -> Vec<Package> {
    let one = |paragraph: &str| {
        let field = |name: &str| {
            let line = paragraph.lines().find_map(|line| line.strip_prefix(name));
            line.map_or_else(String::new, |value| value.trim().to_owned())
        };
        Package {
            name: field("Package:"),
            version: field("Version:"),
            depends: field("Depends:"),
        }
    };
    shown
        .split("\n\n")
        .map(one)
        .filter(|package| !package.name.is_empty())
        .collect()
}

/// Debian's order of versions (deb-version(7)), which dpkg knows.
pub(super) fn order(one: &str, other: &str) -> Ordering {
    let is = |relation| {
        let status = Command::new("dpkg")
            .args(["--compare-versions", one, relation, other])
            .status();
        status.is_ok_and(|status| status.success())
    };
    match (is("gt"), is("lt")) {
        (true, _) => Ordering::Greater,
        (_, true) => Ordering::Less,
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "\
Package: linux-image-7.3.4+deb13-cloud-amd64
Version: 7.3.4-1~bpo13+1
Depends: dracut | linux-initramfs-tool, linux-base-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1), linux-binary-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1), linux-modules-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1)
Description: Linux 7.3.4 for x86-64 cloud

Package: linux-image-6.1.0-56-cloud-amd64
Version: 6.1.192-2
Depends: kmod, linux-base (>= 4.3~)

Package: linux-image-6.12-cloud-amd64
Version: 6.12.117-1
Depends: linux-image-6.12.117+deb12-cloud-amd64 (= 6.12.117-1)
";

    #[test]
    fn a_version_finds_its_kernels_and_no_others() {
        let packages = packages(SHOWN);
        let names = |wanted: &str| -> Vec<&str> {
            let fitting = packages.iter().filter(|package| package.is_kernel(wanted));
            fitting.map(|package| package.release()).collect()
        };
        assert_eq!(names("6.1"), ["6.1.0-56-cloud-amd64"]);
        assert_eq!(names("6.1.0-56"), ["6.1.0-56-cloud-amd64"]);
        assert_eq!(names("7"), ["7.3.4+deb13-cloud-amd64"]);
        assert_eq!(names("6.12"), [""; 0]);
        assert_eq!(names(NEWEST).len(), 2);
    }

    #[test]
    fn a_kernel_in_parts_is_fetched_whole() {
        let packages = packages(SHOWN);
        assert_eq!(
            packages[1].parts(),
            ["linux-image-6.1.0-56-cloud-amd64=6.1.192-2"]
        );
        assert_eq!(
            packages[0].parts(),
            ["image", "binary", "modules"]
                .map(|part| format!("linux-{part}-7.3.4+deb13-cloud-amd64=7.3.4-1~bpo13+1"))
        );
    }
}
