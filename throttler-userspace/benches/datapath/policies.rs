//! The policies that cases run under.

/// Of every case with many sources, so that all share the costs of one table's size.
pub(crate) const MAX_SOURCES: u32 = 1 << 20;

const PASSING: &str = "{ rate = \"1000000000/s\", burst = 1000000000 }";
const EVERYBODY: &str = "from = [\"0.0.0.0/0\", \"::/0\"]\n";

/// `limits` limits that are never reached.
pub(crate) fn passing(limits: usize) -> String {
    let mut policy = format!("{}[scopes.default.limits]\n", settings());
    for name in ["a", "b", "c", "d"].iter().take(limits) {
        policy += &format!("{name} = {PASSING}\n");
    }
    policy
}

/// One packet a day.
pub(crate) fn refusing() -> String {
    format!(
        "{}[scopes.default.limits]\na = {{ rate = \"1/day\" }}\n",
        settings()
    )
}

/// As [`refusing`]; whoever goes on is banned for longer than the benchmark takes.
pub(crate) fn banning() -> String {
    format!(
        "{}[abuse]\nban_after = {{ refusals = 10, within = \"60s\" }}\nban_for = \"1h\"\nban_max = \"1h\"\n",
        refusing()
    )
}

/// A burst of so many packets, and next to nothing after it.
pub(crate) fn burst(packets: u32) -> String {
    format!("[scopes.default.limits]\na = {{ rate = \"1000/day\", burst = {packets} }}\n")
}

pub(crate) fn blocking() -> String {
    format!("{}[[sources]]\n{EVERYBODY}block = true\n", settings())
}

pub(crate) fn exempting() -> String {
    format!(
        "{}[scopes.default.limits]\na = {PASSING}\n[[sources]]\n{EVERYBODY}exempt = true\n",
        settings()
    )
}

pub(crate) fn unlimited() -> String {
    settings()
}

fn settings() -> String {
    format!("[throttler]\nmax_sources = {MAX_SOURCES}\n")
}
