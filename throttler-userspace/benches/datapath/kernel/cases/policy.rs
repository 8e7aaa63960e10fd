//! The policies of cases, and what they do to a packet.

use super::Verdict;
use crate::figures::targets::{BANNED, BLOCKED, OVER, PASS, PASS_FOUR};
use crate::policies;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kernel) enum Policy {
    Pass,
    /// The same in a table of its own, for ever-new sources.
    PassNew,
    PassTwo,
    PassThree,
    PassFour,
    Over,
    Banned,
    Blocked,
    Exempt,
    Unlimited,
}

impl Policy {
    pub(in crate::kernel) const ALL: [Self; 10] = [
        Self::Pass,
        Self::PassNew,
        Self::PassTwo,
        Self::PassThree,
        Self::PassFour,
        Self::Over,
        Self::Banned,
        Self::Blocked,
        Self::Exempt,
        Self::Unlimited,
    ];

    pub(in crate::kernel) fn text(self) -> String {
        match self {
            Self::Pass | Self::PassNew => policies::passing(1),
            Self::PassTwo => policies::passing(2),
            Self::PassThree => policies::passing(3),
            Self::PassFour => policies::passing(4),
            Self::Over => policies::refusing(),
            Self::Banned => policies::banning(),
            Self::Blocked => policies::blocking(),
            Self::Exempt => policies::exempting(),
            Self::Unlimited => policies::unlimited(),
        }
    }

    pub(super) fn case(self) -> &'static str {
        match self {
            Self::Pass | Self::PassNew => PASS,
            Self::PassTwo => "pass, 2 limits",
            Self::PassThree => "pass, 3 limits",
            Self::PassFour => PASS_FOUR,
            Self::Over => OVER,
            Self::Banned => BANNED,
            Self::Blocked => BLOCKED,
            Self::Exempt => "pass, exempt",
            Self::Unlimited => "pass, no limit set",
        }
    }

    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Over | Self::Banned | Self::Blocked => Verdict::Drop,
            _ => Verdict::Pass,
        }
    }

    /// How often each source must have sent for the case to be what it says.
    pub(in crate::kernel) fn sweeps(self) -> usize {
        match self {
            // The first one passes, ten are refused.
            Self::Banned => 12,
            _ => 2,
        }
    }

    /// The directory of its pins.
    pub(in crate::kernel) fn pin(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}
