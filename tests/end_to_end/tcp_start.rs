//! Starts with `--metrics-listen`: what keeps the daemon from it, and what is warned of.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use crate::{
    site::{FIVE_A_DAY, Site, binary},
    tcp::{Secret, TOKEN, at},
};

/// What a start says that fails before anything is attached.
fn refused_start(site: &mut Site, extra: &[&str]) -> String {
    site.daemon.set_command(binary(), extra);
    let said = site.daemon.restart().expect_err("a refusal").to_string();
    assert_eq!(
        site.daemon.cli(&["status"]).expect("an end").code(),
        Some(3),
        "{said}"
    );
    said
}

#[test]
fn a_bad_token_file_keeps_the_daemon_from_starting() {
    let secret = Secret::new();
    let mut site = Site::start("tcp-file", FIVE_A_DAY, &[]);
    site.daemon.stop().expect("an end");
    let args = [
        "--metrics-listen",
        "0",
        "--listen-token-file",
        secret.text(),
    ];
    for (text, mode, expected) in [
        (
            TOKEN,
            0o604,
            "others may read or write it (mode 0604): `chmod 600",
        ),
        ("\n", 0o600, "the file is empty"),
        (
            &TOKEN[1..],
            0o600,
            "it has 31 characters and needs at least 32",
        ),
        (
            "a token of several words, though long",
            0o600,
            "character 2 is none",
        ),
    ] {
        secret.write(text, mode);
        let said = refused_start(&mut site, &args);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(said.contains(secret.text()), "no name: {said}");
        assert!(!said.contains(&TOKEN[1..]), "the token is told: {said}");
    }
    fs::remove_file(&secret.path).expect("removed");
    let said = refused_start(&mut site, &args);
    assert!(said.contains("No such file"), "{said}");
    fs::create_dir(&secret.path).expect("a directory");
    assert!(refused_start(&mut site, &args).contains("no regular file"));
    let said = refused_start(&mut site, &args[2..]);
    assert!(
        said.contains("--metrics-listen"),
        "a token for nothing: {said}"
    );
}

#[test]
fn an_address_that_is_taken_keeps_the_daemon_from_starting() {
    let mut site = Site::start("tcp-taken", FIVE_A_DAY, &[]);
    site.daemon.stop().expect("an end");
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let taken = site.lab.server().run(bind).expect("a listener");
    let port = taken.local_addr().expect("its address").port().to_string();
    let said = refused_start(&mut site, &["--metrics-listen", &port]);
    let expected = format!("listening on 127.0.0.1:{port} (--metrics-listen)");
    assert!(said.contains(&expected), "{said}");
    assert!(refused_start(&mut site, &["--metrics-listen", "localhost"]).contains("a port alone"));
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    let secret = Secret::new();
    let warnings = |args: &[&str]| {
        let site = Site::start("tcp-far", FIVE_A_DAY, args);
        at(&site);
        let lines = site.daemon.stderr_lines();
        ["to whoever reaches it", "THE TOKEN TRAVELS IN CLEAR TEXT"].map(|text| {
            lines
                .iter()
                .any(|line| line.contains("WARN") && line.contains(text))
        })
    };
    let token = ["--listen-token-file", secret.text()];
    for (listen, file, expected) in [
        ("[::1]:0", &token[..], [false, false]),
        ("0.0.0.0:0", &[][..], [true, false]),
        ("0.0.0.0:0", &token[..], [true, true]),
    ] {
        let args = [&["--metrics-listen", listen][..], file].concat();
        assert_eq!(warnings(&args), expected, "{args:?}");
    }
}
