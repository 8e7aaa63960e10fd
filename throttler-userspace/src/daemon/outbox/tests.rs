//! An outbox under a flood.

use std::net::TcpListener;
use std::time::Duration;

use jiff::Timestamp;

use super::queue::ROOM;
use super::{Outbox, prepare};
use crate::alert::{Alert, Kind};
use crate::config::{self, Notify};

fn notify(more: &str) -> Vec<Notify> {
    let text = format!("[[notify]]\nname = \"ops\"\n{more}\n");
    let config = config::parse("p.toml", &text, "".as_ref(), Timestamp::UNIX_EPOCH);
    config.unwrap().notify
}

/// The value of a sample.
fn sample(outbox: &Outbox, name: &str) -> u64 {
    let text = outbox.metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

fn alert(kind: Kind) -> Alert {
    Alert::new(kind, Timestamp::UNIX_EPOCH, "a word".to_owned())
}

#[test]
fn a_flood_takes_no_more_room_than_there_is() {
    // It takes connections, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let outbox = Outbox::new(Duration::from_secs(1));
    let targets = prepare(&notify(&format!("webhook = {url:?}\nevents = [\"ban\"]"))).unwrap();
    outbox.set(targets).unwrap();
    let told = 3 * ROOM as u64;
    for _ in 0..told {
        outbox.tell(alert(Kind::Ban));
        outbox.tell(alert(Kind::Unban));
    }
    let (waiting, dropped) = (
        sample(&outbox, "throttler_notify_queue{notify=\"ops\"}"),
        sample(
            &outbox,
            "throttler_notifications_total{notify=\"ops\",result=\"dropped\"}",
        ),
    );
    // A batch may be under way.
    assert!(
        (ROOM as u64..=ROOM as u64 + 100).contains(&waiting),
        "{waiting}"
    );
    assert_eq!(waiting + dropped, told);
}

#[test]
fn nobody_to_tell_needs_no_thread() {
    let outbox = Outbox::new(Duration::from_secs(1));
    outbox.set(Vec::new()).unwrap();
    outbox.tell(alert(Kind::Ban));
    assert!(outbox.0.office.lock().unwrap().is_none());
}
