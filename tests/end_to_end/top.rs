//! `throttler top` in a real terminal: a shell in tmux, real traffic, and every key. Needs root and tmux.

mod bench;

use serde_json::Value;
use throttler_lab::{PROMPT, Terminal, frames};

use self::bench::{Bench, GREEDY, OPEN, POLITE, moves, row};
use crate::site::{LONG, address, server};

#[test]
fn views_filter_order_help_and_sizes() {
    let bench = Bench::start("top-v");
    let settings = bench.settings();
    bench.with_traffic(|| {
        bench.top(&["--interval", "1s"]);
        let screen = bench.wait("both sources and their rates", |screen| {
            let greedy = row(screen, "192.0.2.1/32").unwrap_or_default();
            let polite = row(screen, "198.51.100.7/32").unwrap_or_default();
            moves(greedy.get(3)) && moves(polite.get(2))
        });
        assert!(
            screen.contains("veth-s: native, enforcing, generation 1"),
            "{screen}"
        );
        let place = |text: &str| screen.find(text);
        assert!(
            place("192.0.2.1/32") < place("198.51.100.7/32"),
            "the most dropped first:\n{screen}"
        );
        assert!(
            place("passed  ") < place("dropped  "),
            "sparklines:\n{screen}"
        );
        bench.wait("bars", |screen| screen.contains('█'));

        bench.press(&["s"]);
        bench.wait("another order", |screen| screen.contains("by pass rate"));
        bench.wait("the most passed first", |screen| {
            screen.find("198.51.100.7/32") < screen.find("192.0.2.1/32")
        });

        bench.press(&["Tab"]);
        bench.wait("scopes", |screen| {
            screen.contains("[Scopes]") && moves(row(screen, "dns").unwrap_or_default().get(1))
        });
        bench.press(&["Tab"]);
        bench.wait("reasons", |screen| {
            let refused = row(screen, "over_limit").unwrap_or_default();
            refused.first().is_some_and(|cell| cell == "drop") && moves(refused.get(1))
        });
        bench.press(&["Tab"]);
        bench.wait("sources again", |screen| screen.contains("[Sources]"));

        bench.press(&["?"]);
        bench.wait("help", |screen| screen.contains("Shift-Tab"));
        bench.press(&["Escape"]);
        bench.wait("no help", |screen| !screen.contains("Shift-Tab"));

        bench.answer("/", "filter (address", "198.51.100.0/24");
        bench.wait("one source", |screen| {
            screen.contains("only 198.51.100.0/24: 1") && !screen.contains("192.0.2.1/32")
        });
        bench.answer("/", "filter (address", "dn");
        bench.wait("the other", |screen| {
            screen.contains("only dn: 1") && screen.contains("192.0.2.1/32")
        });
        bench.answer("/", "filter (address", "");
        bench.wait("both", |screen| screen.contains("by pass rate: 2"));

        for (columns, rows, there, gone) in [
            (60, 10, "banned", "class"),
            (200, 50, "class", "too small"),
            (40, 6, "40x6 is too small", "[Sources]"),
            (80, 24, "[Sources]", "too small"),
        ] {
            bench.terminal.resize(columns, rows).expect("a size");
            bench.wait(&format!("{columns}x{rows}"), |screen| {
                screen.contains(there) && !screen.contains(gone)
            });
        }
        bench.press(&["q"]);
        bench.wait_ended("0", &settings);
    });
}

#[test]
fn a_source_is_explained_banned_and_frozen() {
    let bench = Bench::start("top-b");
    let settings = bench.settings();
    let banned = || {
        let list = bench
            .site
            .daemon
            .json(&["ban", "list", "-o", "json"])
            .expect("JSON");
        let bans = list["bans"].as_array().expect("bans").clone();
        bans.into_iter()
            .filter(|ban| ban["given_by"] != "datapath")
            .collect::<Vec<Value>>()
    };
    bench.with_traffic(|| {
        bench.top(&["--interval", "1s"]);
        bench.wait("both sources", |screen| {
            screen.contains("192.0.2.1/32") && screen.contains("198.51.100.7/32")
        });

        bench.press(&["Home", "e"]);
        let screen = bench.wait("the words of explain", |screen| {
            screen.contains("explain 192.0.2.1") && screen.contains("5/day packets, 0 of 5 left")
        });
        let same = bench.site.cli_ok(&["explain", GREEDY]);
        let sentence = same
            .lines()
            .find(|line| line.contains("scope dns"))
            .expect("a sentence");
        // Without the frame, and however the lines are broken.
        let inside = screen.lines().filter_map(|line| line.split('│').nth(1));
        let words = |text: &str| text.split_whitespace().collect::<String>();
        let popup = words(&inside.collect::<Vec<_>>().join(" "));
        // Up to the seconds, which go on.
        let sentence = sentence.split_once("is used up").expect("a limit").0;
        assert!(
            popup.contains(&words(sentence)),
            "{sentence} is not in\n{screen}"
        );
        // Followed at once by another key, Escape would be the beginning of it.
        bench.press(&["Escape"]);
        bench.wait("no text", |screen| !screen.contains("explain 192.0.2.1"));

        bench.press(&["End", "b"]);
        bench.wait("how long", |screen| {
            screen.contains("ban 198.51.100.7/32 for (empty: for good): 10min")
        });
        bench.press(&["Escape"]);
        bench.wait("no question", |screen| !screen.contains("for good"));
        bench.answer("b", "ban 198.51.100.7/32 for", "1h");
        bench.wait("sure", |screen| {
            screen.contains("ban 198.51.100.7/32 for 1h? y: yes")
        });
        bench.press(&["n"]);
        bench.wait("no ban", |screen| {
            screen.contains("198.51.100.7/32 is not banned")
        });
        assert_eq!(banned(), [Value::Null; 0]);

        bench.answer("b", "ban 198.51.100.7/32 for", "1h");
        bench.wait("sure", |screen| screen.contains("? y: yes"));
        bench.press(&["y"]);
        bench.wait("a ban", |screen| {
            screen.contains("198.51.100.7/32 is banned for 1h on veth-s")
        });
        let list = banned();
        assert_eq!(list.len(), 1, "{list:#?}");
        assert_eq!(list[0]["source"], "198.51.100.7/32");
        assert_eq!(list[0]["reason"], "throttler top");
        bench.wait("its class", |screen| {
            let polite = row(screen, "198.51.100.7/32").unwrap_or_default();
            polite.get(1).is_some_and(|class| class == "block") && moves(polite.get(3))
        });

        bench.press(&["Space"]);
        let frozen = bench.wait("frozen", |screen| screen.contains("FROZEN"));
        let seen = bench.site.counters().packets;
        let more = |counters: &throttler_lab::Counters| counters.packets > seen + 100;
        bench
            .site
            .daemon
            .wait_counters(more, LONG)
            .expect("traffic");
        assert_eq!(bench.terminal.screen().expect("a screen"), frozen);
        bench.press(&["Space"]);
        bench.wait("going on", |screen| {
            !screen.contains("FROZEN") && screen != frozen
        });
    });
    // The ban is in force: of what comes now, nothing passes.
    let wire = bench.site.lab.client_stats().expect("counts").tx_packets;
    let all = |counters: &throttler_lab::Counters| counters.packets == wire;
    let before = bench
        .site
        .daemon
        .wait_counters(all, LONG)
        .expect("all counted");
    let source = address(POLITE);
    let frame = frames::udp(source, server(source), 1024, OPEN, 18);
    bench
        .site
        .injector
        .send_many((0..20).map(|_| &frame))
        .expect("frames");
    let after = bench.site.wait_packets(before.packets + 20);
    let blocked = |of: &throttler_lab::Counters| of.reason("open", "blocked").0;
    assert_eq!(after.passed, before.passed);
    assert_eq!(blocked(&after), blocked(&before) + 20);

    bench.press(&["C-c"]);
    bench.wait_ended("0", &settings);
}

#[test]
fn without_a_daemon_it_shows_and_says_so() {
    let mut bench = Bench::start("top-d");
    bench.site.offer(address(GREEDY), 7);
    bench.site.daemon.kill().expect("an end");
    bench.top(&["--iface", "veth-s"]);
    bench.wait("what is pinned", |screen| {
        screen.contains("no daemon") && screen.contains("192.0.2.1/32")
    });
    bench.press(&["b", "Enter", "y"]);
    bench.wait("the want of a daemon", |screen| {
        screen.contains("no daemon listens on")
    });
    // The pins go, and come again.
    assert_eq!(bench.site.cli_ok(&["detach"]), "veth-s: detached\n");
    bench.wait("nothing", |screen| screen.contains("nothing is attached"));
    bench.site.daemon.restart().expect("a daemon");
    bench.wait("a daemon again", |screen| {
        !screen.contains("nothing is attached")
            && screen.contains("generation 1 ")
            && !screen.contains("no daemon")
            && screen.contains("by drop rate: 0")
    });
    bench.press(&["Escape"]);
    let said = |screen: &str| screen.contains("status 0.");
    bench.wait("the shell", said);
    assert_eq!(
        bench.site.cli_ok(&["detach"]).lines().next(),
        Some("veth-s: detached")
    );
    let line = Terminal::line(&bench.site.daemon.cli_command(&["top"]));
    bench
        .terminal
        .command(&format!("clear; {line}; echo status $?."))
        .expect("a shell");
    let screen = bench.wait("why it did not start", |screen| {
        screen.contains("status 3.")
    });
    assert!(screen.contains("nothing is attached"), "{screen}");
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    let bench = Bench::start("top-s");
    let settings = bench.settings();
    bench.top(&[]);
    bench.press(&["C-z"]);
    bench.wait("a stopped job", |screen| screen.contains("Stopped"));
    assert_eq!(
        bench.terminal.property("#{alternate_on}").expect("tmux"),
        "0"
    );
    bench.terminal.command("fg").expect("a shell");
    bench.wait("the picture again", |screen| screen.contains("[Sources]"));
    bench.signal("TSTP");
    bench.wait("a stopped job", |screen| {
        screen.contains("Stopped") && !screen.contains("[Sources]")
    });
    bench.terminal.command("fg").expect("a shell");
    bench.wait("the picture again", |screen| screen.contains("[Sources]"));
    // What ended by a signal has 128 and its number.
    bench.signal("TERM");
    bench.wait("an end", |screen| {
        screen.contains(PROMPT) && !screen.contains("[Sources]")
    });
    assert_eq!(bench.settings(), settings);
    bench.terminal.command("clear").expect("a shell");
    bench.top(&[]);
    bench.signal("TERM");
    bench.wait_ended("143", &settings);
}
