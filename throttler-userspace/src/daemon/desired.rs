//! What is to be in force on every interface: the policy, and what operators say beside it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use serde::Serialize;

use super::abuse::Names;
use super::attachment::{self, Attached};
use super::confirm::Trial;
use super::control::Access;
use super::vitals::Vitals;
use super::{RunArgs, policy};
use crate::cli::Common;
use crate::cli::failure::{Failure, Status};
use crate::config::Config;
use crate::kernel::{geometry, monotonic};
use crate::overrides::{self, Book, Entry, Kind};

/// The daemon's state, which its loop alone changes.
pub(super) struct Desired<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) common: &'a Common,
    /// As the file had it when it was last read whole: a file that is being edited comes into force by a reload alone.
    pub(super) config: Config,
    pub(super) attached: Vec<Attached>,
    /// For the abuse log, by interface.
    pub(super) names: Vec<Rc<RefCell<Names>>>,
    /// Whether the latest reload succeeded.
    pub(super) reloaded: Arc<AtomicBool>,
    /// The token of the TCP listener.
    pub(super) access: Arc<Access>,
    /// What awaits a confirmation.
    pub(super) trial: Option<Trial>,
    /// How each interface does, also one that has not come yet.
    pub(super) vitals: Arc<[Arc<Vitals>]>,
}

/// One change of what operators say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Give(Entry),
    Take(Kind, IpNet),
}

/// The generation in force on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct InForce {
    pub(super) iface: String,
    pub(super) generation: u32,
    /// Changes that said something new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changed: Option<usize>,
}

impl Desired<'_> {
    /// Reads the policy file again and publishes it; a bad one changes nothing. What fails is logged, too.
    ///
    /// # Errors
    /// The first interface's.
    pub(super) fn reload(&mut self) -> Result<Vec<InForce>> {
        let result = self.reload_all();
        self.reloaded.store(result.is_ok(), Ordering::Relaxed);
        result
    }

    fn reload_all(&mut self) -> Result<Vec<InForce>> {
        let token = self.access.read_again();
        let read = token.and_then(|()| policy::load(self.args, self.common.color.on_stderr()));
        let mut fresh = match read {
            Ok(fresh) => fresh,
            Err(error) => {
                for one in &mut self.attached {
                    refused(one, &error);
                }
                return Err(error);
            }
        };
        let mut failure = None;
        let mut in_force = Vec::new();
        for (one, names) in self.attached.iter_mut().zip(&self.names) {
            warn_of_room(one, &fresh);
            match attachment::publish(&one.tables, self.args, &mut fresh, &one.book) {
                Ok(published) => {
                    one.take(published);
                    one.keeper.reloaded(None);
                    let generation = one.description.generation;
                    log::info!(
                        "{}: policy generation {generation} in force",
                        one.pins.iface
                    );
                }
                Err(error) => {
                    refused(one, &error);
                    failure = failure.or(Some(error));
                }
            }
            names.borrow_mut().push(one.description.clone());
            in_force.push(InForce::on(one, None));
        }
        match failure {
            Some(error) => Err(error),
            None => {
                let before = std::mem::replace(&mut self.config, fresh);
                self.try_out(before);
                Ok(in_force)
            }
        }
    }

    /// Attaches to an interface that has come, or returned; its place in [`Desired::attached`].
    pub(super) fn attach(&mut self, iface: &str) -> Result<usize> {
        let ifaces = [iface.to_owned()];
        let fresh = attachment::attach_all(&ifaces, self.common, self.args, &mut self.config)?;
        let known = |attached: &[Attached]| {
            let mut places = attached.iter();
            places.position(|one| one.pins.iface == iface)
        };
        for mut one in fresh {
            if let Some(vitals) = self.vitals.iter().find(|one| one.iface() == iface) {
                one.vitals = Arc::clone(vitals);
                one.prove()?;
            }
            match known(&self.attached) {
                Some(place) => {
                    self.names[place].borrow_mut().push(one.description.clone());
                    // Of the maps that are still there the ring is read already.
                    one.is_read = one.adopted && self.attached[place].is_read;
                    self.attached[place] = one;
                }
                None => {
                    self.names.push(Names::shared(&one.description));
                    self.attached.push(one);
                }
            }
        }
        known(&self.attached).context("an interface that was attached is not")
    }

    fn ensure_plan(&self, plan: &str) -> Result<()> {
        let plans = &self.config.plans;
        if plans.iter().any(|known| known.name == plan) {
            return Ok(());
        }
        let known: Vec<&str> = plans.iter().map(|known| known.name.as_str()).collect();
        let there = match known.as_slice() {
            [] => "the policy has no plans".to_owned(),
            names => format!("there is {}", names.join(", ")),
        };
        let message = format!("there is no plan `{plan}`; {there}");
        Err(Failure::new(Status::BadPolicy, message).into())
    }

    /// Changes what operators say on every interface.
    ///
    /// # Errors
    /// The first interface's; what was changed before it stays.
    pub(super) fn change(&mut self, changes: &[Change]) -> Result<Vec<InForce>> {
        for change in changes {
            if let Change::Give(Entry {
                plan: Some(plan), ..
            }) = change
            {
                self.ensure_plan(plan)?;
            }
        }
        let mut in_force = Vec::new();
        for (one, names) in self.attached.iter_mut().zip(&self.names) {
            let changed = change(one, changes, &mut self.config, self.args, self.common)
                .with_context(|| format!("{}: nothing is changed", one.pins.iface))?;
            names.borrow_mut().push(one.description.clone());
            in_force.push(InForce::on(one, Some(changed)));
        }
        self.change_waiting(changes)?;
        Ok(in_force)
    }
}

impl Desired<'_> {
    /// Interfaces that have not come yet find in their files what was said meanwhile.
    fn change_waiting(&self, changes: &[Change]) -> Result<()> {
        let is_attached = |iface: &String| self.attached.iter().any(|one| one.pins.iface == *iface);
        for iface in self.args.iface.iter().filter(|iface| !is_attached(iface)) {
            let path = overrides::path(&self.common.state_dir, iface);
            let mut book = overrides::load(&path)?;
            book.prune(monotonic::now().wall);
            if apply(&mut book, changes) > 0 {
                overrides::save(&path, &book)?;
            }
        }
        Ok(())
    }
}

/// How many changes said something new.
fn apply(book: &mut Book, changes: &[Change]) -> usize {
    let changed = changes.iter().filter(|change| match change {
        Change::Give(entry) => book.give(entry.clone()),
        Change::Take(kind, source) => book.take(*kind, *source).is_some(),
    });
    changed.count()
}

impl InForce {
    pub(super) fn on(one: &Attached, changed: Option<usize>) -> Self {
        Self {
            iface: one.pins.iface.clone(),
            generation: one.description.generation,
            changed,
        }
    }
}

/// Into the file first, then into force. What cannot be put into force is taken out of the file again, so that the two
/// never say different things. How many changes said something new.
fn change(
    one: &mut Attached,
    changes: &[Change],
    config: &mut Config,
    args: &RunArgs,
    common: &Common,
) -> Result<usize> {
    let mut book = one.book.clone();
    book.prune(monotonic::now().wall);
    let changed = apply(&mut book, changes);
    if changed > 0 {
        let path = overrides::path(&common.state_dir, &one.pins.iface);
        overrides::save(&path, &book)?;
        match attachment::publish(&one.tables, args, config, &book) {
            Ok(published) => one.take(published),
            Err(error) => {
                overrides::save(&path, &one.book)?;
                return Err(error);
            }
        }
        one.book = book;
    }
    Ok(changed)
}

fn refused(one: &mut Attached, error: &anyhow::Error) {
    one.keeper.reloaded(Some(error));
    log::error!(
        "{}: keeping the old policy (generation {}), which stays in force: {error:#}",
        one.pins.iface,
        one.description.generation
    );
}

fn warn_of_room(one: &Attached, config: &Config) {
    let room = one.tables.sources.capacity();
    if geometry::capacity(&geometry::layout(config.max_sources, [0; 7])) != room {
        log::warn!(
            "{}: max_sources {} takes effect at the next start; until then it is {room}",
            one.pins.iface,
            config.max_sources
        );
    }
}
