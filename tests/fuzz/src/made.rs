//! Inputs that reach deep, made from a tape of choices: policies and requests of the right shape in which something is
//! wrong, or too much, or contradicts the rest. A shorter tape makes a plainer input, so that proptest finds small ones.

mod policy;
mod request;
mod values;
mod wire;

pub use policy::policy;
pub use request::request;
pub use wire::wire;

use crate::bytes::Tape;

/// What a generator chooses by.
struct Choices<'a>(Tape<'a>);

impl Choices<'_> {
    /// Below `end`; 0 at the end of the tape.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.0.u16()) % end.max(1)
    }

    /// True once in `n` times; never at the end of the tape.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    /// One of them; the first at the end of the tape.
    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    /// A few of what `make` makes.
    fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| make(self)).collect()
    }
}
