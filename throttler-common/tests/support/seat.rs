//! Somebody who sends, and where the model puts him.

use throttler_common::abi::Addr;
use throttler_common::class::{Kind, Word};
use throttler_common::table::{Newcomer, Place, header};

/// Somebody who sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) addr: Addr,
    pub(crate) class: Word,
    pub(crate) place: Place,
}

impl Source {
    /// Both of its sets are set 0, its first way is `home`.
    pub(crate) fn new(name: u64, home: u64) -> Self {
        Self {
            addr: Addr {
                words: [name, name + 100],
            },
            class: Word::new(1, Kind::Plan, name as u16, 0),
            place: Place {
                sets: [0, 0],
                wanted: header::wanted(1, home),
            },
        }
    }

    pub(crate) fn newcomer(&self, now: u64) -> Newcomer {
        Newcomer {
            addr: self.addr,
            class: self.class,
            now,
        }
    }
}
