//! Every limit holds exactly: the program admits what the reference admits, packet by packet, and names the limit that
//! refused.

use std::net::IpAddr;

use crate::arrivals::{Sent, follows};
use crate::harness::{MINUTE, Rng, SECOND};
use crate::reference::{Bucket, Charges, Load};
use crate::traffic::{ack, syn, udp};

const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn one_datagram(_: &mut Rng, source: IpAddr, _: u64) -> Sent {
    Sent {
        frame: udp(source, 53, 10),
        scope: "default",
        load: Load {
            bytes: 38,
            syn: false,
        },
        buckets: &[0],
    }
}

#[test]
fn ten_a_minute() {
    follows(
        r#"[scopes.default.limits]
           burst = { rate = "10/min" }"#,
        &[Bucket::new("burst", Charges::Packets, 10, MINUTE, 10)],
        one_datagram,
    );
}

#[test]
fn a_hundred_a_second_with_a_burst_of_twenty() {
    follows(
        r#"[scopes.default.limits]
           flood = { rate = "100/s", burst = 20 }"#,
        &[Bucket::new("flood", Charges::Packets, 100, SECOND, 20)],
        one_datagram,
    );
}

#[test]
fn one_every_two_seconds_with_a_burst_of_three() {
    follows(
        r#"[scopes.default.limits]
           slow = { rate = "0.5/s", burst = 3 }"#,
        &[Bucket::new("slow", Charges::Packets, 1, 2 * SECOND, 3)],
        one_datagram,
    );
}

#[test]
fn three_limits_at_once() {
    follows(
        r#"[scopes.default.limits]
           burst = { rate = "10/min" }
           sustained = { rate = "100/hour" }
           daily = { rate = "500/day" }"#,
        &[
            Bucket::new("burst", Charges::Packets, 10, MINUTE, 10),
            Bucket::new("sustained", Charges::Packets, 100, HOUR, 100),
            Bucket::new("daily", Charges::Packets, 500, DAY, 500),
        ],
        |rng, source, arrival| Sent {
            buckets: &[0, 1, 2],
            ..one_datagram(rng, source, arrival)
        },
    );
}

#[test]
fn bytes_of_packets_of_all_sizes() {
    follows(
        r#"[scopes.default.limits]
           volume = { rate = "1M/s", burst = 15000, unit = "bytes" }"#,
        &[Bucket::new(
            "volume",
            Charges::Bytes,
            1_000_000,
            SECOND,
            15_000,
        )],
        |rng, source, arrival| {
            // Jumbo frames lie in several buffers; one above the burst never conforms.
            let payload = match rng.below(10) {
                0 => rng.below(9_000),
                1 => 0,
                2 => 15_000 - 28 + rng.below(2),
                _ => rng.below(1_472),
            };
            Sent {
                frame: udp(source, 53, payload as usize),
                load: Load {
                    bytes: payload + 28,
                    syn: false,
                },
                ..one_datagram(rng, source, arrival)
            }
        },
    );
}

#[test]
fn connections_are_charged_for_their_first_segment_alone() {
    follows(
        r#"[scopes.default.limits]
           opened = { rate = "10/min", unit = "connections" }"#,
        &[Bucket::new("opened", Charges::Connections, 10, MINUTE, 10)],
        |rng, source, arrival| {
            let (frame, is_syn) = match rng.below(4) {
                0 => (ack(source, 443), false),
                1 => (udp(source, 443, 12), false),
                _ => (syn(source, 443), true),
            };
            Sent {
                frame,
                load: Load {
                    bytes: 40,
                    syn: is_syn,
                },
                ..one_datagram(rng, source, arrival)
            }
        },
    );
}

#[test]
fn packets_bytes_and_connections_together() {
    follows(
        r#"[scopes.default.limits]
           packets = { rate = "100/s", burst = 20 }
           volume = { rate = "20k/s", burst = 3000, unit = "bytes" }
           opened = { rate = "20/s", burst = 5, unit = "connections" }"#,
        &[
            Bucket::new("packets", Charges::Packets, 100, SECOND, 20),
            Bucket::new("volume", Charges::Bytes, 20_000, SECOND, 3_000),
            Bucket::new("opened", Charges::Connections, 20, SECOND, 5),
        ],
        |rng, source, _| {
            let (frame, load) = if rng.one_in(2) {
                (
                    syn(source, 443),
                    Load {
                        bytes: 40,
                        syn: true,
                    },
                )
            } else {
                let payload = rng.below(400);
                (
                    udp(source, 443, payload as usize),
                    Load {
                        bytes: payload + 28,
                        syn: false,
                    },
                )
            };
            Sent {
                frame,
                load,
                buckets: &[0, 1, 2],
                scope: "default",
            }
        },
    );
}

#[test]
fn a_layer_spans_its_scopes() {
    follows(
        r#"[scopes.api]
           match = [{ protocol = "udp", ports = ["443"] }]
           limits = { own = { rate = "20/min" } }
           [scopes.web]
           match = [{ protocol = "udp", ports = ["80"] }]
           limits = { own = { rate = "30/min" } }
           [layers.all]
           scopes = ["api", "web"]
           limits = { total = { rate = "25/min" } }"#,
        &[
            Bucket::new("own", Charges::Packets, 20, MINUTE, 20),
            Bucket::new("own", Charges::Packets, 30, MINUTE, 30),
            Bucket::new("all.total", Charges::Packets, 25, MINUTE, 25),
        ],
        |rng, source, arrival| {
            let (port, scope, buckets): (_, _, &[usize]) =
                if (arrival / 50).is_multiple_of(2) != rng.one_in(10) {
                    (443, "api", &[0, 2])
                } else {
                    (80, "web", &[1, 2])
                };
            Sent {
                frame: udp(source, port, 10),
                scope,
                load: Load {
                    bytes: 38,
                    syn: false,
                },
                buckets,
            }
        },
    );
}
