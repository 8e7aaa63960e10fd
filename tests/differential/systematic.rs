//! Not by chance: every truncation, every bit of every header, every end of the first buffer, of one frame of each kind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler::host::{HostPolicy, HostSlots};
use throttler_common::decide;
use throttler_lab::frames::odd::{self, Extension, Part};
use throttler_lab::frames::{self, ethertype, icmp_echo, ip_protocol, protocol, qinq, vlan};

use crate::agree::word;
use crate::buffers::Buffers;
use crate::generator::SHORTEST;
use crate::harness::{Program, REACH, START, can_split};
use crate::oracle::compare;
use crate::policy::policy;

/// Bytes from the start that can be headers of the frames below.
const HEADERS: usize = 130;

fn bases() -> Vec<(&'static str, Vec<u8>)> {
    let v4: (IpAddr, IpAddr) = (
        Ipv4Addr::new(172, 16, 0, 1).into(),
        Ipv4Addr::new(203, 0, 113, 5).into(),
    );
    let v6: (IpAddr, IpAddr) = (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5).into(),
    );
    let mut all = vec![("ARP", ethertype(0x0806, 46))];
    for (from, to) in [v4, v6] {
        let udp = frames::udp(from, to, 1024, 53, 12);
        let tcp = frames::tcp_syn(from, to, 1024, 443);
        all.push(("UDP", udp.clone()));
        all.push(("TCP", tcp.clone()));
        all.push(("ICMP", icmp_echo(from, to)));
        all.push(("GRE", ip_protocol(from, to, protocol::GRE, 8)));
        all.push(("AH", ip_protocol(from, to, 51, 24)));
        all.push(("tagged", vlan(tcp.clone(), 5)));
        all.push(("four tags", qinq(qinq(udp.clone(), 1, 2), 3, 4)));
        all.push(("five tags", vlan(qinq(qinq(udp.clone(), 1, 2), 3, 4), 5)));
        for part in [Part::First, Part::Middle, Part::Last] {
            all.push(("fragment", odd::fragment(&tcp, part)));
        }
        if from.is_ipv4() {
            all.push(("options", odd::ipv4_options(&tcp, 10)));
        } else {
            use Extension::{AtomicFragment, Authentication, Destination, HopByHop, Routing};
            let one_each = [
                HopByHop,
                Destination,
                Routing,
                AtomicFragment,
                Authentication,
            ];
            all.push(("one of each", odd::ipv6_extensions(&tcp, &one_each)));
            all.push(("eight", odd::ipv6_extensions(&udp, &[Destination; 8])));
            all.push(("nine", odd::ipv6_extensions(&udp, &[Destination; 9])));
            let first = odd::fragment(&tcp, Part::First);
            all.push((
                "fragment behind options",
                odd::ipv6_extensions(&first, &[Routing]),
            ));
        }
    }
    all
}

/// Kernel and host, in step.
struct Both {
    program: Program,
    host: HostPolicy,
    slots: HostSlots,
    now: u64,
    tried: u64,
}

impl Both {
    fn new() -> Self {
        let program = Program::sized(&policy(), 1 << 18);
        Self {
            host: HostPolicy::new(program.policy().clone()),
            slots: HostSlots::new(program.tables().sources.head),
            program,
            now: START,
            tried: 0,
        }
    }

    /// Both decide alike; etherparse reads the same where it reads all of it.
    fn alike(&mut self, what: &str, frame: &[u8], reach: Option<usize>) {
        if frame.len() < SHORTEST - 8 {
            return;
        }
        self.now += 90_000;
        self.tried += 1;
        let seen = Buffers::new(frame, reach.unwrap_or(REACH));
        let decision = decide(&seen, &self.now, &self.host, &&self.slots);
        let kernel = match reach {
            None => self.program.run_raw(self.now, frame),
            Some(reach) => self
                .program
                .run_split(self.now, frame, reach)
                .expect("a split run"),
        };
        assert_eq!(
            kernel,
            word(&decision),
            "{what}, {reach:?} in reach: {decision:?} on the host; {frame:02x?}"
        );
        // Ours on the host sees less of a frame that is split; that is held against the kernel's above.
        if let Err(difference) = compare(frame) {
            panic!("{what}: {difference}; {frame:02x?}");
        }
    }
}

#[test]
fn every_truncation_bit_and_first_buffer_is_decided_alike() {
    let mut both = Both::new();
    for (what, frame) in bases() {
        for length in 0..=frame.len() {
            both.alike(what, &frame[..length], None);
        }
        for at in 0..frame.len().min(HEADERS) {
            for bit in 0..8 {
                let mut other = frame.clone();
                other[at] ^= 1 << bit;
                both.alike(what, &other, None);
            }
            for byte in [
                0,
                0xff,
                frame[at].wrapping_add(1),
                frame[at].wrapping_sub(1),
            ] {
                let mut other = frame.clone();
                other[at] = byte;
                both.alike(what, &other, None);
            }
        }
        if can_split() {
            let mut long = frame.clone();
            long.resize(9_014, 0x5a);
            for reach in SHORTEST..frame.len().min(HEADERS) {
                both.alike(what, &frame, Some(reach));
                both.alike(what, &long, Some(reach));
            }
        }
    }
    println!("{} frames alike", both.tried);
    if !can_split() {
        println!("not tried: first buffers of any length, which test runs have from Linux 6.18 on");
    }
    assert!(both.tried > 30_000, "only {} frames", both.tried);
}
