//! `<state-dir>/<interface>.lookout.json`: which long limits were told of as nearly used up, so that a restart neither says
//! so again nor forgets to say when they are full again. By names: identifiers may change with the maps.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::replace;

/// Version of the file's shape.
const VERSION: u32 = 1;

/// One bucket that was told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told<'a> {
    /// `None`: a `global` limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<IpNet>,
    /// Scope or layer.
    pub(super) scope: Cow<'a, str>,
    pub(super) limit: Cow<'a, str>,
    /// When it was expected to be full.
    pub(super) full_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    told: Vec<Told<'static>>,
}

/// One by one: ten thousands of them are not to lie in memory twice.
struct Written<I>(RefCell<I>);

impl<'a, I: Iterator<Item = Told<'a>>> Serialize for Written<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&mut *self.0.borrow_mut())
    }
}

#[derive(Serialize)]
struct Whole<T> {
    version: u32,
    told: T,
}

/// The file of an interface.
pub(super) fn path(state_dir: &Path, iface: &str) -> PathBuf {
    state_dir.join(format!("{iface}.lookout.json"))
}

/// Reads the file. One that cannot be understood is set aside with a word in the log: what it had may be told again.
pub(super) fn load(path: &Path) -> Vec<Told<'static>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            log::warn!(
                "reading {}: {error}: limits that were told of as nearly used up may be told of again",
                path.display()
            );
            return Vec::new();
        }
    };
    let why = match serde_json::from_slice::<Read>(&text) {
        Ok(whole) if whole.version == VERSION => return whole.told,
        Ok(whole) => format!("it is of version {}, this is {VERSION}", whole.version),
        Err(error) => error.to_string(),
    };
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".broken-{}", Timestamp::now().as_second()));
    let kept = match fs::rename(path, &aside) {
        Ok(()) => format!("it is kept as {}", PathBuf::from(aside).display()),
        Err(error) => format!("it could not be set aside: {error}"),
    };
    log::warn!(
        "{} cannot be used ({why}): limits that were told of as nearly used up may be told of again; {kept}",
        path.display()
    );
    Vec::new()
}

/// Replaces the file.
///
/// # Errors
/// It cannot be written; it is as it was then.
pub(super) fn save<'a>(path: &Path, told: impl Iterator<Item = Told<'a>>) -> anyhow::Result<()> {
    let whole = Whole {
        version: VERSION,
        told: Written(RefCell::new(told)),
    };
    replace::file(path, |out| {
        serde_json::to_writer(&mut *out, &whole)?;
        out.write_all(b"\n")
    })
    .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_what_is_broken_is_set_aside() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path(directory.path(), "eth0");
        assert_eq!(load(&path), []);
        let one = |source: Option<&str>| Told {
            source: source.map(|text| text.parse().expect("a prefix")),
            scope: "api".into(),
            limit: "daily".into(),
            full_at: "2027-01-01T00:00:00Z".parse().expect("a time"),
        };
        let told = vec![one(Some("2001:db8::/64")), one(None)];
        save(&path, told.iter().cloned()).expect("saved");
        assert_eq!(load(&path), told);
        for text in [
            "",
            "{",
            "{\"version\":2,\"told\":[]}",
            "{\"version\":1,\"told\":[{}]}",
        ] {
            fs::write(&path, text).expect("written");
            assert_eq!(load(&path), []);
            assert!(!path.exists(), "{text}");
            let aside = fs::read_dir(directory.path()).expect("a directory").next();
            fs::remove_file(aside.expect("a file").expect("a file").path()).expect("removed");
        }
    }
}
