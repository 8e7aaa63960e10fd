//! A daemon's interfaces, kept open between questions: an answer is a few reads of memory and of maps, and no file.
//!
//! Nothing is answered from what is over. After an answer is composed, it is checked that the maps it came from are still
//! those that are pinned, that the link runs the same program on the same interface, and that the same generation is in
//! force; then it was in force all along, for no generation comes back. If not, the answer is thrown away, and given again
//! once the interface was opened anew.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use anyhow::{Context as _, Result, bail};
use throttler_common::abi::map;

use super::attached::{Attachment, attachments_so_far};
use super::explain;
use super::names::Names;
use super::output::{closing, opening};
use super::question::{Classifier, Question, unknown};
use super::reader::Reader;
use crate::kernel::pins::Pins;
use crate::kernel::{link, monotonic, publish, sys};

/// The interfaces of a daemon.
pub struct Kept {
    bpffs: PathBuf,
    ifaces: Arc<[String]>,
    /// `None`: nothing was opened yet, or it was let go.
    open: RwLock<Option<Arc<[Open]>>>,
}

/// One interface, opened.
struct Open {
    attachment: Attachment,
    names: Arc<Names>,
    classifier: Arc<OnceLock<Classifier>>,
    seen: Seen,
}

/// What tells an opened interface from the same one opened later.
struct Seen {
    link: OwnedFd,
    /// Paths and inodes of the link's pin and of the source table's. No inode of bpffs is given twice.
    pins: [(PathBuf, u64); 2],
    /// Where the link has its program run, and which: 0 once the interface has gone.
    runs: (u32, u32),
}

impl Kept {
    /// Nothing is opened before it is asked about.
    #[must_use]
    pub fn new(bpffs: &Path, ifaces: Arc<[String]>) -> Self {
        Self {
            bpffs: bpffs.to_owned(),
            ifaces,
            open: RwLock::default(),
        }
    }

    /// The document of `explain`, of one interface or of all. `None`: something is over that it would be made of, or nothing
    /// was opened yet; [`Kept::renew`] first.
    ///
    /// # Errors
    /// Status 4 where no interface has the scope that is asked for; the kernel's.
    pub fn answer(&self, question: &Question, iface: Option<&str>) -> Result<Option<Vec<u8>>> {
        let Some(open) = self.opened() else {
            return Ok(None);
        };
        let wanted = |one: &&Open| iface.is_none_or(|iface| one.attachment.iface() == iface);
        let asked = open.iter().filter(wanted);
        let answer = compose(asked.clone(), question);
        // An error, too, may be of what is over.
        if !self.is_current(&open) {
            return Ok(None);
        }
        if let Some(unknown) = unknown(asked.map(|one| &one.attachment), question) {
            return Err(unknown.into());
        }
        answer.map(Some)
    }

    /// Opens what there is anew, unless nothing has changed. Takes as long as reading a policy takes: milliseconds, and more
    /// of one with many names.
    ///
    /// # Errors
    /// As [`attachments_so_far`].
    pub fn renew(&self) -> Result<()> {
        if self.opened().is_some_and(|open| self.is_current(&open)) {
            return Ok(());
        }
        for _ in 0..16 {
            // Pins that are being replaced are replaced one by one: what is opened meanwhile may be of both.
            let before = self.inodes();
            let found = attachments_so_far(&self.bpffs, &self.ifaces)?;
            let opened = found.into_iter().map(Open::of).collect::<Result<_>>()?;
            if self.inodes() == before {
                self.put(Some(opened));
                return Ok(());
            }
        }
        bail!("the maps are being replaced too fast to be read; try again")
    }

    /// Lets go of maps that nobody uses any more, so that the memory of a table goes when its interface does.
    pub fn let_go(&self) {
        if self.opened().is_some_and(|open| !self.is_current(&open)) {
            self.put(None);
        }
    }

    fn opened(&self) -> Option<Arc<[Open]>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(Arc::clone)
    }

    /// Of every pin that there is.
    fn inodes(&self) -> Vec<Option<u64>> {
        let of = |pins: &Pins| {
            let maps = map::ALL.iter().map(|name| pins.map(name));
            let paths = maps.chain([pins.link()]);
            paths.map(|path| inode(&path)).collect::<Vec<_>>()
        };
        let all = self.ifaces.iter().map(|iface| Pins::of(&self.bpffs, iface));
        all.flat_map(|pins| of(&pins)).collect()
    }

    fn put(&self, opened: Option<Arc<[Open]>>) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = opened;
    }

    /// Whether these are all that there is, each as it was opened.
    fn is_current(&self, open: &[Open]) -> bool {
        let mut known = open.iter();
        let same = self.ifaces.iter().all(|iface| {
            let mut rest = known.clone();
            match rest.next() {
                Some(one) if one.attachment.iface() == *iface => {
                    known = rest;
                    one.is_current()
                }
                // Not opened: it must not have come since.
                _ => !Pins::of(&self.bpffs, iface).link().exists(),
            }
        });
        same && known.next().is_none()
    }
}

fn compose<'a>(asked: impl Iterator<Item = &'a Open>, question: &Question) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(2048);
    out.extend_from_slice(opening("buckets").as_bytes());
    let mut any = false;
    for one in asked {
        let reader = one.reader();
        for answer in explain::of(&reader, question)? {
            if std::mem::replace(&mut any, true) {
                out.extend_from_slice(b",\n");
            }
            answer.json(&mut out)?;
        }
    }
    out.extend_from_slice(closing(any));
    Ok(out)
}

impl Open {
    fn of(mut attachment: Attachment) -> Result<Self> {
        let seen = Seen::of(&attachment.pins)?;
        // After what tells that it has changed.
        attachment.mode = link::state(&attachment.pins)?;
        let names = Names::of(
            attachment.iface(),
            &attachment.description,
            &attachment.generation,
        );
        Ok(Self {
            seen,
            names: Arc::new(names),
            classifier: Arc::default(),
            attachment,
        })
    }

    /// Reads as of now.
    fn reader(&self) -> Reader<'_> {
        let (names, classifier) = (Arc::clone(&self.names), Arc::clone(&self.classifier));
        Reader::with(&self.attachment, names, classifier, monotonic::now())
    }

    fn is_current(&self) -> bool {
        let tables = &self.attachment.tables;
        let in_force = self.attachment.description.generation;
        self.seen.is_current() && publish::generation(tables).is_ok_and(|found| found == in_force)
    }
}

impl Seen {
    fn of(pins: &Pins) -> Result<Self> {
        let link = sys::open_pinned(&pins.link())?;
        let info = sys::link_info(link.as_fd())?;
        let pin = |path: PathBuf| {
            let inode = inode(&path).with_context(|| format!("looking at {}", path.display()));
            inode.map(|inode| (path, inode))
        };
        Ok(Self {
            link,
            pins: [pin(pins.link())?, pin(pins.map(map::SOURCES))?],
            runs: (info.ifindex, info.program),
        })
    }

    fn is_current(&self) -> bool {
        let same = |(path, known): &(PathBuf, u64)| inode(path) == Some(*known);
        let info = sys::link_info(self.link.as_fd());
        self.pins.iter().all(same)
            && info.is_ok_and(|info| (info.ifindex, info.program) == self.runs)
    }
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|found| found.ino())
}
