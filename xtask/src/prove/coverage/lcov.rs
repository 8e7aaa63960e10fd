//! Reads llvm-cov's lcov: `SF:` names a file, `DA:line,count` a line, `end_of_record` ends the file.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

use super::Files;

/// How often each line of a file ran; lines without code are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines(BTreeMap<usize, u64>);

impl Lines {
    pub(super) fn all(&self) -> usize {
        self.0.len()
    }

    /// The lines that never ran.
    pub(super) fn missed(&self) -> Vec<usize> {
        let missed = self.0.iter().filter(|(_, count)| **count == 0);
        missed.map(|(line, _)| *line).collect()
    }
}

/// The files below one of the folders; without their own tests, which would only flatter them.
pub(super) fn read(lcov: &str, root: &Path, folders: &[&str]) -> Result<Files> {
    let mut files = Files::new();
    let mut current: Option<(String, usize)> = None;
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            current = measured(path, root, folders)
                .map(|file| {
                    let text = fs::read_to_string(root.join(&file))
                        .with_context(|| format!("cannot read {file}"))?;
                    Ok::<_, anyhow::Error>((file, first_of_tests(&text)))
                })
                .transpose()?;
        } else if let (Some((file, end)), Some(rest)) = (&current, line.strip_prefix("DA:"))
            && let Some((line, count)) = count(rest)
            && line < *end
        {
            let lines = files.entry(file.clone()).or_default();
            *lines.0.entry(line).or_default() += count;
        }
    }
    Ok(files)
}

fn measured(path: &str, root: &Path, folders: &[&str]) -> Option<String> {
    let file = Path::new(path).strip_prefix(root).ok()?.to_str()?;
    let of_tests =
        file.contains("/tests/") || file.ends_with("tests.rs") || file.ends_with("_test.rs");
    let wanted = folders.iter().any(|folder| file.starts_with(folder));
    (wanted && !of_tests).then(|| file.to_owned())
}

/// The line of `#[cfg(test)]`, where the house has a file's tests begin; or behind the end.
fn first_of_tests(text: &str) -> usize {
    let found = text.lines().position(|line| line.trim() == "#[cfg(test)]");
    found.map_or(usize::MAX, |index| index + 1)
}

fn count(rest: &str) -> Option<(usize, u64)> {
    let mut fields = rest.split(',');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_product_counts() {
        let root = Path::new("/r");
        let folders = ["a/src/"];
        let measured = |path| measured(path, root, &folders);
        assert_eq!(measured("/r/a/src/x.rs").as_deref(), Some("a/src/x.rs"));
        assert_eq!(measured("/r/a/src/x/tests.rs"), None);
        assert_eq!(measured("/r/b/src/x.rs"), None);
        assert_eq!(measured("/elsewhere/a/src/x.rs"), None);
        assert_eq!(
            first_of_tests("fn f() {}\n\n#[cfg(test)]\nmod tests {}\n"),
            3
        );
        assert_eq!(first_of_tests("fn f() {}\n"), usize::MAX);
    }

    #[test]
    fn counts_of_several_programs_add_up() {
        let root = tempdir();
        fs::create_dir_all(root.join("a/src")).expect("a folder");
        fs::write(root.join("a/src/x.rs"), "one\ntwo\n#[cfg(test)]\nfour\n").expect("a file");
        let file = root.join("a/src/x.rs");
        let lcov = format!(
            "SF:{0}\nDA:1,0\nDA:2,0\nDA:4,9\nend_of_record\nSF:{0}\nDA:1,3\nend_of_record\n",
            file.display()
        );
        let files = read(&lcov, &root, &["a/src/"]).expect("lcov");
        fs::remove_dir_all(&root).expect("removed");
        assert_eq!(files["a/src/x.rs"].all(), 2);
        assert_eq!(files["a/src/x.rs"].missed(), [2]);
    }

    fn tempdir() -> std::path::PathBuf {
        std::env::temp_dir().join(format!("throttler-lcov-{}", std::process::id()))
    }
}
