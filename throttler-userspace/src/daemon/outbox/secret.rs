//! What nobody may see: read from where `[[notify]]` says that it is kept, and never printed.

use std::fmt::{self, Debug, Formatter};
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::config::SecretRef;

/// The longest: a key or a token is a line.
const MOST: u64 = 64 * 1024;
/// Others than owner and group may read it.
const WORLD_READABLE: u32 = 0o004;

/// A secret. It has no `Display`, and its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// Itself, to be used and not to be kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Debug for Secret {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Reads it; of a file without the line feed at its end.
///
/// # Errors
/// Where it was looked for, and what is wrong there.
pub(super) fn read(at: &SecretRef) -> Result<Secret, String> {
    let (place, found) = match at {
        SecretRef::File(path) => {
            let place = path.display().to_string();
            let bytes = file(path).map_err(|error| format!("cannot read {place}: {error}"))?;
            (place, bytes)
        }
        SecretRef::Env(name) => {
            let place = format!("the variable {name}");
            let found = std::env::var_os(name).ok_or_else(|| {
                format!("{place} is not set in the daemon's environment: set it where the daemon is started")
            })?;
            (place, found.into_encoded_bytes())
        }
    };
    if found.is_empty() {
        return Err(format!("{place} is empty: write the secret into it"));
    }
    Ok(Secret(found))
}

/// A file's contents.
///
/// # Errors
/// The system's; that it is no plain file, or too long.
pub(super) fn file(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe that nobody writes to must not keep the daemon.
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::other(format!("it has more than {MOST} bytes")));
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    Ok(bytes)
}

/// Whether everybody on this host may read it; a file that is not there, nobody.
pub(super) fn is_open(at: &SecretRef) -> bool {
    let SecretRef::File(path) = at else {
        return false;
    };
    std::fs::metadata(path).is_ok_and(|there| there.mode() & WORLD_READABLE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_at_the_end_is_no_part_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let at = SecretRef::File(path.clone());
        for text in ["s3cret", "s3cret\n", "s3cret\r\n"] {
            std::fs::write(&path, text).unwrap();
            let secret = read(&at).unwrap();
            assert_eq!(secret.bytes(), b"s3cret", "{text:?}");
            assert_eq!(format!("{secret:?}"), "Secret");
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(read(&at).unwrap_err().contains("is empty"));
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(read(&at).unwrap_err().contains("65536"));
    }

    #[test]
    fn what_is_no_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let found = read(&SecretRef::File(directory.path().to_owned()));
        assert!(found.unwrap_err().contains("plain file"));
        let found = read(&SecretRef::File(directory.path().join("none")));
        assert!(found.unwrap_err().contains("none: No such file"));
        let found = read(&SecretRef::Env("THROTTLER_NO_SUCH_VARIABLE".to_owned()));
        assert!(
            found
                .unwrap_err()
                .contains("THROTTLER_NO_SUCH_VARIABLE is not set")
        );
    }
}
