//! Whatever is asked over the control socket under a flood, nobody gets a packet more: requests of every kind, right,
//! wrong and cut, that change what is said of others; policies that are valid and such as are not.
//!
//! `THROTTLER_REQUESTS` says how many. Pauses are left out, and so is what exempts a source that is watched.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, Shutdown},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use throttler::config;
use throttler_fuzz::{api, made, wire};

use crate::{
    flood, policy,
    rng::Rng,
    setting::setting,
    site::{PATIENCE, Site},
};

/// Connections that are left open with half a request.
const HALF_OPEN: usize = 16;
/// Growth of the daemon that is none, in KiB: what its allocator keeps.
const FLAT: u64 = 4_096;

#[test]
fn whatever_is_asked_nobody_passes_more() {
    let requests = setting("THROTTLER_REQUESTS", 300);
    let mut rng = Rng::new(setting("THROTTLER_SEED", 1));
    let mut site = Site::start("bombard", false);
    let (program, pid) = (site.program(), site.daemon.pid());
    let socket = site.daemon.socket();
    let Site {
        daemon,
        volley,
        judge,
        ..
    } = &mut site;
    let begin = Instant::now();
    let mut tally = Tally::default();
    let mut turn = 0;
    // What it takes once, it has: publishes, readers of the maps, threads for them.
    let mut warm = None;
    let last = flood::during(volley, || {
        let mut half = Vec::new();
        for number in 0..requests {
            match rng.below(12) {
                0 => {
                    turn += 1;
                    let policy = policy::text(turn, false);
                    daemon.rewrite_policy(&policy).expect("a policy");
                    tally.ask(&socket, &whole("POST", "/v1/reload", "", b""));
                }
                1 => {
                    let broken = broken(&mut rng);
                    daemon.rewrite_policy(&broken).expect("a policy");
                    tally.ask(&socket, &whole("POST", "/v1/reload", "", b""));
                    let policy = policy::text(turn, false);
                    daemon.rewrite_policy(&policy).expect("a policy");
                }
                2 if half.len() < HALF_OPEN => {
                    let mut stream = UnixStream::connect(&socket).expect("a connection");
                    let start = &made::wire(&tape(&mut rng))[..1];
                    stream.write_all(start).expect("half a request");
                    half.push(stream);
                }
                3 => tally.ask(&socket, &said_of_others(&mut rng)),
                4..7 => {
                    let bytes = of_others(made::wire(&tape(&mut rng)));
                    match spares(&bytes) {
                        false => {}
                        true if streams(&bytes) => break_off(&socket, &bytes),
                        true => tally.ask(&socket, &bytes),
                    }
                }
                _ => {
                    let request = of_others(made::request(&tape(&mut rng)));
                    if let Some(bytes) = complete(&request).filter(|bytes| spares(bytes)) {
                        tally.ask(&socket, &bytes);
                    }
                }
            }
            judge.sample(daemon);
            if number == requests / 4 {
                drop(std::mem::take(&mut half));
                let pid = daemon.pid().expect("a daemon");
                warm = Some((pid, settled(pid, 0), memory(pid)));
            }
        }
        drop(half);
        let daemon_pid = daemon.pid().expect("a daemon");
        let (_, files, _) = warm.expect("a quarter of the requests");
        // What the file says is what is in force, whatever came before.
        turn += 1;
        daemon
            .rewrite_policy(&policy::text(turn, false))
            .expect("a policy");
        tally.ask(&socket, &whole("POST", "/v1/reload", "", b""));
        (settled(daemon_pid, files), memory(daemon_pid))
    });
    let (_, files, before) = warm.expect("a quarter of the requests");
    let (open, after) = last;
    assert!(open <= files, "{open} open files, {files} before");
    assert!(
        after <= before + FLAT,
        "{after} KiB of the daemon, {before} before"
    );
    site.finish();
    site.assert_in_force(turn);
    assert_eq!(site.daemon.pid(), pid, "another daemon");
    assert_eq!(site.program(), program, "another program");
    healthy(&socket);
    for status in [200, 400, 404, 405, 422] {
        assert!(tally.0.contains_key(&status), "no {status}: {tally:?}");
    }
    println!(
        "survival: {requests} requests in {:.1} s, answered {:?}; {before} and {after} KiB, {files} and {open} files: {}",
        begin.elapsed().as_secs_f64(),
        tally.0,
        site.judge.summary()
    );
}

/// Answers, by status.
#[derive(Debug, Default)]
struct Tally(BTreeMap<u16, u64>);

impl Tally {
    fn ask(&mut self, socket: &Path, bytes: &[u8]) {
        let said = wire::exchange(socket, bytes).expect("an end of what is said");
        for status in answers(&said) {
            *self.0.entry(status).or_default() += 1;
        }
    }
}

/// The status of each answer; what is refused comes with its mend.
fn answers(said: &[u8]) -> Vec<u16> {
    wire::answers(said, |status, body| {
        let _ = api::told(status, body);
    })
}

/// What operators may say of sources that take no part: given, and taken back.
fn said_of_others(rng: &mut Rng) -> Vec<u8> {
    let source = format!("100.64.{}.{}/32", rng.below(4), rng.below(16));
    let path = rng.pick(&["/v1/bans", "/v1/exemptions"]);
    if rng.one_in(4) {
        return whole("DELETE", &format!("{path}?source={source}"), "", b"");
    }
    let end = rng.pick(&["", r#","for":"1s""#, r#","for":"1h""#]);
    let body = format!(r#"{{"source":"{source}"{end}}}"#);
    whole("POST", path, "application/json", body.as_bytes())
}

/// As many choices as the generators take.
fn tape(rng: &mut Rng) -> Vec<u8> {
    let length = rng.below(400);
    (0..length).map(|_| rng.any() as u8).collect()
}

/// A policy that is refused.
fn broken(rng: &mut Rng) -> String {
    loop {
        let text = made::policy(&tape(rng));
        let nowhere = Path::new("/nowhere");
        if config::parse("t", &text, nowhere, jiff::Timestamp::now()).is_err() {
            return text;
        }
    }
}

/// A request that is answered before the connection ends: the next one behind it sees to that.
fn whole(method: &str, uri: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {uri} HTTP/1.1\r\nhost: throttler\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend(body);
    bytes.extend(b"GET /last HTTP/1.1\r\nhost: throttler\r\nconnection: close\r\n\r\n");
    bytes
}

/// Whether there may be a stream of events among it, which has no end.
fn streams(bytes: &[u8]) -> bool {
    bytes.windows(6).any(|word| word == b"events")
}

/// Asks, and goes away with the first of what is answered.
fn break_off(socket: &Path, bytes: &[u8]) {
    let mut stream = UnixStream::connect(socket).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    // It may have ended already, and the answer be none.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 64]);
}

/// What the `api` target takes, as HTTP. `None`: a stream without end, whose end nobody would see behind another request,
/// or a HEAD, whose answer has no body.
fn complete(request: &[u8]) -> Option<Vec<u8>> {
    let mut lines = request.splitn(3, |byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let (method, uri) = line.split_once(' ')?;
    let kind = std::str::from_utf8(lines.next()?).ok()?;
    let endless = uri.starts_with("/v1/events") && !uri.contains("recent");
    let told = !endless && method != "HEAD";
    told.then(|| whole(method, uri, kind, lines.next().unwrap_or_default()))
}

/// The same of sources that take no part, as long as before.
fn of_others(mut bytes: Vec<u8>) -> Vec<u8> {
    let pairs: [(&[u8], &[u8]); 4] = [
        (b"192.0.2.", b"203.0.1."),
        (b"2001:db8:", b"2001:db9:"),
        (b"0.0.0.0/0", b"9.0.0.0/8"),
        (b"::/0", b"::/9"),
    ];
    for (from, to) in pairs {
        let found = |bytes: &[u8]| bytes.windows(from.len()).position(|part| part == from);
        while let Some(at) = found(&bytes) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

/// Whether nothing in it could let a watched source pass: no pause, and no source that is one of them or holds one.
fn spares(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes)
        .replace("%2F", "/")
        .replace("%2f", "/");
    let mut watched = flood::sources().chain(flood::patient());
    let word = |c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '/'));
    let prefixes: Vec<ipnet::IpNet> = text
        .split(word)
        .filter_map(|word| {
            let address = || word.parse::<IpAddr>().ok().map(ipnet::IpNet::from);
            word.parse().ok().or_else(address)
        })
        .collect();
    !text.contains("pause")
        && !watched.any(|source| prefixes.iter().any(|prefix| prefix.contains(&source)))
}

/// KiB that are the daemon's own.
fn memory(pid: u32) -> u64 {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("its memory");
    let line = smaps.lines().find(|line| line.starts_with("Anonymous:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("a figure").parse().expect("a number")
}

/// Files that the daemon has open, once they are no more than `most` (if that is not 0) and no fewer than a moment ago.
fn settled(pid: u32, most: usize) -> usize {
    let end = Instant::now() + PATIENCE;
    let count = || {
        let files = fs::read_dir(format!("/proc/{pid}/fd"));
        files.expect("its files").count()
    };
    let mut before = count();
    loop {
        // Connections that were closed here are closed there as soon as it looks.
        thread::sleep(Duration::from_millis(50));
        let now = count();
        if now == before && (most == 0 || now <= most) || Instant::now() > end {
            return now;
        }
        before = now;
    }
}

/// Once it has checked that all is enforced.
fn healthy(socket: &Path) {
    let end = Instant::now() + PATIENCE;
    loop {
        let said = wire::exchange(socket, &whole("GET", "/healthz", "", b""));
        let said = said.expect("an end of what is said");
        if answers(&said).first() == Some(&200) {
            return;
        }
        assert!(Instant::now() < end, "{}", String::from_utf8_lossy(&said));
        thread::sleep(Duration::from_millis(50));
    }
}
