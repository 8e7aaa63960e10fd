//! Takes the socket's path.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

/// Root and the socket's group connect, nobody else.
const MODE: u32 = 0o660;

/// The listening socket; its path goes when it is dropped.
pub(in crate::daemon) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Listens at `path` for root and, if one is named, for the members of a group. A socket that nobody listens at any
/// more is replaced.
///
/// # Errors
/// Another daemon listens there, something else is there, or the path cannot be written.
pub(in crate::daemon) fn bind(path: &Path, group: Option<u32>) -> Result<Socket> {
    let listening = || format!("listening on {} (--socket)", path.display());
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        fs::create_dir_all(directory).with_context(listening)?;
    }
    ensure_free(path)?;
    // Made beside its place and moved there once it has its mode: nobody else can connect before.
    let beside = beside(path);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(listening);
        }
        _ => {}
    }
    let listener = UnixListener::bind(&beside).with_context(listening)?;
    let placed = place(&beside, path, group);
    if placed.is_err() {
        // What failed is told; that this is left is not worth a second word.
        let _ = fs::remove_file(&beside);
    }
    let inode = placed.with_context(listening)?;
    listener.set_nonblocking(true).with_context(listening)?;
    log::debug!("control socket at {}", path.display());
    Ok(Socket {
        listener,
        path: path.to_owned(),
        inode,
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    name.into()
}

fn place(beside: &Path, path: &Path, group: Option<u32>) -> io::Result<u64> {
    fs::set_permissions(beside, Permissions::from_mode(MODE))?;
    if group.is_some() {
        std::os::unix::fs::chown(beside, None, group)?;
    }
    let inode = fs::metadata(beside)?.ino();
    fs::rename(beside, path)?;
    Ok(inode)
}

fn ensure_free(path: &Path) -> Result<()> {
    let there = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("looking at {} (--socket)", path.display()));
        }
    };
    ensure!(
        there.file_type().is_socket(),
        "{} is there and is no socket: remove it, or name another path with --socket",
        path.display()
    );
    match UnixStream::connect(path) {
        // Its daemon was killed.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("trying {} (--socket)", path.display())),
        Ok(_) => bail!(
            "another process listens on {}: end it, or name another path with --socket",
            path.display()
        ),
    }
}

impl Socket {
    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A daemon that came later may have put its own there.
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!("removing {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_taken_once_and_given_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("run/throttler.sock");
        let socket = bind(&path, None).expect("a socket");
        let mode = fs::metadata(&path)
            .expect("the socket")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
        let again = bind(&path, None).err().expect("taken").to_string();
        assert!(again.contains("another process listens"), "{again}");
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_daemon_left_is_replaced_and_a_file_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("throttler.sock");
        // std's listener leaves its path behind.
        drop(UnixListener::bind(&path).expect("a socket"));
        assert!(path.exists());
        let socket = bind(&path, None).expect("the path of a dead socket");
        drop(socket);
        fs::write(&path, "a file").expect("a file");
        let refused = bind(&path, None)
            .err()
            .expect("a file is there")
            .to_string();
        assert!(refused.contains("is no socket"), "{refused}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "a file");
    }

    #[test]
    fn a_later_daemons_socket_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("throttler.sock");
        let first = bind(&path, None).expect("a socket");
        fs::remove_file(&path).expect("removed");
        let second = bind(&path, None).expect("a socket");
        drop(first);
        assert!(path.exists());
        drop(second);
    }
}
