//! What the benchmark compares with: Debian's packages, installed where they are missing.

use std::path::{Path, PathBuf};

use crate::setup::apt;

/// A package, and a file by which it is known to be there.
struct Peer {
    package: &'static str,
    files: &'static [&'static str],
}

const PEERS: [Peer; 3] = [
    Peer {
        package: "xdp-tools",
        files: &["/usr/sbin/xdp-filter"],
    },
    Peer {
        package: "nftables",
        files: &["/usr/sbin/nft", "/sbin/nft"],
    },
    Peer {
        package: "iptables",
        files: &["/usr/sbin/iptables", "/sbin/iptables"],
    },
];

/// Without one of them the benchmark goes on: its rows say what is missing.
pub(crate) fn install_missing() {
    let missing = missing(&PEERS, |file| file.exists());
    if missing.is_empty() {
        return;
    }
    // An index may be there, may be old, may not be there at all.
    let installed = apt::install(&missing).or_else(|_| {
        apt::update()?;
        apt::install(&missing)
    });
    if let Err(error) = installed {
        eprintln!("bench: without {}: {error:#}", missing.join(", "));
    }
}

fn missing(peers: &[Peer], exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let there = |peer: &Peer| peer.files.iter().any(|file| exists(&PathBuf::from(file)));
    let missing = peers.iter().filter(|peer| !there(peer));
    missing.map(|peer| peer.package.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        assert!(missing(&PEERS, |_| true).is_empty());
        let nft_alone = missing(&PEERS, |file| file == Path::new("/sbin/nft"));
        assert_eq!(nft_alone, ["xdp-tools", "iptables"]);
    }
}
