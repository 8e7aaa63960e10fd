//! `[[notify]]`: alerts reach a real HTTP server, and commands, whatever these do.

mod bad_days;
mod hook;
mod life;
mod receiver;
mod secrets;

use std::{fs, path::Path, process::Command};

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
