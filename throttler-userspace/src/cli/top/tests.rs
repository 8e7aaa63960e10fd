//! Keys and looks, and what is on the screen after them.

mod keys;
mod screen;

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;
use throttler_common::Reason;

use super::app::{App, Effect, Look};
use super::draw::draw;
use super::theme::Theme;
use crate::report::{Counted, Interface, LiveSource, Snapshot, Tallies};

const SECOND: u64 = 1_000_000_000;

/// An application on a screen of this size.
fn app(width: u16, height: u16) -> App {
    let mut app = App::new();
    app.resize(Size { width, height });
    app
}

fn press(app: &mut App, code: KeyCode) -> Effect {
    app.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn write(app: &mut App, text: &str) {
    for char in text.chars() {
        press(app, KeyCode::Char(char));
    }
}

fn look(app: &mut App, snapshot: Snapshot) {
    app.look(Look {
        found: Ok(snapshot),
        took: Duration::from_millis(3),
        pause: Duration::from_secs(1),
    });
}

/// What is on the screen.
fn picture(app: &App) -> String {
    let backend = TestBackend::new(app.size.width, app.size.height);
    let mut terminal = Terminal::new(backend).expect("a terminal");
    let drawn = terminal.draw(|frame| draw(frame, app, &Theme::new(true)));
    drawn.expect("a picture");
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(app.size.width));
    let text = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect();
    let lines: Vec<String> = rows.map(text).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

fn source(address: &str, scope: &str, tallies: Tallies) -> LiveSource {
    LiveSource {
        iface: "eth0".to_owned(),
        source: address.parse().expect("a prefix"),
        scope: scope.to_owned(),
        class: "free".to_owned(),
        tallies,
        elapsed: Some(2 * SECOND),
        idle: SECOND / 2,
        banned_for: 0,
    }
}

fn tallies(passed: u64, dropped: u64, new_passed: u64, new_dropped: u64) -> Tallies {
    Tallies {
        passed,
        dropped,
        new_passed,
        new_dropped,
        last_seen: passed + dropped,
    }
}

fn counted(scope: &str, reason: Reason, packets: u64) -> Counted {
    Counted {
        scope: scope.to_owned(),
        reason,
        packets,
        bytes: 100 * packets,
    }
}

/// The look after so many seconds: each of them has 200 packets of `api` pass and 50 dropped, 10 of `dns` pass.
fn after(seconds: u64) -> Snapshot {
    let interface = Interface {
        name: "eth0".to_owned(),
        xdp_mode: "native",
        mode: "enforce".to_owned(),
        daemon: true,
        generation: 3,
        scopes: ["default", "api", "dns"].map(str::to_owned).to_vec(),
        counted: vec![
            counted("api", Reason::Conforming, 200 * seconds),
            counted("api", Reason::OverLimit, 40 * seconds),
            counted("api", Reason::Banned, 10 * seconds),
            counted("dns", Reason::Conforming, 10 * seconds),
        ],
        entries: 4,
        room: 262_144,
        banned: 1,
        ..Interface::default()
    };
    let mut banned = source("2001:db8:a:b::/64", "api", tallies(10, 400, 0, 20));
    banned.banned_for = 42 * SECOND;
    Snapshot {
        at: SECOND * (100 + seconds),
        interfaces: vec![interface],
        sources: vec![
            source("192.0.2.1/32", "api", tallies(1_000, 500, 100, 80)),
            banned,
            source("198.51.100.7/32", "dns", tallies(9_000, 0, 20, 0)),
            source("203.0.113.9/32", "api", tallies(20, 900_000, 300, 0)),
        ],
        matching: 4,
    }
}

/// An application that has looked twice, two seconds apart.
fn running(width: u16, height: u16) -> App {
    let mut app = app(width, height);
    look(&mut app, after(1));
    look(&mut app, after(3));
    app
}
