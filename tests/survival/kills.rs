//! Killed at any moment, a daemon leaves enforcement as it was, and the next one goes on from there.

use std::{collections::BTreeMap, process::Stdio, time::Instant};

use crate::{
    flood,
    moment::{self, Moment, Pace, READY, Victim},
    policy,
    rng::Rng,
    setting::setting,
    site::Site,
};

#[test]
fn killed_at_any_moment_it_leaves_every_bucket_and_counter() {
    kills("kills", false);
}

#[test]
fn killed_at_any_moment_it_leaves_every_ban() {
    kills("killbans", true);
}

#[test]
fn killed_at_its_system_calls_it_leaves_every_bucket_and_counter() {
    calls("calls", |_| policy::MAX_SOURCES);
}

#[test]
fn killed_while_it_makes_another_source_table_it_leaves_every_bucket() {
    calls("resized", |turn| policy::MAX_SOURCES << (turn % 3));
}

/// Kills daemons before as many calls of their starts as are asked for, as evenly spread as can be.
fn calls(tag: &str, max_sources: impl Fn(u64) -> u64) {
    let most = setting("THROTTLER_CALLS", 10);
    let mut site = Site::start(tag, false);
    site.daemon.kill().expect("an end");
    let Site {
        daemon,
        volley,
        judge,
        ..
    } = &mut site;
    let (kills, calls) = flood::during(volley, || {
        let mut turn = 0;
        let mut kill_before = |nth| {
            turn += 1;
            let policy = policy::sized(turn, false, max_sources(turn));
            daemon.rewrite_policy(&policy).expect("a policy");
            let mut command = moment::run(daemon);
            command.stderr(Stdio::null());
            let calls = throttler_lab::kill_before(&mut command, nth).expect("a traced daemon");
            judge.sample(daemon);
            calls
        };
        let calls = kill_before(u64::MAX);
        assert!(calls > 0, "no call was seen");
        let mut reached = 0;
        // All of them, if so many are asked for.
        let kills = most.min(calls);
        for kill in 0..kills {
            let nth = 1 + calls * kill / kills;
            // What the one before left undone, this one may have to do as well, or need not.
            reached = reached.max(kill_before(nth));
        }
        assert!(reached > calls / 2, "{reached} of {calls}");
        (kills, calls)
    });
    site.settle();
    let policy = policy::text(0, false);
    site.daemon.rewrite_policy(&policy).expect("a policy");
    site.daemon.restart().expect("a daemon");
    site.finish();
    site.assert_in_force(0);
    println!(
        "survival: {tag}: {kills} kills before system calls of {calls}: {}",
        site.judge.summary()
    );
}

/// Kills daemons under a flood. Each is started over what the one before has left, with another policy.
fn kills(tag: &str, bans: bool) {
    let kills = setting("THROTTLER_KILLS", 10);
    let seed = setting("THROTTLER_SEED", 1);
    let mut rng = Rng::new(seed + u64::from(bans));
    let mut site = Site::start(tag, bans);
    site.daemon.kill().expect("an end");
    let Site {
        daemon,
        volley,
        judge,
        ..
    } = &mut site;
    let (pace, reached) = flood::during(volley, || {
        let pace = pace(daemon);
        let mut reached: BTreeMap<_, u64> = BTreeMap::new();
        for kill in 1..=kills {
            daemon
                .rewrite_policy(&policy::text(kill, bans))
                .expect("a policy");
            let moment = Moment::draw(&mut rng, pace);
            let last = moment::kill_at(daemon, moment);
            *reached.entry(last.unwrap_or("nothing")).or_default() += 1;
            judge.sample(daemon);
        }
        (pace, reached)
    });
    site.settle();
    // The last one is not killed: it takes over whatever the others have left.
    site.daemon.restart().expect("a daemon");
    site.finish();
    site.assert_in_force(kills);
    println!(
        "survival: {kills} kills (seed {seed}, bans {bans}), the daemon having said last {reached:?}; a start takes \
         {:?}, a reload {:?}: {}",
        pace.start,
        pace.reload,
        site.judge.summary()
    );
}

/// How long a start and a reload take under the flood.
fn pace(daemon: &throttler_lab::Daemon) -> Pace {
    let mut victim = Victim::start(daemon);
    let start = victim.wait(READY);
    let begin = Instant::now();
    let output = daemon.cli(&["reload"]).expect("an end");
    assert_eq!(output.code(), Some(0), "{output:?}");
    let reload = begin.elapsed();
    victim.kill();
    Pace { start, reload }
}
