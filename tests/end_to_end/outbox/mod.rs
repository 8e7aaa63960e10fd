//! `[[notify]]`: alerts reach a real HTTP server, and commands, whatever these do.

mod hook;
mod receiver;
mod secrets;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use receiver::{Act, Receiver, wait};
use throttler_lab::Reload;

use crate::{
    http::ask,
    site::{FIVE_A_DAY, Site},
};

const GOOD: Act = Act::Answer(200, "");
/// No wait of a failed delivery is longer than 300 of these milliseconds.
pub(crate) const SOON: [&str; 2] = ["--notify-again-ms", "1"];
/// Every other alert is made by refusals and bans; a policy that is refused makes one at once.
const RELOADS: &str = r#"events = ["reload_failed"]"#;

/// A daemon whose policy names nobody yet.
pub(crate) fn site(tag: &str) -> Site {
    Site::start(tag, FIVE_A_DAY, &SOON)
}

/// Has the daemon tell these.
pub(crate) fn tell(site: &mut Site, notify: &str) {
    let policy = format!("{FIVE_A_DAY}\n{notify}");
    site.daemon.rewrite_policy(&policy).expect("a policy");
    let reload = site.daemon.reload().expect("a word");
    assert!(matches!(reload, Reload::Applied(_)), "{reload:?}");
}

/// Makes an alert whose text has `word`.
pub(crate) fn fail(site: &mut Site, word: &str) {
    let good = fs::read_to_string(site.daemon.policy_path()).expect("a policy");
    let bad = format!("{word} = 1\n{good}");
    site.daemon.rewrite_policy(&bad).expect("a policy");
    let reload = site.daemon.reload().expect("a word");
    assert!(matches!(reload, Reload::Refused(_)), "{reload:?}");
    site.daemon.rewrite_policy(&good).expect("a policy");
}

fn webhook(to: &Receiver, more: &str) -> String {
    format!(
        "[[notify]]\nname = \"ops\"\nwebhook = \"http://{}/hooks/x\"\n{RELOADS}\nbatch = {{ most = 1 }}\n{more}\n",
        to.address
    )
}

/// A sample of `/metrics`.
fn metric(site: &Site, name: &str) -> u64 {
    let text = ask(site, "GET /metrics", "").body;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line.trim().parse().expect("a number")
}

fn result(site: &Site, result: &str) -> u64 {
    let name = format!("throttler_notifications_total{{notify=\"ops\",result=\"{result}\"}}");
    metric(site, &name)
}

fn is_open(site: &Site) -> bool {
    metric(site, "throttler_notify_circuit_open{notify=\"ops\"}") == 1
}

#[test]
fn a_failed_reload_reaches_the_server_signed() {
    let mut site = site("hooked");
    let receiver = Receiver::start(&site, GOOD);
    let key = site.daemon.state_dir().join("../key");
    fs::write(&key, "s3cret\n").expect("a key");
    let key = key.canonicalize().expect("a path");
    let secret = format!(
        "secret = {{ file = {key:?} }}\nheaders = {{ X-Team = \"edge\", Authorization = {{ file = {key:?} }} }}"
    );
    tell(&mut site, &webhook(&receiver, &secret));
    fail(&mut site, "nonsense");
    let request = receiver.next();
    assert_eq!(request.line, "POST /hooks/x HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("x-team"), Some("edge"));
    assert_eq!(request.header("authorization"), Some("s3cret"));
    assert!(
        request
            .header("user-agent")
            .is_some_and(|agent| agent.starts_with("throttler/"))
    );
    assert!(request.is_signed_with("s3cret") && !request.is_signed_with("s3cret\n"));
    let body = request.json();
    assert_eq!(
        (&body["schema_version"], &body["notify"], &body["dropped"]),
        (&1.into(), &"ops".into(), &0.into())
    );
    assert_eq!(body["id"], request.id());
    assert!(
        body["sent"]
            .as_str()
            .is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok())
    );
    let alerts = body["alerts"].as_array().expect("alerts");
    assert_eq!(
        (alerts.len(), &alerts[0]["event"]),
        (1, &"reload_failed".into())
    );
    let text = alerts[0]["text"].as_str().expect("a text");
    assert!(
        text.contains("unknown key `nonsense`") && text.contains("throttler.toml:1"),
        "{text}"
    );
    wait("it is counted", || result(&site, "delivered") == 1);
}

#[test]
fn the_manual_says_how_to_verify_a_signature() {
    let mut site = site("verified");
    let receiver = Receiver::start(&site, GOOD);
    let key = site.daemon.policy_path().with_file_name("key");
    fs::write(&key, "s3cret").expect("a key");
    tell(
        &mut site,
        &webhook(&receiver, &format!("secret = {{ file = {key:?} }}")),
    );
    fail(&mut site, "nonsense");
    let request = receiver.next();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man/throttler.toml.5");
    let page = fs::read_to_string(page).expect("the page");
    let from = page.find("def is_genuine").expect("the function");
    let function = page[from..].split("\n.fi").next().expect("its end");
    let function = function.replace("\\-", "-");
    let headers = serde_json::json!({
        "Throttler-Timestamp": request.header("throttler-timestamp"),
        "Throttler-Signature": request.header("throttler-signature"),
    });
    let body = String::from_utf8(request.body).expect("text");
    let ask = |body: &str, later: u32| {
        let script = format!(
            "import hashlib, hmac, json, sys\n{function}\nh = json.loads(sys.argv[1])\n\
             now = int(h['Throttler-Timestamp']) + int(sys.argv[3])\n\
             print(is_genuine(b's3cret', h, sys.argv[2].encode(), now))"
        );
        let mut python = Command::new("python3");
        python.args([
            "-c",
            &script,
            &headers.to_string(),
            body,
            &later.to_string(),
        ]);
        let output = python.output().ok()?;
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(answer) = ask(&body, 10) else {
        eprintln!("python3 is not installed: the manual's function was not tried");
        return;
    };
    assert_eq!(answer, "True");
    assert_eq!(
        ask(&body.replace("ops", "0ps"), 10).as_deref(),
        Some("False")
    );
    assert_eq!(ask(&body, 1_000).as_deref(), Some("False"));
}

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
