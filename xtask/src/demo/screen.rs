//! What the demo prints, within 80 columns.

use super::{
    clients::{CLIENTS, COUNT, Class},
    observe::{Seen, Tally},
};

const COLUMNS: usize = 80;
/// Three numbers of a client: sent, passed, dropped with the letter of its reason.
const CELL: usize = 15;
const LOG_LINES: usize = 4;

/// The head of the table.
pub(super) fn head() -> String {
    let names = |row: usize| {
        let cells = CLIENTS
            .iter()
            .map(|client| format!("{:>CELL$}", client.name[row]));
        format!("    {}", cells.collect::<String>())
    };
    let columns = " sent pass drop".repeat(COUNT);
    format!(
        "packets a second, IPv4 and IPv6, TCP, UDP and ICMP; o: over_limit, b: blocked\n{}\n{}\n  s {columns}",
        names(0),
        names(1)
    )
}

/// The line of one second.
pub(super) fn line(second: u32, seen: &[(u64, Tally); COUNT]) -> String {
    let cells = CLIENTS.iter().zip(seen).map(|(client, (sent, tally))| {
        let reason = match (tally.dropped, client.class) {
            (0, _) => ' ',
            (_, Class::Blocked) => 'b',
            _ => 'o',
        };
        format!("{sent:>5}{:>5}{:>4}{reason}", tally.passed, tally.dropped)
    });
    format!("{second:>3} {}", cells.collect::<String>())
}

/// The line below all seconds, whose numbers leave no room for the letters.
pub(super) fn sums(seen: &Seen) -> String {
    let sums = seen.since(&Seen::default());
    let cells =
        sums.map(|(sent, tally)| format!("{sent:>5}{:>5}{:>5}", tally.passed, tally.dropped));
    format!("all {}", cells.concat())
}

/// The daemon's last lines about refusals.
pub(super) fn abuse_log(stderr: &[String]) -> String {
    let lines: Vec<&String> = stderr
        .iter()
        .filter(|line| line.contains(" refused "))
        .collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    let text: String = last
        .iter()
        .map(|line| format!("\n{}", fold(line)))
        .collect();
    format!(
        "abuse log, the last {} of {} lines:{text}",
        last.len(),
        lines.len()
    )
}

/// Each line within the columns.
pub(super) fn folded(text: &str) -> String {
    text.lines().map(|line| fold(line) + "\n").collect()
}

/// Goes on in the next line, indented, at the last blank that fits.
fn fold(line: &str) -> String {
    const INDENT: &str = "    ";
    let (mut folded, mut rest, mut room) = (String::new(), line, COLUMNS);
    while let Some((end, _)) = rest.char_indices().nth(room) {
        // The blank may be the one right after what fits; a blank at the start would make no headway.
        let Some(blank) = rest[..=end].rfind(' ').filter(|at| *at > 0) else {
            break;
        };
        folded.extend([rest[..blank].trim_end(), "\n", INDENT]);
        rest = rest[blank..].trim_start();
        room = COLUMNS - INDENT.len();
    }
    folded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_at_blanks_and_lose_nothing_else() {
        let line = "word  ".repeat(40);
        let folded = fold(line.trim_end());
        assert!(
            folded
                .lines()
                .all(|line| line.len() <= COLUMNS && !line.ends_with(' ')),
            "{folded}"
        );
        assert_eq!(folded.split_whitespace().count(), 40);
        let long = "x".repeat(100);
        assert_eq!(fold(&long), long);
        assert_eq!(
            fold(&format!("{} y", "x".repeat(80))),
            format!("{}\n    y", "x".repeat(80))
        );
    }

    #[test]
    fn rows_have_80_columns_at_most() {
        let seen = [(
            9999,
            Tally {
                passed: 9999,
                dropped: 999,
            },
        ); COUNT];
        for line in head()
            .lines()
            .chain([line(10, &seen).as_str()])
            .chain(super::super::policy::brief().lines())
        {
            assert!(line.len() <= COLUMNS, "{line}");
        }
    }
}
