//! The log where systemd has connected it to the journal.

use std::{
    fs,
    io::Read as _,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{fs::MetadataExt as _, net::UnixStream},
    },
    process::Command,
};

use crate::said::{binary, clean};

/// What a start that must fail writes to a socket as standard error; `named`: whether that is said to be the journal.
fn written(named: bool, args: &[&str]) -> String {
    let (mut read, write) = UnixStream::pair().expect("a socket");
    let path = format!("/proc/self/fd/{}", write.as_raw_fd());
    let meta = fs::metadata(path).expect("a socket");
    let inode = meta.ino() + u64::from(!named);
    let mut command = clean(Command::new(binary()));
    command
        .args(["run", "--iface", "eth7"])
        .args(args)
        .env("JOURNAL_STREAM", format!("{}:{inode}", meta.dev()))
        .stderr(OwnedFd::from(write));
    let status = command.status().expect("an end");
    assert!(!status.success());
    drop(command);
    let mut text = String::new();
    read.read_to_string(&mut text).expect("a log");
    text
}

#[test]
fn lines_have_a_priority_and_no_time() {
    throttler_lab::require_root().expect("root");
    let text = written(true, &[]);
    assert!(
        text.starts_with("<4>WARN  no policy file (-c FILE)"),
        "{text}"
    );
    let text = written(true, &["--log-format", "json"]);
    let json = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("<4>"));
    let json: serde_json::Value = serde_json::from_str(json.expect("a line")).expect("JSON");
    assert_eq!(json["level"], "warn");
}

#[test]
fn another_socket_gets_lines_as_a_file_does() {
    throttler_lab::require_root().expect("root");
    let text = written(false, &[]);
    let (time, rest) = text.split_once(' ').expect("a line");
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{text}");
    assert!(rest.starts_with("WARN  no policy file"), "{text}");
}
