//! HTTP as a client of the daemon speaks it, over the control socket or TCP.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
};

use serde_json::Value;

use crate::site::{LONG, Site};

/// A response: status, head, content type, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) kind: String,
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

    /// Reads what is left of a connection.
    fn read(mut stream: impl Read) -> Self {
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => text.extend(&piece[..read]),
                // A process that is stopped and goes on (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The daemon closed with a part of the request unread: the answer is there.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                // With a deadline on the socket no signal's end restarts the call (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no answer: {error}"),
            }
        }
        let text = String::from_utf8(text).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let kind = head
            .lines()
            .find_map(|line| line.strip_prefix("content-type: "));
        Self {
            status: status.expect("a status"),
            head: head.to_owned(),
            kind: kind.unwrap_or_default().to_owned(),
            body: body.to_owned(),
        }
    }
}

/// Asks over the control socket.
pub(crate) fn ask(site: &Site, line: &str, body: &str) -> Answer {
    let stream = UnixStream::connect(site.daemon.socket()).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a deadline");
    exchange(stream, line, "", body)
}

/// Connects to the TCP listener, in the server's namespace.
pub(crate) fn connect(site: &Site, at: &str) -> TcpStream {
    let stream = site.lab.server().run(|| TcpStream::connect(at));
    let stream = stream.expect("a connection");
    // An answer may have to wait until slow clients have had their time.
    stream.set_read_timeout(Some(6 * LONG)).expect("a deadline");
    stream
}

/// One request; `headers` are whole lines.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    line: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let kind = if body.is_empty() {
        ""
    } else {
        "content-type: application/json\r\n"
    };
    // What is refused early may be answered, and the connection closed, before all of it is written.
    let _ = write!(
        stream,
        "{line} HTTP/1.1\r\nhost: throttler\r\nconnection: close\r\n{headers}{kind}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    Answer::read(stream)
}
