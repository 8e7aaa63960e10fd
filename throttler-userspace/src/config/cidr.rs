//! Address prefixes, and the list files that hold them one per line.

use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use super::diagnostic::{Diagnostic, Place};
use super::findings::Findings;
use super::grammar::GrammarError;
use super::suggest::quote;
use super::text::SourceText;

/// Bad lines of one list file that are shown one by one.
const SHOWN: usize = 5;

/// Parses a prefix (`10.0.0.0/8`) or a bare address (as /32 or /128).
///
/// # Errors
/// Anything else, bits set beyond the prefix length, and IPv4 addresses written as IPv6.
pub fn parse_cidr(text: &str) -> Result<IpNet, GrammarError> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| not_a_prefix(text))?;
    let widest = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => widest,
        Some(length) => prefix_length(length, text, widest)?,
    };
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
        && let Some(length) = length.checked_sub(96)
    {
        return Err(GrammarError::new(
            format!(
                "{} is an IPv4 address in IPv6 clothing, which no packet carries",
                quote(text)
            ),
            format!("write `{v4}/{length}`"),
        ));
    }
    let prefix = IpNet::new(address, length).map_err(|_| not_a_prefix(text))?;
    if prefix.trunc() != prefix {
        return Err(GrammarError::new(
            format!("{} has bits set after its first {length}", quote(text)),
            format!(
                "write `{}`, or `{address}` for the one address",
                prefix.trunc()
            ),
        ));
    }
    Ok(prefix)
}

fn prefix_length(length: &str, whole: &str, widest: u8) -> Result<u8, GrammarError> {
    let digits = !length.is_empty() && length.chars().all(|c| c.is_ascii_digit());
    match length.parse::<u8>() {
        Ok(bits) if digits && bits <= widest => Ok(bits),
        _ if digits => Err(GrammarError::new(
            format!("prefix length of {} is out of range", quote(whole)),
            format!("write a length of 0 to {widest}"),
        )),
        _ => Err(not_a_prefix(whole)),
    }
}

fn not_a_prefix(text: &str) -> GrammarError {
    GrammarError::new(
        format!("{} is not an address or prefix", quote(text)),
        "write an address with an optional length: `198.51.100.0/24`, `2001:db8::/32`, `192.0.2.1`",
    )
}

/// Prefixes with the place of each.
pub(crate) struct Listed {
    pub(crate) file: Arc<SourceText>,
    pub(crate) prefixes: Vec<IpNet>,
    pub(crate) spans: Vec<Range<usize>>,
}

/// Reads a list file: one prefix per line, `#` begins a comment. `value` is where the policy names it.
pub(crate) fn read_list(
    base_dir: &Path,
    name: &str,
    value: Range<usize>,
    findings: &mut Findings,
) -> Option<Listed> {
    let path = base_dir.join(name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.error(
                value,
                format!("cannot read list file {}: {error}", quote(name)),
                format!(
                    "make {} readable; list files are relative to the policy file",
                    quote(&path.display().to_string())
                ),
            );
            return None;
        }
    };
    // A stray byte makes its own line wrong, not the file unreadable.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(parse_list(name, text, value, findings))
}

fn parse_list(name: &str, text: String, value: Range<usize>, findings: &mut Findings) -> Listed {
    let file = Arc::new(SourceText::new(name, text));
    let (mut prefixes, mut spans) = (Vec::new(), Vec::new());
    let mut bad = 0_usize;
    let mut start = 0;
    for line in file.text.split_inclusive('\n') {
        let uncommented = line.split('#').next().unwrap_or_default();
        let word = uncommented.trim();
        let indent = uncommented.len() - uncommented.trim_start().len();
        let span = start + indent..start + indent + word.len();
        start += line.len();
        if word.is_empty() {
            continue;
        }
        match parse_cidr(word) {
            Ok(prefix) => {
                prefixes.push(prefix);
                spans.push(span);
            }
            Err(error) => {
                bad += 1;
                if bad <= SHOWN {
                    let file = Arc::clone(&file);
                    findings.push(Diagnostic::at(
                        Place { file, span },
                        error.message,
                        error.help,
                    ));
                }
            }
        }
    }
    if bad > SHOWN {
        findings.error(
            value,
            format!("list file {} has {bad} bad lines", quote(name)),
            format!("write one address or prefix per line; the first {SHOWN} are shown below"),
        );
    }
    Listed {
        file,
        prefixes,
        spans,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mend(text: &str) -> String {
        parse_cidr(text).unwrap_err().help
    }

    #[test]
    fn masks_in_the_mend() {
        assert_eq!(
            mend("10.1.2.3/8"),
            "write `10.0.0.0/8`, or `10.1.2.3` for the one address"
        );
        assert_eq!(
            mend("2001:db8::1/32"),
            "write `2001:db8::/32`, or `2001:db8::1` for the one address"
        );
        assert_eq!(mend("::ffff:192.0.2.1"), "write `192.0.2.1/32`");
        assert_eq!(mend("::ffff:192.0.2.0/120"), "write `192.0.2.0/24`");
        assert_eq!(parse_cidr("192.0.2.1").unwrap().to_string(), "192.0.2.1/32");
        assert_eq!(parse_cidr("::/0").unwrap().prefix_len(), 0);
    }

    proptest! {
        #[test]
        fn no_string_panics(text in "\\PC*", near in "[0-9a-f:./]{0,24}") {
            let _ = parse_cidr(&text);
            let _ = parse_cidr(&near);
        }

        #[test]
        fn prefixes_round_trip(address: [u8; 16], length in 0_u8..=128, v4: bool) {
            let address = if v4 {
                IpAddr::from([address[0], address[1], address[2], address[3]])
            } else {
                IpAddr::from(address)
            };
            let length = if v4 { length % 33 } else { length };
            let prefix = IpNet::new(address, length).unwrap().trunc();
            let mapped = matches!(prefix.addr(), IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
            prop_assume!(!mapped);
            prop_assert_eq!(parse_cidr(&prefix.to_string()).unwrap(), prefix);
        }
    }
}
