//! Every input that is committed, through its target: the corpora, and whatever once made a target panic.

use std::fs;
use std::path::{Path, PathBuf};

use throttler_fuzz::TARGETS;

fn inputs(of: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(of).join(target);
    let mut found: Vec<_> = match fs::read_dir(&folder) {
        Ok(entries) => entries
            .map(|entry| entry.expect("an entry").path())
            .collect(),
        // No crasher yet.
        Err(_) => Vec::new(),
    };
    found.sort();
    found
}

/// The input in hand when a target panics is named.
struct Named<'a>(&'a Path);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was {}", self.0.display());
        }
    }
}

fn replay(of: &str, target: &str) -> usize {
    let (_, run) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target");
    let inputs = inputs(of, target);
    for path in &inputs {
        let bytes = fs::read(path).expect("an input");
        let _named = Named(path);
        run(&bytes);
    }
    println!("{target}: {} inputs of {of}", inputs.len());
    inputs.len()
}

macro_rules! targets {
    ($($target:ident),+) => {$(
        #[test]
        fn $target() {
            let corpus = replay("corpus", stringify!($target));
            assert!(corpus >= 10, "a corpus of {corpus} inputs says little");
            replay("crashers", stringify!($target));
        }
    )+};
}
targets!(api, decide, list, maps, policy, rates, wire);

#[test]
fn every_target_is_replayed_and_no_folder_is_left_over() {
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["api", "decide", "list", "maps", "policy", "rates", "wire"]
    );
    for of in ["corpus", "crashers"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(of);
        for entry in fs::read_dir(folder).expect("the folder") {
            let name = entry.expect("an entry").file_name();
            assert!(names.iter().any(|known| name == *known), "{of}/{name:?}");
        }
    }
}

/// The whole of it stays small enough to be cloned without a thought.
#[test]
fn the_corpora_are_small() {
    let all = ["corpus", "crashers"].into_iter();
    let all = all.flat_map(|of| {
        TARGETS
            .iter()
            .flat_map(move |(target, _)| inputs(of, target))
    });
    let sizes: Vec<_> = all
        .map(|path| path.metadata().expect("a size").len())
        .collect();
    assert!(sizes.len() <= 400, "{} files", sizes.len());
    assert!(
        sizes.iter().sum::<u64>() <= 600_000,
        "{} bytes",
        sizes.iter().sum::<u64>()
    );
}
