//! Any bytes as what a client writes into a connection to the control socket, served as a daemon serves it: the server
//! answers and ends, and each answer is a document, a problem with its mend, or HTTP's own refusal of what is no HTTP.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use throttler::daemon::control::apart::Served;

use crate::api::problem;

/// An answer that takes longer never comes.
const ENDLESS: Duration = Duration::from_secs(20);
/// What every connection ends with: answered at once, so that nothing before it is cut short by the end of the bytes.
const LAST: &[u8] = b"GET /last HTTP/1.1\r\nhost: throttler\r\nconnection: close\r\n\r\n";

/// What a connection brings.
pub fn run(bytes: &[u8]) {
    thread_local! {
        static SERVED: RefCell<(Served, TempDir)> = RefCell::new({
            let directory = tempfile::tempdir().expect("a directory");
            let served = Served::at(&directory.path().join("socket")).expect("a socket");
            (served, directory)
        });
    }
    // The answer to a HEAD has a length, and no body: only who knows what was asked can tell where it ends.
    if bytes.windows(4).any(|word| word == b"HEAD") {
        return;
    }
    let bytes = [bytes, LAST].concat();
    let said = SERVED.with_borrow(|(_, directory)| {
        exchange(&directory.path().join("socket"), &bytes).expect("an end of what is said")
    });
    let _ = answers(&said, problem);
}

/// Writes it into a connection and ends that; what is said until the other side ends it, too.
///
/// # Errors
/// There is no connection, or no end within 20 seconds.
pub fn exchange(path: &Path, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ENDLESS))?;
    let written = stream
        .write_all(bytes)
        .and_then(|()| stream.shutdown(Shutdown::Write));
    let gone = [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::NotConnected,
    ];
    // It need not listen to the end.
    match written {
        Err(error) if !gone.contains(&error.kind()) => return Err(error),
        _ => {}
    }
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    let end = Instant::now() + ENDLESS;
    loop {
        match stream.read(&mut part) {
            Ok(0) => return Ok(said),
            Ok(_) if Instant::now() > end => return Err(ErrorKind::TimedOut.into()),
            Ok(length) => said.extend(&part[..length]),
            // What it has not read is thrown away with the connection.
            Err(error) if gone.contains(&error.kind()) => return Ok(said),
            Err(error) => return Err(error),
        }
    }
}

/// The status of each answer in what was said; `check` sees the bodies of problems.
///
/// # Panics
/// One of them is no document, no problem, and no refusal of what is no HTTP.
#[must_use]
pub fn answers(mut said: &[u8], check: impl Fn(u16, &[u8])) -> Vec<u16> {
    let mut all = Vec::new();
    while !said.is_empty() {
        let (status, rest) = answer(said, &check);
        all.push(status);
        said = rest;
    }
    all
}

/// Checks the first answer; its status, and what follows it.
fn answer(said: &[u8], check: impl Fn(u16, &[u8])) -> (u16, &[u8]) {
    let text = String::from_utf8_lossy(said).into_owned();
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(said);
    let parsed = parsed.unwrap_or_else(|error| panic!("{error}: {text}"));
    let httparse::Status::Complete(start) = parsed else {
        panic!("half a head: {text}");
    };
    let status = head.code.expect("a status");
    let value = |name: &str| {
        let found = head.headers.iter().find(|header| header.name == name);
        found.map_or("", |header| {
            std::str::from_utf8(header.value).expect("a text")
        })
    };
    let kind = value("content-type").to_owned();
    let chunked = value("transfer-encoding") == "chunked";
    let length = value("content-length").parse().unwrap_or(0);
    let rest = &said[start..];
    if chunked {
        // Of streams alone; without an event they have no chunk but the last, and one that is cut short has none.
        let end = b"0\r\n\r\n";
        assert!(status < 400, "{text}");
        return (status, rest.strip_prefix(end).unwrap_or(&[]));
    }
    assert!(rest.len() >= length, "half a body: {text}");
    let (body, rest) = rest.split_at(length);
    match status {
        100 | 200..300 => {}
        // HTTP's own: no request was read.
        400 | 413 | 414 | 431 | 505 if kind.is_empty() => assert!(body.is_empty(), "{text}"),
        _ => {
            assert_eq!(kind, "application/problem+json", "{text}");
            check(status, body);
        }
    }
    (status, rest)
}
