//! Files that are replaced in one step: whoever reads one has the old or the new whole, also after a crash.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Replaces a file by what `write` writes; it is on the disk when this returns.
///
/// # Errors
/// It cannot be written; it is as it was then.
pub(crate) fn file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
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
}
