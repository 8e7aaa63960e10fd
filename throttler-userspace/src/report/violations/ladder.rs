//! The next plan up: of the policy in force, the plan with the smallest greater rate of a limit.

use std::collections::HashMap;

use throttler_common::abi::LimitParams;

use super::bound::Gain;
use super::texts::{NONE, Texts};
use crate::compile::{Description, LimitDescription, ScopeDescription, ScopeKind, params};
use crate::config::{Rate, Unit};

/// What the next plan up has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Rate of the plan that a source has; what was refused by another rate is not comparable.
    pub(super) from: u32,
    /// The next plan.
    pub(super) plan: u32,
    /// Its rate; [`NONE`]: unlimited.
    pub(super) rate: u32,
    /// How much larger its bucket is; `None`: nothing is sure. Of no consequence where it is unlimited.
    pub(super) gain: Option<Gain>,
}

/// Scope, plan and limit by number.
type Place = (u32, u32, u32);

/// The plans of one interface, looked up once each.
pub(super) struct Ladder<'a> {
    policy: Option<&'a Description>,
    known: HashMap<Place, Option<Step>>,
}

/// A limit that a plan has; `None`: it has none.
type Offer<'a> = (&'a str, Option<(&'a LimitDescription, LimitParams)>);

impl<'a> Ladder<'a> {
    /// Of a policy in force; without one nothing is known.
    pub(super) fn new(policy: Option<&'a Description>) -> Self {
        Self {
            policy,
            known: HashMap::new(),
        }
    }

    /// The step up from a plan in a limit of a scope.
    pub(super) fn step(&mut self, place: Place, texts: &mut Texts) -> Option<Step> {
        if let Some(known) = self.known.get(&place) {
            return *known;
        }
        let found = self.find(place, texts);
        self.known.insert(place, found);
        found
    }

    fn find(&self, (scope, plan, limit): Place, texts: &mut Texts) -> Option<Step> {
        let policy = self.policy?;
        let (holder, limit) = holder(policy, texts.text(scope), texts.text(limit))?;
        let plan_id = match texts.some(plan) {
            None => 0,
            Some(name) => policy.plans.iter().find(|plan| plan.name == name)?.id,
        };
        let own = policy.limits(holder, plan_id);
        let own = own.iter().find(|one| one.name == limit)?;
        let from = numbers(own)?;
        let offers = policy.plans.iter().filter(|plan| plan.id != plan_id);
        let offers = offers.filter_map(|plan| {
            let limits = policy.limits(holder, plan.id);
            let same = limits.iter().find(|one| one.name == limit);
            let offer: Offer<'_> = match same {
                None => (&plan.name, None),
                Some(same) => (&plan.name, Some((same, numbers(same)?))),
            };
            offer
                .1
                .as_ref()
                .is_none_or(|(_, to)| to.unit == from.unit && is_faster(to, &from))
                .then_some(offer)
        });
        let (name, limit) = offers.min_by(|a, b| order(a, b))?;
        Some(Step {
            from: texts.number(&own.rate),
            plan: texts.number(name),
            rate: limit.map_or(NONE, |(limit, _)| texts.number(&limit.rate)),
            gain: limit.and_then(|(_, to)| Gain::of(from, to)),
        })
    }
}

/// Who has a limit: the scope, or its layer, whose limits are written `LAYER.LIMIT`. Those of all sources together
/// (`global.LIMIT`) are no plan's.
fn holder<'a, 'b>(
    policy: &'a Description,
    scope: &str,
    limit: &'b str,
) -> Option<(&'a ScopeDescription, &'b str)> {
    let live = |name: &str| {
        let mut live = policy.scopes.iter();
        live.find(|one| one.name == name && one.kind != ScopeKind::Retired)
    };
    let scope = live(scope)?;
    match limit.split_once('.') {
        None => Some((scope, limit)),
        Some((layer, limit)) if scope.layer.as_deref() == Some(layer) => {
            Some((live(layer)?, limit))
        }
        Some(_) => None,
    }
}

fn numbers(limit: &LimitDescription) -> Option<LimitParams> {
    let unit = unit(&limit.unit)?;
    let rate = Rate::parse(&limit.rate, unit).ok()?;
    Some(params(&rate, limit.burst, unit))
}

/// A unit by its name.
pub(super) fn unit(name: &str) -> Option<Unit> {
    let all = [Unit::Packets, Unit::Bytes, Unit::Connections];
    all.into_iter().find(|unit| unit.as_str() == name)
}

/// 2^shift / increment units a tick, compared without division.
fn is_faster(a: &LimitParams, b: &LimitParams) -> bool {
    let times = |shift: u8, increment: u64| u128::from(increment) << (shift & 63);
    times(a.shift, b.increment) > times(b.shift, a.increment)
}

/// The slowest first, of those the smallest burst; unlimited last.
fn order(a: &Offer<'_>, b: &Offer<'_>) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    match (&a.1, &b.1) {
        (Some((_, x)), Some((_, y))) if is_faster(y, x) => Ordering::Less,
        (Some((_, x)), Some((_, y))) if is_faster(x, y) => Ordering::Greater,
        (Some((x, _)), Some((y, _))) => (x.burst, a.0).cmp(&(y.burst, b.0)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.0.cmp(b.0),
    }
}
