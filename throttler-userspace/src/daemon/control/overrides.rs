//! Bans, exemptions and bindings: `GET` lists, `POST` gives, `DELETE` takes back. To say a thing twice is to say it once.

use std::borrow::Cow;
use std::fmt::Display;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;

use super::Control;
use super::documents::query;
use super::orders::{InForceReport, Order};
use super::peer::Writer;
use super::problem::Problem;
use crate::config::{parse_cidr, parse_duration};
use crate::daemon::desired::Change;
use crate::overrides::{Entry, Kind};

/// The body of a `POST`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// One prefix or address, ...
    source: Option<String>,
    /// ... or many.
    #[serde(default)]
    sources: Vec<String>,
    /// Of bindings.
    plan: Option<String>,
    /// `30s`, `10min`, ...; neither this nor `until`: until it is taken back.
    #[serde(rename = "for")]
    duration: Option<String>,
    until: Option<Timestamp>,
    reason: Option<String>,
}

/// The query of a `DELETE`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    source: String,
}

type Body = Result<Json<Given>, JsonRejection>;
type Answer = Result<Json<InForceReport>, Problem>;

pub(super) async fn ban(_: Writer, State(control): State<Control>, body: Body) -> Answer {
    give(&control, Kind::Ban, body).await
}

pub(super) async fn exempt(_: Writer, State(control): State<Control>, body: Body) -> Answer {
    give(&control, Kind::Exempt, body).await
}

pub(super) async fn bind(_: Writer, State(control): State<Control>, body: Body) -> Answer {
    give(&control, Kind::Bind, body).await
}

pub(super) type Asked = Result<Query<Taken>, QueryRejection>;

pub(super) async fn unexempt(_: Writer, State(control): State<Control>, asked: Asked) -> Answer {
    take(&control, Kind::Exempt, asked).await
}

pub(super) async fn unbind(_: Writer, State(control): State<Control>, asked: Asked) -> Answer {
    take(&control, Kind::Bind, asked).await
}

async fn give(control: &Control, kind: Kind, body: Body) -> Answer {
    let example = match kind {
        Kind::Ban | Kind::Exempt => r#"{"source": "192.0.2.0/24", "for": "1h"}"#,
        Kind::Bind => r#"{"source": "192.0.2.0/24", "plan": "pro"}"#,
    };
    let Json(given) = body.map_err(|error| Problem::body(&error, example))?;
    let entries = given.entries(kind, Timestamp::now())?;
    let changes = entries.into_iter().map(Change::Give).collect();
    let in_force = control.order(|reply| Order::Change(changes, reply)).await?;
    Ok(InForceReport::of(in_force))
}

async fn take(control: &Control, kind: Kind, asked: Asked) -> Answer {
    let source = named(asked)?;
    let changes = vec![Change::Take(kind, source)];
    let in_force = control.order(|reply| Order::Change(changes, reply)).await?;
    if in_force.iter().all(|one| one.changed == Some(0)) {
        let (what, list) = match kind {
            Kind::Ban => ("banned", "bans"),
            Kind::Exempt => ("exempt", "exemptions"),
            Kind::Bind => ("bound to a plan", "bindings"),
        };
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("no operator has said that {source} is {what}"),
            format!("`GET /v1/{list}` lists those that are, each under the prefix it was given"),
        ));
    }
    Ok(InForceReport::of(in_force))
}

/// Whom a `DELETE` is about.
pub(super) fn named(asked: Asked) -> Result<IpNet, Problem> {
    let asked = query(asked, "the query is `source=192.0.2.0/24`")?;
    prefix("source", &asked.source)
}

fn unprocessable(what: impl Display, help: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what, help)
}

fn prefix(place: &str, text: &str) -> Result<IpNet, Problem> {
    parse_cidr(text).map_err(|error| Problem::unprocessable(place, error))
}

impl Given {
    fn entries(self, kind: Kind, now: Timestamp) -> Result<Vec<Entry>, Problem> {
        let until = self.end(now)?;
        match (kind, &self.plan) {
            (Kind::Bind, None) => {
                return Err(unprocessable(
                    "a binding needs a `plan`",
                    r#"add `"plan": "NAME"`"#,
                ));
            }
            (Kind::Ban | Kind::Exempt, Some(_)) => {
                return Err(unprocessable(
                    "only bindings have a `plan`",
                    "remove it, or send it to /v1/bindings",
                ));
            }
            _ => {}
        }
        let named = self.source.iter().map(|source| ("source", source));
        let sources = named.chain(self.sources.iter().map(|source| ("sources", source)));
        let entries = sources.map(|(place, source)| {
            Ok(Entry {
                kind,
                source: prefix(place, source)?,
                plan: self.plan.clone(),
                until,
                reason: self.reason.clone(),
                since: now,
            })
        });
        let entries = entries.collect::<Result<Vec<_>, Problem>>()?;
        if entries.is_empty() {
            return Err(unprocessable(
                "no source is named",
                "name a `source`, or several in `sources`",
            ));
        }
        Ok(entries)
    }

    fn end(&self, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        match (&self.duration, self.until) {
            (Some(_), Some(_)) => Err(unprocessable(
                "`for` and `until` both say when it ends",
                "use one of them",
            )),
            (Some(text), None) => {
                let duration = parse_duration(text);
                let duration = duration.map_err(|error| Problem::unprocessable("for", error))?;
                let end = now.checked_add(duration).map(Some);
                end.map_err(|_| {
                    let what = format!("`for`: {text} ends beyond all time");
                    unprocessable(
                        what,
                        "leave `for` out: it then holds until it is taken back",
                    )
                })
            }
            (None, Some(until)) if until <= now => Err(unprocessable(
                format!("`until`: {until} is over"),
                "name a time that is to come, or use `for`",
            )),
            (None, until) => Ok(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(kind: Kind, body: &str) -> Result<Vec<Entry>, Problem> {
        let given: Given = serde_json::from_str(body).map_err(|error| unprocessable(error, "-"))?;
        given.entries(kind, Timestamp::from_second(1_000).expect("a time"))
    }

    #[test]
    fn an_end_is_said_one_way_or_not_at_all() {
        let until = |body: &str| {
            let entries = entries(Kind::Ban, body)?;
            Ok::<_, Problem>(entries[0].until.map(Timestamp::as_second))
        };
        assert_eq!(until(r#"{"source":"192.0.2.1"}"#), Ok(None));
        assert_eq!(
            until(r#"{"source":"192.0.2.1","for":"10min"}"#),
            Ok(Some(1_600))
        );
        assert_eq!(
            until(r#"{"source":"192.0.2.1","until":"1970-01-01T01:00:00Z"}"#),
            Ok(Some(3_600))
        );
        for bad in [
            r#"{"source":"192.0.2.1","until":"1970-01-01T00:00:00Z"}"#,
            r#"{"source":"192.0.2.1","for":"10min","until":"1970-01-01T01:00:00Z"}"#,
            r#"{"source":"192.0.2.1","for":"soon"}"#,
        ] {
            assert!(until(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_and_what_have_to_be_said() {
        assert_eq!(
            entries(Kind::Ban, r#"{"sources":["192.0.2.0/24","2001:db8::/48"]}"#)
                .map(|all| all.len()),
            Ok(2)
        );
        assert!(entries(Kind::Bind, r#"{"source":"192.0.2.1","plan":"pro"}"#).is_ok());
        for (kind, bad) in [
            (Kind::Ban, "{}"),
            (Kind::Ban, r#"{"source":"192.0.2.1/24"}"#),
            (Kind::Ban, r#"{"source":"192.0.2.1","plan":"pro"}"#),
            (Kind::Bind, r#"{"source":"192.0.2.1"}"#),
            (Kind::Bind, r#"{"source":"192.0.2.1","paln":"pro"}"#),
        ] {
            assert!(entries(kind, bad).is_err(), "{bad}");
        }
    }
}
