//! The lockout guard: whoever starts the daemon over ssh is not to be cut off by its policy.
//!
//! sshd(8) puts the client's address into SSH_CONNECTION and SSH_CLIENT. sudo(8) takes both away, but the shell that
//! called it still has them.

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use crate::config::{By, Class, SourceRule};

/// With the client's address as their first word, the better one first.
const VARIABLES: [&str; 2] = ["SSH_CONNECTION", "SSH_CLIENT"];

/// Processes above this one that are looked at: shells, sudo, multiplexers and sshd itself are fewer.
const MOST_ANCESTORS: usize = 32;

/// The address that the ssh session comes from in which this process was started, if it was in one; `proc` is `/proc`.
pub(super) fn operator(proc: &Path) -> Option<IpAddr> {
    let mut process = "self".to_owned();
    for _ in 0..MOST_ANCESTORS {
        let directory = proc.join(&process);
        // One that may not be read says nothing, but the one above it may.
        let environment = std::fs::read(directory.join("environ")).unwrap_or_default();
        if let Some(address) = client(&environment) {
            return Some(address);
        }
        let stat = std::fs::read(directory.join("stat")).ok()?;
        process = parent(&String::from_utf8_lossy(&stat))?;
    }
    None
}

/// The client's address in an environment as `/proc` has it, `NAME=value` between zero bytes.
fn client(environment: &[u8]) -> Option<IpAddr> {
    VARIABLES
        .iter()
        .find_map(|name| {
            let value = environment.split(|byte| *byte == 0).find_map(|variable| {
                let rest = variable.strip_prefix(name.as_bytes())?;
                rest.strip_prefix(b"=")
            })?;
            let value = std::str::from_utf8(value).ok()?;
            // A link-local address has its interface behind a percent sign.
            let address = value.split([' ', '%']).next()?;
            address.parse::<IpAddr>().ok()
        })
        // A socket of both families shows IPv4 clients as ::ffff:a.b.c.d.
        .map(|address| address.to_canonical())
}

/// The parent in a process's `stat`, `pid (name) state parent ...` (proc(5)); the name may hold anything.
fn parent(stat: &str) -> Option<String> {
    let (_, rest) = stat.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?;
    (parent != "0").then(|| parent.to_owned())
}

/// The exemption of that address: an operator's, which holds whatever else covers it.
pub(super) fn rule(operator: IpAddr) -> SourceRule {
    SourceRule {
        prefixes: vec![IpNet::from(operator)],
        class: Class::Exempt,
        until: None,
        reason: Some("lockout guard: the daemon was started over ssh from here".to_owned()),
        origin: "lockout guard".to_owned(),
        by: By::Operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_the_client() {
        let found = |text: &str| client(text.as_bytes()).map(|address| address.to_string());
        for (environment, wanted) in [
            (
                "A=1\0SSH_CONNECTION=192.0.2.1 5000 10.0.0.1 22\0",
                "192.0.2.1",
            ),
            ("SSH_CLIENT=2001:db8::1 5000 22", "2001:db8::1"),
            (
                "SSH_CLIENT=192.0.2.9 1 22\0SSH_CONNECTION=192.0.2.1 1 10.0.0.1 22",
                "192.0.2.1",
            ),
            ("SSH_CONNECTION=::ffff:192.0.2.1 1 10.0.0.1 22", "192.0.2.1"),
            ("SSH_CONNECTION=fe80::1%eth0 1 fe80::2%eth0 22", "fe80::1"),
            ("SSH_CONNECTION=\0SSH_CLIENT=192.0.2.1 1 22", "192.0.2.1"),
        ] {
            assert_eq!(
                found(environment).as_deref(),
                Some(wanted),
                "{environment:?}"
            );
        }
        for nobody in [
            "",
            "SSH_CONNECTION",
            "SSH_CONNECTION=UNKNOWN 65535",
            "XSSH_CLIENT=192.0.2.1 1 2",
        ] {
            assert_eq!(found(nobody), None, "{nobody:?}");
        }
    }

    /// A `/proc` with these processes: name, parent, environment.
    fn proc(processes: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().expect("a directory");
        for (name, parent, environment) in processes {
            let directory = proc.path().join(name);
            std::fs::create_dir(&directory).expect("a directory");
            std::fs::write(directory.join("environ"), environment).expect("a file");
            let stat = format!("7 (a (b) 1 2) S {parent} 7 7 0");
            std::fs::write(directory.join("stat"), stat).expect("a file");
        }
        proc
    }

    #[test]
    fn what_sudo_took_away_its_caller_has() {
        let shell = ("80", "70", "SSH_CONNECTION=192.0.2.1 1 10.0.0.1 22\0");
        let above = ("70", "1", "SSH_CONNECTION=192.0.2.2 1 10.0.0.1 22\0");
        let found = proc(&[
            ("self", "90", "PATH=/bin\0"),
            ("90", "80", ""),
            shell,
            above,
        ]);
        let wanted = "192.0.2.1".parse().expect("an address");
        assert_eq!(operator(found.path()), Some(wanted), "the nearest session");
        // As started by systemd; and where a process ended meanwhile.
        let nobody = proc(&[("self", "1", "PATH=/bin\0"), ("1", "0", "")]);
        assert_eq!(operator(nobody.path()), None);
        assert_eq!(operator(proc(&[("self", "9", "")]).path()), None);
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let circle = proc(&[("self", "9", ""), ("9", "8", ""), ("8", "9", "")]);
        assert_eq!(operator(circle.path()), None);
    }
}
