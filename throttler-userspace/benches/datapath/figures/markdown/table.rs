//! A Markdown table.

/// `sides` has an `l` or an `r` for each column.
pub(crate) fn table(sides: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rule = sides
        .chars()
        .map(|side| if side == 'r' { "--:" } else { "---" });
    let mut lines = vec![line(head.iter().copied()), line(rule)];
    lines.extend(rows.map(|row| line(row.iter().map(String::as_str))));
    lines.join("\n") + "\n"
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    // A bar in a reason that somebody else wrote would begin a cell.
    let cells: Vec<String> = cells
        .map(|cell| cell.replace('|', "/").replace('\n', " "))
        .collect();
    format!("| {} |", cells.join(" | "))
}
