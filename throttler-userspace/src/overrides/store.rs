//! The file that overrides outlive the daemon in: JSON, replaced in one step, on the disk when `save` returns.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::book::{Book, Entry};
use crate::replace;

/// Version of the file's shape.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    overrides: Vec<Entry>,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(serialize_with = "one_by_one")]
    overrides: &'a Book,
}

/// Without a second copy of them all.
fn one_by_one<S: Serializer>(book: &Book, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(book.entries())
}

/// The file of an interface.
#[must_use]
pub fn path(state_dir: &Path, iface: &str) -> PathBuf {
    state_dir.join(format!("{iface}.overrides.json"))
}

/// Why there is nothing to read.
#[derive(Debug)]
pub enum Unread {
    /// There is no file.
    Absent,
    /// It cannot be read.
    Io(io::Error),
    /// It cannot be understood.
    Bad(String),
}

/// Reads the file, and changes nothing.
///
/// # Errors
/// There is nothing to read.
pub fn read(path: &Path) -> Result<Book, Unread> {
    let text = fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unread::Absent,
        _ => Unread::Io(error),
    })?;
    let read: Read =
        serde_json::from_slice(&text).map_err(|error| Unread::Bad(error.to_string()))?;
    if read.version != VERSION {
        return Err(Unread::Bad(format!(
            "it is of version {}, this is {VERSION}",
            read.version
        )));
    }
    Ok(read.overrides.into_iter().collect())
}

/// Reads the file. One that cannot be understood is set aside, with a word in the log, and the daemon goes on without:
/// it would be worse if a host came up without protection.
///
/// # Errors
/// The file is there and cannot be read, or not be set aside.
pub fn load(path: &Path) -> Result<Book> {
    let why = match read(path) {
        Ok(book) => return Ok(book),
        Err(Unread::Absent) => return Ok(Book::default()),
        Err(Unread::Io(error)) => {
            return Err(error).with_context(|| format!("reading {}", path.display()));
        }
        Err(Unread::Bad(why)) => why,
    };
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".broken-{}", Timestamp::now().as_second()));
    let aside = PathBuf::from(aside);
    fs::rename(path, &aside).with_context(|| format!("setting {} aside", path.display()))?;
    log::error!(
        "{} cannot be used ({why}): its bans, exemptions and bindings are NOT in force; it is kept as {}",
        path.display(),
        aside.display()
    );
    Ok(Book::default())
}

/// Replaces the file.
///
/// # Errors
/// It cannot be written; it is as it was then.
pub fn save(path: &Path, book: &Book) -> Result<()> {
    let written = Written {
        version: VERSION,
        overrides: book,
    };
    replace::file(path, |out| {
        serde_json::to_writer(&mut *out, &written)?;
        out.write_all(b"\n")
    })
    .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overrides::Kind;

    fn entry(source: &str) -> Entry {
        Entry {
            kind: Kind::Ban,
            source: source.parse().expect("a prefix"),
            plan: None,
            until: Some("2027-01-01T00:00:00Z".parse().expect("a time")),
            reason: Some("a \"reason\"".to_owned()),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path(directory.path(), "eth0");
        assert_eq!(load(&path).expect("nothing"), Book::default());
        let book: Book = [entry("192.0.2.1/32"), entry("2001:db8::/48")]
            .into_iter()
            .collect();
        save(&path, &book).expect("saved");
        assert_eq!(load(&path).expect("loaded"), book);
    }

    #[test]
    fn what_cannot_be_understood_is_kept_aside() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path(directory.path(), "eth0");
        for text in [
            "{",
            "{\"version\":9,\"overrides\":[]}",
            "{\"version\":1,\"overrides\":[{\"kind\":\"x\"}]}",
        ] {
            fs::write(&path, text).expect("written");
            assert_eq!(load(&path).expect("set aside"), Book::default());
            assert!(!path.exists());
            let left: Vec<_> = fs::read_dir(directory.path())
                .expect("the directory")
                .collect();
            assert_eq!(left.len(), 1);
            let kept = left[0].as_ref().expect("an entry").path();
            assert_eq!(fs::read_to_string(&kept).expect("the text"), text);
            fs::remove_file(kept).expect("removed");
        }
    }
}
