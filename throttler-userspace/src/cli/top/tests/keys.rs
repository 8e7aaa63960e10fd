//! What keys change, and what they have done.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::app::{Answer, Effect, Mode};
use super::{after, look, picture, press, running, source, tallies, write};
use crate::report::{Query, Sort};

/// The source that the cursor is on.
fn on(app: &super::App) -> String {
    app.selected().expect("a source").to_string()
}

#[test]
fn s_sorts_at_once_and_asks_for_the_next_look() {
    let mut app = running(80, 24);
    let first = |app: &super::App| app.sources()[0].source.to_string();
    assert_eq!(first(&app), "192.0.2.1/32");
    for (sort, expected) in [
        (Sort::PassRate, "203.0.113.9/32"),
        (Sort::Dropped, "203.0.113.9/32"),
        (Sort::LastSeen, "203.0.113.9/32"),
        (Sort::DropRate, "192.0.2.1/32"),
    ] {
        let effect = press(&mut app, KeyCode::Char('s'));
        assert_eq!(
            effect,
            Effect::Look(Query {
                sort,
                ..Query::default()
            })
        );
        assert_eq!(first(&app), expected, "{sort:?}");
    }
}

#[test]
fn the_filter_takes_addresses_prefixes_and_scopes() {
    for (text, rows) in [
        ("192.0.2.1", 1),
        ("192.0.0.0/8", 1),
        ("2001:db8:a:b::5", 1),
        ("0.0.0.0/0", 3),
        ("dn", 1),
        ("api", 3),
        ("", 4),
        ("10.0.0.1/8", 0),
    ] {
        let mut app = running(80, 24);
        press(&mut app, KeyCode::Char('/'));
        write(&mut app, text);
        assert_eq!(app.mode, Mode::Filter(text.to_owned()));
        let effect = press(&mut app, KeyCode::Enter);
        assert_eq!(effect, Effect::Look(app.query.clone()));
        assert_eq!(app.sources().len(), rows, "{text}");
    }
    let mut app = running(80, 24);
    press(&mut app, KeyCode::Char('/'));
    write(&mut app, "300.1.2.3");
    press(&mut app, KeyCode::Enter);
    assert!(picture(&app).contains("`300.1.2.3` is no address, no prefix"));
    // What is typed begins with what was, and Esc leaves that as it is.
    press(&mut app, KeyCode::Char('/'));
    press(&mut app, KeyCode::Backspace);
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.query.scope.as_deref(), Some("300.1.2.3"));
    press(&mut app, KeyCode::Char('/'));
    press(&mut app, KeyCode::Delete);
    press(&mut app, KeyCode::Enter);
    assert_eq!(app.query, Query::default());
}

#[test]
fn the_filter_holds_for_scopes_and_reasons() {
    let mut app = running(80, 24);
    press(&mut app, KeyCode::Char('/'));
    write(&mut app, "dns");
    press(&mut app, KeyCode::Enter);
    let scopes: Vec<_> = app.scopes().into_iter().map(|row| row.scope).collect();
    assert_eq!(scopes, ["dns"]);
    let [(reason, flow)] = app.reasons()[..] else {
        panic!("{:?}", app.reasons());
    };
    assert_eq!((reason.as_str(), flow.packet_rate), ("conforming", 10.0));
}

#[test]
fn the_cursor_stays_with_its_source_until_home() {
    let mut app = running(80, 24);
    press(&mut app, KeyCode::Down);
    assert_eq!(on(&app), "2001:db8:a:b::/64");
    let mut next = after(5);
    for (address, dropped) in [("198.51.100.7/32", 900), ("203.0.113.9/32", 800)] {
        next.sources
            .push(source(address, "web", tallies(0, dropped, 0, dropped)));
    }
    look(&mut app, next);
    assert_eq!(
        (on(&app), app.cursor().row),
        ("2001:db8:a:b::/64".to_owned(), 3)
    );
    press(&mut app, KeyCode::Home);
    assert_eq!(on(&app), "198.51.100.7/32");
    // Nobody moved since: the cursor stays at the top.
    look(&mut app, after(6));
    assert_eq!(on(&app), "192.0.2.1/32");
    press(&mut app, KeyCode::End);
    assert_eq!(app.cursor().row, 3);
    press(&mut app, KeyCode::Up);
    assert_eq!(app.cursor().row, 2);
    // A source that has gone leaves the cursor where it was, or at the end.
    let mut fewer = after(7);
    fewer.sources.truncate(1);
    look(&mut app, fewer);
    assert_eq!(app.cursor().row, 0);
}

#[test]
fn pages_scroll_and_the_cursor_is_always_seen() {
    let mut app = running(80, 24);
    let mut many = after(5);
    many.sources = (0..200)
        .map(|n| {
            source(
                &format!("10.0.0.{n}/32"),
                "api",
                tallies(0, 1_000 - n, 0, 1_000 - n),
            )
        })
        .collect();
    look(&mut app, many);
    let page = super::super::draw::table_height(app.size);
    for (key, row) in [
        (KeyCode::PageDown, page),
        (KeyCode::PageDown, 2 * page),
        (KeyCode::End, 199),
        (KeyCode::PageUp, 199 - page),
        (KeyCode::Home, 0),
    ] {
        press(&mut app, key);
        assert_eq!(app.cursor().row, row, "{key:?}");
        assert!(
            picture(&app).contains(&format!("10.0.0.{row}/32 ")),
            "{key:?}"
        );
    }
}

#[test]
fn a_ban_is_asked_for_twice() {
    let mut app = running(80, 24);
    press(&mut app, KeyCode::Char('b'));
    assert!(picture(&app).contains("ban 192.0.2.1/32 for (empty: for good): 10min"));
    press(&mut app, KeyCode::Delete);
    write(&mut app, "soon");
    assert_eq!(press(&mut app, KeyCode::Enter), Effect::Nothing);
    assert!(matches!(app.mode, Mode::BanFor(..)), "{:?}", app.mode);
    assert!(app.said.as_ref().is_some_and(|said| said.error));
    press(&mut app, KeyCode::Delete);
    write(&mut app, "1h");
    press(&mut app, KeyCode::Enter);
    assert!(picture(&app).contains("ban 192.0.2.1/32 for 1h? y: yes"));
    // The list may change meanwhile; who is banned does not.
    look(&mut app, after(1));
    let source = "192.0.2.1/32".parse().expect("a prefix");
    let effect = press(&mut app, KeyCode::Char('y'));
    assert_eq!(effect, Effect::Ban(source, Some("1h".to_owned())));
    app.answer(Answer::Failed("no daemon listens".to_owned()));
    assert!(picture(&app).contains("no daemon listens"));

    for no in [KeyCode::Char('n'), KeyCode::Enter, KeyCode::Esc] {
        press(&mut app, KeyCode::Char('b'));
        press(&mut app, KeyCode::Delete);
        press(&mut app, KeyCode::Enter);
        assert!(picture(&app).contains("until it is taken back? y: yes"));
        assert_eq!(press(&mut app, no), Effect::Nothing);
        assert_eq!(app.mode, Mode::Table);
    }
    press(&mut app, KeyCode::Char('b'));
    assert_eq!(press(&mut app, KeyCode::Esc), Effect::Nothing);
    assert_eq!(app.mode, Mode::Table);
}

#[test]
fn only_sources_are_banned_and_explained() {
    let mut app = running(80, 24);
    let source = "192.0.2.1/32".parse().expect("a prefix");
    assert_eq!(press(&mut app, KeyCode::Char('e')), Effect::Explain(source));
    press(&mut app, KeyCode::Tab);
    for key in ['b', 'e'] {
        assert_eq!(press(&mut app, KeyCode::Char(key)), Effect::Nothing);
        assert!(picture(&app).contains("is for sources: Tab leads to them"));
    }
    press(&mut app, KeyCode::BackTab);
    let mut nobody = after(5);
    nobody.sources.clear();
    look(&mut app, nobody);
    assert_eq!(press(&mut app, KeyCode::Char('b')), Effect::Nothing);
    assert!(picture(&app).contains("there is no source to ban"));
}

#[test]
fn frozen_nothing_changes() {
    let mut app = running(80, 24);
    assert_eq!(press(&mut app, KeyCode::Char(' ')), Effect::Freeze(true));
    let frozen = picture(&app);
    assert!(frozen.contains("FROZEN"), "{frozen}");
    look(&mut app, after(9));
    assert_eq!(picture(&app), frozen);
    assert_eq!(press(&mut app, KeyCode::Char(' ')), Effect::Freeze(false));
    let mut later = after(9);
    later.sources.clear();
    look(&mut app, later);
    assert!(!picture(&app).contains("192.0.2.1"));
}

#[test]
fn keys_that_end_it() {
    let control = |key| KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL);
    let mut app = running(80, 24);
    for key in [KeyCode::Char('q'), KeyCode::Esc] {
        assert_eq!(press(&mut app, key), Effect::Quit);
    }
    press(&mut app, KeyCode::Char('/'));
    write(&mut app, "q");
    assert_eq!(
        app.mode,
        Mode::Filter("q".to_owned()),
        "a letter in a filter"
    );
    assert_eq!(app.key(control('c')), Effect::Quit);
    assert_eq!(app.key(control('z')), Effect::Suspend);
    assert_eq!(app.key(control('b')), Effect::Nothing);
}
