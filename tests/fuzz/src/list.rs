//! List files: a prefix a line, `#` begins a comment. Held against a reading of the same bytes by other code.

use std::cell::RefCell;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use tempfile::NamedTempFile;
use throttler::config;

use crate::harness::clock;
use crate::policy::rendered;

/// The bytes of a list file.
pub fn run(bytes: &[u8]) {
    thread_local! {
        static FILE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().expect("a temporary file"));
    }
    FILE.with_borrow_mut(|file| {
        file.as_file().set_len(0).expect("an empty file");
        file.seek(SeekFrom::Start(0)).expect("its start");
        file.write_all(bytes).expect("a file of these bytes");
        check(file.path(), bytes);
    });
}

fn check(path: &Path, bytes: &[u8]) {
    let text = format!("[[sources]]\nfile = '{}'\nblock = true\n", path.display());
    let read = config::parse("policy.toml", &text, Path::new(""), clock().wall);
    let lines = bytes.split(|byte| *byte == b'\n').map(expected);
    let (mut prefixes, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(lines) {
        match line {
            Line::Nothing => {}
            Line::Prefix(prefix) => prefixes.push(prefix),
            Line::Bad => bad.push(number),
        }
    }
    match read {
        Ok(config) => {
            assert!(bad.is_empty(), "lines {bad:?} were taken: {bytes:02x?}");
            let all: Vec<_> = config
                .sources
                .iter()
                .flat_map(|rule| &rule.prefixes)
                .collect();
            assert!(all.into_iter().eq(&prefixes), "{bytes:02x?}");
        }
        Err(error) => {
            assert!(!bad.is_empty(), "refused: {error}; {bytes:02x?}");
            rendered(&error, &text);
            let said = error.diagnostics().iter();
            let said = said.filter(|one| Path::new(&one.file) == path);
            let said: Vec<usize> = said.map(|one| one.line).collect();
            assert_eq!(said, bad[..bad.len().min(5)], "{bytes:02x?}");
        }
    }
}

enum Line {
    Nothing,
    Prefix(IpNet),
    Bad,
}

/// What a line says, bit by bit.
fn expected(line: &[u8]) -> Line {
    let text = String::from_utf8_lossy(line);
    let end = text.find('#').unwrap_or(text.len());
    let word = text[..end].trim();
    if word.is_empty() {
        return Line::Nothing;
    }
    prefix(word).map_or(Line::Bad, Line::Prefix)
}

fn prefix(word: &str) -> Option<IpNet> {
    let mut parts = word.splitn(2, '/');
    let address: IpAddr = parts.next()?.parse().ok()?;
    let (value, widest) = match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let length = match parts.next() {
        None => widest,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let trimmed = digits.trim_start_matches('0');
            if trimmed.len() > 3 {
                return None;
            }
            trimmed
                .bytes()
                .fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'))
        }
        Some(_) => return None,
    };
    let host = value.checked_shl(length).unwrap_or(0);
    let mapped = value >> 32 == 0xffff && address.is_ipv6() && length >= 96;
    (length <= widest && host == 0 && !mapped).then(|| IpNet::new(address, length as u8).ok())?
}
