//! Serves signals and events until SIGTERM or SIGINT.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::RunArgs;
use super::attachment::Attached;
use super::confirm::Outcome;
use super::control::{self, Access, Control, Listeners, Order, Socket, Sources, Telling};
use super::desired::Desired;
use super::events::{self, Ring};
use super::heal::SLICES;
use super::historian::Historian;
use super::lookout::{Lookout, News};
use super::notify::Manager;
use super::outbox::Outbox;
use super::policy::Policy;
use super::signals::{Signals, Told};
use super::tell::{Hearers, Teller};
use super::vitals::{self, Pulse};
use super::watch::{Interfaces, Watch};
use crate::cli::Common;
use crate::kernel::{monotonic, sys};
use crate::report::Kept;

/// From a publish until the memory that it took is given back: whoever asked for it has the answer by then.
const TIDY: Duration = Duration::from_millis(500);

/// What the daemon hears of.
pub(super) struct Listening {
    pub(super) signals: Signals,
    pub(super) watch: Watch,
    pub(super) interfaces: Interfaces,
    pub(super) tcp: Option<TcpListener>,
    pub(super) access: Arc<Access>,
    pub(super) control: Option<Socket>,
    pub(super) outbox: Outbox,
}

pub(super) async fn serve(
    args: &RunArgs,
    policy: Rc<Policy>,
    attached: Vec<Attached>,
    listening: Listening,
    common: &Common,
) -> Result<()> {
    let local = LocalSet::new();
    local
        .run_until(serve_local(args, policy, attached, listening, common))
        .await
}

async fn serve_local(
    args: &RunArgs,
    policy: Rc<Policy>,
    attached: Vec<Attached>,
    listening: Listening,
    common: &Common,
) -> Result<()> {
    let Listening {
        mut signals,
        mut watch,
        mut interfaces,
        tcp,
        access,
        control: socket,
        outbox,
    } = listening;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let telling = Telling::default();
    let vitals = vitals::of(&args.iface, &attached);
    let reloaded = Arc::new(AtomicBool::new(true));
    let period = Duration::from_millis(args.check_every_ms);
    let pulse = Pulse::new(period);
    // What outlives the daemon's tasks ends behind them.
    let told = outbox.clone();
    let sink = Box::new(move |alert| told.tell(alert));
    let (lookout, looking) = Lookout::start(common, args, &telling, sink)?;
    let (historian, collecting) = Historian::start(&common.state_dir, &args.iface)
        .context("starting the history's threads")?;
    let hearers = Hearers {
        telling: telling.clone(),
        lookout: lookout.clone(),
        historian: historian.clone(),
    };
    let (orders, mut ordered) = mpsc::channel(1);
    let control = Control {
        bpffs: common.bpffs.clone(),
        state_dir: common.state_dir.clone(),
        ifaces: args.iface.clone().into(),
        reloaded: Arc::clone(&reloaded),
        orders,
        vitals: Arc::clone(&vitals),
        sources: Sources::new(Kept::new(&common.bpffs, args.iface.clone().into())),
        pulse: pulse.clone(),
        telling: telling.clone(),
        lookout: lookout.clone(),
        outbox: outbox.clone(),
        historian: historian.clone(),
        stopped: stopped.clone(),
    };
    let listeners = Listeners {
        socket,
        tcp: tcp.map(|listener| (listener, Arc::clone(&access))),
    };
    tasks.spawn_local(control::start(listeners, control, stopped.clone())?);
    let mut desired = Desired {
        args,
        common,
        policy: Some(policy),
        attached,
        reloaded,
        access,
        outbox,
        trial: None,
        vitals,
    };
    for one in &mut desired.attached {
        follow(args, &mut tasks, one, &hearers, &stopped)?;
    }
    if let Some(one) = desired.attached.first() {
        lookout.know(&one.book);
    }
    desired.try_out();
    sys::give_memory_back();
    desired.attached.iter_mut().for_each(Attached::announce);
    let mut confirmed = true;
    // The first was at each attachment.
    let mut checks = tokio::time::interval_at(Instant::now() + period, period);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut walks = tokio::time::interval((period / SLICES).max(Duration::from_millis(1)));
    walks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut published = desired.generations();
    let mut tidy = None;
    let mut manager = Manager::of_environment(period);
    manager.ready(&desired);
    let mut checked = Instant::now();
    loop {
        pulse.beat();
        if published != desired.generations() {
            published = desired.generations();
            tidy = Some((Instant::now() + TIDY).into());
            historian.set(&desired.attached);
        }
        tokio::select! {
            () = manager.ping() => manager.alive(checked),
            () = super::until(tidy) => {
                sys::give_memory_back();
                tidy = None;
            }
            _ = checks.tick() => {
                desired.check();
                for one in &mut desired.attached {
                    let history = historian.state(one.iface());
                    one.keeper.history(history.and_then(|history| history.fault()));
                }
                checked = Instant::now();
                manager.status(&desired);
            }
            _ = walks.tick(), if desired.is_walking() => desired.walk(),
            () = super::until(desired.trial.as_ref().map(|trial| trial.until)) => match desired.roll_back() {
                Outcome::Goes(gone) => interfaces.forget(&gone),
                Outcome::Detach => {
                    confirmed = false;
                    break;
                }
            },
            Some(order) = ordered.recv() => match order {
                // Whoever asked may have gone.
                Order::Reload(reply) => {
                    log::info!("reloading, as asked over the control socket");
                    manager.reloading();
                    let _ = reply.send(desired.reload());
                    come(&mut interfaces, &mut desired, &mut tasks, &hearers, &stopped)?;
                    manager.ready(&desired);
                }
                Order::Confirm(reply) => {
                    let _ = reply.send(desired.confirm());
                }
                Order::Change(changes, reply) => {
                    let before = desired.attached.first().map(|one| Rc::clone(&one.book));
                    let changed = desired.change(&changes);
                    if let (Some(before), true) = (before, changed.is_ok()) {
                        lookout.ordered(News::of(&before, &changes, monotonic::now().wall));
                    }
                    let _ = reply.send(changed);
                }
            },
            told = signals.next() => match told {
                Told::Reload => {
                    manager.reloading();
                    // It has said in the log what failed.
                    let _ = desired.reload();
                    come(&mut interfaces, &mut desired, &mut tasks, &hearers, &stopped)?;
                    manager.ready(&desired);
                }
                Told::End(name) => {
                    log::info!("{name}: ending");
                    break;
                }
            },
            changed = watch.changed() => {
                changed?;
                come(&mut interfaces, &mut desired, &mut tasks, &hearers, &stopped)?;
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
    // Whoever asked for something too late is told so.
    drop(ordered);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a task panicked")??;
    }
    // The maps are still there.
    lookout.end(looking);
    let left = desired.leave();
    // What was refused until the very end is in the table still, also where it was taken off.
    historian.end(collecting);
    desired.outbox.end().await;
    left?;
    if !confirmed {
        bail!("the start was not confirmed in time (`throttler confirm`): detached");
    }
    Ok(())
}

/// Attaches to interfaces that have come.
fn come(
    interfaces: &mut Interfaces,
    desired: &mut Desired<'_>,
    tasks: &mut JoinSet<Result<()>>,
    hearers: &Hearers,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    for place in interfaces.look(desired) {
        follow(
            desired.args,
            tasks,
            &mut desired.attached[place],
            hearers,
            stopped,
        )?;
    }
    Ok(())
}

/// Reads what the program on an interface has to tell, as long as the daemon runs.
fn follow(
    args: &RunArgs,
    tasks: &mut JoinSet<Result<()>>,
    one: &mut Attached,
    hearers: &Hearers,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    if let Some(trace) = one.trace.take() {
        tasks.spawn_local(events::trace(trace, stopped.clone()));
    }
    if !one.is_read {
        let ring = Ring::open(&one.pins)?;
        let most = args.log_events_per_second;
        // In front of the first event.
        hearers
            .lookout
            .follow(one.iface(), &one.names, !one.adopted);
        let teller = Teller::new(one, hearers, most);
        tasks.spawn_local(teller.read(ring, stopped.clone()));
        one.is_read = true;
    }
    hearers.historian.follow(one);
    Ok(())
}
