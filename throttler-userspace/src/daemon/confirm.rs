//! `run --confirm TIME`: what comes into force is on trial. Unless `throttler confirm` comes in time, the policy that was
//! in force before is published again; where there was none, at the start, the program is taken off and the daemon ends.
//!
//! The daemon keeps the time: if it is killed meanwhile, what is on trial stays in force.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::attachment;
use super::desired::{Desired, InForce};
use crate::cli::failure::{Failure, Status};
use crate::config::Config;

/// Until the next attempt to put the earlier policy back, where one failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What awaits a confirmation.
pub(super) struct Trial {
    until: Instant,
    /// In force before, and confirmed; `None`: this daemon has just started.
    before: Option<Config>,
}

/// What becomes of a trial that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The earlier policy is in force, or will be tried again.
    Goes,
    /// There is no earlier policy.
    Detach,
}

impl Trial {
    /// Whether nobody has confirmed in time.
    pub(super) fn is_over(&self) -> bool {
        self.before.is_none() && Instant::now() >= self.until
    }
}

/// Waits for the end of a trial; for ever, if there is none.
pub(super) async fn until(trial: Option<&Trial>) {
    match trial {
        Some(trial) => tokio::time::sleep_until(trial.until.into()).await,
        None => std::future::pending().await,
    }
}

impl Desired<'_> {
    /// Begins the trial of the start, if there is to be one.
    pub(super) fn try_start(&mut self) {
        self.try_for(None);
    }

    /// Begins the trial of a policy that has come into force in the place of `before`. If that was on trial itself, what
    /// was before it counts.
    pub(super) fn try_out(&mut self, before: Config) {
        let before = match self.trial.take() {
            Some(trial) => trial.before,
            None => Some(before),
        };
        self.try_for(before);
    }

    fn try_for(&mut self, before: Option<Config>) {
        let Some(time) = self.args.confirm else {
            return;
        };
        log::warn!(
            "on trial for {} s: without `throttler confirm` until then, {}",
            time.as_secs_f64(),
            match before {
                Some(_) => "the policy before is put back",
                None => "the program is taken off and the daemon ends",
            }
        );
        self.trial = Some(Trial {
            until: Instant::now() + time,
            before,
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
        let in_force = self.attached.iter().map(|one| InForce::on(one, None));
        Ok(in_force.collect())
    }

    /// Puts back what was in force before the trial.
    pub(super) fn roll_back(&mut self) -> Outcome {
        let Some(Trial { until, before }) = self.trial.take() else {
            return Outcome::Goes;
        };
        let Some(before) = before else {
            self.trial = Some(Trial {
                until,
                before: None,
            });
            return Outcome::Detach;
        };
        log::warn!("not confirmed in time: putting the policy before back");
        self.config = before;
        let mut failed = false;
        for (one, names) in self.attached.iter_mut().zip(&self.names) {
            match attachment::publish(&one.tables, self.args, &mut self.config, &one.book) {
                Ok(published) => {
                    one.take(published);
                    log::warn!(
                        "{}: rolled back: policy generation {} in force",
                        one.pins.iface,
                        one.description.generation
                    );
                }
                Err(error) => {
                    log::error!("{}: rolling back: {error:#}; trying again", one.pins.iface);
                    failed = true;
                }
            }
            names.borrow_mut().push(one.description.clone());
        }
        if failed {
            self.trial = Some(Trial {
                until: Instant::now() + AGAIN,
                before: Some(self.config.clone()),
            });
        }
        Outcome::Goes
    }
}
