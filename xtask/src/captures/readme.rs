//! A capture's place in README.md: between `<!-- capture: NAME -->` and `<!-- end -->`.

use anyhow::{Context, Result};

/// The text with another capture in its place.
pub(super) fn with(text: &str, name: &str, capture: &str) -> Result<String> {
    let begin = format!("<!-- capture: {name} -->\n");
    let end = "<!-- end -->";
    let (before, rest) = text
        .split_once(&begin)
        .with_context(|| format!("README.md has no line `{}`", begin.trim_end()))?;
    let (_, after) = rest
        .split_once(end)
        .with_context(|| format!("README.md has no `{end}` behind `{}`", begin.trim_end()))?;
    Ok(format!(
        "{before}{begin}```text\n{capture}```\n{end}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn a_capture_takes_the_place_of_the_one_before() {
        let text =
            "a\n<!-- capture: top -->\nold\n<!-- end -->\nb\n<!-- capture: x -->\n<!-- end -->\n";
        let new = with(text, "top", "new\n").expect("a place");
        assert_eq!(
            new,
            "a\n<!-- capture: top -->\n```text\nnew\n```\n<!-- end -->\nb\n<!-- capture: x -->\n<!-- end -->\n"
        );
        assert_eq!(with(&new, "top", "new\n").expect("a place"), new);
        assert!(with(text, "doctor", "").is_err());
    }
}
