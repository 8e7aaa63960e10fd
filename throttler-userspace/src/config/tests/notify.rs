//! `[[notify]]`: defaults, and what is wrong with one.

use std::path::Path;
use std::time::Duration;

use super::{EXAMPLE, now, parsed};
use crate::config::*;

#[test]
fn who_is_told_has_its_defaults() {
    let notify = parsed(EXAMPLE).notify;
    let names: Vec<&str> = notify.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["notify-1", "hook", "notify-3"]);
    let hook = &notify[1];
    assert_eq!((hook.most, hook.attempts), (100, 8));
    assert_eq!(
        (hook.within, hook.timeout),
        (Duration::from_secs(5), Duration::from_secs(5))
    );
    assert_eq!(hook.wants.events, crate::alert::Kind::ALL);
    let header = EXAMPLE.lines().position(|line| line == "name = \"hook\"");
    assert_eq!(hook.origin, format!("throttler.toml:{}", header.unwrap()));
}

#[test]
fn what_is_wrong_with_a_notify_is_said_with_its_mend() {
    let url = "webhook = \"https://a.example/x\"\n";
    let cases = [
        (String::new(), "does not say who is told", "add `webhook = "),
        (
            "webhook = \"ftp://a.example\"".to_owned(),
            "not `ftp`",
            "write `webhook = ",
        ),
        (
            "webhook = \"hooks\"".to_owned(),
            "no URL",
            "write `webhook = ",
        ),
        (
            "webhook = \"https://a:b@c.example\"".to_owned(),
            "no user and password",
            "headers = { Authorization",
        ),
        (
            "exec = [\"on-abuse\"]".to_owned(),
            "`on-abuse` is not an absolute path",
            "from `/` on",
        ),
        (
            "exec = [\"/bin/true\"]\nca_file = \"/ca\"".to_owned(),
            "`ca_file` is of a webhook",
            "remove it",
        ),
        (
            format!("{url}exec = [\"/bin/true\"]"),
            "only one of `webhook` and `exec`",
            "another [[notify]]",
        ),
        (
            format!("{url}secret = \"s3cret\""),
            "`secret` stands in the policy",
            "secret = { file",
        ),
        (
            format!("{url}secret = {{ file = \"key\" }}"),
            "`key` is not an absolute path",
            "from `/` on",
        ),
        (
            format!("{url}secret = {{ file = \"/k\", env = \"K\" }}"),
            "in one file or in one variable",
            "secret = { file",
        ),
        (
            format!("{url}secret = {{ env = \"\" }}"),
            "is no name of a variable",
            "env = ",
        ),
        (
            format!("{url}headers = {{ Content-Type = \"x\" }}"),
            "`Content-Type` is set by the daemon",
            "remove it",
        ),
        (
            format!("{url}headers = {{ Throttler-X = \"x\" }}"),
            "is set by the daemon",
            "remove it",
        ),
        (
            format!("{url}headers = {{ \"a b\" = \"x\" }}"),
            "is no name of a header",
            "letters",
        ),
        (
            format!("{url}headers = {{ a = \"x\", A = \"y\" }}"),
            "is there already",
            "remove one",
        ),
        (
            format!("{url}headers = {{ a = \"x\\n\" }}"),
            "control characters",
            "remove them",
        ),
        (
            format!("{url}events = [\"bann\"]"),
            "unknown event `bann`",
            "did you mean `ban`?",
        ),
        (
            format!("{url}events = []"),
            "`events` is empty",
            "write `events",
        ),
        (
            format!("{url}scopes = [\"apu\"]"),
            "unknown scope `apu`",
            "did you mean `api`?",
        ),
        (
            format!("{url}plans = [\"prp\"]"),
            "unknown plan `prp`",
            "did you mean `pro`?",
        ),
        (
            format!("{url}limits = [\"dail\"]"),
            "unknown limit `dail`",
            "did you mean `daily`?",
        ),
        (
            format!("{url}sources = [\"192.0.2.1/24\"]"),
            "bits set after its first 24",
            "192.0.2.0/24",
        ),
        (
            format!("{url}ifaces = [\"eth 0\"]"),
            "is no name of an interface",
            "ip link",
        ),
        (
            format!("{url}timeout = \"6min\""),
            "`timeout` is out of range",
            "`1s` to `300s`",
        ),
        (
            format!("{url}batch = {{ most = 0 }}"),
            "`most` is out of range",
            "1 to 1000",
        ),
        (
            format!("{url}attempts = \"8\""),
            "must be an integer",
            "attempts = 8",
        ),
        (
            format!("{url}name = \"notify-1\"\n[[notify]]\n{url}name = \"notify-1\""),
            "is there already (p.toml:",
            "another `name",
        ),
        (
            format!("{url}webhok = 1"),
            "unknown key `webhok`",
            "did you mean `webhook`?",
        ),
    ];
    let rest = "[scopes.api]\nmatch = [{ protocol = \"tcp\" }]\n[scopes.api.limits]\ndaily = { rate = \"5/day\" }\n[plans.pro]\n";
    for (notify, message, help) in cases {
        let text = format!("{rest}[[notify]]\n{notify}\n");
        let error = parse("p.toml", &text, Path::new(""), now()).expect_err(&text);
        let found = error.diagnostics();
        assert_eq!(found.len(), 1, "{text}: {error}");
        let one = &found[0];
        assert!(
            one.message.contains(message) && one.help.contains(help),
            "{text}: {one:?}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn a_secret_in_the_policy_is_shown_to_nobody() {
    for text in [
        "[[notify]]\nwebhook = \"https://x.example\"\nsecret = \"s3cret\"",
        "notify = [{ webhook = \"https://x.example\", secret = \"s3cret\" }]",
        "[[notify]]\nwebhook = \"https://ops:s3cret@x.example\"",
    ] {
        let error = parse("p.toml", text, Path::new(""), now()).expect_err("a secret");
        let text = error.render(false);
        assert!(
            text.contains("p.toml:") && !text.contains("s3cret"),
            "{text}"
        );
    }
}
