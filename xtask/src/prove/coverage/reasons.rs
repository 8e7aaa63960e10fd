//! Why lines are not run by any test: `path: at most N: reason`, a line a file; `#` begins a comment.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::Files;

/// Lines that a file may leave unrun without a reason: what depends on timing comes and goes.
const FREE: usize = 2;

/// At most so many lines of a file, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    most: usize,
    pub(super) why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reasons(BTreeMap<String, Reason>);

impl Reasons {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut reasons = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut parts = line.splitn(3, ": ");
            let entry = || -> Option<(String, Reason)> {
                let file = parts.next()?.to_owned();
                let most = parts.next()?.strip_prefix("at most ")?.parse().ok()?;
                let why = parts.next()?.to_owned();
                Some((file, Reason { most, why }))
            }();
            let (file, reason) = entry.with_context(|| {
                format!(
                    "line {} is not `path: at most N: reason`: {line}",
                    index + 1
                )
            })?;
            ensure!(
                reasons.insert(file.clone(), reason).is_none(),
                "line {}: {file} has a reason already",
                index + 1
            );
        }
        Ok(Self(reasons))
    }

    pub(super) fn of(&self, file: &str) -> Option<&Reason> {
        self.0.get(file)
    }

    /// What has no reason, and reasons that nothing needs.
    pub(super) fn problems(&self, files: &Files) -> Vec<String> {
        let mut problems = Vec::new();
        for (file, lines) in files {
            let missed = lines.missed().len();
            let most = self.of(file).map_or(FREE, |reason| reason.most);
            if missed > most {
                problems.push(format!(
                    "{file}: {missed} lines, at most {most} have a reason"
                ));
            }
        }
        let gone = self.0.keys().filter(|file| !files.contains_key(*file));
        problems.extend(gone.map(|file| format!("{file}: there is no such file any more")));
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_a_file_a_number_and_words() {
        let reasons = Reasons::parse("# why\n\na/b.rs: at most 3: the kernel: never says so\n");
        let reasons = reasons.expect("reasons");
        let reason = reasons.of("a/b.rs").expect("a reason");
        assert_eq!(
            (reason.most, reason.why.as_str()),
            (3, "the kernel: never says so")
        );
        for bad in [
            "a/b.rs: 3: why",
            "a/b.rs",
            "a: at most 1: x\na: at most 2: y",
        ] {
            assert!(Reasons::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reason_for_what_is_gone_is_a_problem() {
        let reasons = Reasons::parse("a.rs: at most 3: why").expect("reasons");
        assert_eq!(reasons.problems(&Files::new()).len(), 1);
    }
}
