//! Serves signals and events until SIGTERM or SIGINT.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};

use super::abuse::{self, Names};
use super::attachment::{self, Attached};
use super::control::{self, Control, Order, Reloaded, Socket};
use super::events::{self, Ring};
use super::signals::{Signals, Told};
use super::{RunArgs, metrics, policy};
use crate::cli::Common;
use crate::config::OnExit;
use crate::kernel::geometry;
use crate::kernel::pins::Pins;

pub(super) async fn serve(
    args: &RunArgs,
    on_exit: OnExit,
    attached: Vec<Attached>,
    signals: Signals,
    listener: Option<TcpListener>,
    socket: Option<Socket>,
    common: &Common,
) -> Result<()> {
    let local = LocalSet::new();
    local
        .run_until(serve_local(
            args, on_exit, attached, signals, listener, socket, common,
        ))
        .await
}

async fn serve_local(
    args: &RunArgs,
    mut on_exit: OnExit,
    mut attached: Vec<Attached>,
    mut signals: Signals,
    listener: Option<TcpListener>,
    socket: Option<Socket>,
    common: &Common,
) -> Result<()> {
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
    let reloaded = Arc::new(AtomicBool::new(true));
    if let Some(listener) = listener {
        let source = metrics::Source {
            bpffs: common.bpffs.clone(),
            ifaces: args.iface.clone(),
            reloaded: Arc::clone(&reloaded),
        };
        tasks.spawn_local(metrics::serve(listener, source, stopped.clone()));
    }
    let (orders, mut ordered) = mpsc::channel(1);
    if let Some(socket) = socket {
        let control = Control {
            bpffs: common.bpffs.clone(),
            state_dir: common.state_dir.clone(),
            ifaces: args.iface.clone().into(),
            reloaded: Arc::clone(&reloaded),
            orders: orders.clone(),
        };
        tasks.spawn_local(control::serve(socket, control, stopped.clone()));
    }
    let mut reload_all = || {
        let mut failure = None;
        for (one, names) in attached.iter_mut().zip(&names) {
            match reload(args, one, common) {
                Ok(fresh) => on_exit = fresh,
                Err(error) => failure = Some(error),
            }
            names.borrow_mut().push(one.description.clone());
        }
        reloaded.store(failure.is_none(), Ordering::Relaxed);
        match failure {
            Some(error) => Err(error),
            None => Ok(attached.iter().map(Reloaded::of).collect()),
        }
    };
    loop {
        tokio::select! {
            Some(order) = ordered.recv() => match order {
                Order::Reload(reply) => {
                    log::info!("reloading, as asked over the control socket");
                    // Whoever asked may have gone.
                    let _ = reply.send(reload_all());
                }
            },
            told = signals.next() => match told {
                Told::Reload => {
                    // It has said in the log what failed.
                    let _ = reload_all();
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
    leave(&attached, on_exit)
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

/// Publishes the policy file anew, and answers what it says of the end; a bad one changes nothing.
fn reload(args: &RunArgs, one: &mut Attached, common: &Common) -> Result<OnExit> {
    let iface = &one.pins.iface;
    let generation = one.description.generation;
    let room = one.tables.sources.capacity();
    let published = policy::load(args, common.color.on_stderr()).and_then(|config| {
        if geometry::capacity(&geometry::layout(config.max_sources, [0; 7])) != room {
            log::warn!(
                "{iface}: max_sources {} takes effect at the next start; until then it is {room}",
                config.max_sources
            );
        }
        let description = attachment::publish(&one.tables, args, &config)?;
        Ok((config.on_exit, description))
    });
    match published {
        Ok((on_exit, description)) => {
            log::info!(
                "{iface}: policy generation {} in force",
                description.generation
            );
            one.description = description;
            Ok(on_exit)
        }
        Err(error) => {
            log::error!(
                "{iface}: keeping the old policy (generation {generation}), which stays in force: {error:#}"
            );
            Err(error)
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
