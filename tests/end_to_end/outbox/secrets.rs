//! Secrets: nowhere but where they are kept and where they are to go. And TLS.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use throttler_lab::Reload;

use super::{
    GOOD, SOON, fail,
    receiver::{Receiver, wait},
    result, site, tell, webhook,
};
use crate::site::{FIVE_A_DAY, LONG, Site, binary, lab};

const SECRET: &str = "correct-horse-battery";

/// All that is in the files of a directory, as far as it is text.
fn text_below(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text += &text_below(&path);
        } else {
            text += &String::from_utf8_lossy(&fs::read(&path).expect("a file"));
        }
    }
    text
}

#[test]
fn a_secret_is_seen_by_the_receiver_alone() {
    let lab = lab("secret");
    let mut site = Site::start("secret2", FIVE_A_DAY, &[SOON[0], SOON[1], "-vv"]);
    drop(lab);
    let kept = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = kept.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    };
    let receiver = Receiver::start(&site, super::Act::Answer(500, ""));
    let url = file(
        "url",
        &format!("http://{}/services/{SECRET}", receiver.address),
    );
    let key = file("key", SECRET);
    let out = site.daemon.state_dir();
    let hook = kept.path().join("hook");
    fs::write(
        &hook,
        format!("#!/bin/sh\ncat /proc/self/environ /proc/self/cmdline > {out:?}/seen"),
    )
    .expect("a hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("a mode");
    let notify = format!(
        "[[notify]]\nname = \"ops\"\nwebhook = {{ file = {url:?} }}\nsecret = {{ file = {key:?} }}\n\
         headers = {{ Authorization = {{ file = {key:?} }} }}\nbatch = {{ most = 1 }}\n\
         [[notify]]\nname = \"hook\"\nexec = [{hook:?}]\nbatch = {{ most = 1 }}\n"
    );
    tell(&mut site, &notify);
    fail(&mut site, "nonsense");
    let request = receiver.next();
    assert!(request.line.contains(SECRET) && request.is_signed_with(SECRET));
    receiver.set(GOOD);
    receiver.until(|request| request.was_good());
    wait("the command", || out.join("seen").exists());
    site.cli_ok(&["notify", "test"]);
    let policy = site.daemon.policy_path();
    let policy = policy.to_str().expect("a path");
    let mut said = site.daemon.stderr_lines().join("\n");
    for args in [
        &["check", policy][..],
        &["status", "-o", "json"],
        &["dump", "counters", "-o", "json"],
        &["notify", "test"],
    ] {
        let output = site.daemon.cli(args).expect("an end");
        said += &output.stdout;
        said += &output.stderr;
    }
    said += &crate::http::ask(&site, "GET /metrics", "").body;
    // The record of the policy, and what the command saw.
    said += &text_below(&out);
    assert!(
        said.contains("veth-s.policy") || said.contains("[[notify]]"),
        "no record"
    );
    assert!(!said.contains(SECRET), "{said}");
}

#[test]
fn a_secret_that_is_not_there_is_named_and_the_old_policy_stays() {
    let mut site = site("keyless");
    let receiver = Receiver::start(&site, GOOD);
    let key = site.daemon.policy_path().with_file_name("key");
    fs::write(&key, "one").expect("a key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a mode");
    let notify = webhook(&receiver, &format!("secret = {{ file = {key:?} }}"));
    tell(&mut site, &notify);
    site.daemon
        .wait_stderr(0, "everybody on this host may read", LONG)
        .expect("a warning");
    fail(&mut site, "first");
    assert!(receiver.next().is_signed_with("one"));
    // Another key is read by a reload; none is refused by it.
    fs::write(&key, "two").expect("a key");
    tell(&mut site, &notify);
    fs::remove_file(&key).expect("a key");
    let reload = site.daemon.reload().expect("a word");
    let Reload::Refused(line) = &reload else {
        panic!("{reload:?}");
    };
    assert!(
        line.contains("notify `ops`: cannot read") && line.contains("throttler.toml:"),
        "{line}"
    );
    assert!(receiver.next().is_signed_with("two"));
    wait("both are counted", || result(&site, "delivered") == 2);
    // Nor does a daemon start without it; the check says so, too.
    let policy = site.daemon.policy_path();
    let check = site
        .daemon
        .cli(&["check", policy.to_str().expect("a path")])
        .expect("an end");
    assert_eq!(check.code(), Some(0), "{check:?}");
    assert!(
        check.stderr.contains("cannot read")
            && check.stdout.contains("notify: ops, webhook http://"),
        "{check:?}"
    );
    site.daemon.stop().expect("an end");
    let error = site.daemon.restart().expect_err("a refusal");
    assert!(
        format!("{error:#}").contains("exit status: 78"),
        "{error:#}"
    );
}

/// An authority and a server's certificate of it.
fn certificates() -> (String, ServerConfig) {
    let own = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = authority.self_signed(&own).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let server = server
        .signed_by(&key, &authority, &own)
        .expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], key)
        .expect("a configuration");
    (authority.pem(), config)
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    assert!(binary().exists());
    let mut site = site("tls");
    let (authority, config) = certificates();
    let receiver = Receiver::start_tls(&site, GOOD, config);
    let file = site.daemon.policy_path().with_file_name("ca.pem");
    fs::write(&file, authority).expect("a file");
    let plain = webhook(&receiver, "").replace("http://", "https://");
    tell(&mut site, &plain);
    fail(&mut site, "first");
    let line = site
        .daemon
        .wait_stderr(0, "certificate", LONG)
        .expect("a word");
    assert!(line.contains("`ca_file` names"), "{line}");
    tell(&mut site, &format!("{plain}ca_file = {file:?}\n"));
    // It has waited.
    assert!(
        receiver.next().json()["alerts"][0]["text"]
            .to_string()
            .contains("`first`")
    );
}
