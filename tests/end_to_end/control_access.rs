//! Who may use the control socket, and what its clients cannot do to the daemon.

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream, process::CommandExt as _},
    path::Path,
    process::Command,
};

use crate::{
    http::ask,
    site::{FIVE_A_DAY, LONG, Site, binary},
};

/// `nobody`; any user without privileges does.
const NOBODY: u32 = 65_534;

/// Runs `throttler reload` against the daemon as nobody, in a group.
fn reload_as_nobody(site: &Site, copy: &Path, group: u32) -> (Option<i32>, String) {
    let mut command = Command::new(copy);
    command
        .arg("reload")
        .arg("--socket")
        .arg(site.daemon.socket());
    let output = command
        .uid(NOBODY)
        .gid(group)
        .output()
        .expect("the command");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn the_group_reads_and_nobody_else_does_anything() {
    const GROUP: u32 = 54_321;
    let mut site = Site::start("control-group", FIVE_A_DAY, &["--socket-group", "54321"]);
    let socket = site.daemon.socket();
    let mode = fs::metadata(&socket)
        .expect("the socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    let directory = tempfile::tempdir().expect("a directory");
    for path in [directory.path(), socket.parent().expect("its directory")] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
    }
    let copy = directory.path().join("throttler");
    let copied = Command::new("cp")
        .arg(binary())
        .arg(&copy)
        .status()
        .expect("cp");
    assert!(copied.success());

    let (status, said) = reload_as_nobody(&site, &copy, GROUP);
    assert_eq!(status, Some(77), "{said}");
    assert!(
        said.contains("user 65534 may read here, but not change anything"),
        "{said}"
    );
    let (status, said) = reload_as_nobody(&site, &copy, NOBODY);
    assert_eq!(status, Some(77), "{said}");
    assert!(
        said.contains("only root and the socket's group may connect"),
        "{said}"
    );

    site.daemon.stop().expect("the end");
    assert!(!socket.exists(), "the socket is left");
    let (status, said) = reload_as_nobody(&site, &copy, GROUP);
    assert_eq!(status, Some(3), "{said}");
}

#[test]
fn a_daemon_that_was_killed_leaves_its_path_to_the_next() {
    let mut site = Site::start("control-kill", FIVE_A_DAY, &[]);
    site.daemon.kill().expect("the end");
    assert!(site.daemon.socket().exists());
    site.daemon.restart().expect("a daemon");
    assert_eq!(ask(&site, "GET /healthz", "").status, 200);
}

/// A request of which half is missing, and a client that follows events.
#[test]
fn clients_that_never_end_do_not_keep_the_daemon_from_ending() {
    let mut site = Site::start("control-end", FIVE_A_DAY, &[]);
    let open = |text: &str| {
        let mut stream = UnixStream::connect(site.daemon.socket()).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a deadline");
        stream.write_all(text.as_bytes()).expect("a request");
        stream
    };
    let half = open("GET /v1/status HTTP/1.1\r\nhost: thr");
    let mut events = open("GET /v1/events HTTP/1.1\r\nhost: throttler\r\n\r\n");
    let mut head = [0; 15];
    events.read_exact(&mut head).expect("a head");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert_eq!(ask(&site, "GET /healthz", "").status, 200);
    let end = site.daemon.stop().expect("an end");
    assert!(end.success(), "{end}");
    drop(half);
}
