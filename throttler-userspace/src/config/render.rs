//! A [`Config`] as a policy file: read again, it says the same.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::model::{
    Abuse, Class, Config, Destination, History, Limit, Match, Notify, Plan, PlanLimit, PlanScope,
    Scope, SecretRef, SourceRule, Told,
};

impl Config {
    /// The policy file that says this. Where a rule stood, and warnings, are not in it; the prefixes of list files are.
    #[must_use]
    pub fn to_toml(&self) -> String {
        Toml(self).to_string()
    }
}

struct Toml<'a>(&'a Config);

impl Display for Toml<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let config = self.0;
        writeln!(f, "[throttler]")?;
        writeln!(f, "mode = {}", quoted(config.mode.as_str()))?;
        writeln!(f, "ipv4_prefix = {}", config.ipv4_prefix)?;
        writeln!(f, "ipv6_prefix = {}", config.ipv6_prefix)?;
        writeln!(f, "max_sources = {}", config.max_sources)?;
        writeln!(f, "on_exit = {}", quoted(config.on_exit.as_str()))?;
        config.scopes.iter().try_for_each(|one| scope(f, one))?;
        for layer in &config.layers {
            writeln!(f, "\n[layers.{}]", layer.name)?;
            writeln!(f, "scopes = {}", list(&layer.scopes))?;
            limits(f, &format!("layers.{}.limits", layer.name), &layer.limits)?;
        }
        config.plans.iter().try_for_each(|one| plan(f, one))?;
        config.sources.iter().try_for_each(|one| source(f, one))?;
        config.abuse.iter().try_for_each(|one| abuse(f, one))?;
        history(f, config.history)?;
        config.notify.iter().try_for_each(|one| notify(f, one))
    }
}

fn scope(f: &mut Formatter<'_>, scope: &Scope) -> fmt::Result {
    writeln!(f, "\n[scopes.{}]", scope.name)?;
    if !scope.matches.is_empty() {
        writeln!(f, "match = [")?;
        for one in &scope.matches {
            writeln!(f, "  {},", matching(one))?;
        }
        writeln!(f, "]")?;
    }
    if let Some(mode) = scope.mode {
        writeln!(f, "mode = {}", quoted(mode.as_str()))?;
    }
    if !scope.protected.is_empty() {
        writeln!(f, "protected = {}", list(&scope.protected))?;
        writeln!(f, "reserved = \"{}%\"", scope.reserved)?;
    }
    limits(f, &format!("scopes.{}.limits", scope.name), &scope.limits)?;
    limits(f, &format!("scopes.{}.global", scope.name), &scope.global)
}

fn matching(one: &Match) -> String {
    let protocol = one.protocol.map(|protocol| {
        let text = protocol.to_string();
        format!("protocol = {}", quoted(&text))
    });
    let ports = (!one.ports.is_empty()).then(|| format!("ports = {}", list(&one.ports)));
    let to = (!one.to.is_empty()).then(|| format!("to = {}", list(&one.to)));
    let parts: Vec<String> = [protocol, ports, to].into_iter().flatten().collect();
    format!("{{ {} }}", parts.join(", "))
}

fn limits(f: &mut Formatter<'_>, table: &str, limits: &[Limit]) -> fmt::Result {
    if limits.is_empty() {
        return Ok(());
    }
    writeln!(f, "[{table}]")?;
    for limit in limits {
        writeln!(
            f,
            "{} = {{ rate = {}, burst = {}, unit = {} }}",
            limit.name,
            quoted(limit.rate.text()),
            limit.burst,
            quoted(limit.unit.as_str())
        )?;
    }
    Ok(())
}

fn plan(f: &mut Formatter<'_>, plan: &Plan) -> fmt::Result {
    writeln!(f, "\n[plans.{}]", plan.name)?;
    for (scope, over) in &plan.scopes {
        match over {
            PlanScope::Unlimited => writeln!(f, "{scope} = \"unlimited\"")?,
            PlanScope::Limits(limits) => {
                let set: Vec<String> = limits.iter().map(plan_limit).collect();
                writeln!(f, "{scope} = {{ {} }}", set.join(", "))?;
            }
        }
    }
    Ok(())
}

fn plan_limit((name, limit): &(String, PlanLimit)) -> String {
    match limit {
        PlanLimit::Unlimited => format!("{name} = \"unlimited\""),
        PlanLimit::Rate { rate, burst } => {
            format!(
                "{name} = {{ rate = {}, burst = {burst} }}",
                quoted(rate.text())
            )
        }
    }
}

fn source(f: &mut Formatter<'_>, rule: &SourceRule) -> fmt::Result {
    // An empty list file.
    if rule.prefixes.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n[[sources]]")?;
    match &rule.class {
        Class::Plan(plan) => writeln!(f, "plan = {}", quoted(plan))?,
        Class::Exempt => writeln!(f, "exempt = true")?,
        Class::Block => writeln!(f, "block = true")?,
    }
    if let Some(until) = rule.until {
        writeln!(f, "until = \"{until}\"")?;
    }
    if let Some(reason) = &rule.reason {
        writeln!(f, "reason = {}", quoted(reason))?;
    }
    writeln!(f, "from = [")?;
    for prefix in &rule.prefixes {
        writeln!(f, "  \"{prefix}\",")?;
    }
    writeln!(f, "]")
}

fn abuse(f: &mut Formatter<'_>, abuse: &Abuse) -> fmt::Result {
    writeln!(f, "\n[abuse]")?;
    if let Some(after) = abuse.ban_after {
        let within = seconds(after.within);
        let refusals = after.refusals;
        writeln!(
            f,
            "ban_after = {{ refusals = {refusals}, within = {within} }}"
        )?;
    }
    if let Some(after) = abuse.widen_after {
        let within = seconds(after.within);
        let sources = after.sources;
        writeln!(
            f,
            "widen_after = {{ sources = {sources}, within = {within} }}"
        )?;
    }
    writeln!(f, "ban_for = {}", seconds(abuse.ban_for))?;
    writeln!(f, "ban_max = {}", seconds(abuse.ban_max))
}

/// Where secrets are kept, never what they are.
fn notify(f: &mut Formatter<'_>, notify: &Notify) -> fmt::Result {
    writeln!(f, "\n[[notify]]")?;
    writeln!(f, "name = {}", quoted(&notify.name))?;
    let wants = &notify.wants;
    let events: Vec<&str> = wants.events.iter().map(|kind| kind.as_str()).collect();
    for (key, all) in [
        ("events", list(&events)),
        ("scopes", list(&wants.scopes)),
        ("plans", list(&wants.plans)),
        ("limits", list(&wants.limits)),
        ("sources", list(&wants.sources)),
        ("ifaces", list(&wants.ifaces)),
    ] {
        if all != "[]" {
            writeln!(f, "{key} = {all}")?;
        }
    }
    let within = seconds(notify.within);
    writeln!(f, "batch = {{ most = {}, within = {within} }}", notify.most)?;
    writeln!(f, "timeout = {}", seconds(notify.timeout))?;
    writeln!(f, "attempts = {}", notify.attempts)?;
    let webhook = match &notify.to {
        Destination::Exec(words) => return writeln!(f, "exec = {}", list(words)),
        Destination::Webhook(webhook) => webhook,
    };
    writeln!(f, "webhook = {}", told(&webhook.url))?;
    if let Some(secret) = &webhook.secret {
        writeln!(f, "secret = {}", reference(secret))?;
    }
    if let Some(file) = &webhook.ca_file {
        writeln!(f, "ca_file = {}", quoted(&file.to_string_lossy()))?;
    }
    if webhook.headers.is_empty() {
        return Ok(());
    }
    let header = |(name, value): &(String, Told)| format!("{} = {}", quoted(name), told(value));
    let headers: Vec<String> = webhook.headers.iter().map(header).collect();
    writeln!(f, "headers = {{ {} }}", headers.join(", "))
}

fn told(told: &Told) -> String {
    match told {
        Told::Literal(text) => quoted(text),
        Told::Kept(secret) => reference(secret),
    }
}

fn reference(secret: &SecretRef) -> String {
    match secret {
        SecretRef::File(path) => format!("{{ file = {} }}", quoted(&path.to_string_lossy())),
        SecretRef::Env(name) => format!("{{ env = {} }}", quoted(name)),
    }
}

fn history(f: &mut Formatter<'_>, history: History) -> fmt::Result {
    if history == History::default() {
        return Ok(());
    }
    writeln!(f, "\n[history]")?;
    writeln!(f, "enabled = {}", history.enabled)?;
    writeln!(f, "keep = {}", seconds(history.keep))?;
    writeln!(f, "max_size = \"{}\"", history.max_size)
}

/// The grammar has whole seconds alone.
fn seconds(duration: Duration) -> String {
    format!("\"{}s\"", duration.as_secs())
}

fn list<T: Display>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(|one| quoted(&one.to_string())).collect();
    format!("[{}]", all.join(", "))
}

/// A basic string. JSON's escapes are among TOML's, and TOML wants one more character escaped.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}
