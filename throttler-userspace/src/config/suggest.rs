//! The words of a mend: quoting what was written, listing what is known, and "did you mean".

/// Longer words are no typing slips, and comparing them costs time that an attacker's file would choose.
const LONGEST: usize = 40;

/// Names that a mend lists.
const LISTED: usize = 24;

/// Names that are compared: as many plans as there may be.
const COMPARED: usize = 1_023;

/// What the file says, safe for a terminal and short enough for one line, in backticks.
pub(crate) fn quote(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// The same without.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown.replace("\\\"", "\"").replace("\\'", "'")
}

/// "did you mean `x`? known scopes: `a`, `x`", or only the list, of 24 at most; `what` is a plural.
pub(crate) fn known<'a>(
    what: &str,
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let mut candidates = candidates.into_iter();
    let compared: Vec<&str> = candidates.by_ref().take(COMPARED).collect();
    if compared.is_empty() {
        return format!("there are no {what}");
    }
    let listed = compared.iter().take(LISTED);
    let list: Vec<String> = listed.map(|name| quote(name)).collect();
    let mut list = format!("known {what}: {}", list.join(", "));
    if let Some(more) = compared.len().checked_sub(LISTED).filter(|n| *n > 0) {
        let more = more + candidates.count();
        list += &format!(" and {more} more");
    }
    match nearest(written, compared) {
        Some(near) => format!("did you mean {}? {list}", quote(near)),
        None => list,
    }
}

/// The candidate that a slip of the fingers could have turned into `written`.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST && written.len() <= LONGEST)
        // So many bytes apart, no four of a character, and they differ by more.
        .filter(|candidate| candidate.len().abs_diff(written.len()) <= 4 * allowed)
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment: insertions, deletions, substitutions and swapped neighbours cost 1, a change of case 0.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_nothing_far_off() {
        let keys = ["match", "mode", "limits", "global", "protected"];
        assert_eq!(nearest("limts", keys), Some("limits"));
        assert_eq!(nearest("mathc", keys), Some("match"));
        assert_eq!(nearest("Mode", keys), Some("mode"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn quotes_for_a_terminal() {
        assert_eq!(quote("a\u{1b}[31m"), "`a\\u{1b}[31m`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 63);
        assert_eq!(quote("it's \"x\""), "`it's \"x\"`");
    }
}
