//! Tables: the same figures as the plots, for those who read them or have them read to them. On a narrow screen each row
//! becomes a list, so each cell has its head with it.

use std::fmt::Write as _;

use super::text::Escaped;

/// A table.
pub(super) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The markup; `caption` is for those who do not see what stands above it.
    pub(super) fn markup(&self, caption: &str) -> String {
        let mut html = format!("<table><caption>{}</caption><thead><tr>", Escaped(caption));
        // Writing to a string does not fail.
        for head in &self.head {
            let _ = write!(html, "<th scope=\"col\">{}</th>", Escaped(head));
        }
        html.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (cell, head) in row.iter().zip(&self.head) {
                // A number with its unit stays on one line.
                let is_number = cell.len() <= 12 && cell.starts_with(|c: char| c.is_ascii_digit());
                let class = if is_number { " class=\"number\"" } else { "" };
                let (head, cell) = (Escaped(head), Escaped(cell));
                let _ = write!(html, "<td{class} data-head=\"{head}\">{cell}</td>");
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table>");
        html
    }

    /// The same, folded away under a plot.
    pub(super) fn folded(&self, caption: &str) -> String {
        let table = self.markup(caption);
        format!("<details><summary>As a table</summary>{table}</details>")
    }
}
