//! Interfaces under this daemon.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use aya_log::EbpfLogger;

use super::heal::Enforced;
use super::keeper::Keeper;
use super::vitals::Vitals;
use super::{RunArgs, lockout, policy};
use crate::cli::Common;
use crate::cli::failure::{Failure, Status};
use crate::compile::{self, Description};
use crate::config::Config;
use crate::kernel::load::{self, Reuse};
use crate::kernel::pins::Pins;
use crate::kernel::tables::Tables;
use crate::kernel::{canary, link, monotonic, publish, takeover};
use crate::overrides::{self, Book};

/// One interface that is enforced.
pub(super) struct Attached {
    pub(super) pins: Pins,
    pub(super) tables: Tables,
    pub(super) description: Description,
    pub(super) trace: Option<EbpfLogger<&'static dyn log::Log>>,
    /// What operators say beside the policy.
    pub(super) book: Book,
    /// Whether its maps are those that were pinned before.
    pub(super) adopted: bool,
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
    /// Goes on from what was published.
    pub(super) fn take(&mut self, published: Published) {
        self.description = published.description;
        self.enforced = published.enforced;
        self.check();
    }
}

/// A generation that was put into force.
pub(super) struct Published {
    pub(super) description: Description,
    pub(super) enforced: Enforced,
}

/// Attaches to every one of the interfaces, or to none that was not attached before.
pub(super) fn attach_all(
    ifaces: &[String],
    common: &Common,
    args: &RunArgs,
    config: &mut Config,
) -> Result<Vec<Attached>> {
    for other in Pins::other_abis(&common.bpffs)? {
        log::warn!(
            "{} holds pins of another version ({other}), which are left alone: detach them with that version's tool",
            common.bpffs.display()
        );
    }
    let mut attached = Vec::new();
    for iface in ifaces {
        let pins = Pins::of(&common.bpffs, iface);
        let fresh = !pins.exist();
        match attach(&pins, common, args, config) {
            Ok(one) => attached.push((one, fresh)),
            Err(error) => {
                if fresh && pins.exist() {
                    undo(&pins);
                } else if let Err(error) = takeover::settle(&pins) {
                    log::error!("{}: cleaning up: {error:#}", pins.iface);
                }
                for (one, fresh) in attached {
                    if fresh {
                        undo(&one.pins);
                    }
                }
                return Err(error).with_context(|| format!("cannot protect {iface}"));
            }
        }
    }
    Ok(attached.into_iter().map(|(one, _)| one).collect())
}

fn undo(pins: &Pins) {
    if let Err(error) = pins.remove() {
        log::error!("{}: cleaning up: {error:#}", pins.iface);
    }
}

fn attach(pins: &Pins, common: &Common, args: &RunArgs, config: &mut Config) -> Result<Attached> {
    let book = overrides::load(&overrides::path(&common.state_dir, &pins.iface))?;
    link::check(pins, args.xdp_mode)?;
    let mut loaded = load::load(pins, load::PROGRAM, config.max_sources)?;
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
    let Published {
        description,
        enforced,
    } = publish(&loaded.tables, args, config, &book)?;
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
        description,
        trace: loaded.trace,
        book,
        adopted,
        is_read: false,
        program: loaded.program,
        enforced,
        vitals: Arc::new(Vitals::new(&pins.iface)),
        keeper: Keeper::new(common, &pins.iface, &done),
    };
    // Before the line below: who reads it may rely on it.
    if one.prove()? {
        log::info!(
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
        );
    }
    Ok(one)
}

/// Compiles a policy with what operators say beside it, and publishes both as the next generation.
pub(super) fn publish(
    tables: &Tables,
    args: &RunArgs,
    config: &mut Config,
    book: &Book,
) -> Result<Published> {
    let previous = match publish::previous(tables) {
        Ok(previous) => previous,
        Err(error) => {
            log::warn!(
                "the earlier policy's description cannot be read ({error:#}); names start anew"
            );
            None
        }
    };
    let clock = monotonic::now();
    let (rules, missing) = book.rules(&config.plans, clock.wall);
    for plan in missing {
        log::warn!(
            "sources are bound to the plan `{plan}`, which the policy does not have: until it does, the policy's own rules hold for them"
        );
    }
    // A policy of a million prefixes is too large to copy for the sake of a few more.
    let own = config.sources.len();
    config.sources.extend(rules);
    config.sources.extend(args.operator.map(lockout::rule));
    let compiled = compile::compile(config, previous.as_ref(), clock);
    config.sources.truncate(own);
    let mut tables_of =
        compiled.map_err(|error| Failure::new(Status::BadPolicy, error.to_string()))?;
    tables_of.description.policy = policy::name(args);
    let expected = canary::reserve(&mut tables_of);
    publish::publish(tables, &tables_of)?;
    Ok(Published {
        enforced: Enforced::of(&tables_of, expected),
        description: tables_of.description,
    })
}
