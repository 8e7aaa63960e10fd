//! Syntax, keys, types, and the settings.

errors! {
    syntax_unquoted: "[throttler]\nmode = enforce\n",
    syntax_several: "[throttler\nmode = \"enforce\"\n[abuse]\nban_for = \"1min\nban_max = \"1h\"\n",
    syntax_duplicate_key: "[throttler]\nmode = \"enforce\"\nmode = \"monitor\"\n",
    unknown_table: "[throtler]\nmode = \"enforce\"\n",
    unknown_key: "[throttler]\nipv4_prefx = 32\n",
    unknown_key_far_off: "[scopes.default]\ncolour = \"red\"\n",
    unknown_limit_key: "[scopes.default.limits]\nflood = { rate = \"5/s\", brust = 10 }\n",
    wrong_types: r#"
scopes = 3
layers = [1]
sources = { from = [] }
[throttler]
mode = true
ipv4_prefix = "32"
max_sources = 1.5
[plans]
pro = "x"
[abuse]
ban_after = 100
ban_for = 60
"#,
    wrong_types_in_scopes: r#"
[scopes]
a = 1
[scopes.b]
match = { protocol = "tcp" }
protected = "pro"
[scopes.c]
match = ["tcp"]
limits = "10/min"
[scopes.d]
match = [{ protocol = 6.0, ports = [true], to = [4] }]
[scopes.d.limits]
short = "10/min"
number = { rate = 10, unit = 1, burst = [] }
"#,
    unknown_mode: "[throttler]\nmode = \"enforced\"\n[scopes.default]\nmode = \"off\"\n",
    unknown_on_exit: "[throttler]\non_exit = \"stay\"\n",
    settings_out_of_range: "[throttler]\nipv4_prefix = 7\nipv6_prefix = 129\nmax_sources = 99999999999999999999\n",
    abuse_durations: "[abuse]\nban_after = { refusals = 0, within = \"s\" }\nban_for = \"0s\"\nban_max = \"1 h\"\n",
    abuse_out_of_range: "[abuse]\nban_after = { refusals = 1000001, within = \"367d\" }\nwiden_after = { sources = 1, within = \"500ms\" }\n",
    abuse_widen_alone: "[abuse]\nwiden_after = { sources = 16, within = \"10min\" }\n",
    abuse_misspelt: "[abuse]\nban_after = { refusal = 100, within = \"10s\" }\nwiden_afer = { sources = 16, within = \"10min\" }\n",
    abuse_incomplete: "[abuse]\nban_after = {}\nwiden_after = { within = \"1h\" }\n",
    abuse_max_below_for: "[abuse]\nban_for = \"2h\"\nban_max = \"90min\"\n",
    terminal_escapes: "[scopes.\"a\\u001b[31m\"]\nmode = \"\\u001b[31m\"\n",
    every_error_at_once: r#"
[throttler]
mode = "enforced"
[scopes.api]
limits = { burst = { rate = "10/fortnight" }, bytes = { rate = "1k/s" } }
[plans.pro.apj]
burst = "1/s"
[[sources]]
from = ["10.0.0.1/8"]
plan = "por"
"#,
}
