//! A defect: three lines about it, and the diff that makes it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// Below the root.
const FOLDER: &str = "tests/defects";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// What the defect is.
    pub(super) what: String,
    /// The command that must notice it, for a shell at the root.
    pub(super) run: String,
    /// What that command's output must have in it then.
    pub(super) fails: String,
}

/// All of them, by name.
pub(super) fn all(root: &Path) -> Result<Vec<Patch>> {
    let folder = root.join(FOLDER);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut patches = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            patches.push(
                parse(path.clone(), &text).with_context(|| format!("in {}", path.display()))?,
            );
        }
    }
    ensure!(!patches.is_empty(), "no patch in {}", folder.display());
    patches.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(patches)
}

fn parse(path: PathBuf, text: &str) -> Result<Patch> {
    // The diff may have such lines of its own.
    let head = text.lines().take_while(|line| !line.starts_with("diff "));
    let head: Vec<&str> = head.collect();
    let value = |key: &str| {
        let found = head.iter().find_map(|line| line.strip_prefix(key));
        let found = found.map(|value| value.trim().to_owned());
        found
            .filter(|value| !value.is_empty())
            .with_context(|| format!("no line `{key} ...` before the diff"))
    };
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    Ok(Patch {
        name: stem.unwrap_or_default(),
        what: value("What:")?,
        run: value("Run:")?,
        fails: value("Fails:")?,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_says_what_it_does_and_who_notices() {
        let text = "What: a\nRun: cargo test\nFails: b c\ndiff --git a/x b/x\n Run: not this\n";
        let patch = parse("d/lost-cas.patch".into(), text).expect("a patch");
        assert_eq!(
            (
                patch.name.as_str(),
                patch.run.as_str(),
                patch.fails.as_str()
            ),
            ("lost-cas", "cargo test", "b c")
        );
        assert!(parse("x.patch".into(), "What: a\nFails: b\ndiff\n").is_err());
    }
}
