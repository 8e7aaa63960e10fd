//! Upgrades from one build to another and back, under a flood: the program is replaced in place.

use std::time::Instant;

use crate::{
    build::{self, Second},
    flood, policy,
    setting::setting,
    site::{self, Site, binary},
};

#[test]
fn upgrades_replace_the_program_in_place() {
    let upgrades = setting("THROTTLER_UPGRADES", 3);
    let second = Second::make(binary());
    let builds = [binary(), &second.path()];
    let mut site = Site::start("upgrades", false);
    let first = site.program();
    let mut tags = vec![build::tag(first)];
    let link = build::link(&site.pins());
    let begin = Instant::now();
    let Site {
        daemon,
        volley,
        judge,
        lab,
        ..
    } = &mut site;
    flood::during(volley, || {
        for upgrade in 1..=upgrades {
            daemon.set_command(builds[upgrade as usize % 2], &[]);
            daemon
                .rewrite_policy(&policy::text(upgrade, false))
                .expect("a policy");
            // The older one goes as in a crash: with SIGTERM it would detach.
            daemon.kill().expect("an end");
            judge.sample(daemon);
            daemon.restart().expect("a daemon");
            judge.sample(daemon);
            tags.push(build::tag(site::program(lab)));
        }
    });
    site.finish();
    site.assert_in_force(upgrades);
    for pair in tags.windows(2) {
        assert_ne!(pair[0], pair[1], "the same build again: {tags:?}");
    }
    assert_ne!(site.program(), first);
    assert_eq!(build::link(&site.pins()), link, "another link");
    println!(
        "survival: {upgrades} upgrades between the programs {} and {} in {:.1} s: {}",
        tags[0],
        tags[1],
        begin.elapsed().as_secs_f64(),
        site.judge.summary()
    );
}
