//! Rare frames go to the scope that their headers say, and none bypasses by being odd.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};

use throttler_lab::frames::{
    self,
    odd::{self, Extension, Part},
};
use throttler_lab::topology::{CLIENT_IFACE, SERVER_IFACE};
use throttler_lab::{Counters, Daemon, Lab, UdpSink, udp_burst};

use crate::site::{LONG, PORT, Site, address, binary, lab, server};

const POLICY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "3/day" }
[scopes.default.limits]
daily = { rate = "2/day" }
"#;

#[test]
fn tags_and_fragments_are_charged_to_the_right_scope() {
    let site = Site::start("odd", POLICY, &["--xdp-mode", "native"]);
    for (round, text) in (1..).zip(["192.0.2.1", "2001:db8::1"]) {
        let src = address(text);
        let plain = frames::udp(src, server(src), 1024, PORT, 1400);
        let mut dns = vec![
            frames::vlan(plain.clone(), 5),
            frames::qinq(plain.clone(), 5, 6),
            // The first fragment has the ports.
            odd::fragment(&plain, Part::First),
        ];
        dns.push(if src.is_ipv4() {
            odd::ipv4_options(&frames::udp(src, server(src), 1024, PORT, 9), 10)
        } else {
            let short = frames::udp(src, server(src), 1024, PORT, 9);
            odd::ipv6_extensions(&short, &[Extension::HopByHop, Extension::Destination])
        });
        dns.push(frames::vlan(odd::fragment(&plain, Part::First), 7));
        // What has no ports is charged to the default scope, whatever its bytes look like.
        let default = [
            odd::fragment(&plain, Part::Middle),
            odd::fragment(&plain, Part::Last),
            frames::vlan(odd::fragment(&plain, Part::Middle), 5),
            frames::ip_protocol(src, server(src), frames::protocol::GRE, 40),
        ];
        site.injector
            .send_many(dns.iter().chain(&default))
            .expect("frames");
        let counters = site.wait_packets(9 * round);
        for (scope, reason, packets) in [
            ("dns", "conforming", 3),
            ("dns", "over_limit", 2),
            ("default", "conforming", 2),
            ("default", "over_limit", 2),
        ] {
            let counted = counters.reason(scope, reason).0;
            assert_eq!(counted, packets * round, "{text} {scope} {reason}");
        }
    }
}

#[test]
fn what_is_not_ip_passes_and_what_is_cut_off_is_dropped() {
    let site = Site::start("cut", POLICY, &["--xdp-mode", "native"]);
    let mut sent = 0;
    for text in ["192.0.2.1", "2001:db8::1"] {
        let src = address(text);
        let plain = frames::udp(src, server(src), 1024, PORT, 100);
        for cut in [
            odd::truncate(&plain, frames::ETHERNET_LEN + 10),
            odd::truncate(&plain, plain.len() - 1),
            frames::vlan(odd::truncate(&plain, plain.len() - 60), 5),
        ] {
            site.injector.send(&cut).expect("a frame");
            sent += 1;
        }
    }
    let counters = site.wait_packets(sent);
    assert_eq!(counters.reason("default", "malformed").0, sent);
    assert_eq!(counters.dropped, sent);
    for ethertype in [0x0806, 0x88cc] {
        site.injector
            .send(&frames::ethertype(ethertype, 46))
            .expect("a frame");
    }
    let counters = site.wait_packets(sent + 2);
    assert_eq!(counters.reason("default", "not_ip").0, 2);
    assert_eq!((counters.passed, counters.dropped), (2, sent));
}

const JUMBO: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
volume = { rate = "100/day", burst = 20000, unit = "bytes" }

[scopes.web]
match = [{ protocol = "tcp", ports = [8000] }]
[scopes.web.limits]
volume = { rate = "1G/s", burst = 100000000, unit = "bytes" }
"#;
/// The MTU of both ends, in L3 bytes.
const MTU: usize = 9_000;
/// Bytes of one TCP transfer.
const TRANSFER: usize = 1 << 20;

/// Frames of 9,000 bytes lie in several buffers of a native program, and in one socket buffer of a generic one.
#[test]
fn jumbo_frames_are_charged_by_all_of_their_length() {
    for mode in ["native", "generic"] {
        let lab = lab(&format!("jumbo-{mode}"));
        for (netns, iface) in [(lab.client(), CLIENT_IFACE), (lab.server(), SERVER_IFACE)] {
            let mtu = MTU.to_string();
            let status = netns
                .command("ip")
                .args(["link", "set", "dev", iface, "mtu", &mtu])
                .status();
            assert!(status.expect("ip").success(), "an MTU of {mtu} on {iface}");
        }
        let daemon = Daemon::start(&lab, binary(), JUMBO, &["--xdp-mode", mode]).expect("a daemon");
        let before = sent(&lab);
        let dns = UdpSink::new(&lab, PORT).expect("a sink");
        let mut seen = 0;
        for (text, headers) in [("192.0.2.1", 28), ("2001:db8::1", 48)] {
            let src = address(text);
            let to = SocketAddr::new(server(src), PORT);
            // Two of 9,000 fit into 20,000, and then one of 2,000.
            let sent = [(5, MTU), (1, 2_001), (1, 2_000), (1, 1_000)];
            for (times, length) in sent {
                udp_burst(&lab, src, to, times, &vec![0; length - headers]).expect("a burst");
                seen += times as u64;
                let wait = |counters: &Counters| counters.packets >= seen;
                daemon.wait_counters(wait, LONG).expect("datagrams");
            }
        }
        let counters = daemon.counters().expect("counters");
        assert_eq!(
            counters.reason("dns", "conforming"),
            (6, 2 * 20_000),
            "{mode}"
        );
        let refused = 2 * (3 * MTU + 2_001 + 1_000) as u64;
        assert_eq!(
            counters.reason("dns", "over_limit"),
            (10, refused),
            "{mode}"
        );
        assert!(dns.wait_for(6, LONG) && dns.total() == 6, "{mode}");

        for src in ["10.77.0.2", "fd77::2"].map(address) {
            transfer(&lab, src);
        }
        // Every byte that left the client was counted.
        let after = sent(&lab);
        let packets = after.0 - before.0;
        let bytes = after.1 - before.1;
        let all = |counters: &Counters| counters.packets >= packets;
        let counters = daemon.wait_counters(all, LONG).expect("packets");
        assert_eq!(counters.packets, packets, "{mode}");
        // A veth counts link headers, or does not where its peer has a native program (drivers/net/veth.c).
        let links = packets * frames::ETHERNET_LEN as u64;
        assert!(
            [bytes, bytes - links].contains(&counters.bytes),
            "{mode}: {} bytes of {bytes} sent in {packets} frames",
            counters.bytes
        );
        let (segments, carried) = counters.reason("web", "conforming");
        assert!(carried as usize > 2 * TRANSFER, "{mode}: {carried} bytes");
        assert!(
            carried / segments > 4_000,
            "{mode}: {segments} segments of {carried} bytes"
        );
        assert_eq!(counters.reason("default", "malformed").0, 0, "{mode}");
    }
}

/// Frames that the client's interface has sent, and their bytes.
fn sent(lab: &Lab) -> (u64, u64) {
    let text = lab
        .client()
        .run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))
        .expect("/proc/net/dev");
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.trim().strip_prefix(CLIENT_IFACE)?.strip_prefix(':'));
    let fields: Vec<u64> = line
        .expect("the client's interface")
        .split_whitespace()
        .map(|field| field.parse().expect("a number"))
        .collect();
    // Eight columns of what came in stand first: man 5 proc.
    (fields[9], fields[8])
}

/// A megabyte from the client to the server.
fn transfer(lab: &Lab, src: IpAddr) {
    let to = SocketAddr::new(server(src), 8_000);
    let listener = lab
        .server()
        .run(|| TcpListener::bind(to))
        .expect("a listener");
    let receiver = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let received = std::io::copy(&mut stream, &mut std::io::sink())?;
        // The last word is the server's, so that the client's frames are all out when it has it.
        stream.write_all(b"k").map(|()| received)
    });
    let mut stream = lab
        .client()
        .run(|| TcpStream::connect(to))
        .expect("a connection");
    stream.write_all(&vec![0x5a; TRANSFER]).expect("a transfer");
    stream.shutdown(Shutdown::Write).expect("its end");
    let mut last = Vec::new();
    stream.read_to_end(&mut last).expect("an answer");
    assert_eq!(last, b"k");
    let received = receiver.join().expect("a receiver").expect("a transfer");
    assert_eq!(received as usize, TRANSFER);
}
