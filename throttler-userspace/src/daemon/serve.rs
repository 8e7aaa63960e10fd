//! Serves signals and events until SIGTERM or SIGINT.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::abuse::{self, Names};
use super::attachment::Attached;
use super::confirm::{self, Outcome};
use super::control::{self, Control, Order, Recent, Socket};
use super::desired::Desired;
use super::events::{self, Ring};
use super::notify::Manager;
use super::signals::{Signals, Told};
use super::watch::{Interfaces, Watch};
use super::{RunArgs, metrics, vitals};
use crate::cli::Common;
use crate::config::{Config, OnExit};
use crate::kernel::pins::Pins;

/// Where lines of the abuse log go beside the log.
type Telling = (Recent, broadcast::Sender<Arc<str>>);

/// What the daemon hears of.
pub(super) struct Listening {
    pub(super) signals: Signals,
    pub(super) watch: Watch,
    pub(super) interfaces: Interfaces,
    pub(super) metrics: Option<TcpListener>,
    pub(super) control: Option<Socket>,
}

pub(super) async fn serve(
    args: &RunArgs,
    config: Config,
    attached: Vec<Attached>,
    listening: Listening,
    common: &Common,
) -> Result<()> {
    let local = LocalSet::new();
    local
        .run_until(serve_local(args, config, attached, listening, common))
        .await
}

async fn serve_local(
    args: &RunArgs,
    config: Config,
    mut attached: Vec<Attached>,
    listening: Listening,
    common: &Common,
) -> Result<()> {
    let Listening {
        mut signals,
        mut watch,
        mut interfaces,
        metrics: listener,
        control: socket,
    } = listening;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut names = Vec::new();
    let (told, _) = broadcast::channel(control::BACKLOG);
    let recent = Recent::default();
    let telling = (recent.clone(), told.clone());
    let vitals = vitals::of(&args.iface, &attached);
    for one in &mut attached {
        let known = Names::shared(&one.description);
        names.push(Rc::clone(&known));
        follow(&mut tasks, one, known, &telling, &stopped)?;
    }
    let reloaded = Arc::new(AtomicBool::new(true));
    if let Some(listener) = listener {
        let source = metrics::Source {
            bpffs: common.bpffs.clone(),
            ifaces: args.iface.clone(),
            reloaded: Arc::clone(&reloaded),
            vitals: Arc::clone(&vitals),
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
            vitals: Arc::clone(&vitals),
            recent,
            told,
            stopped: stopped.clone(),
        };
        tasks.spawn_local(control::serve(socket, control, stopped.clone()));
    }
    let mut desired = Desired {
        args,
        common,
        config,
        attached,
        names,
        reloaded,
        trial: None,
        vitals,
    };
    desired.try_start();
    // The first was at each attachment.
    let period = Duration::from_millis(args.check_every_ms);
    let mut checks = tokio::time::interval_at(Instant::now() + period, period);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut manager = Manager::of_environment(period);
    manager.ready(&desired);
    let mut checked = Instant::now();
    loop {
        tokio::select! {
            () = manager.ping() => manager.alive(checked),
            _ = checks.tick() => {
                desired.check();
                checked = Instant::now();
                manager.status(&desired);
            }
            () = confirm::until(desired.trial.as_ref()) => if desired.roll_back() == Outcome::Detach {
                break;
            },
            Some(order) = ordered.recv() => match order {
                // Whoever asked may have gone.
                Order::Reload(reply) => {
                    log::info!("reloading, as asked over the control socket");
                    manager.reloading();
                    let _ = reply.send(desired.reload());
                    manager.ready(&desired);
                }
                Order::Confirm(reply) => {
                    let _ = reply.send(desired.confirm());
                }
                Order::Change(changes, reply) => {
                    let _ = reply.send(desired.change(&changes));
                }
            },
            told = signals.next() => match told {
                Told::Reload => {
                    manager.reloading();
                    // It has said in the log what failed.
                    let _ = desired.reload();
                    manager.ready(&desired);
                }
                Told::End(name) => {
                    log::info!("{name}: ending");
                    break;
                }
            },
            changed = watch.changed() => {
                changed?;
                for place in interfaces.look(&mut desired) {
                    let known = Rc::clone(&desired.names[place]);
                    follow(&mut tasks, &mut desired.attached[place], known, &telling, &stopped)?;
                }
                manager.status(&desired);
            }
            Some(ended) = tasks.join_next() => {
                // A task ends only when told to; anything else is a fault that must not go unseen.
                let reason = ended.context("a task panicked")?;
                bail!("a task ended by itself: {reason:?}; enforcement goes on without a daemon");
            }
        }
    }
    manager.stopping();
    // The readers drain their rings, so that no line is lost that was earned before the end.
    let _ = stop.send(true);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task panicked")??;
    }
    if desired.trial.is_some_and(|trial| trial.is_over()) {
        leave(&desired.attached, OnExit::Detach)?;
        bail!("the start was not confirmed in time (`throttler confirm`): detached");
    }
    leave(&desired.attached, desired.config.on_exit)
}

/// Reads what the program on an interface has to tell, as long as the daemon runs.
fn follow(
    tasks: &mut JoinSet<Result<()>>,
    one: &mut Attached,
    names: Rc<RefCell<Names>>,
    telling: &Telling,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    if let Some(trace) = one.trace.take() {
        tasks.spawn_local(events::trace(trace, stopped.clone()));
    }
    if !one.is_read {
        let ring = Ring::open(&one.pins)?;
        let reading = read(
            one.pins.clone(),
            ring,
            names,
            telling.clone(),
            stopped.clone(),
        );
        tasks.spawn_local(reading);
        one.is_read = true;
    }
    Ok(())
}

async fn read(
    pins: Pins,
    mut ring: Ring,
    names: Rc<RefCell<Names>>,
    (recent, told): Telling,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let tell = |event: &_| {
        if let Some(line) = abuse::line(&names.borrow(), &pins.iface, event) {
            line.log();
            let line = line.json();
            recent.push(&line);
            if told.receiver_count() > 0 {
                // The last one may have gone just now.
                let _ = told.send(line.into());
            }
        }
    };
    loop {
        tokio::select! {
            read = ring.next(tell) => read?,
            _ = stopped.changed() => {
                ring.drain(tell);
                return Ok(());
            }
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
