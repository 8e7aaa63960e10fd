//! Rates, bursts, units, names, and the bounds of the datapath.

errors! {
    rate_without_period: "[scopes.default.limits]\na = { rate = \"10\" }\n",
    rate_without_count: "[scopes.default.limits]\na = { rate = \"/s\" }\n",
    rate_with_spaces: "[scopes.default.limits]\na = { rate = \"10 / min\" }\n",
    rate_not_a_number: "[scopes.default.limits]\na = { rate = \".5/s\" }\nb = { rate = \"1e3/s\" }\nc = { rate = \"-1/s\" }\n",
    rate_zero: "[scopes.default.limits]\na = { rate = \"0.0/s\" }\n",
    rate_too_many_digits: "[scopes.default.limits]\na = { rate = \"18446744073709551616/s\" }\n",
    rate_unknown_period: "[scopes.default.limits]\na = { rate = \"10/minutes\" }\nb = { rate = \"10/ms\" }\nc = { rate = \"10/week\" }\n",
    rate_period_without_word: "[scopes.default.limits]\na = { rate = \"10/5\" }\nb = { rate = \"10/\" }\n",
    rate_period_zero: "[scopes.default.limits]\na = { rate = \"10/0s\" }\n",
    rate_period_too_long: "[scopes.default.limits]\na = { rate = \"10/99999999999d\" }\n",
    rate_missing: "[scopes.default.limits]\na = { burst = 10 }\n",
    suffix_without_bytes: "[scopes.default.limits]\na = { rate = \"1.5k/s\" }\nb = { rate = \"2Ki/s\", unit = \"connections\" }\n",
    suffix_unknown: "[scopes.default.limits]\na = { rate = \"1KB/s\", unit = \"bytes\" }\nb = { rate = \"1T/s\", unit = \"bytes\" }\n",
    burst_zero: "[scopes.default.limits]\na = { rate = \"1/s\", burst = 0 }\n",
    burst_negative: "[scopes.default.limits]\na = { rate = \"1/s\", burst = -1 }\n",
    burst_text_for_packets: "[scopes.default.limits]\na = { rate = \"1/s\", burst = \"20\" }\nb = { rate = \"1/s\", burst = \"2k\" }\n",
    burst_not_whole: "[scopes.default.limits]\na = { rate = \"1M/s\", burst = \"1500.5\", unit = \"bytes\" }\n",
    bounds_window: "[scopes.default.limits]\na = { rate = \"1/day\", burst = 367 }\nb = { rate = \"1/400d\" }\n",
    bounds_fast: "[scopes.default.limits]\na = { rate = \"1000000001/s\" }\nb = { rate = \"101G/s\", unit = \"bytes\" }\n",
    bounds_slow_bytes: "[scopes.default.limits]\na = { rate = \"80/day\", unit = \"bytes\" }\n",
    unit_requests: "[scopes.default.limits]\na = { rate = \"10/min\", unit = \"requests\" }\n",
    unit_unknown: "[scopes.default.limits]\na = { rate = \"10/min\", unit = \"packet\" }\n",
    more_than_four: "[scopes.default.limits]\na = { rate = \"1/s\" }\nb = { rate = \"1/s\" }\nc = { rate = \"1/s\" }\nd = { rate = \"1/s\" }\ne = { rate = \"1/s\" }\n",
    bad_names: r#"
[scopes.API]
match = [{ protocol = "tcp" }]
[scopes.default.limits]
9lives = { rate = "1/s" }
"ein name" = { rate = "1/s" }
[plans.a-plan-whose-name-is-longer-than-any-table]
"#,
}
