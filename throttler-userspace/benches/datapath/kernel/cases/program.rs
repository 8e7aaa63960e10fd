//! The programs under test by name.

use std::collections::BTreeMap;

use super::Policy;
use crate::driver::{Driver, Subject};
use crate::figures::targets::{FILTER_MANY, FILTER_ONE, LRU, THROTTLER};
use crate::filter::{Filter, Listed};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kernel) enum Program {
    Throttler(Policy),
    Filter(Listed),
    Clock,
    CacheLine,
    Lru,
}

impl Program {
    pub(in crate::kernel) fn name(self) -> &'static str {
        match self {
            Self::Throttler(_) => THROTTLER,
            Self::Filter(listed) if listed.entries() == 1 => FILTER_ONE,
            Self::Filter(_) => FILTER_MANY,
            Self::Clock => "reference: clock alone",
            Self::CacheLine => "reference: one cache line of 64 MiB",
            Self::Lru => LRU,
        }
    }
}

/// All of them, loaded; or why not.
pub(in crate::kernel) struct Programs<'a> {
    pub(in crate::kernel) ours: BTreeMap<Policy, Subject>,
    pub(in crate::kernel) driver: &'a Driver,
    pub(in crate::kernel) filters: BTreeMap<Listed, Result<Filter, String>>,
}

impl Programs<'_> {
    pub(in crate::kernel) fn subject(&self, program: Program) -> Result<&Subject, String> {
        Ok(match program {
            Program::Throttler(policy) => &self.ours[&policy],
            Program::Filter(listed) => match &self.filters[&listed] {
                Ok(filter) => &filter.subject,
                Err(reason) => return Err(reason.clone()),
            },
            Program::Clock => &self.driver.clock,
            Program::CacheLine => &self.driver.cache_line,
            Program::Lru => &self.driver.lru_gcra,
        })
    }
}
