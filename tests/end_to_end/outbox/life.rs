//! Deliveries over reloads, trials and the end of the daemon; and `throttler notify test`.

use super::{
    GOOD, SOON, fail,
    receiver::{Act, Receiver},
    site, tell, webhook,
};
use crate::{
    http::ask,
    site::{FIVE_A_DAY, Site},
};

#[test]
fn a_reload_mends_and_ends_deliveries() {
    let mut site = site("mended");
    let (bad, good) = (
        Receiver::start(&site, Act::Hang),
        Receiver::start(&site, GOOD),
    );
    tell(&mut site, &webhook(&bad, "timeout = \"1s\""));
    fail(&mut site, "first");
    let id = bad.next().id().to_owned();
    tell(&mut site, &webhook(&good, ""));
    // What waited goes to where it is to go now.
    let request = good.next();
    assert_eq!(request.id(), id);
    tell(&mut site, "");
    site.daemon
        .wait_stderr(
            0,
            "notify `ops` is no longer in the policy: 0 alerts",
            crate::site::LONG,
        )
        .expect("a word");
    fail(&mut site, "second");
    let text = ask(&site, "GET /metrics", "").body;
    assert!(!text.contains("notify=\"ops\""), "{text}");
    assert!(good.rest().is_empty());
}

#[test]
fn the_end_delivers_what_waits() {
    let mut site = site("last");
    let receiver = Receiver::start(&site, GOOD);
    let notify = webhook(&receiver, "").replace("most = 1", "most = 9, within = \"1h\"");
    tell(&mut site, &notify);
    for word in ["first", "second"] {
        fail(&mut site, word);
    }
    assert!(receiver.rest().is_empty(), "a batch waits");
    assert!(site.daemon.stop().expect("an end").success());
    assert_eq!(
        receiver.next().json()["alerts"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn a_test_says_what_came_of_it() {
    let mut site = site("tried");
    let none = site.daemon.cli(&["notify", "test"]).expect("an end");
    assert_eq!(none.code(), Some(4), "{none:?}");
    assert!(none.stderr.contains("no [[notify]]"), "{none:?}");
    let receiver = Receiver::start(&site, GOOD);
    let notify = webhook(&receiver, "") + "[[notify]]\nexec = [\"/bin/false\"]\n";
    tell(&mut site, &notify);
    let said = site.cli_ok(&["notify", "test", "ops"]);
    let place = format!("ops: http://{}: delivered in ", receiver.address);
    assert!(said.starts_with(&place), "{said}");
    let body = receiver.next().json();
    assert_eq!(
        (&body["test"], &body["alerts"]),
        (&true.into(), &serde_json::json!([]))
    );
    let both = site.daemon.cli(&["notify", "test"]).expect("an end");
    assert_eq!(both.code(), Some(1), "{both:?}");
    assert!(
        both.stdout
            .contains("notify-2: /bin/false: NOT delivered: it ended with exit status: 1"),
        "{both:?}"
    );
    assert!(receiver.next().was_good());
    let unknown = site
        .daemon
        .cli(&["notify", "test", "opps"])
        .expect("an end");
    assert_eq!(unknown.code(), Some(4), "{unknown:?}");
    assert!(
        unknown.stderr.contains("there is ops, notify-2"),
        "{unknown:?}"
    );
}

#[test]
fn who_was_told_before_a_trial_is_told_after_it() {
    let mut site = Site::start(
        "told-back",
        FIVE_A_DAY,
        &[SOON[0], SOON[1], "--confirm", "5s"],
    );
    site.cli_ok(&["confirm"]);
    let (before, on_trial) = (Receiver::start(&site, GOOD), Receiver::start(&site, GOOD));
    tell(&mut site, &webhook(&before, ""));
    site.cli_ok(&["confirm"]);
    tell(&mut site, &webhook(&on_trial, ""));
    fail(&mut site, "first");
    assert!(on_trial.next().was_good());
    site.daemon
        .wait_stderr(0, "rolled back", crate::site::LONG)
        .expect("a word");
    fail(&mut site, "second");
    let request = before.next();
    assert!(
        request.json()["alerts"][0]["text"]
            .to_string()
            .contains("`second`"),
        "{request:?}"
    );
    assert!(on_trial.rest().is_empty());
}
