//! The grammars by themselves: rates, durations, prefixes; and the arithmetic of every rate that is accepted.

use throttler::compile::{increment, params, scale};
use throttler::config::{GrammarError, Rate, Unit, parse_cidr, parse_duration};
use throttler_common::abi::TICK_SHIFT;

use crate::harness::SECOND;

/// The text of a value.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for unit in [Unit::Packets, Unit::Bytes, Unit::Connections] {
        match Rate::parse(&text, unit) {
            Ok(rate) => never_faster(&rate, unit),
            Err(error) => said(&error),
        }
    }
    match parse_duration(&text) {
        Ok(_) => {}
        Err(error) => said(&error),
    }
    match parse_cidr(&text) {
        Ok(prefix) => {
            assert_eq!(prefix, prefix.trunc());
            assert_eq!(
                parse_cidr(&prefix.to_string()).expect("what was printed"),
                prefix
            );
        }
        Err(error) => said(&error),
    }
}

fn said(error: &GrammarError) {
    assert!(
        !error.message.is_empty() && !error.help.is_empty(),
        "{error:?}"
    );
    let moves = |c: char| c.is_control();
    assert!(
        !error.message.contains(moves) && !error.help.contains(moves),
        "{error:?}"
    );
}

/// A unit costs at least what the rate says: period * 10^scale / mantissa.
fn never_faster(rate: &Rate, unit: Unit) {
    let (cost, shift) = increment(rate, unit);
    assert!(
        rate.mantissa() > 0 && rate.period_ns() >= SECOND && cost > 0,
        "{rate:?}"
    );
    if cost == u64::MAX {
        // Slower than any policy may be: its checks refuse it.
        return;
    }
    let ticks = u128::from(rate.period_ns()) << TICK_SHIFT;
    let exact = (ticks * 10_u128.pow(rate.scale())).checked_shl(u32::from(shift));
    let exact = exact.filter(|shifted| shifted >> shift == ticks * 10_u128.pow(rate.scale()));
    if let Some(exact) = exact {
        let asked = exact.div_ceil(rate.mantissa().into());
        assert_eq!(u128::from(cost), asked, "{rate:?} {unit:?}");
    }
    let limit = params(rate, 1, unit);
    assert_eq!((limit.increment, limit.shift), (cost, shift));
    assert!(
        scale(&limit).ticks >= 1 << 31 && scale(&limit).units >= 1 << 31,
        "{rate:?}"
    );
}
