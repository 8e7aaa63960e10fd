//! A disk that is full, or a file that is damaged, costs nothing but time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use serde_json::Value;
use throttler::history::path;
use throttler_lab::{frames, topology::SERVER_IFACE};

use super::{flushed, kept, read, sums};
use crate::{
    http::ask,
    site::{FIVE_A_DAY, LONG, PORT, Site, address, server},
};

/// A small file system over the state directory.
struct Small(PathBuf);

impl Small {
    fn mount(over: &Path) -> Self {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(over);
        assert!(mount.status().expect("mount").success());
        Self(over.to_owned())
    }

    /// Fills what is left of it.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut size = 1 << 20;
        let mut file = fs::File::create(&filler).expect("a file");
        while size > 0 {
            let wrote = std::io::Write::write(&mut file, &vec![1; size]);
            if wrote.is_err() {
                size /= 2;
            }
        }
        filler
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Whoever still has a file open there keeps it from going at once.
        let mut umount = Command::new("umount");
        let _ = umount.arg("--lazy").arg(&self.0).status();
    }
}

fn database(site: &Site) -> PathBuf {
    path(&site.daemon.state_dir(), SERVER_IFACE)
}

/// Asks until the history is written, and gives what it holds.
fn healed(site: &Site) -> (u64, u64) {
    let end = Instant::now() + LONG;
    loop {
        let state = flushed(site);
        if state["writing"] == true {
            let sums = sums(&read(site));
            return (sums.0, sums.1);
        }
        assert!(Instant::now() < end, "{state}");
    }
}

fn is_healthy(site: &Site) {
    assert_eq!(ask(site, "GET /healthz", "").status, 200);
}

#[test]
fn a_full_disk_is_waited_for() {
    let mut site = Site::start("full", FIVE_A_DAY, &[]);
    assert!(site.daemon.stop().expect("an end").success());
    let small = Small::mount(&site.daemon.state_dir());
    site.daemon.restart().expect("a daemon");
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 10), 5);
    assert_eq!(sums(&kept(&site)).0, 5);

    let filler = small.fill();
    let seen = site.daemon.stderr_lines().len();
    // Many: of a page that the file has already no more than a part is written.
    let packets = site.counters().packets;
    for last in 1..=200_u8 {
        let source = std::net::Ipv4Addr::new(198, 51, 100, last).into();
        let frame = frames::udp(source, server(source), 1024, PORT, 18);
        (0..7).for_each(|_| site.injector.send(&frame).expect("a frame"));
    }
    site.wait_packets(packets + 1_400);
    let state = flushed(&site);
    assert_eq!(state["writing"], false, "{state}");
    let fault = state["fault"].as_str().expect("a fault");
    assert!(
        fault.contains("full") && fault.contains("max_size"),
        "{fault}"
    );
    site.daemon
        .wait_stderr(seen, "cannot be written", LONG)
        .expect("a word");
    is_healthy(&site);
    let metrics = ask(&site, "GET /metrics", "").body;
    assert!(
        metrics.contains("throttler_history_writing{iface=\"veth-s\"} 0"),
        "{metrics}"
    );
    let status = ask(&site, "GET /v1/status", "").json();
    assert_eq!(status["interfaces"][0]["history_fault"], state["fault"]);
    // Said once.
    flushed(&site);
    let said = site.daemon.stderr_lines();
    let said = said
        .iter()
        .filter(|line| line.contains("cannot be written"));
    assert_eq!(said.count(), 1);
    assert_eq!(site.offer(source, 3), 0, "enforced all the while");

    fs::remove_file(filler).expect("room");
    assert_eq!(healed(&site).0, 5 + 400 + 3);
    site.daemon
        .wait_stderr(seen, "written again", LONG)
        .expect("a word");
    assert!(site.daemon.stop().expect("an end").success());
}

#[test]
fn a_damaged_file_is_put_aside_at_the_start() {
    let mut site = Site::start("broken", FIVE_A_DAY, &["--on-exit", "keep"]);
    assert_eq!(site.offer(address("192.0.2.1"), 10), 5);
    assert!(site.daemon.stop().expect("an end").success());
    let whole = fs::read(database(&site)).expect("a database");
    let damage: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.fill(b'x'),
        |bytes| bytes.truncate(5_000),
        // The second page, whichever tree it is of.
        |bytes| bytes[4_096..8_192].fill(0xff),
    ];
    for (round, damage) in damage.into_iter().enumerate() {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(database(&site), bytes).expect("a file");
        let seen = site.daemon.stderr_lines().len();
        site.daemon.restart().expect("a daemon");
        // The table has it still.
        site.daemon
            .wait_stderr(seen, "begun anew", LONG)
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(healed(&site), (5, 5 * 46), "round {round}");
        is_healthy(&site);
        assert!(site.daemon.stop().expect("an end").success());
    }
    let names = fs::read_dir(site.daemon.state_dir()).expect("a directory");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    let broken = names.filter(|name| name.to_string_lossy().contains(".history.db.broken-"));
    assert!((1..=3).contains(&broken.count()));
}

#[test]
fn a_file_that_is_damaged_while_it_is_written_is_put_aside() {
    let site = Site::start("spoilt", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 10), 5);
    assert_eq!(sums(&kept(&site)).0, 5);
    let database = database(&site);
    let mut journal = database.clone().into_os_string();
    journal.push("-wal");
    fs::write(&database, [b'x'; 40_000]).expect("a file");
    fs::write(journal, b"").expect("a file");
    site.offer(source, 8);
    // The five are in the file that was put aside.
    assert_eq!(healed(&site).0, 8);
    site.offer(source, 2);
    assert_eq!(sums(&kept(&site)).0, 10);
    is_healthy(&site);
}

#[test]
fn a_file_that_is_taken_away_is_begun_anew() {
    let site = Site::start("gone", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 10), 5);
    assert_eq!(sums(&kept(&site)).0, 5);
    for suffix in ["", "-wal", "-shm"] {
        let mut name = database(&site).into_os_string();
        name.push(suffix);
        fs::remove_file(name).expect("a file");
    }
    site.offer(source, 8);
    assert_eq!(sums(&kept(&site)).0, 8);
}

#[test]
fn what_cannot_be_opened_does_not_keep_the_daemon_from_starting() {
    let mut site = Site::start("denied", FIVE_A_DAY, &[]);
    assert!(site.daemon.stop().expect("an end").success());
    fs::remove_file(database(&site)).expect("a database");
    fs::create_dir(database(&site)).expect("a directory");
    site.daemon.restart().expect("a daemon");
    assert_eq!(site.offer(address("192.0.2.1"), 10), 5);
    let state = flushed(&site);
    assert_eq!(state["writing"], false, "{state}");
    is_healthy(&site);
    fs::remove_dir(database(&site)).expect("nothing");
    assert_eq!(healed(&site).0, 5);
}

#[test]
fn who_holds_the_database_is_waited_for() {
    let site = Site::start("held", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 10), 5);
    assert_eq!(sums(&kept(&site)).0, 5);
    let other = rusqlite::Connection::open(database(&site)).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    site.offer(source, 4);
    let state = flushed(&site);
    let fault = state["fault"].as_str().expect("a fault");
    assert!(fault.contains("another process"), "{state}");
    other.execute_batch("ROLLBACK").expect("an end");
    assert_eq!(healed(&site).0, 9);
}

#[test]
fn nothing_is_kept_where_the_policy_wants_nothing() {
    let mut site = Site::start("none", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 10), 5);
    assert_eq!(sums(&kept(&site)).0, 5);
    let off = format!("{FIVE_A_DAY}[history]\nenabled = false\n");
    site.daemon.rewrite_policy(&off).expect("a policy");
    site.daemon.reload().expect("a reload");
    site.offer(source, 20);
    let end = Instant::now() + LONG;
    while flushed(&site)["enabled"] == true {
        assert!(Instant::now() < end);
    }
    assert_eq!(flushed(&site)["fault"], Value::Null);
    site.daemon.rewrite_policy(FIVE_A_DAY).expect("a policy");
    site.daemon.reload().expect("a reload");
    site.offer(source, 3);
    let end = Instant::now() + LONG;
    while flushed(&site)["enabled"] == false {
        assert!(Instant::now() < end);
    }
    assert_eq!(sums(&kept(&site)).0, 8);
}
