//! The rules that cover a prefix, and the order in which they count.
//!
//! Of the policy's rules the longest prefix decides, and so do an operator's bindings, which come first where both name
//! the same prefix. An operator's exemption holds whatever else covers the source. An operator's ban holds wherever the
//! source would not be exempt, however long the prefix that says so is.

use throttler_common::abi::ClassStep;
use throttler_common::class::Kind;

use crate::config::{By, Class, SourceRule};

/// The rules of a prefix; with those of the prefixes around it once [`Covering::within`] has been called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Covering {
    /// The policy's rules and the operator's bindings, the first that has not ended counts.
    base: Vec<(By, ClassStep)>,
    /// Of the operator's exemptions the one that lasts longest.
    exempt: Option<ClassStep>,
    /// Of the operator's bans the one that lasts longest.
    ban: Option<ClassStep>,
}

impl Covering {
    /// Adds a rule of the prefix itself.
    pub(super) fn add(&mut self, rule: &SourceRule, step: ClassStep) {
        match (rule.by, &rule.class) {
            (By::Operator, Class::Exempt) => self.exempt = longest(self.exempt, Some(step)),
            (By::Operator, Class::Block) => self.ban = longest(self.ban, Some(step)),
            _ => self.base.push((rule.by, step)),
        }
    }

    /// Whether no rule names this very prefix.
    pub(super) fn is_empty(&self) -> bool {
        self.base.is_empty() && self.exempt.is_none() && self.ban.is_none()
    }

    /// Adds what covers the prefix from around.
    pub(super) fn within(&mut self, outer: Option<&Self>) {
        // An operator's before the policy's; and rules that end before the one that stays.
        self.base
            .sort_by_key(|(by, step)| (*by == By::Policy, step.until == 0));
        if let Some(stays) = self.base.iter().position(|(_, step)| step.until == 0) {
            self.base.truncate(stays + 1);
        } else if let Some(outer) = outer {
            self.base.extend_from_slice(&outer.base);
        }
        if let Some(outer) = outer {
            self.exempt = longest(self.exempt, outer.exempt);
            self.ban = longest(self.ban, outer.ban);
        }
    }

    /// The steps of the chain: the first that has not ended counts.
    pub(super) fn chain(&self) -> Vec<ClassStep> {
        let mut chain: Vec<ClassStep> = self.exempt.into_iter().collect();
        let mut ban = self.ban;
        for (_, step) in &self.base {
            if let Some(one) = ban
                && step.kind != Kind::Exempt as u8
            {
                // While this step would count, the ban does; an exemption behind it holds again.
                let until = sooner(one.until, step.until);
                chain.push(ClassStep { until, ..one });
                if until == one.until {
                    ban = None;
                }
            }
            chain.push(*step);
        }
        let stays = self.base.last().is_some_and(|(_, step)| step.until == 0);
        if !stays {
            chain.extend(ban);
        }
        chain
    }
}

/// The one that lasts longer; 0 never ends.
fn longest(one: Option<ClassStep>, other: Option<ClassStep>) -> Option<ClassStep> {
    let lasts = |step: &ClassStep| step.until.wrapping_sub(1);
    [one, other].into_iter().flatten().max_by_key(lasts)
}

/// The earlier end; 0 never ends.
fn sooner(one: u32, other: u32) -> u32 {
    one.wrapping_sub(1)
        .min(other.wrapping_sub(1))
        .wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A rule of a prefix of some depth: 0 contains all others, and so on.
    #[derive(Clone, Debug)]
    struct Given {
        depth: usize,
        by: By,
        class: Class,
        /// 0 never ends.
        until: u32,
    }

    const DEPTHS: usize = 3;

    fn given() -> impl Strategy<Value = Given> {
        let class = prop_oneof![
            Just(Class::Plan("pro".to_owned())),
            Just(Class::Exempt),
            Just(Class::Block)
        ];
        let by = prop_oneof![Just(By::Policy), Just(By::Operator)];
        (0..DEPTHS, by, class, 0..6_u32).prop_map(|(depth, by, class, until)| Given {
            depth,
            by,
            class,
            until,
        })
    }

    fn step(index: usize, given: &Given) -> ClassStep {
        let kind = match given.class {
            Class::Plan(_) => Kind::Plan,
            Class::Exempt => Kind::Exempt,
            Class::Block => Kind::Block,
        };
        ClassStep {
            until: given.until,
            rule: index as u32,
            kind: kind as u8,
            ..ClassStep::default()
        }
    }

    fn rule(given: &Given) -> SourceRule {
        SourceRule {
            prefixes: Vec::new(),
            class: given.class.clone(),
            until: None,
            reason: None,
            origin: String::new(),
            by: given.by,
        }
    }

    /// What counts at a time, as the module says it, rule by rule.
    fn wanted(all: &[Given], now: u32) -> Option<Class> {
        let on: Vec<&Given> = all
            .iter()
            .filter(|one| one.until == 0 || one.until > now)
            .collect();
        let operators = |class: Class| {
            on.iter()
                .any(|one| one.by == By::Operator && one.class == class)
        };
        if operators(Class::Exempt) {
            return Some(Class::Exempt);
        }
        let base = on
            .iter()
            .filter(|one| one.by == By::Policy || matches!(one.class, Class::Plan(_)));
        let longest = base.clone().map(|one| (one.depth, one.by)).max();
        // Among rules of one prefix and giver, those that end come first, in order.
        let mut same: Vec<&&Given> = base
            .filter(|one| Some((one.depth, one.by)) == longest)
            .collect();
        same.sort_by_key(|one| one.until == 0);
        let class = same.first().map(|one| one.class.clone());
        if operators(Class::Block) && class != Some(Class::Exempt) {
            return Some(Class::Block);
        }
        class
    }

    proptest! {
        #[test]
        fn the_first_that_has_not_ended_is_what_should_count(all in prop::collection::vec(given(), 0..8)) {
            let mut outer: Option<Covering> = None;
            for depth in 0..DEPTHS {
                let mut covering = Covering::default();
                for (index, one) in all.iter().enumerate().filter(|(_, one)| one.depth == depth) {
                    covering.add(&rule(one), step(index, one));
                }
                covering.within(outer.as_ref());
                outer = Some(covering);
            }
            let chain = outer.expect("three prefixes").chain();
            for now in 0..7 {
                let counts = chain.iter().find(|step| step.until == 0 || step.until > now);
                let kind = counts.map(|step| step.kind);
                let wanted = wanted(&all, now).map(|class| step(0, &Given { depth: 0, by: By::Policy, class, until: 0 }).kind);
                prop_assert_eq!(kind, wanted, "at {} of {:?}: {:?}", now, all, chain);
            }
        }
    }
}
