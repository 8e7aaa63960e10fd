//! Interfaces under this daemon.

use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use aya_log::EbpfLogger;

use super::abuse::Names;
use super::heal::Enforced;
use super::historian::Table;
use super::keeper::Keeper;
use super::policy::Policy;
use super::publish::{Published, publish};
use super::vitals::Vitals;
use super::{RunArgs, record};
use crate::cli::Common;
use crate::compile::Description;
use crate::kernel::load::{self, Reuse};
use crate::kernel::pins::Pins;
use crate::kernel::tables::Tables;
use crate::kernel::{link, publish as kernel, takeover};
use crate::overrides::{self, Book};

/// One interface that is enforced.
pub(super) struct Attached {
    pub(super) pins: Pins,
    pub(super) tables: Tables,
    /// In force.
    pub(super) policy: Rc<Policy>,
    /// In force for good: what comes back if nobody confirms. `None`: nothing, the program is taken off.
    pub(super) confirmed: Option<Rc<Policy>>,
    pub(super) description: Arc<Description>,
    /// For the abuse log.
    pub(super) names: Arc<Mutex<Names>>,
    pub(super) trace: Option<EbpfLogger<&'static dyn log::Log>>,
    /// What operators say beside the policy.
    pub(super) book: Rc<Book>,
    /// That it is enforced, for the log, until it is said there.
    announcement: Option<String>,
    /// Whether its maps are those that were pinned before.
    pub(super) adopted: bool,
    /// How its source table came to be.
    pub(super) table: Table,
    /// Whether somebody reads its events.
    pub(super) is_read: bool,
    /// What was attached.
    pub(super) program: OwnedFd,
    /// What the maps have to hold.
    pub(super) enforced: Enforced,
    /// Whether they do.
    pub(super) vitals: Arc<Vitals>,
    /// For `status`.
    pub(super) keeper: Keeper,
}

impl Attached {
    /// The interface's name.
    pub(super) fn iface(&self) -> &str {
        &self.pins.iface
    }

    /// Says in the log that it is enforced, once all is done that belongs to it.
    pub(super) fn announce(&mut self) {
        if let Some(text) = self.announcement.take() {
            log::info!("{text}");
        }
    }

    /// Puts a policy into force with the book, and goes on from there.
    ///
    /// # Errors
    /// As [`publish`]; nothing has changed then.
    pub(super) fn put(
        &mut self,
        args: &RunArgs,
        policy: &Rc<Policy>,
        book: &Rc<Book>,
    ) -> Result<()> {
        let published = publish(&self.tables, args, policy, book)?;
        self.book = Rc::clone(book);
        self.policy = published.policy;
        self.description = published.description;
        self.enforced = published.enforced;
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.push(Arc::clone(&self.description));
        drop(names);
        self.check();
        Ok(())
    }
}

/// Attaches to every one of the interfaces, or to none that was not attached before.
pub(super) fn attach_all(
    ifaces: &[String],
    common: &Common,
    args: &RunArgs,
    policy: &Rc<Policy>,
) -> Result<Vec<Attached>> {
    for other in Pins::other_abis(&common.bpffs)? {
        log::warn!(
            "{} holds pins of another version ({other}), which are left alone: detach them with that version's tool",
            common.bpffs.display()
        );
    }
    // What is refused on one of them changes none of them.
    for iface in ifaces {
        link::check(&Pins::of(&common.bpffs, iface), args.xdp_mode)
            .with_context(|| format!("cannot protect {iface}"))?;
    }
    let mut attached = Vec::new();
    for iface in ifaces {
        let pins = Pins::of(&common.bpffs, iface);
        let fresh = !pins.exist();
        let before = generation(&pins);
        match attach(&pins, common, args, policy) {
            Ok(one) => attached.push((one, before)),
            Err(error) => {
                if fresh && pins.exist() {
                    undo(&pins);
                } else if let Err(error) = takeover::settle(&pins) {
                    log::error!("{}: cleaning up: {error:#}", pins.iface);
                }
                put_back(&pins, before, common, args);
                for (one, before) in attached {
                    put_back(&one.pins, before, common, args);
                }
                return Err(error).with_context(|| format!("cannot protect {iface}"));
            }
        }
    }
    Ok(attached.into_iter().map(|(one, _)| one).collect())
}

/// The generation in force; `None` where there is none.
fn generation(pins: &Pins) -> Option<u32> {
    let tables = pins.exist().then(|| Tables::open(&pins.dir))?.ok()?;
    kernel::generation(&tables).ok().filter(|found| *found > 0)
}

/// Puts back what was in force before a start that fails: nothing, or the policy with which an adopted program goes on.
fn put_back(pins: &Pins, before: Option<u32>, common: &Common, args: &RunArgs) {
    let iface = &pins.iface;
    let now = generation(pins);
    if now == before {
        return;
    }
    if before.is_none() {
        return undo(pins);
    }
    let Some(before) = record::load(&common.state_dir, iface) else {
        log::error!(
            "{iface}: generation {} of the new policy is in force there: start with a policy that all interfaces take, or \
             `throttler detach`",
            now.unwrap_or(0)
        );
        return;
    };
    let again = || -> Result<u32> {
        let book = overrides::load(&overrides::path(&common.state_dir, iface))?;
        let published = publish(&Tables::open(&pins.dir)?, args, &before, &book)?;
        Ok(published.description.generation)
    };
    match again() {
        Ok(generation) => log::warn!(
            "{iface}: the policy before is put back (generation {generation}), and goes on without a daemon"
        ),
        Err(error) => {
            log::error!("{iface}: putting the policy before back: {error:#}");
        }
    }
}

fn undo(pins: &Pins) {
    if let Err(error) = pins.remove() {
        log::error!("{}: cleaning up: {error:#}", pins.iface);
    }
}

fn attach(pins: &Pins, common: &Common, args: &RunArgs, policy: &Rc<Policy>) -> Result<Attached> {
    let book = overrides::load(&overrides::path(&common.state_dir, &pins.iface))?;
    if !pins.exist() {
        // Whatever was in force once was taken off.
        record::remove(&common.state_dir, &pins.iface)?;
    }
    let confirmed = args
        .confirm
        .and_then(|_| record::load(&common.state_dir, &pins.iface));
    let mut loaded = load::load(pins, load::PROGRAM, policy.config.max_sources)?;
    match &loaded.reuse {
        Reuse::Fresh => {}
        Reuse::Adopted => log::info!(
            "{}: adopted the pinned maps; buckets and counters go on",
            pins.iface
        ),
        Reuse::Resized(resize) => log::info!(
            "{}: a source table with room for {} sources of each family; {} buckets go on, {} found no room",
            pins.iface,
            loaded.tables.sources.capacity(),
            resize.kept,
            resize.lost
        ),
        Reuse::Replaced(why) => {
            log::warn!(
                "{}: the pinned maps could not be kept ({why}); started anew",
                pins.iface
            );
        }
    }
    let adopted = matches!(loaded.reuse, Reuse::Adopted | Reuse::Resized(_));
    let table = match loaded.reuse {
        Reuse::Resized(_) => Table::Resized,
        Reuse::Adopted | Reuse::Fresh | Reuse::Replaced(_) => Table::AsItIs,
    };
    let Published {
        policy,
        description,
        enforced,
    } = publish(&loaded.tables, args, policy, &book)?;
    // Before the program is attached: whoever waits for the line below must not see this one later.
    log::info!(
        "{}: policy generation {} in force",
        pins.iface,
        description.generation
    );
    let done = link::attach(pins, loaded.program.as_fd(), args.xdp_mode)?;
    match std::mem::replace(&mut loaded.reuse, Reuse::Adopted) {
        Reuse::Resized(resize) => resize.finish(pins, &loaded.tables.sources)?,
        Reuse::Replaced(_) => takeover::finish(pins)?,
        Reuse::Fresh | Reuse::Adopted => {}
    }
    if let Some(why) = &done.fallback {
        log::warn!(
            "{}: native XDP is not to be had ({why}); running in generic mode, which costs more a packet",
            pins.iface
        );
    }
    let mut one = Attached {
        pins: pins.clone(),
        tables: loaded.tables,
        policy,
        confirmed,
        names: Names::shared(&description),
        description,
        trace: loaded.trace,
        book: Rc::new(book),
        adopted,
        table,
        announcement: None,
        is_read: false,
        program: loaded.program,
        enforced,
        vitals: Arc::new(Vitals::new(&pins.iface)),
        keeper: Keeper::new(common, &pins.iface, &done),
    };
    // Before it is announced: who reads that may rely on it.
    if one.prove()? {
        one.announcement = Some(format!(
            "{} on {} ({} XDP{})",
            if one.description.mode == "monitor" {
                "monitoring"
            } else {
                "enforcing"
            },
            pins.iface,
            done.mode.as_str(),
            if done.replaced {
                ", program replaced in place"
            } else {
                ""
            },
        ));
    }
    Ok(one)
}
