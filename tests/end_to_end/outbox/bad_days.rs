//! Servers that fail, refuse, hang and come back.

use std::collections::BTreeSet;

use super::{
    GOOD, RELOADS, fail, is_open, metric,
    receiver::{Act, Receiver, wait},
    result, site, tell, webhook,
};
use crate::http::ask;

#[test]
fn all_arrive_once_and_in_order_after_all_that_may_go_wrong() {
    let mut site = site("recovers");
    let receiver = Receiver::start(&site, GOOD);
    tell(
        &mut site,
        &webhook(&receiver, "timeout = \"1s\"\nattempts = 1000"),
    );
    let troubles = [
        Act::Answer(500, ""),
        Act::Answer(429, "retry-after: 1\r\n"),
        Act::Close,
        Act::Half,
        Act::Hang,
        Act::Answer(503, ""),
    ];
    let mut told = Vec::new();
    for (number, act) in troubles.into_iter().enumerate() {
        receiver.set(act.clone());
        fail(&mut site, &format!("trouble{number}"));
        // It has failed at least once in this way; and the next alert waits behind it.
        let failed = receiver.until(|request| request.act == act);
        let id = failed.last().expect("a request").id().to_owned();
        fail(&mut site, &format!("behind{number}"));
        receiver.set(GOOD);
        let first = receiver.until(|request| request.was_good());
        assert!(
            first.iter().all(|request| request.id() == id),
            "another before it: {first:#?}"
        );
        told.extend(first.into_iter().filter(|one| one.was_good()));
        told.extend(receiver.until(|request| request.was_good()));
    }
    let texts: Vec<String> = told
        .iter()
        .map(|request| request.json()["alerts"][0]["text"].to_string())
        .collect();
    assert_eq!(texts.len(), 12);
    for (number, pair) in texts.chunks(2).enumerate() {
        assert!(pair[0].contains(&format!("`trouble{number}`")), "{texts:?}");
        assert!(pair[1].contains(&format!("`behind{number}`")), "{texts:?}");
    }
    let ids: BTreeSet<&str> = told.iter().map(|request| request.id()).collect();
    assert_eq!(ids.len(), 12, "an id twice");
    wait("all are counted", || result(&site, "delivered") == 12);
    assert_eq!((result(&site, "failed"), result(&site, "dropped")), (0, 0));
    assert!(receiver.rest().is_empty());
}

#[test]
fn what_is_refused_is_given_up_and_the_next_one_tells_of_it() {
    let mut site = site("refuses");
    let receiver = Receiver::start(&site, Act::Answer(401, ""));
    tell(&mut site, &webhook(&receiver, ""));
    fail(&mut site, "first");
    receiver.next();
    wait("it is given up", || result(&site, "failed") == 1);
    site.daemon
        .wait_stderr(0, "look at `secret` and `headers`", crate::site::LONG)
        .expect("a mend");
    // Nobody follows it with what is signed for another place.
    receiver.set(Act::Answer(302, "location: http://192.0.2.1/\r\n"));
    fail(&mut site, "second");
    receiver.next();
    wait("it is given up", || result(&site, "failed") == 2);
    site.daemon
        .wait_stderr(0, "redirects are not followed", crate::site::LONG)
        .expect("a mend");
    receiver.set(GOOD);
    fail(&mut site, "third");
    let body = receiver.next().json();
    assert_eq!(
        (&body["dropped"], body["alerts"].as_array().map(Vec::len)),
        (&2.into(), Some(1))
    );
    assert!(!is_open(&site));
}

#[test]
fn who_fails_always_is_given_up_and_who_is_away_is_not() {
    let mut site = site("attempts");
    let receiver = Receiver::start(&site, Act::Answer(500, ""));
    tell(&mut site, &webhook(&receiver, "attempts = 7"));
    fail(&mut site, "first");
    let ids: BTreeSet<String> = (0..7).map(|_| receiver.next().id().to_owned()).collect();
    assert_eq!(ids.len(), 1, "another id at another attempt");
    wait("it is given up", || result(&site, "failed") == 1);
    assert!(is_open(&site));
    receiver.set(Act::Answer(503, ""));
    fail(&mut site, "second");
    for _ in 0..9 {
        receiver.next();
    }
    assert_eq!(result(&site, "failed"), 1);
    receiver.set(GOOD);
    let told = receiver.until(|request| request.was_good());
    assert_eq!(told.last().expect("one").json()["dropped"], 1);
    wait("the circuit is closed", || !is_open(&site));
    site.daemon
        .wait_stderr(0, "5 times in a row", crate::site::LONG)
        .expect("that it opened");
    site.daemon
        .wait_stderr(0, "delivered again", crate::site::LONG)
        .expect("that it closed");
    let lines = site.daemon.stderr_lines();
    let opened = lines.iter().filter(|line| line.contains("times in a row"));
    assert_eq!(opened.count(), 1, "{lines:#?}");
}

#[test]
fn a_server_that_hangs_holds_up_nobody_else() {
    let mut site = site("hangs");
    let (hanging, good) = (
        Receiver::start(&site, Act::Hang),
        Receiver::start(&site, GOOD),
    );
    // One that nobody accepts a connection of, either.
    let deaf = site
        .lab
        .server()
        .run(|| std::net::TcpListener::bind("127.0.0.1:0"));
    let deaf = deaf.expect("a listener");
    let deaf = deaf.local_addr().expect("an address");
    let notify = format!(
        "{}[[notify]]\nname = \"deaf\"\nwebhook = \"http://{deaf}\"\n{RELOADS}\nbatch = {{ most = 1 }}\ntimeout = \"5min\"\n{}",
        webhook(&hanging, "timeout = \"5min\""),
        webhook(&good, "").replace("\"ops\"", "\"good\"")
    );
    tell(&mut site, &notify);
    fail(&mut site, "first");
    hanging.next();
    assert!(
        good.next().json()["alerts"][0]["text"]
            .to_string()
            .contains("first")
    );
    // It answers, reloads and delivers, all the while.
    assert_eq!(ask(&site, "GET /healthz", "").status, 200);
    tell(&mut site, &notify);
    fail(&mut site, "second");
    assert!(
        good.next().json()["alerts"][0]["text"]
            .to_string()
            .contains("second")
    );
    assert_eq!(metric(&site, "throttler_notify_queue{notify=\"ops\"}"), 2);
    assert!(
        hanging.rest().is_empty(),
        "a reload that changed nothing began anew"
    );
    assert!(site.daemon.stop().expect("an end in time").success());
    let lines = site.daemon.stderr_lines();
    for name in ["ops", "deaf"] {
        let said = format!("notify `{name}`: 2 alerts are not delivered");
        assert!(lines.iter().any(|line| line.contains(&said)), "{lines:#?}");
    }
}
