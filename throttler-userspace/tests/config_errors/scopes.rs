//! Matches, prefixes, and overlap.

/// 65 scopes' worth of destinations.
fn many_destinations() -> String {
    let prefixes: Vec<String> = (0..65).map(|n| format!("\"10.{n}.0.0/16\"")).collect();
    format!(
        "[scopes.api]\nmatch = [{{ to = [\n{}\n] }}]\n",
        prefixes.join(",\n")
    )
}

/// A scope with a protected plan, and a global limit that can be shared with it.
fn protected(rest: &str) -> String {
    format!(
        "[plans]\npro = {{}}\n[scopes.default]\nprotected = [\"pro\"]\nglobal.total = {{ rate = \"10/s\" }}\n{rest}"
    )
}

fn many_atoms() -> String {
    let prefixes: Vec<String> = (0..64).map(|n| format!("'10.{n}.0.0/16'")).collect();
    let ports: Vec<String> = (1..=257).map(|n| n.to_string()).collect();
    format!(
        "[scopes.api]\nmatch = [\n{{ to = [{}],\nports = [{}] }}]\n",
        prefixes.join(","),
        ports.join(",")
    )
}

errors! {
    match_missing: "[scopes.api.limits]\na = { rate = \"1/s\" }\n",
    match_on_default: "[scopes.default]\nmatch = [{ protocol = \"tcp\" }]\n",
    match_empty: "[scopes.api]\nmatch = []\n",
    match_everything: "[scopes.api]\nmatch = [{ protocol = \"tcp\" }, {}]\n",
    match_empty_lists: "[scopes.api]\nmatch = [{ ports = [], to = [] }]\n",
    protocol_unknown: "[scopes.api]\nmatch = [{ protocol = \"tpc\" }]\n",
    protocol_out_of_range: "[scopes.api]\nmatch = [{ protocol = 256 }, { protocol = \"999\" }, { protocol = -1 }]\n",
    ports_without_tcp_or_udp: "[scopes.api]\nmatch = [{ protocol = \"icmp\", ports = [\"443\"] }]\n",
    ports_bad: "[scopes.api]\nmatch = [{ ports = [\"https\", \"80 - 90\", 65536, \"70000\", \"90-80\", \"1-2-3\"] }]\n",
    cidr_host_bits: "[scopes.api]\nmatch = [{ to = [\"10.1.2.3/8\", \"2001:db8::1/32\"] }]\n",
    cidr_bad: "[scopes.api]\nmatch = [{ to = [\"10.0.0/8\", \"10.0.0.0/33\", \"example.org\", \"::ffff:192.0.2.1\"] }]\n",
    destinations_too_many: &many_destinations(),
    atoms_too_many: &many_atoms(),
    overlap_equal: r#"
[scopes.web]
match = [{ protocol = "tcp", ports = ["80", "443"] }]
[scopes.api]
match = [
  { protocol = "tcp", ports = ["8080"] },
  { protocol = 6, ports = ["8443", "443"] },
]
"#,
    overlap_equal_without_ports: r#"
[scopes.a]
match = [{ to = ["203.0.113.0/24"] }]
[scopes.b]
match = [{ to = ["203.0.113.0/24"] }]
"#,
    overlap_partial: r#"
[scopes.web]
match = [{ protocol = "tcp", ports = ["8000-8099"] }]
[scopes.api]
match = [{ protocol = "tcp", ports = ["8050-8199"] }]
"#,
    protected_unknown_plan: "[scopes.default]\nprotected = [\"enterprize\"]\n[scopes.default.global]\ntotal = { rate = \"10/s\" }\n[plans.enterprise]\n",
    protected_without_global: "[scopes.default]\nprotected = [\"pro\"]\n[plans.pro]\n",
    reserved_without_protected: "[scopes.default]\nreserved = \"25%\"\n[scopes.default.global]\ntotal = { rate = \"10/s\" }\n",
    reserved_without_anything: "[scopes.default]\nreserved = \"25%\"\nglobal = {}\n",
    reserved_type: &protected("reserved = 25\n"),
    reserved_without_sign: &protected("reserved = \"25\"\n"),
    reserved_nothing: &protected("reserved = \"0%\"\n"),
    reserved_everything: &protected("reserved = \"100%\"\n"),
    reserved_beyond_bytes: &protected("reserved = \"1000%\"\n"),
    reserved_fraction: &protected("reserved = \"12.5%\"\n"),
    reserved_misspelt: &protected("reservd = \"25%\"\n"),
    shares_of_one: &protected("global.one = { rate = \"1/min\" }\n"),
    shares_too_slow: &protected("reserved = \"1%\"\nglobal.slow = { rate = \"2/300d\" }\nglobal.thin = { rate = \"1/1000s\", burst = 2000, unit = \"bytes\" }\n"),
    global_in_a_plan: "[scopes.default.global]\ntotal = { rate = \"10/s\" }\n[plans.pro.default]\ntotal = \"10/s\"\n",
    global_unit: "[scopes.default.global]\ntotal = { rate = \"1/s\", unit = \"requests\" }\n",
}
