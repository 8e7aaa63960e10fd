//! Writes the first inputs of every corpus: real frames of the lab, odd ones too, the shipped policies, changes of every
//! map. `cargo run -p throttler-fuzz --example seed`; the fuzzer goes on from there.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use throttler_fuzz::policies;
use throttler_lab::frames::odd::{self, Extension, Part};
use throttler_lab::frames::{self, ethertype, icmp_echo, ip_protocol, protocol, qinq, tag, vlan};

fn main() {
    for (number, frame) in (0..).zip(lab()) {
        write("decide", number, &decide(&frame, number));
    }
    for (number, text) in (0..).zip(policies::texts()) {
        write("policy", number, text.as_bytes());
    }
    for (number, text) in (0..).zip(LISTS) {
        write("list", number, text.as_bytes());
    }
    for (number, text) in (0..).zip(VALUES) {
        write("rates", number, text.as_bytes());
    }
    for (number, text) in (0..).zip(CONNECTIONS) {
        write("wire", number, text.as_bytes());
    }
    for what in 0..24_u8 {
        let mut change = vec![what % 12, what, 0, what.wrapping_mul(16), 0, 8];
        change.extend([what / 12 * 255; 8]);
        change.extend([10, 0, 0, 2]);
        change.extend([what; 64]);
        write("maps", what.into(), &change);
    }
}

fn write(target: &str, number: usize, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder).expect("the corpus");
    fs::write(folder.join(format!("seed-{number:02}")), bytes).expect("an input");
}

/// The frame five times, and again a second later.
fn decide(frame: &[u8], number: usize) -> Vec<u8> {
    let mut input = vec![number as u8 % 2, 0x04];
    input.extend((frame.len() as u16).to_le_bytes());
    input.extend(frame);
    input.push(60);
    input.extend([0x22, 0, 0xca, 0x9a, 0x3b, 0xff, 0xff, 0, 60]);
    input
}

fn lab() -> Vec<Vec<u8>> {
    let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let pairs = [
        (address("192.0.2.1"), address("203.0.113.5")),
        (address("2001:db8:0:1::1"), address("2001:db8::5")),
    ];
    let mut found = Vec::new();
    for (source, to) in pairs {
        let udp = frames::udp(source, to, 1024, 53, 9);
        let syn = frames::tcp_syn(source, to, 1024, 443);
        found.push(udp.clone());
        found.push(syn.clone());
        found.push(frames::tcp_ack(source, to, 1024, 8000));
        found.push(icmp_echo(source, to));
        found.push(ip_protocol(source, to, protocol::GRE, 4));
        found.push(ip_protocol(source, to, 51, 24));
        found.push(vlan(udp.clone(), 5));
        found.push(qinq(qinq(syn.clone(), 1, 2), 3, 4));
        found.push(tag(vlan(udp.clone(), 7), 0x9100, 8));
        found.push(vlan(qinq(qinq(udp.clone(), 1, 2), 3, 4), 5));
        for part in [Part::First, Part::Middle, Part::Last] {
            found.push(odd::fragment(&frames::udp(source, to, 1024, 53, 60), part));
        }
        found.push(odd::pad(udp.clone(), 18));
        found.push(odd::truncate(&syn, 40));
        found.push(frames::udp(source, to, 1024, 53, 8_900 / 10));
        if source.is_ipv4() {
            found.push(odd::ipv4_options(&syn, 10));
        } else {
            use Extension::{Destination, HopByHop, Routing};
            found.push(odd::ipv6_extensions(
                &udp,
                &[HopByHop, Destination, Routing],
            ));
            found.push(odd::ipv6_extensions(&udp, &[Destination; 9]));
            found.push(odd::ipv6_extensions(
                &odd::fragment(&syn, Part::First),
                &[Destination],
            ));
        }
    }
    found.push(ethertype(0x0806, 46));
    found.push(ethertype(46, 46));
    found
}

const LISTS: [&str; 12] = [
    "192.0.2.0/24\n2001:db8::/32\n",
    "# a comment\n\n 10.0.0.0/8 # another\n",
    "192.0.2.1\r\n::1\r\n",
    "192.0.2.1/24\n",
    "::ffff:192.0.2.1\n::ffff:0:0/95\n",
    "0.0.0.0/0\n::/0",
    "1.2.3.4/33\n1.2.3.4/-1\n1.2.3.4/\n/\n1.2.3.4/032\n01.2.3.4\n",
    "\u{feff}10.0.0.0/8\n",
    "ä\n\u{2028}10.0.0.0/8\n",
    "10.0.0.0/8#x#y\n#\n##",
    "fe80::1%eth0\n",
    "10.0.0.0/8 10.0.0.0/8\n10.0.0.0/008\n",
];

const VALUES: [&str; 18] = [
    "10/min",
    "0.5/s",
    "1000/10s",
    "1.5k/s",
    "0.2Ki/s",
    "12.3G/s",
    "1/day",
    "18446744073709551615/s",
    "0.0000000000000000001/s",
    "1/366day",
    "9s",
    "1d",
    "500ms",
    "10.0.0.0/8",
    "2001:db8::/32",
    "::ffff:1.2.3.4/120",
    "10/ß",
    "1ä/s",
];

const CONNECTIONS: [&str; 12] = [
    "GET /v1/status HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /healthz HTTP/1.0\r\n\r\n",
    "GET /v1/events HTTP/1.1\r\nhost: a\r\n\r\nGET /v1/events?recent=1 HTTP/1.1\r\n\r\n",
    "POST /v1/bans HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n{\"source\":\"192.0.2.1\"}",
    "POST /v1/bans HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
     b\r\n{\"source\":\"\r\nb\r\n192.0.2.1\"}\r\n0\r\n\r\n",
    "POST /v1/pause HTTP/1.1\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    "DELETE /v1/bans?source=%31%39%32.0.2.1%2F32 HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST /v1/reload HTTP/1.1\r\ncontent-length: 18446744073709551616\r\n\r\n",
    "GET /%ff%00?%zz=% HTTP/1.1\r\n: x\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /v1/status HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "POST /v1/confirm HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
];
