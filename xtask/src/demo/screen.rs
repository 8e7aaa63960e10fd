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
    format!("{second:>3} {}", cells(seen))
}

/// The line below all seconds.
pub(super) fn sums(seen: &Seen) -> String {
    format!("all {}", cells(&seen.since(&Seen::default())))
}

fn cells(seen: &[(u64, Tally); COUNT]) -> String {
    let cell = |(client, (sent, tally)): (&super::clients::Client, &(u64, Tally))| {
        let dropped = match (tally.dropped, client.class) {
            (0, _) => "0 ".to_owned(),
            (dropped, Class::Blocked) => format!("{dropped}b"),
            (dropped, _) => format!("{dropped}o"),
        };
        format!("{sent:>5}{:>5}{dropped:>5}", tally.passed)
    };
    CLIENTS.iter().zip(seen).map(cell).collect()
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
    let (mut folded, mut rest) = (String::new(), line);
    while rest.chars().count() > COLUMNS {
        let end = rest
            .char_indices()
            .nth(COLUMNS)
            .map_or(rest.len(), |(at, _)| at);
        let Some(blank) = rest[..=end.min(rest.len() - 1)]
            .rfind(' ')
            .filter(|at| *at > 0)
        else {
            break;
        };
        folded.push_str(rest[..blank].trim_end());
        folded.push_str("\n    ");
        rest = rest[blank..].trim_start();
    }
    folded + rest
}
