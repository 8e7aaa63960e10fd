//! Policy files: written rule by rule with values of [`super::values`], or one that is valid with lines of it changed.

use std::fmt::Write as _;

use super::Choices;
use super::values::{
    COUNTS, DURATIONS, MODES, NAMES, PORTS, PREFIXES, PROTOCOLS, RATES, SHARES, TIMES, UNITS,
};
use crate::bytes::Tape;
use crate::policies;

/// The most of a kind; as a rule there are a few.
const MANY: usize = 400;

/// A policy file.
#[must_use]
pub fn policy(tape: &[u8]) -> String {
    let mut choices = Choices(Tape::new(tape));
    let mut text = match choices.below(3) {
        0 => {
            let texts = policies::texts();
            let one = choices.below(texts.len());
            texts[one].clone()
        }
        _ => choices.file(),
    };
    for _ in 0..choices.below(4) {
        text = choices.changed(&text);
    }
    text
}

impl Choices<'_> {
    fn file(&mut self) -> String {
        let mut text = String::new();
        if self.one_in(3) {
            text += "[throttler]\n";
            for (key, values) in [
                ("mode", MODES),
                ("ipv4_prefix", [&["32", "24", "0", "8"], COUNTS[1]]),
                ("ipv6_prefix", [&["64", "128", "48", "0"], COUNTS[1]]),
                ("max_sources", COUNTS),
                ("on_exit", [&["\"keep\"", "\"detach\""], MODES[1]]),
            ] {
                if self.one_in(3) {
                    let value = self.of(values);
                    let _ = writeln!(text, "{key} = {value}");
                }
            }
        }
        let parts = self.some(10, Self::part);
        text + &parts.concat()
    }

    fn part(&mut self) -> String {
        match self.below(13) {
            0..=3 => self.scope(),
            4 => self.layer(),
            5 | 6 => self.plan(),
            7..=9 => self.source(),
            10 => self.abuse(),
            11 => self.notify(),
            _ => self.history(),
        }
    }

    fn scope(&mut self) -> String {
        let name = self.of(NAMES);
        let mut text = format!("[scopes.{name}]\n");
        if name != "default" || self.one_in(8) {
            let entries = self.some(4, Self::matching).join(", ");
            let _ = writeln!(text, "match = [{entries}]");
        }
        if self.one_in(4) {
            let _ = writeln!(text, "mode = {}", self.of(MODES));
        }
        let protects = self.one_in(5);
        if protects {
            let (plan, share) = (self.text(NAMES), self.of(SHARES));
            let _ = writeln!(text, "protected = [{plan}]\nreserved = {share}");
        }
        if !self.one_in(8) {
            text += &self.limits(&format!("scopes.{name}.limits"));
        }
        if protects || self.one_in(4) {
            text += &self.limits(&format!("scopes.{name}.global"));
        }
        text
    }

    fn matching(&mut self) -> String {
        let mut fields = Vec::new();
        if !self.one_in(3) {
            fields.push(format!("protocol = {}", self.of(PROTOCOLS)));
        }
        if !self.one_in(3) {
            let ports = self.some(3, |choices| choices.of(PORTS)).join(", ");
            fields.push(format!("ports = [{ports}]"));
        }
        if self.one_in(3) {
            let to = self.some(3, |choices| choices.text(PREFIXES)).join(", ");
            fields.push(format!("to = [{to}]"));
        }
        if self.one_in(60) {
            fields.push(self.any());
        }
        format!("{{ {} }}", fields.join(", "))
    }

    fn limits(&mut self, title: &str) -> String {
        let mut text = format!("[{title}]\n");
        for limit in self.some(5, Self::limit) {
            text += &limit;
        }
        text
    }

    fn limit(&mut self) -> String {
        let (name, rate) = (self.of(NAMES), self.text(RATES));
        let burst = match self.one_in(3) {
            true => format!(", burst = {}", self.of(COUNTS)),
            false => String::new(),
        };
        let unit = match self.one_in(3) {
            true => format!(", unit = {}", self.of(UNITS)),
            false => String::new(),
        };
        format!("{name} = {{ rate = {rate}{burst}{unit} }}\n")
    }

    fn layer(&mut self) -> String {
        let (name, scope) = (self.of(NAMES), self.text(NAMES));
        let limits = self.limits(&format!("layers.{name}.limits"));
        format!("[layers.{name}]\nscopes = [{scope}, \"default\"]\n{limits}")
    }

    fn plan(&mut self) -> String {
        let (name, scope) = (self.of(NAMES), self.of(NAMES));
        if self.one_in(4) {
            return format!("[plans.{name}]\n{scope} = \"unlimited\"\n");
        }
        let mut text = format!("[plans.{name}.{scope}]\n");
        for limit in self.some(3, |choices| {
            let (name, rate) = (choices.of(NAMES), choices.text(RATES));
            match choices.one_in(3) {
                true => format!(
                    "{name} = {{ rate = {rate}, burst = {} }}\n",
                    choices.of(COUNTS)
                ),
                false => format!("{name} = {rate}\n"),
            }
        }) {
            text += &limit;
        }
        text
    }

    fn source(&mut self) -> String {
        let mut text = "[[sources]]\n".to_owned();
        if !self.one_in(12) {
            let from = self.some(4, |choices| choices.text(PREFIXES)).join(", ");
            let _ = writeln!(text, "from = [{from}]");
        }
        let class = match self.below(12) {
            0..=3 => "block = true".to_owned(),
            4..=6 => "exempt = true".to_owned(),
            7..=9 => format!("plan = {}", self.text(NAMES)),
            10 => "block = false".to_owned(),
            _ => "block = true\nexempt = true".to_owned(),
        };
        let _ = writeln!(text, "{class}");
        if self.one_in(3) {
            let _ = writeln!(text, "until = {}", self.of(TIMES));
        }
        if self.one_in(12) {
            let _ = writeln!(text, "file = \"partners.txt\"");
        }
        if self.one_in(6) {
            let _ = writeln!(text, "reason = {}", self.text(NAMES));
        }
        text
    }

    fn abuse(&mut self) -> String {
        let mut text = "[abuse]\n".to_owned();
        for (key, count) in [("ban_after", "refusals"), ("widen_after", "sources")] {
            if !self.one_in(3) {
                let (times, within) = (self.of(COUNTS), self.text(DURATIONS));
                let _ = writeln!(text, "{key} = {{ {count} = {times}, within = {within} }}");
            }
        }
        for key in ["ban_for", "ban_max"] {
            if !self.one_in(3) {
                let _ = writeln!(text, "{key} = {}", self.text(DURATIONS));
            }
        }
        text
    }

    fn notify(&mut self) -> String {
        let mut text = "[[notify]]\n".to_owned();
        match self.below(8) {
            0..=2 => text += "exec = [\"/bin/true\", \"a\"]\n",
            3 => text += "webhook = { file = \"/nonexistent\" }\n",
            4 => {
                let _ = writeln!(text, "webhook = {}", self.any());
            }
            _ => text += "webhook = \"https://hooks.example.net/x\"\n",
        }
        for key in ["events", "scopes", "plans", "limits", "ifaces"] {
            if self.one_in(6) {
                let _ = writeln!(text, "{key} = [{}]", self.text(NAMES));
            }
        }
        for (key, values) in [
            ("sources", PREFIXES),
            ("name", NAMES),
            ("timeout", DURATIONS),
        ] {
            if self.one_in(4) {
                let value = self.text(values);
                let _ = match key {
                    "sources" => writeln!(text, "{key} = [{value}]"),
                    _ => writeln!(text, "{key} = {value}"),
                };
            }
        }
        if self.one_in(3) {
            let (most, within) = (self.of(COUNTS), self.text(DURATIONS));
            let _ = writeln!(
                text,
                "batch = {{ most = {most}, within = {within} }}\nattempts = {most}"
            );
        }
        for key in ["secret", "ca_file", "headers"] {
            if self.one_in(8) {
                let _ = writeln!(text, "{key} = {}", self.any());
            }
        }
        if self.one_in(6) {
            text += "secret = { env = \"KEY\" }\nheaders = { X-Team = \"a\", Authorization = { file = \"/k\" } }\n";
        }
        text
    }

    fn history(&mut self) -> String {
        let mut text = "[history]\n".to_owned();
        if self.one_in(3) {
            let _ = writeln!(text, "enabled = {}", self.one_in(2));
        }
        if !self.one_in(3) {
            let _ = writeln!(text, "keep = {}", self.text(DURATIONS));
        }
        if !self.one_in(3) {
            let sizes = &["256MB", "16M", "1G", "20000000", "1.5GiB", "1B", ""];
            let _ = writeln!(text, "max_size = \"{}\"", self.of([sizes, COUNTS[1]]));
        }
        text
    }

    /// With some lines of it others, gone, twice, elsewhere, or many.
    fn changed(&mut self, text: &str) -> String {
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let at = self.below(lines.len());
        match self.below(12) {
            0 => {
                let (key, _) = lines[at].split_once('=').unwrap_or(("a", ""));
                lines[at] = format!("{key}= {}", self.any());
            }
            1 => {
                let (_, value) = lines[at].split_once('=').unwrap_or(("", "1"));
                lines[at] = format!("{} ={value}", self.of(NAMES));
            }
            2 => drop(lines.remove(at)),
            3 => lines.insert(at, lines[at].clone()),
            4 => {
                let to = self.below(lines.len());
                lines.swap(at, to);
            }
            5 => lines.insert(at, self.part()),
            6 => lines[at] = self.cut(&lines[at].clone()),
            7 => lines.truncate(at),
            8 => lines[at].push_str(&self.any()),
            // The same rule again and again, under other names.
            9 if self.one_in(8) => {
                let part = self.part();
                let many = self.below(MANY);
                let again = (0..many).map(|n| {
                    ["scopes", "plans", "layers"]
                        .iter()
                        .fold(part.clone(), |part, kind| {
                            part.replace(&format!("[{kind}."), &format!("[{kind}.n{n}"))
                        })
                });
                lines.insert(at, again.collect());
            }
            // A value among many of its kind.
            10 if self.one_in(8) => {
                let many = self.below(MANY);
                let all: Vec<_> = (0..many)
                    .map(|n| format!("\"10.{}.{}.0/24\"", n / 256, n % 256))
                    .collect();
                lines.insert(
                    at,
                    format!("[[sources]]\nblock = true\nfrom = [{}]", all.join(",")),
                );
            }
            _ => {
                let name = self.of(NAMES);
                lines[at] = lines[at].replace("pro", &name).replace("web", &name);
            }
        }
        lines.join("\n")
    }

    /// Without some of its characters, or with one that is another.
    fn cut(&mut self, line: &str) -> String {
        let mut line: Vec<char> = line.chars().collect();
        let from = self.below(line.len());
        let to = (from + self.below(4)).min(line.len());
        let other = ['\u{0}', '\u{9b}', 'ß', '"', '\r', '\u{2028}', '.', '#'];
        let other = other[self.below(other.len())];
        line.splice(from..to, [other]);
        line.into_iter().collect()
    }
}
