//! Layers, plans, and how many of everything there may be.

use std::fmt::Write as _;

const SCOPE: &str = "[scopes.api]\nmatch = [{ protocol = \"tcp\" }]\n[scopes.api.limits]\nburst = { rate = \"10/min\" }\nvolume = { rate = \"1M/s\", unit = \"bytes\" }\n";

fn with_scope(rest: &str) -> String {
    format!("{SCOPE}{rest}")
}

fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{}", line(n));
        text
    })
}

errors! {
    layer_unknown_scope: &with_scope("[layers.l]\nscopes = [\"apy\", \"default\"]\n"),
    layer_without_scopes: &with_scope("[layers.l.limits]\na = { rate = \"1/s\" }\n[layers.m]\nscopes = []\n"),
    layer_shares_a_scope: &with_scope("[layers.l]\nscopes = [\"api\"]\n[layers.m]\nscopes = [\"default\", \"api\"]\n"),
    layer_clashes_with_scope: &with_scope("[layers.api]\nscopes = [\"api\"]\n[layers.default]\nscopes = [\"default\"]\n"),
    layer_limits: &with_scope("[layers.l]\nscopes = [\"api\"]\nlimits = { a = { rate = \"10/min\", unit = \"requests\" } }\n"),
    plan_unknown_scope: &with_scope("[plans.pro.apo]\nburst = \"1/s\"\n"),
    plan_unknown_limit: &with_scope("[plans.pro.api]\nbrust = \"1/s\"\n[plans.pro.default]\nburst = \"1/s\"\n"),
    plan_scope_word: &with_scope("[plans.pro]\napi = \"100/min\"\n"),
    plan_scope_type: &with_scope("[plans.pro]\napi = 100\n"),
    plan_limit_type: &with_scope("[plans.pro]\napi = { burst = 100 }\n"),
    plan_unit: &with_scope("[plans.pro.api]\nburst = { rate = \"1/s\", unit = \"bytes\" }\n"),
    plan_bounds: &with_scope("[plans.pro.api]\nburst = \"1k/s\"\nvolume = { rate = \"1T/s\", burst = \"1G\" }\n[plans.max.api]\nvolume = \"200G/s\"\n"),
    owners_too_many: &numbered(255, |n| format!("[scopes.s{n}]\nmatch = [{{ ports = [{n}] }}]")),
    plans_too_many: &numbered(1024, |n| format!("[plans.p{n}]")),
    global_rows_too_many: &(numbered(63, |n| format!("[scopes.s{n}]\nmatch = [{{ ports = [{n}] }}]")) + "[scopes.s0.global]\ntotal = { rate = \"1/s\" }\n" + &numbered(62, |n| format!("[plans.p{n}]"))),
    global_in_a_layer: &with_scope("[layers.l]\nscopes = [\"api\"]\nglobal = { a = { rate = \"10/min\" } }\n"),
    cells_too_many: &(numbered(63, |n| format!("[scopes.s{n}]\nmatch = [{{ ports = [{n}] }}]")) + &numbered(64, |n| format!("[plans.p{n}]"))),
}
