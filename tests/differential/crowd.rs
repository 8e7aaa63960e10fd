//! Kernel and host where the table has no room, and where limits change: newcomers are refused, others displaced, buckets
//! converted, prefixes charged in their stead.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler::host::{HostPolicy, HostSlots, SliceFrame};
use throttler_common::notice::Kind;
use throttler_common::{Reason, decide};
use throttler_lab::frames;

use crate::agree::{event, same_words, word};
use crate::harness::{Program, Rng, SECOND, START};

/// Sources that the table has room for, and sources that come, of each family.
const ROOM: u32 = 256;
const CROWD: u64 = 2_000;
/// Frames under one policy.
const BETWEEN_RELOADS: u64 = 2_500;

/// Slow enough that most sources are in debt; each reload turns rates, bursts, units and plans.
fn policy(turn: u64) -> String {
    let (rate, burst) =
        [("4/min", 3), ("20/min", 9), ("2/min", 2), ("0.5/s", 5)][turn as usize % 4];
    let volume = ["4k/s", "900/s", "1M/s"][turn as usize % 3];
    let third = match turn % 2 {
        0 => "opened = { rate = \"9/min\", unit = \"connections\" }",
        _ => "opened = { rate = \"30/min\", burst = 4 }",
    };
    format!(
        r#"
        [scopes.web]
        match = [{{ protocol = "tcp" }}]
        protected = ["pro"]
        reserved = "{reserved}%"
        [scopes.web.limits]
        packets = {{ rate = "{rate}", burst = {burst} }}
        volume = {{ rate = "{volume}", burst = 3000, unit = "bytes" }}
        {third}
        [scopes.web.global]
        total = {{ rate = "{total}/s", burst = 20 }}

        [scopes.default.limits]
        flood = {{ rate = "{rate}", burst = {burst} }}

        [layers.all]
        scopes = ["web", "default"]
        limits = {{ both = {{ rate = "{both}/min" }} }}

        [abuse]
        ban_after = {{ refusals = 6, within = "20s" }}
        ban_for = "3s"
        ban_max = "12s"
        widen_after = {{ sources = 3, within = "60s" }}

        [plans.pro]
        web = {{ packets = "{rate}", volume = "10M/s" }}
        default = {{ flood = "60/min" }}
        [[sources]]
        from = ["10.0.{pro}.0/24", "2001:db8:{pro}::/48"]
        plan = "pro"
        "#,
        reserved = 20 + turn % 3 * 10,
        total = 8 + turn % 5 * 3,
        both = 12 + turn % 3,
        pro = turn % 4,
    )
}

fn frame(rng: &mut Rng) -> Vec<u8> {
    // A few come often, most hardly ever.
    let host = match rng.one_in(3) {
        true => rng.below(CROWD / 40),
        false => rng.below(CROWD),
    } as u32;
    let (net, host) = (host % 8, host / 8);
    let (source, server): (IpAddr, IpAddr) = if rng.one_in(2) {
        let source = Ipv4Addr::from_bits(10 << 24 | net << 8 | host);
        (source.into(), Ipv4Addr::new(203, 0, 113, 5).into())
    } else {
        let source = Ipv6Addr::new(0x2001, 0xdb8, net as u16, host as u16, 0, 0, 0, 1);
        (
            source.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 99, 0, 0, 0, 0, 5).into(),
        )
    };
    if rng.one_in(2) {
        frames::tcp_syn(source, server, 40_000, 443)
    } else {
        frames::udp(source, server, 40_000, 53, rng.below(900) as usize)
    }
}

#[test]
fn kernel_and_host_decide_alike_in_a_crowd_and_across_reloads() {
    let (seed, frames) = (crate::seed(), crate::frames().div_ceil(5).max(40_000));
    let mut rng = Rng::new(seed);
    let mut program = Program::sized(&policy(0), ROOM);
    let mut host = HostPolicy::new(program.policy().clone());
    let slots = HostSlots::new(program.tables().sources.head);
    let mut reasons = BTreeMap::<Reason, u64>::new();
    let mut kinds = [0_u64; Kind::COUNT];
    let mut now = START;
    for number in 0..frames {
        if number > 0 && number % BETWEEN_RELOADS == 0 {
            program.publish(&policy(number / BETWEEN_RELOADS));
            host = HostPolicy::new(program.policy().clone());
        }
        now += match rng.below(2_000) {
            0 => rng.below(9 * SECOND),
            _ => rng.below(SECOND / 100),
        };
        let frame = frame(&mut rng);
        let decision = decide(&SliceFrame(&frame), &now, &host, &&slots);
        let kernel = program.run_raw(now, &frame);
        assert_eq!(
            kernel,
            word(&decision),
            "frame {number} of seed {seed} at {now}: the kernel's word {kernel:#x} is not the host's {decision:?}; {frame:02x?}"
        );
        *reasons.entry(decision.reason).or_default() += 1;
        if number % 500 == 499 {
            let told: Vec<_> = slots.told.take();
            let read = program.events();
            let ifindex = read.first().map_or(0, |event| event.ifindex);
            let expected: Vec<_> = told.iter().map(|told| event(told, ifindex)).collect();
            assert_eq!(read, expected, "events up to frame {number} of seed {seed}");
            for told in told {
                kinds[told.notice.kind as usize] += 1;
            }
        }
    }
    same_words(&program, &slots);
    println!(
        "{frames} frames of seed {seed:#x}, {ROOM} places a family: {reasons:?}, events {:?}",
        Kind::ALL.map(|kind| (kind, kinds[kind as usize]))
    );
    for reason in [
        Reason::Conforming,
        Reason::OverLimit,
        Reason::GlobalLimit,
        Reason::Banned,
        Reason::TableFull,
    ] {
        let share = reasons.get(&reason).copied().unwrap_or(0);
        assert!(
            share * 500 >= frames,
            "only {share} of {frames} frames ended in {reason}"
        );
    }
    for kind in Kind::ALL {
        assert!(kinds[kind as usize] > 0, "no {kind:?} was told of");
    }
}
