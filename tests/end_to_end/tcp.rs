//! `--metrics-listen`: what is open to everybody there, and what the token opens.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use serde_json::Value;
use tempfile::TempDir;
use throttler_lab::Reload;

use crate::{
    http::{Answer, connect, exchange},
    site::{FIVE_A_DAY, LONG, Site, address},
};

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A token in a file.
pub(crate) struct Secret {
    pub(crate) path: PathBuf,
    _directory: TempDir,
}

impl Secret {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let secret = Self {
            path: directory.path().join("token"),
            _directory: directory,
        };
        secret.write(&format!("{TOKEN}\n"), 0o600);
        secret
    }

    /// A daemon that listens on a port of its own choice, and takes the token.
    pub(crate) fn site(&self, tag: &str, more: &[&str]) -> Site {
        let listen = ["--metrics-listen", "127.0.0.1:0"];
        let token = ["--listen-token-file", self.text()];
        Site::start(tag, FIVE_A_DAY, &[&listen[..], &token, more].concat())
    }

    pub(crate) fn write(&self, text: &str, mode: u32) {
        fs::write(&self.path, text).expect("written");
        fs::set_permissions(&self.path, Permissions::from_mode(mode)).expect("a mode");
    }

    pub(crate) fn text(&self) -> &str {
        self.path.to_str().expect("text")
    }
}

/// Where the daemon listens.
pub(crate) fn at(site: &Site) -> String {
    let line = site.daemon.wait_stderr(0, "metrics on http://", LONG);
    let line = line.expect("an address");
    let rest = line.split("http://").nth(1).expect("a URL");
    rest.split('/').next().expect("an address").to_owned()
}

fn ask(site: &Site, line: &str, headers: &str, body: &str) -> Answer {
    exchange(connect(site, &at(site)), line, headers, body)
}

fn with(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

#[test]
fn without_a_token_file_all_but_metrics_and_health_is_refused() {
    let site = Site::start("tcp-open", FIVE_A_DAY, &["--metrics-listen", ":0"]);
    assert!(at(&site).starts_with("127.0.0.1:"), "a port alone");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    let metrics = ask(&site, "GET /metrics", "", "");
    assert_eq!(metrics.status, 200);
    let refused = "throttler_packets_total{iface=\"veth-s\",scope=\"dns\",reason=\"over_limit\"} 2";
    assert!(metrics.body.contains(refused), "{}", metrics.body);
    assert_eq!(
        ask(&site, "GET /healthz", "", "").body,
        "{\"status\":\"ok\"}\n"
    );
    for line in [
        "GET /v1/status",
        "POST /v1/reload",
        "GET /",
        "GET /metrics/",
        "GET //metrics",
    ] {
        let said = ask(&site, line, &with(TOKEN), "").problem(403);
        assert!(said.contains("--listen-token-file"), "{line}: {said}");
    }
}

#[test]
fn who_sends_the_token_reads_and_changes() {
    let secret = Secret::new();
    let site = secret.site("tcp-token", &[]);
    assert_eq!(ask(&site, "GET /metrics", "", "").status, 200);

    for headers in ["", "authorization: Basic dTpw\r\n"] {
        let answer = ask(&site, "GET /v1/status", headers, "");
        assert!(answer.problem(401).contains("Authorization: Bearer TOKEN"));
        let challenge = "www-authenticate: Bearer realm=\"throttler\"\r\n";
        assert!(
            format!("{}\r\n", answer.head).contains(challenge),
            "{}",
            answer.head
        );
    }
    for wrong in [&TOKEN[1..], "0123456789abcdef0123456789abcdeF"] {
        let body = r#"{"source":"192.0.2.0/24"}"#;
        let answer = ask(&site, "POST /v1/bans", &with(wrong), body);
        answer.problem(401);
        assert!(
            answer.head.contains("error=\"invalid_token\""),
            "{}",
            answer.head
        );
    }
    let told = site
        .daemon
        .wait_stderr(0, "wrong token, the latest from 127.0.0.1:", LONG);
    told.expect("a line");
    let page = format!("{}origin: http://evil.example\r\n", with(TOKEN));
    assert!(
        ask(&site, "GET /v1/status", &page, "")
            .problem(403)
            .contains("Origin")
    );
    assert_eq!(
        site.offer(address("192.0.2.1"), 1),
        1,
        "nothing was changed"
    );

    let right = with(TOKEN);
    let status = ask(&site, "GET /v1/counters", &right, "");
    let printed = site.daemon.json(&["dump", "counters", "-o", "json"]);
    assert_eq!(status.json(), printed.expect("a document"));
    let body = r#"{"source":"192.0.2.0/24","for":"1h","reason":"over TCP"}"#;
    let given = ask(&site, "POST /v1/bans", &right, body);
    assert_eq!(
        given.json()["interfaces"][0]["changed"],
        1,
        "{}",
        given.body
    );
    assert_eq!(site.offer(address("192.0.2.1"), 2), 0);
    assert!(site.cli_ok(&["ban", "list"]).contains("over TCP"));
    let taken = ask(&site, "DELETE /v1/bans?source=192.0.2.0/24", &right, "");
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 4);
    assert!(
        ask(&site, "GET /v1/bogus", &right, "")
            .problem(404)
            .contains("/v1/status")
    );
}

#[test]
fn events_are_followed_over_tcp_until_the_end() {
    let secret = Secret::new();
    let mut site = secret.site("tcp-events", &[]);
    let mut stream = connect(&site, &at(&site));
    let head = format!("GET /v1/events HTTP/1.1\r\nhost: x\r\n{}\r\n", with(TOKEN));
    stream.write_all(head.as_bytes()).expect("a request");
    let mut lines = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("a line"));
    assert_eq!(lines.next().expect("a head"), "HTTP/1.1 200 OK");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    let event = lines.find(|line| line.starts_with('{')).expect("an event");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    assert_eq!(
        (&event["event"], &event["source"]),
        (&"refused".into(), &"192.0.2.1/32".into())
    );
    assert!(site.daemon.stop().expect("an end").success());
    assert_eq!(lines.last(), Some(String::new()), "the stream's own end");
}

#[test]
fn the_token_is_read_again_at_a_reload() {
    let secret = Secret::new();
    let mut site = secret.site("tcp-again", &[]);
    let other = TOKEN.replace('0', "f");
    let status = |site: &Site, token: &str| ask(site, "GET /v1/status", &with(token), "").status;
    secret.write(&other, 0o600);
    assert_eq!(
        [TOKEN, &other].map(|token| status(&site, token)),
        [200, 401]
    );
    assert!(matches!(site.daemon.reload(), Ok(Reload::Applied(_))));
    assert_eq!(
        [TOKEN, &other].map(|token| status(&site, token)),
        [401, 200]
    );

    secret.write(TOKEN, 0o644);
    let output = site.daemon.cli(&["reload"]).expect("the command");
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(
        output
            .stderr
            .contains("others may read or write it (mode 0644)"),
        "{output:?}"
    );
    assert_eq!(
        [TOKEN, &other].map(|token| status(&site, token)),
        [401, 200]
    );
    assert!(
        site.cli_ok(&["status"]).contains("generation 2"),
        "nothing is published"
    );
}

#[test]
fn it_speaks_for_several_interfaces() {
    let secret = Secret::new();
    let site = secret.site("tcp-both", &["--iface", "lo"]);
    site.daemon
        .wait_stderr(0, "enforcing on lo", LONG)
        .expect("lo");
    let right = with(TOKEN);
    let metrics = ask(&site, "GET /metrics", "", "").body;
    for iface in ["veth-s", "lo"] {
        let line = format!("throttler_policy_generation{{iface=\"{iface}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
        let one = ask(&site, &format!("GET /v1/status?iface={iface}"), &right, "").json();
        let ifaces = one["interfaces"].as_array().expect("interfaces");
        assert_eq!((ifaces.len(), &ifaces[0]["iface"]), (1, &iface.into()));
    }
    let given = ask(
        &site,
        "POST /v1/bans",
        &right,
        r#"{"source":"192.0.2.0/24"}"#,
    )
    .json();
    let changed = |answer: &Value| {
        let all = answer["interfaces"].as_array().expect("interfaces").clone();
        all.iter()
            .map(|one| one["changed"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(&given), [1, 1], "{given}");
    assert_eq!(site.offer(address("192.0.2.1"), 2), 0);
    let taken = ask(&site, "DELETE /v1/bans?source=192.0.2.0/24", &right, "").json();
    assert_eq!(changed(&taken), [1, 1], "{taken}");
}
