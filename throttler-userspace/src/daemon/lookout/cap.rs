//! How many alerts of a kind there may be in a second: a hundred first refusals are worth telling one by one, the next ten
//! thousand as one.

use crate::alert::Kind;

/// Alerts of a kind and an interface in a second.
pub(super) const MOST: u64 = 100;

const SECOND_NS: u64 = 1_000_000_000;

/// What was not told of one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// Index of the interface; `None`: all of them.
    pub(super) place: Option<usize>,
    pub(super) kind: Kind,
    pub(super) count: u64,
}

/// All interfaces' alerts of the running second.
#[derive(Debug)]
pub(super) struct Cap {
    most: u64,
    begin: u64,
    asked: Vec<Rest>,
}

impl Cap {
    /// At most so many, and at most [`MOST`].
    pub(super) fn new(most: u64) -> Self {
        Self {
            most: most.min(MOST),
            begin: 0,
            asked: Vec::new(),
        }
    }

    /// Whether an alert at `now` (monotonic nanoseconds) is told by itself. To be asked once what is due was taken.
    pub(super) fn admits(&mut self, place: Option<usize>, kind: Kind, now: u64) -> bool {
        if self.asked.is_empty() {
            self.begin = now;
        }
        let known = self
            .asked
            .iter_mut()
            .position(|one| (one.place, one.kind) == (place, kind));
        let index = known.unwrap_or_else(|| {
            self.asked.push(Rest {
                place,
                kind,
                count: 0,
            });
            self.asked.len() - 1
        });
        self.asked[index].count += 1;
        self.asked[index].count <= self.most
    }

    /// When there will be a rest to take.
    pub(super) fn due(&self) -> Option<u64> {
        let any = self.asked.iter().any(|one| one.count > self.most);
        any.then_some(self.begin + SECOND_NS)
    }

    /// The rests of a second that is over.
    pub(super) fn take(&mut self, now: u64) -> Vec<Rest> {
        if self.asked.is_empty() || now < self.begin + SECOND_NS {
            return Vec::new();
        }
        self.end()
    }

    /// The rests until now.
    pub(super) fn end(&mut self) -> Vec<Rest> {
        let most = self.most;
        let rests = self.asked.drain(..).filter(|one| one.count > most);
        let beyond = |one: Rest| Rest {
            count: one.count - most,
            ..one
        };
        rests.map(beyond).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_hundred_a_second_is_one() {
        let mut cap = Cap::new(200);
        for n in 0..1_000 {
            assert_eq!(cap.admits(Some(0), Kind::FirstRefusal, 5 + n), n < MOST);
        }
        assert!(cap.admits(Some(0), Kind::Ban, 1_005), "another kind");
        assert!(
            cap.admits(Some(1), Kind::FirstRefusal, 1_005),
            "another interface"
        );
        assert_eq!(cap.due(), Some(5 + SECOND_NS));
        assert_eq!(cap.take(4 + SECOND_NS), []);
        let rest = Rest {
            place: Some(0),
            kind: Kind::FirstRefusal,
            count: 900,
        };
        assert_eq!(cap.take(5 + SECOND_NS), [rest]);
        assert_eq!((cap.due(), cap.end()), (None, Vec::new()));
        assert!(cap.admits(Some(0), Kind::FirstRefusal, 7 + SECOND_NS));
    }
}
