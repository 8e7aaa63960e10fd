//! The control socket: it says what the commands say, changes what it is asked to, and only for root.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream, process::CommandExt as _},
    path::Path,
    process::Command,
};

use serde_json::{Value, json};

use crate::site::{FIVE_A_DAY, LONG, Site, address, binary};

/// `nobody`; any user without privileges does.
const NOBODY: u32 = 65_534;

/// A response: status, content type, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    kind: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The detail of a problem with this status.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(
            (self.status, self.kind.as_str()),
            (status, "application/problem+json"),
            "{}",
            self.body
        );
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().expect("a detail").to_owned()
    }
}

pub(crate) fn ask(site: &Site, line: &str, body: &str) -> Answer {
    let mut stream = UnixStream::connect(site.daemon.socket()).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a deadline");
    let kind = if body.is_empty() {
        ""
    } else {
        "content-type: application/json\r\n"
    };
    write!(
        stream,
        "{line} HTTP/1.1\r\nhost: throttler\r\nconnection: close\r\n{kind}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .expect("a status"),
        kind: kind.unwrap_or_default().to_owned(),
        body: body.to_owned(),
    }
}

/// A document without the time that its rates were counted for.
fn lasting(mut document: Value) -> Value {
    for one in document["interfaces"].as_array_mut().into_iter().flatten() {
        if let Some(rates) = one["per_second"].as_object_mut() {
            rates.remove("over_s").expect("a time");
        }
    }
    document
}

#[test]
fn it_says_what_the_commands_say() {
    let policy =
        format!("{FIVE_A_DAY}[abuse]\nban_after = {{ refusals = 2, within = \"1min\" }}\n");
    let site = Site::start("control-read", &policy, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    for (path, command) in [
        ("/v1/counters", &["dump", "counters", "-o", "json"][..]),
        (
            "/v1/counters?iface=veth-s",
            &["dump", "counters", "-o", "json"],
        ),
        ("/v1/status", &["status", "-o", "json"]),
        ("/v1/bans", &["dump", "bans", "-o", "json"]),
        (
            "/v1/sources/192.0.2.9?port=5300&proto=udp",
            &[
                "explain",
                "192.0.2.9",
                "--port",
                "5300",
                "--proto",
                "udp",
                "-o",
                "json",
            ],
        ),
    ] {
        let answer = ask(&site, &format!("GET {path}"), "");
        assert_eq!(
            (answer.status, answer.kind.as_str()),
            (200, "application/json"),
            "{path}"
        );
        let printed = site.daemon.json(command).expect("a document");
        assert_eq!(lasting(answer.json()), lasting(printed), "{path}");
    }
    let metrics = ask(&site, "GET /metrics", "");
    assert!(
        metrics.body.contains(
            "throttler_packets_total{iface=\"veth-s\",scope=\"dns\",reason=\"over_limit\"} 2"
        ),
        "{}",
        metrics.body
    );
    assert_eq!(
        ask(&site, "GET /healthz", "").json(),
        json!({ "status": "ok" })
    );
}

#[test]
fn what_it_does_not_understand_is_a_problem_with_a_mend() {
    let site = Site::start("control-bad", FIVE_A_DAY, &[]);
    assert!(
        ask(&site, "GET /v1/bogus", "")
            .problem(404)
            .contains("/v1/status")
    );
    assert!(
        ask(&site, "GET /v1/reload", "")
            .problem(405)
            .contains("takes POST")
    );
    assert!(
        ask(&site, "GET /v1/sources/1.2.3", "")
            .problem(422)
            .contains("IPv4 or IPv6")
    );
    assert!(
        ask(&site, "GET /v1/sources/1.2.3.4?proto=x", "")
            .problem(422)
            .contains("tcp, udp")
    );
    assert!(
        ask(&site, "GET /v1/status?bogus=1", "")
            .problem(400)
            .contains("bogus")
    );
    assert!(
        ask(&site, "GET /v1/status?iface=eth9", "")
            .problem(404)
            .contains("veth-s")
    );
    assert!(
        ask(&site, "POST /v1/pause", "{\"for\":\"never\"}")
            .problem(422)
            .contains("`for`")
    );
    assert!(
        ask(&site, "POST /v1/pause", "{\"fro\":\"1s\"}")
            .problem(422)
            .contains("fro")
    );
    ask(&site, "POST /v1/pause", "{").problem(400);
    let long = format!("{{\"for\":\"{}\"}}", "1".repeat(100_000));
    ask(&site, "POST /v1/pause", &long).problem(413);
    // And nothing of it was done.
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
}

#[test]
fn a_pause_over_it_ends_by_itself_or_when_told() {
    let site = Site::start("control-pause", FIVE_A_DAY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    let paused = ask(&site, "POST /v1/pause", "{\"for\":\"1h\"}").json();
    assert_eq!(
        paused,
        json!({ "schema_version": 1, "paused": true, "paused_for_s": 3600.0 })
    );
    assert_eq!(site.offer(address("192.0.2.1"), 7), 7);
    let status = ask(&site, "GET /v1/status", "").json();
    let left = status["interfaces"][0]["paused_for_s"]
        .as_f64()
        .expect("seconds");
    assert!((3_000.0..=3_600.0).contains(&left), "{left}");
    let resumed = ask(&site, "DELETE /v1/pause", "").json();
    assert_eq!(
        resumed,
        json!({ "schema_version": 1, "paused": false, "paused_for_s": null })
    );
    assert_eq!(site.offer(address("192.0.2.1"), 7), 0);
}

#[test]
fn a_reload_says_what_became_of_it() {
    let site = Site::start("control-reload", FIVE_A_DAY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    site.daemon
        .rewrite_policy(&FIVE_A_DAY.replace("5/day", "9/day"))
        .expect("a policy");
    let output = site.daemon.cli(&["reload"]).expect("the command");
    assert_eq!(
        output.stdout, "veth-s: policy generation 2 in force\n",
        "{output:?}"
    );
    assert_eq!(site.offer(address("192.0.2.2"), 12), 9);

    site.daemon
        .rewrite_policy("[scopes.dns]\nlimit = 3\n")
        .expect("a policy");
    let output = site.daemon.cli(&["reload"]).expect("the command");
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(output.stderr.contains("limit"), "{output:?}");
    assert!(
        ask(&site, "POST /v1/reload", "")
            .problem(422)
            .contains("bad policy")
    );
    assert!(
        ask(&site, "GET /metrics", "")
            .body
            .contains("throttler_policy_last_reload_successful 0")
    );
    // The generation before stays in force.
    assert_eq!(site.offer(address("192.0.2.3"), 12), 9);
}

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

#[test]
fn the_openapi_file_names_the_routes_and_no_others() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let text = fs::read_to_string(root).expect("the file");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut written: Vec<(&str, Vec<&str>)> = paths
        .iter()
        .map(|(path, item)| {
            let mut methods: Vec<&str> = item
                .as_object()
                .expect("methods")
                .keys()
                .map(String::as_str)
                .collect();
            methods.sort_unstable();
            (path.as_str(), methods)
        })
        .collect();
    written.sort();
    let served: Vec<_> = throttler::daemon::control::PATHS
        .into_iter()
        .map(|(path, methods)| (path, methods.to_vec()))
        .collect();
    assert_eq!(written, served);
}

#[test]
fn events_are_told_as_they_come() {
    let site = Site::start("control-events", FIVE_A_DAY, &[]);
    let mut stream = UnixStream::connect(site.daemon.socket()).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a deadline");
    write!(stream, "GET /v1/events HTTP/1.1\r\nhost: throttler\r\n\r\n").expect("a request");
    let mut answer = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        answer.read_line(&mut line).expect("a line");
        line
    };
    // The head comes at once: from here on nothing is missed.
    assert_eq!(next(), "HTTP/1.1 200 OK\r\n");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    let event = loop {
        let line = next();
        if line.starts_with('{') {
            break line;
        }
    };
    let event: Value = serde_json::from_str(&event).expect("JSON");
    let fields = ["event", "source", "scope", "limit", "reason"].map(|key| event[key].clone());
    assert_eq!(
        fields,
        ["refused", "192.0.2.1/32", "dns", "daily", "over_limit"],
        "{event}"
    );
}
