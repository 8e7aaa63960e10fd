//! Files that are replaced in one step: a reader finds the old text or the new one, whatever dies meanwhile.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// Replaces the file by what `write` writes; on the disk when this returns.
///
/// # Errors
/// It cannot be written; it is as it was then.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let replace = || -> io::Result<()> {
        let file = File::create(&new)?;
        let mut out = BufWriter::new(&file);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The new name, too, has to be on the disk.
        match path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    };
    replace().with_context(|| format!("writing {}", path.display()))
}
