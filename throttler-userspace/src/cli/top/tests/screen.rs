//! Pictures of states.

use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::Color;
use ratatui::{Terminal, layout::Size};

use super::super::app::{Answer, Look};
use super::super::draw::draw;
use super::super::theme::Theme;
use super::{after, app, look, picture, press, running};

#[test]
fn sources_scopes_and_reasons_fit_into_80_by_24() {
    let mut app = running(80, 24);
    insta::assert_snapshot!("sources", picture(&app));
    press(&mut app, KeyCode::Tab);
    insta::assert_snapshot!("scopes", picture(&app));
    press(&mut app, KeyCode::Tab);
    insta::assert_snapshot!("reasons", picture(&app));
    press(&mut app, KeyCode::Char('?'));
    insta::assert_snapshot!("help", picture(&app));
}

#[test]
fn before_the_second_look_there_are_no_rates() {
    let mut app = app(80, 24);
    assert!(picture(&app).contains("[Sources]"), "nothing yet");
    let mut first = after(1);
    first.sources.iter_mut().for_each(|one| one.elapsed = None);
    look(&mut app, first);
    let picture = picture(&app);
    assert!(picture.contains("passed -/s  dropped -/s"), "{picture}");
    let line = picture.lines().find(|line| line.contains("192.0.2.1/32"));
    let cells: Vec<&str> = line.expect("a row").split_whitespace().collect();
    assert_eq!(cells[3..6], ["-", "-", "500"], "{picture}");
}

#[test]
fn rates_are_of_the_time_between_two_looks() {
    let mut app = running(80, 24);
    // 210 packets passed and 50 dropped each second, looked at after two and after half a second.
    assert!(picture(&app).contains("passed 210/s  dropped 50/s (19.2 %)"));
    let mut next = after(4);
    next.at -= 500_000_000;
    look(&mut app, next);
    assert!(picture(&app).contains("passed 420/s  dropped 100/s (19.2 %)"));
    // Maps that were made anew count from zero: all of it came since.
    let mut anew = after(1);
    anew.at = after(5).at;
    look(&mut app, anew);
    assert!(picture(&app).contains("passed 140/s"), "{}", picture(&app));
}

#[test]
fn narrow_and_wide_screens_show_what_fits() {
    let narrow = picture(&running(60, 10));
    assert!(
        narrow.contains("banned") && !narrow.contains("class"),
        "{narrow}"
    );
    // No sparklines, but all four sources.
    assert_eq!(
        narrow.matches("/32").count() + narrow.matches("/64").count(),
        4
    );
    let wide = picture(&running(200, 50));
    for part in ["class", "seen", "2001:db8:a:b::/64", "42s", "q quit"] {
        assert!(wide.contains(part), "{part} in {wide}");
    }
    assert!(wide.contains('█'), "sparklines in {wide}");
    let tiny = picture(&running(49, 8));
    assert_eq!(
        tiny.lines().next(),
        Some("49x8 is too small: top needs 50x8")
    );
    for (width, height) in [(1, 1), (50, 8), (500, 3), (3, 200)] {
        picture(&running(width, height));
    }
}

#[test]
fn what_is_not_as_it_should_be_is_said_in_the_title() {
    let mut app = running(100, 24);
    let mut odd = after(4);
    odd.interfaces[0].daemon = false;
    look(&mut app, odd.clone());
    let title = |app: &_| picture(app).lines().next().expect("a title").to_owned();
    assert!(title(&app).contains("native, enforcing, generation 3, no daemon"));
    odd.interfaces[0].paused = true;
    look(&mut app, odd.clone());
    assert!(title(&app).contains("eth0: PAUSED"));
    odd.interfaces[0].xdp_mode = "none";
    look(&mut app, odd);
    assert!(title(&app).contains("eth0: NOT ATTACHED"));
}

#[test]
fn a_look_that_fails_is_said_until_one_does_not() {
    let mut app = running(80, 24);
    app.look(Look {
        found: Err("nothing is attached".to_owned()),
        took: std::time::Duration::ZERO,
        pause: std::time::Duration::from_secs(1),
    });
    assert!(picture(&app).contains("nothing is attached") && picture(&app).contains("192.0.2.1"));
    look(&mut app, after(4));
    assert!(!picture(&app).contains("nothing is attached"));
}

#[test]
fn a_text_is_wrapped_and_scrolled() {
    let mut app = running(60, 12);
    let body: String = (0..30)
        .map(|n| format!("line {n} {}\n", "word ".repeat(12)))
        .collect();
    app.answer(Answer::Explained(
        "192.0.2.1/32".parse().expect("a prefix"),
        body,
    ));
    let first = picture(&app);
    assert!(
        first.contains("explain 192.0.2.1") && first.contains("line 0 "),
        "{first}"
    );
    assert!(first.contains("more below"));
    press(&mut app, KeyCode::End);
    let last = picture(&app);
    assert!(
        last.contains("line 29") && last.contains("any key"),
        "{last}"
    );
    press(&mut app, KeyCode::Down);
    assert_eq!(picture(&app), last, "there is nothing below the end");
    press(&mut app, KeyCode::Home);
    assert_eq!(picture(&app), first);
    press(&mut app, KeyCode::Esc);
    assert!(picture(&app).contains("[Sources]"));
}

#[test]
fn without_colour_nothing_is_coloured() {
    let app = running(80, 24);
    for colors in [true, false] {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        let drawn = terminal.draw(|frame| draw(frame, &app, &Theme::new(colors)));
        drawn.expect("a picture");
        let cells = terminal.backend().buffer().content().iter();
        let coloured = cells.filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(coloured.count() > 0, colors);
    }
    assert_eq!(
        app.size,
        Size {
            width: 80,
            height: 24
        }
    );
}
