//! What is to be in force on every interface: the policy, and what operators say beside it.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;

use super::attachment::{self, Attached};
use super::confirm::Trial;
use super::control::Access;
use super::outbox::{self, Outbox};
use super::policy::{self, Policy};
use super::together::together;
use super::vitals::Vitals;
use super::{RunArgs, record};
use crate::alert::{self, Alert};
use crate::cli::Common;
use crate::cli::failure::{Failure, Status};
use crate::kernel::{geometry, monotonic};
use crate::overrides::{self, Book, Entry, Kind};

/// The daemon's state, which its loop alone changes.
pub(super) struct Desired<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) common: &'a Common,
    /// For interfaces that come: as the file had it when it was last read whole, for a file that is being edited comes
    /// into force by a reload alone. `None`: nobody confirmed it.
    pub(super) policy: Option<Rc<Policy>>,
    pub(super) attached: Vec<Attached>,
    /// Whether the latest reload succeeded.
    pub(super) reloaded: Arc<AtomicBool>,
    /// The token of the TCP listener.
    pub(super) access: Arc<Access>,
    /// Where alerts go.
    pub(super) outbox: Outbox,
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
    /// Changes with every publish.
    pub(super) fn generations(&self) -> u64 {
        let generations = self.attached.iter().map(|one| one.description.generation);
        generations.map(u64::from).sum()
    }

    /// Reads the policy file again and publishes it on every interface; where one cannot take it, on none. What fails is
    /// logged, too.
    ///
    /// # Errors
    /// What is wrong with the file, or with the first interface that cannot take it.
    pub(super) fn reload(&mut self) -> Result<Vec<InForce>> {
        let result = self.reload_all();
        self.reloaded.store(result.is_ok(), Ordering::Relaxed);
        if let Err(error) = &result {
            let why = in_short(&format!("{error:#}"));
            let text = format!("a reload failed, the policy before stays in force: {why}");
            let alert = Alert::new(alert::Kind::ReloadFailed, Timestamp::now(), text);
            self.outbox.tell(alert);
        }
        result
    }

    fn reload_all(&mut self) -> Result<Vec<InForce>> {
        let token = self.access.read_again();
        let read = token.and_then(|()| policy::load(self.args, self.common.color.on_stderr()));
        let prepared = read.and_then(|fresh| {
            let targets = outbox::prepare(&fresh.config.notify)?;
            Ok((fresh, targets))
        });
        let (fresh, targets) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                for one in &mut self.attached {
                    refused(one, &error);
                }
                return Err(error);
            }
        };
        let args = self.args;
        let done = together(
            &mut self.attached,
            |one| {
                warn_of_room(one, &fresh.config);
                let (before, book) = (Rc::clone(&one.policy), Rc::clone(&one.book));
                one.put(args, &fresh, &book)
                    .inspect_err(|error| refused(one, error))?;
                one.keeper.reloaded(None);
                let generation = one.description.generation;
                log::info!("{}: policy generation {generation} in force", one.iface());
                Ok(before)
            },
            |one, before| {
                let book = Rc::clone(&one.book);
                one.put(args, &before, &book)
            },
        );
        if let Err(error) = done {
            for one in &mut self.attached {
                one.keeper.reloaded(Some(&error));
            }
            return Err(error);
        }
        outbox::warn(&fresh.config.notify);
        if let Err(error) = self.outbox.set(targets) {
            log::error!("{error:#}: whom [[notify]] names is not told");
        }
        self.policy = Some(fresh);
        self.try_out();
        let in_force = self.attached.iter().map(|one| InForce::on(one, None));
        Ok(in_force.collect())
    }

    /// Attaches to an interface that has come, or returned; its place in [`Desired::attached`].
    pub(super) fn attach(&mut self, iface: &str) -> Result<usize> {
        let recorded = || record::load(&self.common.state_dir, iface);
        let policy = self.policy.clone().or_else(recorded);
        let policy = policy.context(
            "the policy was not confirmed, and none was in force there before: `throttler reload` tries the file again",
        )?;
        let ifaces = [iface.to_owned()];
        let fresh = attachment::attach_all(&ifaces, self.common, self.args, &policy)?;
        let known = |attached: &[Attached]| {
            let mut places = attached.iter();
            places.position(|one| one.pins.iface == iface)
        };
        for mut one in fresh {
            if let Some(vitals) = self.vitals.iter().find(|one| one.iface() == iface) {
                one.vitals = Arc::clone(vitals);
                // That it has come is in the log.
                one.vitals.note(None);
                one.prove()?;
            }
            if self.trial.is_none() {
                one.confirm(&self.common.state_dir);
            }
            one.announce();
            match known(&self.attached) {
                Some(place) => {
                    let before = &self.attached[place];
                    // Of the maps that are still there the ring is read already.
                    one.is_read = one.adopted && before.is_read;
                    one.names = Arc::clone(&before.names);
                    let mut names = one.names.lock().unwrap_or_else(PoisonError::into_inner);
                    names.push(Arc::clone(&one.description));
                    drop(names);
                    self.attached[place] = one;
                }
                None => self.attached.push(one),
            }
        }
        known(&self.attached).context("an interface that was attached is not")
    }

    fn ensure_plan(&self, plan: &str) -> Result<()> {
        let policies = self.attached.iter().map(|one| &one.policy);
        for policy in policies.chain(&self.policy) {
            let plans = &policy.config.plans;
            if plans.iter().any(|known| known.name == plan) {
                continue;
            }
            let known: Vec<&str> = plans.iter().map(|known| known.name.as_str()).collect();
            let there = match known.as_slice() {
                [] => "the policy has no plans".to_owned(),
                names => format!("there is {}", names.join(", ")),
            };
            let message = format!("there is no plan `{plan}`; {there}");
            return Err(Failure::new(Status::BadPolicy, message).into());
        }
        Ok(())
    }

    /// Changes what operators say on every interface; where one of them cannot be changed, on none.
    ///
    /// # Errors
    /// The first interface's.
    pub(super) fn change(&mut self, changes: &[Change]) -> Result<Vec<InForce>> {
        for change in changes {
            if let Change::Give(Entry {
                plan: Some(plan), ..
            }) = change
            {
                self.ensure_plan(plan)?;
            }
        }
        let (args, common) = (self.args, self.common);
        let done = together(
            &mut self.attached,
            |one| {
                let changed = change(one, changes, args, common);
                changed.with_context(|| format!("{}: nothing is changed", one.iface()))
            },
            |one, (changed, before)| match changed {
                0 => Ok(()),
                _ => replace(one, &before, args, common),
            },
        )?;
        self.change_waiting(changes)?;
        let pairs = self.attached.iter().zip(&done);
        Ok(pairs
            .map(|(one, (changed, _))| InForce::on(one, Some(*changed)))
            .collect())
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
                overrides::save(&path, &book).with_context(|| {
                    format!("{iface}, which is not there yet, will not have what the others have")
                })?;
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

/// How many changes said something new, and the book before them.
fn change(
    one: &mut Attached,
    changes: &[Change],
    args: &RunArgs,
    common: &Common,
) -> Result<(usize, Rc<Book>)> {
    let mut book = Book::clone(&one.book);
    book.prune(monotonic::now().wall);
    let changed = apply(&mut book, changes);
    let before = Rc::clone(&one.book);
    if changed > 0 {
        replace(one, &Rc::new(book), args, common)?;
    }
    Ok((changed, before))
}

/// Into the file first, then into force. What cannot be put into force is taken out of the file again, so that the two
/// never say different things.
fn replace(one: &mut Attached, book: &Rc<Book>, args: &RunArgs, common: &Common) -> Result<()> {
    let path = overrides::path(&common.state_dir, &one.pins.iface);
    overrides::save(&path, book)?;
    let policy = Rc::clone(&one.policy);
    if let Err(error) = one.put(args, &policy, book) {
        overrides::save(&path, &one.book)?;
        return Err(error);
    }
    Ok(())
}

/// What is wrong and where, of an error that may show whole lines of the policy, with colours for a terminal.
fn in_short(error: &str) -> String {
    let mut plain = String::new();
    let mut rest = error;
    while let Some((before, code)) = rest.split_once('\u{1b}') {
        plain += before;
        rest = code.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain += rest;
    let lines: Vec<&str> = plain.lines().map(str::trim).take(3).collect();
    lines.join(" ")
}

fn refused(one: &mut Attached, error: &anyhow::Error) {
    one.keeper.reloaded(Some(error));
    log::error!(
        "{}: keeping the old policy (generation {}), which stays in force: {error:#}",
        one.pins.iface,
        one.description.generation
    );
}

fn warn_of_room(one: &Attached, config: &crate::config::Config) {
    let room = one.tables.sources.capacity();
    if geometry::capacity(&geometry::layout(config.max_sources, [0; 7])) != room {
        log::warn!(
            "{}: max_sources {} takes effect at the next start; until then it is {room}",
            one.pins.iface,
            config.max_sources
        );
    }
}
