//! Matches, prefixes, and overlap.

/// 65 scopes' worth of destinations.
fn many_destinations() -> String {
    let prefixes: Vec<String> = (0..65).map(|n| format!("\"10.{n}.0.0/16\"")).collect();
    format!(
        "[scopes.api]\nmatch = [{{ to = [\n{}\n] }}]\n",
        prefixes.join(",\n")
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
    protected_unknown_plan: "[scopes.default]\nprotected = [\"enterprize\"]\n[plans.enterprise]\n",
    global_is_checked: "[scopes.default.global]\ntotal = { rate = \"1/s\", unit = \"requests\" }\n",
}
