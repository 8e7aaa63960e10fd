//! Which path is what.

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{MethodRouter, get, post};

use super::Control;
use super::problem::Problem;
use super::{documents, events, history, notify, orders, overrides, report, source, unban};

/// Requests are a line or two.
const BODY: usize = 64 * 1024;
/// Those with a list of sources are longer: a million prefixes.
const LIST: usize = 64 * 1024 * 1024;

/// Every path with its methods, as `docs/openapi.json` has them.
pub const PATHS: [(&str, &[&str]); 15] = [
    ("/healthz", &["get"]),
    ("/metrics", &["get"]),
    ("/v1/bans", &["delete", "get", "post"]),
    ("/v1/bindings", &["delete", "get", "post"]),
    ("/v1/confirm", &["post"]),
    ("/v1/counters", &["get"]),
    ("/v1/events", &["get"]),
    ("/v1/exemptions", &["delete", "get", "post"]),
    ("/v1/history", &["get"]),
    ("/v1/notify/test", &["post"]),
    ("/v1/pause", &["delete", "post"]),
    ("/v1/reload", &["post"]),
    ("/v1/report", &["get"]),
    ("/v1/sources/{addr}", &["get"]),
    ("/v1/status", &["get"]),
];

pub(super) fn router(control: Control) -> Router {
    let mut router = Router::new();
    for (path, _) in PATHS {
        router = router.route(path, handlers(path));
    }
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(control)
}

fn handlers(path: &str) -> MethodRouter<Control> {
    match path {
        "/healthz" => get(documents::health),
        "/metrics" => get(documents::metrics),
        "/v1/bans" => get(documents::bans)
            .post(overrides::ban)
            .delete(unban::unban)
            .layer(DefaultBodyLimit::max(LIST)),
        "/v1/bindings" => get(documents::bindings)
            .post(overrides::bind)
            .delete(overrides::unbind)
            .layer(DefaultBodyLimit::max(LIST)),
        "/v1/events" => get(events::events),
        "/v1/exemptions" => get(documents::exemptions)
            .post(overrides::exempt)
            .delete(overrides::unexempt)
            .layer(DefaultBodyLimit::max(LIST)),
        "/v1/confirm" => post(orders::confirm),
        "/v1/counters" => get(documents::counters),
        "/v1/history" => get(history::history),
        "/v1/notify/test" => post(notify::test),
        "/v1/pause" => post(orders::pause).delete(orders::resume),
        "/v1/reload" => post(orders::reload),
        "/v1/report" => get(report::report),
        "/v1/sources/{addr}" => get(source::source),
        "/v1/status" => get(documents::status),
        _ => MethodRouter::new(),
    }
}

async fn nowhere(uri: Uri) -> Problem {
    let paths = PATHS.map(|(path, _)| path).join(", ");
    let what = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, what, format!("here are {paths}"))
}

async fn not_so(method: Method, path: MatchedPath, uri: Uri) -> Problem {
    let of = PATHS.iter().find(|(known, _)| *known == path.as_str());
    let methods = of.map_or_else(String::new, |(_, methods)| {
        methods.join(", ").to_uppercase()
    });
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not take {method}", uri.path()),
        format!("it takes {methods}"),
    )
}
