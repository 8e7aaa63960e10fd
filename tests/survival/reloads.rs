//! Reloads that change rates, under a flood.

use std::time::Instant;

use throttler_lab::Reload;

use crate::{flood, policy, setting::setting, site::Site};

#[test]
fn reloads_refill_no_bucket() {
    let reloads = setting("THROTTLER_RELOADS", 10);
    let mut site = Site::start("reloads", false);
    let program = site.program();
    let begin = Instant::now();
    let Site {
        daemon,
        volley,
        judge,
        ..
    } = &mut site;
    flood::during(volley, || {
        for reload in 1..=reloads {
            daemon
                .rewrite_policy(&policy::text(reload, false))
                .expect("a policy");
            let done = daemon.reload().expect("a word");
            assert!(matches!(done, Reload::Applied(_)), "{done:?}");
            let counters = judge.sample(daemon);
            assert_eq!(counters.generation, reload + 1);
        }
    });
    site.finish();
    site.assert_in_force(reloads);
    assert_eq!(site.program(), program, "a reload loads no program");
    println!(
        "survival: {reloads} reloads in {:.1} s: {}",
        begin.elapsed().as_secs_f64(),
        site.judge.summary()
    );
}
