//! `run --confirm TIME`: what comes into force is on trial. Unless `throttler confirm` comes in time, each interface goes
//! back to the policy that was last in force there for good: that of before the reload or, after a start over a policy
//! that an earlier daemon has left enforcing, that one ([`record`]). Where there was none the program is taken off; if
//! that is so everywhere, the daemon ends.
//!
//! The daemon keeps the time. If it is killed meanwhile, what is on trial stays in force, unconfirmed: the next start is
//! on trial against the same earlier policy, or, without `--confirm`, is for good. To be told to end is no confirmation.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::RunArgs;
use super::attachment::Attached;
use super::desired::{Desired, InForce};
use super::{outbox, record};
use crate::cli::failure::{Failure, Status};
use crate::config::OnExit;

/// Until the next attempt to put the earlier policy back, where one failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What awaits a confirmation.
pub(super) struct Trial {
    pub(super) until: Instant,
}

/// What becomes of a trial that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Earlier policies are in force, or will be tried again; these interfaces had none, and are no longer attached.
    Goes(Vec<String>),
    /// There is no earlier policy anywhere.
    Detach,
}

impl Attached {
    /// What is in force here stays for good.
    pub(super) fn confirm(&mut self, state_dir: &Path) {
        self.confirmed = Some(Rc::clone(&self.policy));
        if let Err(error) = record::save(state_dir, self.iface(), &self.policy) {
            log::error!(
                "{}: {error:#}: a later `run --confirm` will not find this policy to put it back",
                self.iface()
            );
            // An older one would be worse than none.
            if let Err(error) = record::remove(state_dir, self.iface()) {
                log::error!("{}: {error:#}", self.iface());
            }
        }
    }

    fn is_confirmed(&self) -> bool {
        let confirmed = self.confirmed.as_ref();
        confirmed.is_some_and(|confirmed| Rc::ptr_eq(confirmed, &self.policy))
    }

    /// Puts back what was in force for good, if that is another policy.
    fn go_back(&mut self, args: &RunArgs) -> Result<()> {
        if let Some(before) = self.confirmed.clone().filter(|_| !self.is_confirmed()) {
            let book = Rc::clone(&self.book);
            self.put(args, &before, &book)?;
            log::warn!(
                "{}: rolled back: policy generation {} in force",
                self.iface(),
                self.description.generation
            );
        }
        Ok(())
    }

    /// Detaches, or leaves the program enforcing what it enforces for good.
    fn leave(&mut self, args: &RunArgs) -> Result<()> {
        let policy = self.confirmed.as_ref();
        let on_exit = policy.map(|policy| policy.config.on_exit);
        let on_exit = on_exit.map(|own| args.on_exit.map_or(own, Into::into));
        if on_exit == Some(OnExit::Keep) {
            self.go_back(args)?;
            log::info!(
                "{}: left enforcing (on_exit = \"keep\"); `throttler detach` takes it off",
                self.iface()
            );
            return Ok(());
        }
        self.detach()
    }

    fn detach(&self) -> Result<()> {
        if self.pins.exist() {
            self.pins.remove()?;
        }
        log::info!("{}: detached", self.iface());
        Ok(())
    }
}

impl Desired<'_> {
    /// Begins the trial of what has come into force, if there is to be one; it is in force for good otherwise.
    pub(super) fn try_out(&mut self) {
        let Some(time) = self.args.confirm else {
            for one in &mut self.attached {
                one.confirm(&self.common.state_dir);
            }
            return;
        };
        let seconds = time.as_secs_f64();
        log::warn!("on trial for {seconds} s, until `throttler confirm` comes");
        for one in &self.attached {
            log::warn!(
                "{}: without it {}",
                one.iface(),
                match &one.confirmed {
                    Some(_) => {
                        let path = record::path(&self.common.state_dir, one.iface());
                        format!("the policy before is put back ({})", path.display())
                    }
                    None =>
                        "the program is taken off: no policy was in force there for good".to_owned(),
                }
            );
        }
        self.trial = Some(Trial {
            until: Instant::now() + time,
        });
    }

    /// Keeps what is in force.
    ///
    /// # Errors
    /// Nothing is on trial.
    pub(super) fn confirm(&mut self) -> Result<Vec<InForce>> {
        if self.trial.take().is_none() {
            let message = match self.args.confirm {
                Some(_) => "nothing awaits a confirmation: it was confirmed, or put back already",
                None => "nothing awaits a confirmation: the daemon runs without --confirm",
            };
            return Err(Failure::new(Status::NotFound, message).into());
        }
        log::info!("confirmed: what is in force stays");
        for one in &mut self.attached {
            one.confirm(&self.common.state_dir);
        }
        let in_force = self.attached.iter().map(|one| InForce::on(one, None));
        Ok(in_force.collect())
    }

    /// Puts back what was in force before the trial, wherever anything was.
    pub(super) fn roll_back(&mut self) -> Outcome {
        self.trial = None;
        if self.attached.iter().all(|one| one.confirmed.is_none()) {
            return Outcome::Detach;
        }
        log::warn!("not confirmed in time: putting back what was in force before");
        self.policy = None;
        let mut failed = false;
        let mut gone = Vec::new();
        for one in &mut self.attached {
            let back = match &one.confirmed {
                Some(_) => one.go_back(self.args),
                None => one.detach().map(|()| gone.push(one.iface().to_owned())),
            };
            if let Err(error) = back {
                log::error!("{}: rolling back: {error:#}; trying again", one.iface());
                failed = true;
            }
        }
        self.attached
            .retain(|one| one.confirmed.is_some() || !gone.contains(&one.pins.iface));
        for one in self
            .vitals
            .iter()
            .filter(|one| gone.contains(&one.iface().to_owned()))
        {
            one.note(Some(
                "taken off, for the start was not confirmed and nothing was in force before: `throttler reload` tries \
                 the policy file again"
                    .to_owned(),
            ));
        }
        // Of one policy everywhere, newcomers get it, too.
        let mut policies = self.attached.iter().map(|one| &one.policy);
        if let Some(first) = policies.next()
            && policies.all(|other| Rc::ptr_eq(first, other))
        {
            self.policy = Some(Rc::clone(first));
        }
        self.tell_as_before();
        if failed {
            self.trial = Some(Trial {
                until: Instant::now() + AGAIN,
            });
        }
        Outcome::Goes(gone)
    }

    /// Whoever was told before is told again, of what is in force on the first interface.
    fn tell_as_before(&self) {
        let Some(one) = self.attached.first() else {
            return;
        };
        let set = outbox::prepare(&one.policy.config.notify);
        if let Err(error) = set.and_then(|targets| self.outbox.set(targets)) {
            log::error!(
                "rolling back: {error:#}: [[notify]] stays as in the policy that was on trial"
            );
        }
    }

    /// Leaves every interface as it is to be without a daemon.
    ///
    /// # Errors
    /// The first interface's; the others are left all the same.
    pub(super) fn leave(&mut self) -> Result<()> {
        if self.trial.take().is_some() {
            log::warn!("ending before `throttler confirm`: what is on trial does not stay");
        }
        let mut result = Ok(());
        for one in &mut self.attached {
            let left = one.leave(self.args);
            if let Err(error) = &left {
                log::error!("{}: {error:#}", one.iface());
            }
            result = result.and(left);
        }
        result
    }
}
