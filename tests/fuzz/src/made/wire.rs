//! What a client writes into its connection: requests one after another, whole, cut, in chunks, with odd headers.

use super::Choices;
use crate::bytes::Tape;

/// All that a connection brings.
#[must_use]
pub fn wire(tape: &[u8]) -> Vec<u8> {
    let mut choices = Choices(Tape::new(tape));
    let mut bytes = Vec::new();
    for _ in 0..=choices.below(4) {
        bytes.extend(choices.whole());
    }
    match choices.below(6) {
        4 => bytes.truncate(choices.below(bytes.len() + 1)),
        5 => {
            let at = choices.below(bytes.len() + 1);
            bytes.insert(at, choices.0.u8());
        }
        _ => {}
    }
    bytes
}

impl Choices<'_> {
    fn whole(&mut self) -> Vec<u8> {
        const HEADERS: [&str; 16] = [
            "accept: */*",
            "connection: close",
            "connection: keep-alive",
            "connection: upgrade\r\nupgrade: h2c",
            "expect: 100-continue",
            "expect: nothing",
            "host: a\r\nhost: b",
            "x: \u{e4}",
            "x : y",
            " folded",
            "content-length: 18446744073709551616",
            "content-length: -1",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: identity",
            ": nameless",
            "authorization: Bearer x",
        ];
        let version = match self.below(36) {
            33 => "HTTP/1.0",
            34 => "HTTP/2.0",
            35 => "HTTP/1.1 ",
            _ => "HTTP/1.1",
        };
        // The answer to a HEAD cannot be told apart from others without knowing of it; `api` has those.
        let (method, uri, kind) = self.head();
        let method = method.replace("HEAD", "GET");
        let mut head = format!("{method} {uri} {version}\r\n");
        if !self.one_in(20) {
            head += "host: throttler\r\n";
        }
        head += &format!("content-type: {kind}\r\n");
        for _ in 0..self.below(3) {
            head += self.pick(&HEADERS);
            head += "\r\n";
        }
        if self.one_in(20) {
            let many = self.below(200);
            head += &(0..many)
                .map(|n| format!("x-{n}: y\r\n"))
                .collect::<String>();
        }
        let body = self.body(&uri);
        match self.below(8) {
            0..=4 => framed(&head, body.len(), &body),
            5 => {
                let length = self.below(body.len() * 2 + 1);
                framed(&head, length, &body)
            }
            _ => self.chunked(head, &body),
        }
    }

    fn chunked(&mut self, mut head: String, body: &[u8]) -> Vec<u8> {
        head += "transfer-encoding: chunked\r\n\r\n";
        let mut bytes = head.into_bytes();
        let each = 1 + self.below(body.len().max(1));
        for chunk in body.chunks(each) {
            let size = match self.one_in(30) {
                true => self
                    .pick(&["0", "-1", "ffffffffffffffffff", "g", "1;x=\"y\"", ""])
                    .to_owned(),
                false => format!("{:x}", chunk.len()),
            };
            bytes.extend(format!("{size}\r\n").bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        if !self.one_in(12) {
            bytes.extend(b"0\r\n\r\n");
        }
        bytes
    }
}

fn framed(head: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{head}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend(body);
    bytes
}
