//! The lockout guard: who starts the daemon over ssh is exempt, as long as its policy is in force, and by no file.

use std::fs;

use crate::{
    calm::{FIVE_A_DAY, Site, address},
    moment::{READY, Victim},
};

const GUARD: &str = "THROTTLER_NO_LOCKOUT_GUARD";

#[test]
fn the_source_of_the_ssh_session_is_exempt() {
    let policy = format!("{FIVE_A_DAY}[[sources]]\nfrom = [\"192.0.2.0/24\"]\nblock = true\n");
    let mut site = Site::start("guard", &policy, &[]);
    site.daemon.kill().expect("an end");
    let operator = address("192.0.2.1");
    assert_eq!(site.offer(operator, 2), 0, "blocked by the policy");

    let ssh = ("SSH_CONNECTION", "192.0.2.1 50000 10.77.0.1 22");
    let mut daemon = Victim::start_with(&site.daemon, &[ssh, (GUARD, "false")]);
    daemon.wait(READY);
    let told = daemon.said.iter().find(|line| line.contains("ssh"));
    let told = told.expect("a line");
    assert!(
        told.contains("192.0.2.1") && told.contains("--no-lockout-guard"),
        "{told}"
    );
    assert_eq!(site.offer(operator, 9), 9);
    assert_eq!(site.offer(address("192.0.2.2"), 3), 0, "nobody else");
    assert_eq!(site.offer(address("198.51.100.1"), 7), 5);
    // It is listed as what it is, and a ban does not reach it; but it is no override that a file keeps.
    let listed = site.cli_ok(&["exempt", "list"]);
    let one = listed.lines().find(|line| line.contains("192.0.2.1"));
    assert!(
        one.is_some_and(|line| line.contains("lockout guard")),
        "{listed}"
    );
    site.cli_ok(&["ban", "add", "192.0.2.1"]);
    site.cli_ok(&["reload"]);
    assert_eq!(site.offer(operator, 9), 9);
    for file in fs::read_dir(site.daemon.state_dir()).expect("a directory") {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).expect("a file");
        assert!(
            !String::from_utf8_lossy(&bytes).contains("exempt"),
            "{}",
            path.display()
        );
    }
    daemon.kill();

    // The next one is started without ssh, or told not to.
    for variables in [&[ssh, (GUARD, "true")][..], &[(GUARD, "true")]] {
        let mut daemon = Victim::start_with(&site.daemon, variables);
        daemon.wait(READY);
        assert!(!daemon.said.iter().any(|line| line.contains("ssh")));
        assert_eq!(site.offer(operator, 3), 0);
        daemon.kill();
    }
}
