//! The bound itself, by arithmetic of its own: at most burst + rate * dt units over every interval.

/// What a bucket admitted: when (monotonic nanoseconds), and how many units.
pub(crate) type Log = Vec<(u64, u64)>;

/// Holds a log against a rate of `count` units in `per` nanoseconds.
///
/// Over the interval from arrival i to arrival j that is: the units of both and of what lies between are at most burst +
/// rate * (t_j - t_i). So for every j, the least of "units before i, less rate * t_i" over all i up to j is all that is
/// needed of them.
///
/// # Errors
/// The arrival that was one too many.
pub(crate) fn holds(log: &Log, (count, per): (i128, i128), burst: u64) -> Result<(), String> {
    let Some((start, _)) = log.first() else {
        return Ok(());
    };
    let (mut before, mut least) = (0_i128, i128::MAX);
    for (index, (at, units)) in log.iter().enumerate() {
        let refilled = i128::from(at - start) * count;
        least = least.min(before * per - refilled);
        before += i128::from(*units);
        let most = i128::from(burst) * per;
        if before * per - refilled - least > most {
            return Err(format!(
                "admission {index} at {at}: more than {burst} and {count} in {per} ns"
            ));
        }
    }
    Ok(())
}

#[test]
fn one_too_many_is_found_wherever_it_is() {
    let second = 1_000_000_000;
    let rate = (10, i128::from(second));
    let full: Log = (0..10).map(|_| (5, 1)).collect();
    assert_eq!(holds(&full, rate, 10), Ok(()));
    let mut log = full.clone();
    log.push((5 + second / 10, 1));
    assert_eq!(holds(&log, rate, 10), Ok(()));
    log.last_mut().expect("one").0 -= 1;
    assert!(holds(&log, rate, 10).is_err());
    // Behind a silence, which earns no more than the burst.
    let mut log = vec![(5, 1)];
    log.extend(full.iter().map(|(at, units)| (at + 100 * second, *units)));
    assert_eq!(holds(&log, rate, 10), Ok(()));
    log.push((5 + 100 * second, 1));
    assert!(holds(&log, rate, 10).is_err());
    assert!(holds(&vec![(0, 1_501)], rate, 1_500).is_err());
}
