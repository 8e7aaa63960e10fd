//! What is asked of the history.

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::sum::timestamp;
use crate::config::parse_duration;

/// Rows of a table, and of what comes with it.
pub const SHOWN: usize = 20;

/// What rows are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum By {
    /// Each source, in all its scopes and plans
    Source,
    /// Each plan
    Plan,
    /// Each scope
    Scope,
    /// The /24 or /48 around each source
    Network,
    /// Each limit of each scope
    Limit,
}

impl By {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Plan => "plan",
            Self::Scope => "scope",
            Self::Network => "network",
            Self::Limit => "limit",
        }
    }
}

/// A time, as it is written: `24h` (ago) or RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long ago.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
}

impl Moment {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, and the mend.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mend =
            "write a duration (`90min`, `24h`, `7d`) or an RFC 3339 time (`2026-11-21T08:00:00Z`)";
        if text.contains(['-', ':']) {
            let time = text.parse();
            return time
                .map(Self::At)
                .map_err(|error| format!("{error}; {mend}"));
        }
        match parse_duration(text) {
            Ok(duration) => SignedDuration::try_from(duration)
                .map(Self::Ago)
                .map_err(|error| format!("{error}; {mend}")),
            Err(error) => Err(format!("{}; {mend}", error.message)),
        }
    }

    /// Milliseconds since the epoch, `now` being now.
    fn at(self, now: Timestamp) -> i64 {
        let time = match self {
            Self::Ago(duration) => now.saturating_sub(duration).unwrap_or(Timestamp::MIN),
            Self::At(time) => time,
        };
        time.as_millisecond()
    }
}

/// A stretch of time, milliseconds since the epoch: from `since` to before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Begin.
    pub since: i64,
    /// End.
    pub until: i64,
}

impl Period {
    /// From one moment to the other; without them from a day ago, and until now.
    ///
    /// # Errors
    /// It would end before it begins; with the mend.
    pub fn of(
        since: Option<Moment>,
        until: Option<Moment>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let day = Moment::Ago(SignedDuration::from_hours(24));
        let since = since.unwrap_or(day).at(now);
        // What is being refused at this very moment belongs to it.
        let until = until.map_or(now.as_millisecond() + 1, |until| until.at(now));
        if since < until {
            return Ok(Self { since, until });
        }
        Err(format!(
            "the time asked begins ({}) when it is over ({}); let `since` lie before `until`",
            timestamp(since),
            timestamp(until)
        ))
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// When.
    pub period: Period,
    /// Grouped by what; not at all: a row for each source, scope, plan, limit and reason.
    pub by: Vec<By>,
    /// The worst so many of everything; `None`: all.
    pub top: Option<usize>,
    /// Only sources within this prefix.
    pub source: Option<IpNet>,
    /// Only this scope.
    pub scope: Option<String>,
    /// Only this plan.
    pub plan: Option<String>,
}

impl Ask {
    /// Whether a source lies in what is asked for; what stands for many sources does where they may.
    pub(super) fn wants(&self, source: &IpNet, scope: &str, plan: Option<&str>) -> bool {
        let within = self
            .source
            .is_none_or(|net| net.contains(source) || source.contains(&net));
        let named =
            |asked: &Option<String>, found| asked.as_deref().is_none_or(|a| found == Some(a));
        within && named(&self.scope, Some(scope)) && named(&self.plan, plan)
    }
}

/// The /24 or /48 around a source; a shorter prefix is its own.
pub(super) fn network(source: &IpNet) -> IpNet {
    let most = match source {
        IpNet::V4(_) => 24,
        IpNet::V6(_) => 48,
    };
    let bits = source.prefix_len().min(most);
    IpNet::new(source.network(), bits).map_or(*source, |net| net.trunc())
}
