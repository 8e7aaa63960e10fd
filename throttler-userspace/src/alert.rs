//! What is worth telling people and programs of outside: the daemon finds it (`daemon/lookout`), `[[notify]]` says who hears
//! of it, and the outbox delivers it.

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A source was refused in a scope, after a while without refusals there.
    FirstRefusal,
    /// A source or prefix was banned, by the datapath or by an operator.
    Ban,
    /// Such a ban is over, or was taken back.
    Unban,
    /// A source has used 80 % of a limit with a period of an hour or more.
    NearLimit,
    /// That limit's bucket is full again.
    LimitReset,
    /// The source table had no room for newcomers.
    Pressure,
    /// A policy could not be put into force.
    ReloadFailed,
    /// More than a tenth of an interface's packets were refused.
    RefusedShare,
}

impl Kind {
    /// All, in the order of their names' importance.
    pub const ALL: [Self; 8] = [
        Self::FirstRefusal,
        Self::Ban,
        Self::Unban,
        Self::NearLimit,
        Self::LimitReset,
        Self::Pressure,
        Self::ReloadFailed,
        Self::RefusedShare,
    ];

    /// As policies and bodies name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstRefusal => "first_refusal",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::NearLimit => "near_limit",
            Self::LimitReset => "limit_reset",
            Self::Pressure => "pressure",
            Self::ReloadFailed => "reload_failed",
            Self::RefusedShare => "refused_share",
        }
    }
}

/// One of them. What a kind has nothing to say of is left out of its JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// What happened.
    pub event: Kind,
    /// When.
    pub time: Timestamp,
    /// Where; `None`: on all interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iface: Option<String>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpNet>,
    /// In which scope or layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The source's plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The limit, as in the abuse log: `layer.NAME` of a layer, `global.NAME` of all sources together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Its unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Its rate as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// Share of the limit that is used, or of the packets that were refused: 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Refused packets that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// Seconds until one more unit conforms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<f64>,
    /// Seconds until the bucket is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_s: Option<f64>,
    /// When a ban ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who gave or took back a ban: `datapath` or `operator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Whether monitor mode let it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitored: Option<bool>,
    /// One sentence for people.
    pub text: String,
}

impl Alert {
    /// Nothing but what happened, when.
    #[must_use]
    pub fn new(event: Kind, time: Timestamp, text: String) -> Self {
        Self {
            event,
            time,
            iface: None,
            source: None,
            scope: None,
            plan: None,
            limit: None,
            unit: None,
            rate: None,
            share: None,
            refused: None,
            retry_after_s: None,
            reset_s: None,
            until: None,
            by: None,
            monitored: None,
            text,
        }
    }
}
