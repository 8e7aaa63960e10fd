use super::*;
use crate::demo::observe::Tally;

const NINE: Duration = Duration::from_secs(9);

/// What the policy makes of nine seconds of the demo.
fn as_the_policy_says() -> (Seen, [u64; COUNT]) {
    let mut seen = Seen::default();
    let mut reasons = [("over_limit", 0), ("blocked", 0), ("exempt", 0)]
        .map(|(reason, n)| (reason.to_owned(), (n, 0)));
    for (index, client) in CLIENTS.iter().enumerate() {
        for source in client.sources() {
            for scope in &SCOPES {
                let all = Tally {
                    passed: 1000,
                    dropped: 0,
                };
                let limited = |allowance| {
                    let passed = at_most(allowance, NINE);
                    Tally {
                        passed,
                        dropped: 1000 - passed,
                    }
                };
                let tally = match client.class {
                    Class::Blocked => Tally {
                        passed: 0,
                        dropped: 1000,
                    },
                    Class::Exempt => all,
                    _ if client.polite => all,
                    Class::Free => limited(scope.free),
                    Class::Pro => limited(scope.pro),
                };
                let reason = match client.class {
                    Class::Free | Class::Pro => &mut reasons[0].1,
                    Class::Blocked => &mut reasons[1].1,
                    Class::Exempt => &mut reasons[2].1,
                };
                reason.0 += if client.class == Class::Exempt {
                    tally.passed
                } else {
                    tally.dropped
                };
                seen.sent[index] += 1000;
                seen.clients[index].insert((source.clone(), scope.name.to_owned()), tally);
            }
        }
    }
    seen.counters.xdp_mode = "native".to_owned();
    seen.counters
        .scopes
        .insert("web".to_owned(), reasons.into());
    let received = std::array::from_fn(|index| datagrams(&seen, index));
    (seen, received)
}

/// Moves one packet of a client from one verdict to the other.
fn move_one(seen: &mut Seen, client: usize, scope: &str, to_passed: bool) {
    let tally = seen.clients[client]
        .iter_mut()
        .find(|((_, name), _)| name == scope);
    let tally = tally.expect("a bucket").1;
    let (from, to) = if to_passed {
        (&mut tally.dropped, &mut tally.passed)
    } else {
        (&mut tally.passed, &mut tally.dropped)
    };
    *from -= 1;
    *to += 1;
}

#[test]
fn what_the_policy_says_is_no_problem() {
    let (seen, received) = as_the_policy_says();
    assert_eq!(problems(&seen, received, NINE), Vec::<String>::new());
}

#[test]
fn each_contradiction_is_named() {
    let [polite, free, pro, exempt, blocked] = [0, 1, 2, 3, 4];
    for (client, to_passed, what) in [
        (polite, false, "1 packets of polite (free) were dropped"),
        (
            free,
            true,
            "192.0.2.99/32 in web: 45 passed, 955 dropped; 8 to 44 should pass, the rest not",
        ),
        (pro, true, "198.51.100.7/32 in web: 177 passed"),
        (exempt, false, "1 packets of staff (exempt) were dropped"),
        (blocked, true, "1 packets of attacker (blocked) passed"),
    ] {
        let (mut seen, received) = as_the_policy_says();
        move_one(&mut seen, client, "web", to_passed);
        let found = problems(&seen, received, NINE).join("\n");
        assert!(found.contains(what), "`{what}` is not in:\n{found}");
    }
}

#[test]
fn the_server_and_the_counters_are_believed_over_the_buckets() {
    let (seen, mut received) = as_the_policy_says();
    received[4] = 1;
    let found = problems(&seen, received, NINE);
    assert_eq!(
        found,
        ["0 datagrams of attacker (blocked) passed, but 1 reached the server"]
    );

    let (mut seen, received) = as_the_policy_says();
    seen.counters.xdp_mode = "generic".to_owned();
    seen.counters.scopes.clear();
    assert_eq!(problems(&seen, received, NINE).len(), 4);
}
