//! What slow, silent and talkative clients of `--metrics-listen` cannot do.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::{
    http::{connect, exchange},
    site::{FIVE_A_DAY, LONG, Site},
    tcp::{Secret, TOKEN, at},
};

/// Connections that are served at once.
const MOST: usize = 64;

/// Connects and sends the beginning of a request.
fn half(site: &Site, at: &str, text: &str) -> TcpStream {
    let mut stream = connect(site, at);
    stream.write_all(text.as_bytes()).expect("half a request");
    stream
}

/// What the daemon says until it closes.
fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an end");
    text
}

#[test]
fn slow_clients_keep_nobody_waiting_for_long() {
    let site = Site::start("tcp-slow", FIVE_A_DAY, &["--metrics-listen", "0"]);
    let at = at(&site);
    let ask = || exchange(connect(&site, &at), "GET /metrics", "", "").status;
    let silent = half(&site, &at, "");
    let slow = half(&site, &at, "GET /metrics HTTP/1.1\r\nhost: a");
    assert_eq!(ask(), 200, "beside two that are slow");
    assert_eq!([rest(silent), rest(slow)], ["", ""], "closed in the end");
    // All places taken: whoever comes then waits until the slow ones have had their time.
    let many: Vec<TcpStream> = (0..MOST).map(|_| half(&site, &at, "GET /me")).collect();
    assert_eq!(ask(), 200);
    for stream in many {
        assert_eq!(rest(stream), "");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let secret = Secret::new();
    let site = secret.site("tcp-large", &[]);
    let at = at(&site);
    let ask =
        |line: &str, headers: &str, body: &str| exchange(connect(&site, &at), line, headers, body);
    let head = format!("x: {}\r\n", "y".repeat(20_000));
    assert_eq!(ask("GET /metrics", &head, "").status, 431);
    let many: String = (0..200).map(|i| format!("x{i}: y\r\n")).collect();
    assert_eq!(ask("GET /metrics", &many, "").status, 431);
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let long = format!("{{\"for\":\"{}\"}}", "1".repeat(100_000));
    ask("POST /v1/pause", &right, &long).problem(413);
    // Without the token the size is not looked at.
    ask("POST /v1/pause", "", &long).problem(401);
    let list: Vec<String> = (0..4_000)
        .map(|i| format!("\"10.0.{}.{}\"", i / 250, i % 250))
        .collect();
    let list = format!("{{\"sources\":[{}]}}", list.join(","));
    assert!(list.len() > 50_000);
    let given = ask("POST /v1/bans", &right, &list);
    assert_eq!(
        given.json()["interfaces"][0]["changed"],
        4_000,
        "{}",
        given.body
    );
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for_at_the_end() {
    let secret = Secret::new();
    let mut site = secret.site("tcp-end", &[]);
    let at = at(&site);
    let head = format!(
        "POST /v1/pause HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 20\r\nexpect: 100-continue\r\n\r\n"
    );
    let mut stream = half(&site, &at, &head);
    let mut said = [0; 12];
    // Asked for the body: the request is under way.
    stream.read_exact(&mut said).expect("an answer");
    assert_eq!(&said, b"HTTP/1.1 100");
    assert!(site.daemon.stop().expect("an end").success());
}

/// An answer larger than what the kernel buffers, of which nothing is taken.
#[test]
fn a_client_that_takes_nothing_loses_its_place() {
    let secret = Secret::new();
    let site = secret.site("tcp-takes", &["-v"]);
    let at = at(&site);
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let sources =
        (0..100_000).map(|i| format!("\"10.{}.{}.{}\"", i / 62_500, i / 250 % 250, i % 250));
    let list = format!(
        "{{\"sources\":[{}]}}",
        sources.collect::<Vec<_>>().join(",")
    );
    assert_eq!(
        exchange(connect(&site, &at), "POST /v1/bans", &right, &list).status,
        200
    );
    let mut stream = half(
        &site,
        &at,
        &format!("GET /v1/bans HTTP/1.1\r\nhost: x\r\n{right}\r\n"),
    );
    site.daemon
        .wait_stderr(0, "timed out", 6 * LONG)
        .expect("it is given up");
    let mut taken = Vec::new();
    // It ends with the end of the connection, or with its reset.
    let _ = stream.read_to_end(&mut taken);
    let told = String::from_utf8_lossy(&taken);
    let length = told
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|text| text.parse().ok()).expect("a length");
    assert!(taken.len() < length, "all {length} bytes were buffered");
}
