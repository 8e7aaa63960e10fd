//! The slow, obvious limiter: token buckets whose level is an exact fraction. The datapath must agree with it on every
//! packet; it shares no line with the datapath.

/// What a bucket charges.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charges {
    Packets,
    Bytes,
    Connections,
}

/// What a packet is to a limiter.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// L3 length.
    pub(crate) bytes: u64,
    /// Opens a TCP connection.
    pub(crate) syn: bool,
}

/// `count` tokens every `period` nanoseconds, at most `burst` of them. The level is kept in 1/`period` of a token, so
/// that a nanosecond adds exactly `count` and nothing is ever rounded.
#[derive(Clone)]
pub(crate) struct Bucket {
    /// As the program names it.
    pub(crate) name: &'static str,
    pub(crate) charges: Charges,
    count: u128,
    period: u128,
    full: u128,
    level: u128,
    at: u64,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(
        name: &'static str,
        charges: Charges,
        count: u64,
        period: u64,
        burst: u64,
    ) -> Self {
        let full = u128::from(burst) * u128::from(period);
        Self {
            name,
            charges,
            count: u128::from(count),
            period: u128::from(period),
            full,
            level: full,
            at: 0,
        }
    }

    /// Nanoseconds between two tokens, rounded up.
    pub(crate) fn interval(&self) -> u64 {
        self.period.div_ceil(self.count) as u64
    }

    fn cost(&self, load: Load) -> u128 {
        let tokens = match self.charges {
            Charges::Packets => 1,
            Charges::Bytes => load.bytes,
            Charges::Connections => u64::from(load.syn),
        };
        u128::from(tokens) * self.period
    }

    fn refill(&mut self, now: u64) {
        let gained = u128::from(now - self.at) * self.count;
        self.level = self.full.min(self.level + gained);
        self.at = now;
    }
}

/// Why the reference refuses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) limit: &'static str,
    /// Nanoseconds until this limit alone would admit such a packet; `None`: it never does.
    pub(crate) wait: Option<u64>,
}

/// Charges the buckets with these indices, all or none.
pub(crate) fn admit(
    buckets: &mut [Bucket],
    which: &[usize],
    now: u64,
    load: Load,
) -> Result<(), Refused> {
    for index in which {
        buckets[*index].refill(now);
    }
    for index in which {
        let bucket = &buckets[*index];
        let cost = bucket.cost(load);
        if cost > bucket.level {
            let missing = cost - bucket.level;
            return Err(Refused {
                limit: bucket.name,
                wait: (cost <= bucket.full).then(|| missing.div_ceil(bucket.count) as u64),
            });
        }
    }
    for index in which {
        let cost = buckets[*index].cost(load);
        buckets[*index].level -= cost;
    }
    Ok(())
}

#[test]
fn ten_a_minute_is_ten_and_then_one_every_six_seconds() {
    let second = 1_000_000_000;
    let mut buckets = [Bucket::new("one", Charges::Packets, 10, 60 * second, 10)];
    let load = Load {
        bytes: 100,
        syn: false,
    };
    let now = 1_000 * second;
    for _ in 0..10 {
        assert_eq!(admit(&mut buckets, &[0], now, load), Ok(()));
    }
    let refused = Refused {
        limit: "one",
        wait: Some(6 * second),
    };
    assert_eq!(admit(&mut buckets, &[0], now, load), Err(refused));
    assert!(admit(&mut buckets, &[0], now + 6 * second - 1, load).is_err());
    assert_eq!(admit(&mut buckets, &[0], now + 6 * second, load), Ok(()));
}
