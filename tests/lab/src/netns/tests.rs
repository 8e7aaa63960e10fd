use super::*;

#[test]
fn a_name_tells_its_owner() {
    assert_eq!(owner("thr-12-0-server", "thr-"), Some(12));
    assert_eq!(owner("thr-lab-3", "thr-lab-"), Some(3));
    assert_eq!(owner("thr-x-0", "thr-"), None);
    assert_eq!(owner("other-12-0", "thr-"), None);
    assert!(!is_dead(std::process::id()));
}

#[test]
fn a_namespace_lives_with_its_guard() {
    let netns = Netns::new("life").expect("a namespace");
    let path = Path::new(NAMES).join(netns.name());
    assert!(path.exists());
    let links = |text: String| {
        text.lines()
            .skip(2)
            .map(|line| line.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let inside = links(
        netns
            .run(|| fs::read_to_string("/proc/thread-self/net/dev"))
            .expect("net/dev"),
    );
    assert!(
        inside.iter().all(|line| !line.starts_with("eth")),
        "own interfaces only: {inside:?}"
    );
    drop(netns);
    assert!(!path.exists());
}

#[test]
fn a_panic_deletes_the_namespace_and_passes_on() {
    let mut path = PathBuf::new();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let netns = Netns::new("panic").expect("a namespace");
        path = Path::new(NAMES).join(netns.name());
        netns.run(|| panic!("wanted by the test"));
    }));
    assert_eq!(
        result.expect_err("a panic").downcast_ref(),
        Some(&"wanted by the test")
    );
    assert!(path.starts_with(NAMES) && !path.exists());
}

#[test]
fn a_command_runs_inside_with_our_mounts() {
    let netns = Netns::new("command").expect("a namespace");
    let read = |link: &str| {
        let output = netns
            .command("readlink")
            .arg(link)
            .output()
            .expect("readlink");
        PathBuf::from(String::from_utf8(output.stdout).expect("text").trim())
    };
    assert_ne!(
        read("/proc/self/ns/net"),
        fs::read_link("/proc/self/ns/net").expect("link")
    );
    assert_eq!(
        read("/proc/self/ns/mnt"),
        fs::read_link("/proc/self/ns/mnt").expect("link")
    );
}

#[test]
fn sweep_takes_what_the_dead_left() {
    let mut child = Command::new("true").spawn().expect("true");
    let dead = child.id();
    child.wait().expect("an end");
    let stale = format!("thr-{dead}-0-stale");
    {
        let _lock = lock::host().expect("no sweep at the same time");
        ip(&["netns", "add", &stale]).expect("a stale namespace");
    }
    let alive = Netns::new("alive").expect("a namespace");
    // Another process may have swept it already; gone is what counts.
    let swept = Netns::sweep().expect("a sweep");
    assert!(!Path::new(NAMES).join(&stale).exists(), "{swept:?}");
    assert!(Path::new(NAMES).join(alive.name()).exists());
}
