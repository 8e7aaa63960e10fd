//! Killed at any moment, a daemon leaves enforcement as it was, and the next one goes on from there.

use std::{collections::BTreeMap, time::Instant};

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
