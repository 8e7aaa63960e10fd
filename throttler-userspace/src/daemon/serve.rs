//! Signals and events, until SIGTERM or SIGINT.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use super::abuse::{self, Names};
use super::attachment::{self, Attached};
use super::events::{self, Ring};
use super::{RunArgs, metrics, policy};
use crate::cli::Common;
use crate::config::{Config, OnExit};
use crate::kernel::pins::Pins;

pub(super) async fn serve(
    args: &RunArgs,
    config: Config,
    attached: Vec<Attached>,
    listener: Option<TcpListener>,
    common: &Common,
) -> Result<()> {
    let local = LocalSet::new();
    local
        .run_until(serve_local(args, config, attached, listener, common))
        .await
}

async fn serve_local(
    args: &RunArgs,
    mut config: Config,
    mut attached: Vec<Attached>,
    listener: Option<TcpListener>,
    common: &Common,
) -> Result<()> {
    let mut signals = Signals::listen()?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut names = Vec::new();
    for one in &mut attached {
        if let Some(trace) = one.trace.take() {
            tasks.spawn_local(events::trace(trace, stopped.clone()));
        }
        let known = Rc::new(RefCell::new(Names::default()));
        known.borrow_mut().push(one.description.clone());
        names.push(Rc::clone(&known));
        let ring = Ring::open(&one.pins)?;
        tasks.spawn_local(read(one.pins.clone(), ring, known, stopped.clone()));
    }
    let reloaded = Rc::new(Cell::new(true));
    if let Some(listener) = listener {
        let source = metrics::Source {
            bpffs: common.bpffs.clone(),
            ifaces: args.iface.clone(),
            reloaded: Rc::clone(&reloaded),
        };
        tasks.spawn_local(metrics::serve(listener, source, stopped.clone()));
    }
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Reload => {
                    reloaded.set(true);
                    for (one, names) in attached.iter_mut().zip(&names) {
                        let applied = reload(args, one, &mut config, common);
                        reloaded.set(reloaded.get() && applied);
                        names.borrow_mut().push(one.description.clone());
                    }
                }
                Told::End(name) => {
                    log::info!("{name}: ending");
                    break;
                }
            },
            Some(ended) = tasks.join_next() => {
                // A task ends only when told to; anything else is a fault that must not go unseen.
                let reason = ended.context("a task panicked")?;
                bail!("a task ended by itself: {reason:?}; enforcement goes on without a daemon");
            }
        }
    }
    // The readers drain their rings, so that no line is lost that was earned before the end.
    let _ = stop.send(true);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task panicked")??;
    }
    leave(&attached, args.on_exit.map_or(config.on_exit, OnExit::from))
}

async fn read(
    pins: Pins,
    mut ring: Ring,
    names: Rc<RefCell<Names>>,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let log = |event: &_| abuse::log(&names.borrow(), &pins.iface, event);
    loop {
        tokio::select! {
            read = ring.next(log) => read?,
            _ = stopped.changed() => {
                ring.drain(log);
                return Ok(());
            }
        }
    }
}

/// Publishes the policy file anew; a bad one changes nothing. Whether it was published.
fn reload(args: &RunArgs, one: &mut Attached, config: &mut Config, common: &Common) -> bool {
    let iface = &one.pins.iface;
    let generation = one.description.generation;
    let published = policy::load(args, common.color.on_stderr()).and_then(|fresh| {
        if fresh.max_sources != config.max_sources {
            log::warn!(
                "{iface}: max_sources {} takes effect at the next start; until then it is {}",
                fresh.max_sources,
                config.max_sources
            );
        }
        let description = attachment::publish(&one.tables, args, &fresh)?;
        Ok((fresh, description))
    });
    match published {
        Ok((fresh, description)) => {
            let max_sources = config.max_sources;
            *config = Config {
                max_sources,
                ..fresh
            };
            log::info!(
                "{iface}: policy generation {} in force",
                description.generation
            );
            one.description = description;
            true
        }
        Err(error) => {
            log::error!(
                "{iface}: keeping the old policy (generation {generation}), which stays in force: {error:#}"
            );
            false
        }
    }
}

/// Detaches, or leaves the program enforcing.
fn leave(attached: &[Attached], on_exit: OnExit) -> Result<()> {
    for one in attached {
        match on_exit {
            OnExit::Keep => log::info!(
                "{}: left enforcing (on_exit = \"keep\"); `throttler detach` takes it off",
                one.pins.iface
            ),
            OnExit::Detach => {
                if one.pins.exist() {
                    one.pins.remove()?;
                }
                log::info!("{}: detached", one.pins.iface);
            }
        }
    }
    Ok(())
}

enum Told {
    Reload,
    End(&'static str),
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup()).context("listening for SIGHUP")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::End("SIGTERM"),
            _ = self.interrupt.recv() => Told::End("SIGINT"),
        }
    }
}
