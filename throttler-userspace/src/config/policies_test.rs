//! The example policies say what the systems they stand for say.

use std::path::Path;

use super::*;

fn policy(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../policies")
        .join(name);
    load(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn scope<'a>(config: &'a Config, name: &str) -> &'a Scope {
    config
        .scopes
        .iter()
        .find(|scope| scope.name == name)
        .unwrap()
}

fn rates(limits: &[Limit]) -> Vec<(&str, &str, u64)> {
    assert!(limits.iter().all(|limit| limit.unit == Unit::Connections));
    limits
        .iter()
        .map(|limit| (limit.name.as_str(), limit.rate.text(), limit.burst))
        .collect()
}

fn own<'a>(config: &'a Config, name: &str) -> Vec<(&'a str, &'a str, u64)> {
    rates(&scope(config, name).limits)
}

/// What a plan makes of a scope, as `limit=rate`.
fn planned(config: &Config, plan: &str, scope: &str) -> String {
    let plan = config
        .plans
        .iter()
        .find(|known| known.name == plan)
        .unwrap();
    match plan.scopes.iter().find(|(name, _)| name == scope) {
        None => "own".to_owned(),
        Some((_, PlanScope::Unlimited)) => "unlimited".to_owned(),
        Some((_, PlanScope::Limits(limits))) => {
            let shown = limits.iter().map(|(name, limit)| match limit {
                PlanLimit::Unlimited => format!("{name}=unlimited"),
                PlanLimit::Rate { rate, burst } => format!("{name}={rate}:{burst}"),
            });
            shown.collect::<Vec<_>>().join(" ")
        }
    }
}

fn class(config: &Config, prefix: &str) -> Class {
    let prefix = parse_cidr(prefix).unwrap();
    let rule = config
        .sources
        .iter()
        .find(|rule| rule.prefixes.contains(&prefix));
    rule.unwrap().class.clone()
}

#[test]
fn content_platform() {
    let config = policy("content-platform.toml");
    assert_eq!(config.scopes.len(), 15);
    let rows = [
        ("ai_function", 10),
        ("image_gen", 15),
        ("content_write", 30),
        ("content_read", 100),
        ("auth", 20),
        ("auth_strict", 5),
        ("planner", 60),
        ("planner_ai", 10),
        ("writer", 60),
        ("writer_ai", 10),
        ("system", 100),
        ("system_admin", 30),
        ("billing", 30),
        ("billing_admin", 10),
        ("default", 100),
    ];
    for (name, count) in rows {
        let rate = format!("{count}/min");
        assert_eq!(
            own(&config, name),
            [("requests", rate.as_str(), count)],
            "{name}"
        );
    }
    for (plan, counts) in [
        ("free", [10, 15, 30]),
        ("pro", [100, 50, 100]),
        ("enterprise", [1000, 200, 500]),
    ] {
        for (scope, count) in ["ai_function", "image_gen", "content_write"]
            .iter()
            .zip(counts)
        {
            assert_eq!(
                planned(&config, plan, scope),
                format!("requests={count}/min:{count}")
            );
        }
    }
    assert_eq!(planned(&config, "pro", "auth"), "own");
    assert_eq!(
        class(&config, "10.77.2.0/24"),
        Class::Plan("pro".to_owned())
    );
    assert_eq!(class(&config, "fd77:9::/48"), Class::Exempt);
}

#[test]
fn tenant_plans() {
    let config = policy("tenant-plans.toml");
    assert_eq!(
        own(&config, "api"),
        [
            ("burst", "10/minute", 10),
            ("sustained", "100/hour", 100),
            ("daily", "500/day", 500)
        ]
    );
    assert_eq!(
        planned(&config, "professional", "api"),
        "burst=100/minute:100 sustained=2000/hour:2000 daily=20000/day:20000"
    );
    assert_eq!(
        planned(&config, "owner", "api"),
        "burst=unlimited sustained=5000/hour:5000 daily=unlimited"
    );
    assert_eq!(config.plans.len(), 11);
    for (name, rate, burst) in [
        ("anon", "30/hour", 30),
        ("token", "10/min", 10),
        ("password", "3/min", 3),
        ("registration", "5/hour", 5),
        ("file_upload", "20/hour", 20),
        ("export", "10/hour", 10),
    ] {
        assert_eq!(own(&config, name), [("requests", rate, burst)]);
    }
    assert_eq!(
        class(&config, "10.77.4.0/24"),
        Class::Plan("enterprise".to_owned())
    );
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn story_generator() {
    let config = policy("story-generator.toml");
    assert_eq!(own(&config, "ai"), [("requests", "0.5/s", 2)]);
    assert_eq!(own(&config, "api"), [("requests", "5/s", 10)]);
    assert_eq!(own(&config, "auth"), [("requests", "0.5/s", 3)]);
    assert_eq!(planned(&config, "authenticated", "ai"), "requests=2/s:5");
    assert_eq!(planned(&config, "authenticated", "api"), "requests=10/s:20");
    assert_eq!(planned(&config, "authenticated", "auth"), "own");
}

#[test]
fn health_analysis() {
    let config = policy("health-analysis.toml");
    assert_eq!(
        own(&config, "analyze"),
        [
            ("burst", "10/min", 10),
            ("hourly", "100/hour", 100),
            ("daily", "200/day", 200)
        ]
    );
    assert_eq!(own(&config, "assess"), [("anonymous", "5/hour", 5)]);
    assert_eq!(config.layers[0].scopes, ["analyze", "assess"]);
    assert_eq!(
        rates(&config.layers[0].limits),
        [("total", "200/hour", 200)]
    );
    assert_eq!(class(&config, "192.0.2.66"), Class::Block);
}

#[test]
fn assistant() {
    let config = policy("assistant.toml");
    assert_eq!(
        own(&config, "assistant"),
        [
            ("minute", "10/min", 10),
            ("hourly", "100/hour", 100),
            ("daily", "500/day", 500)
        ]
    );
    assert_eq!(
        rates(&scope(&config, "assistant").global),
        [("hourly", "1000/hour", 1000)]
    );
    assert!(scope(&config, "health").limits.is_empty());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}
