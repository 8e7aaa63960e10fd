//! A real HTTP server that does what receivers do on bad days: fails, breaks off, hangs, sends elsewhere, and recovers.

use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver as Requests, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use hmac::{Hmac, Mac as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use sha2::Sha256;

use crate::site::{LONG, Site};

/// What it does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Answers with a status and whole lines of a header.
    Answer(u16, &'static str),
    /// Closes the connection before a byte of an answer.
    Close,
    /// Sends a part of the head, then closes.
    Half,
    /// Never answers.
    Hang,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What was done with it.
    pub(crate) act: Act,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn id(&self) -> &str {
        self.header("throttler-delivery").expect("an id")
    }

    pub(crate) fn was_good(&self) -> bool {
        matches!(self.act, Act::Answer(200..=299, _))
    }

    /// As the manual says that receivers verify it.
    pub(crate) fn is_signed_with(&self, key: &str) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key");
        let timestamp = self.header("throttler-timestamp").expect("a timestamp");
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        let hex: Vec<String> = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.header("throttler-signature") == Some(&format!("v1={}", hex.concat()))
    }
}

/// The server. Its threads end with the test's process.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    act: Arc<Mutex<Act>>,
    requests: Requests<Request>,
}

impl Receiver {
    /// In the daemon's namespace.
    pub(crate) fn start(site: &Site, act: Act) -> Self {
        Self::listen(site, act, None)
    }

    /// The same with TLS.
    pub(crate) fn start_tls(site: &Site, act: Act, config: ServerConfig) -> Self {
        Self::listen(site, act, Some(Arc::new(config)))
    }

    fn listen(site: &Site, act: Act, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = site.lab.server().run(|| TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let act = Arc::new(Mutex::new(act));
        let (send, requests) = mpsc::channel();
        let acts = Arc::clone(&act);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (acts, send, tls) = (Arc::clone(&acts), send.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &acts, &send),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a connection");
                        serve(StreamOwned::new(connection, stream), &acts, &send);
                    }
                });
            }
        });
        Self {
            address,
            act,
            requests,
        }
    }

    /// From now on does this.
    pub(crate) fn set(&self, act: Act) {
        *self.act.lock().expect("a lock") = act;
    }

    /// The next request.
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(LONG).expect("a request")
    }

    /// Requests until one fits, that one last.
    pub(crate) fn until(&self, mut fits: impl FnMut(&Request) -> bool) -> Vec<Request> {
        let end = Instant::now() + LONG;
        let mut all = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.requests.recv_timeout(left) {
                Ok(request) => all.push(request),
                Err(error) => panic!("no such request ({error}): {all:#?}"),
            }
            if all.last().is_some_and(&mut fits) {
                return all;
            }
        }
    }

    /// Those that have come and that nobody has looked at.
    pub(crate) fn rest(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// A stream that can be closed so that the other end notices.
trait Closing: Read + Write {
    fn close(&mut self);
}

impl Closing for TcpStream {
    fn close(&mut self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Closing for StreamOwned<ServerConnection, TcpStream> {
    fn close(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
        let _ = self.sock.shutdown(Shutdown::Write);
    }
}

fn serve(stream: impl Closing, acts: &Mutex<Act>, send: &Sender<Request>) {
    let mut stream = BufReader::new(stream);
    // Who breaks off is no concern of the server's.
    let Some((line, headers, body)) = read(&mut stream) else {
        return;
    };
    let act = acts.lock().expect("a lock").clone();
    let request = Request {
        line,
        headers,
        body,
        act: act.clone(),
    };
    if send.send(request).is_err() {
        return;
    }
    let out = stream.get_mut();
    match act {
        Act::Answer(status, lines) => {
            let _ = write!(
                out,
                "HTTP/1.1 {status} X\r\n{lines}content-length: 2\r\nconnection: close\r\n\r\nok"
            );
            let _ = out.flush();
        }
        Act::Close => {}
        Act::Half => {
            let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-le");
            let _ = out.flush();
        }
        Act::Hang => {
            // Until the other end has had enough.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            return;
        }
    }
    out.close();
}

type Parts = (String, Vec<(String, String)>, Vec<u8>);

fn read(stream: &mut impl std::io::BufRead) -> Option<Parts> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = stream.read_line(&mut line).ok()?;
        let line = line.trim_end().to_owned();
        match (read, line.is_empty()) {
            (0, _) => return None,
            (_, true) => break,
            _ => lines.push(line),
        }
    }
    let line = lines.first()?.clone();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    };
    let headers: Vec<_> = lines[1..].iter().filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?;
    let mut body = vec![0; length.1.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some((line, headers, body))
}

/// Waits until something holds, looking every 5 ms.
pub(crate) fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "not within {LONG:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
