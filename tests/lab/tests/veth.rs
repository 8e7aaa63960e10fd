//! The lab itself: what is sent arrives once, and nothing else does. Needs root.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use throttler_lab::{
    Injector, Lab, TcpSink, UdpSink, Volley,
    frames::{self, odd},
    ping, tcp_connect_attempts,
    topology::{CLIENT_V4, CLIENT_V6, SERVER_V4, SERVER_V6},
    udp_burst,
};

const LONG: Duration = Duration::from_secs(10);
/// Less than the time after which a SYN is sent again.
const ATTEMPT: Duration = Duration::from_millis(700);

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn an_idle_link_is_silent() {
    let lab = Lab::new("idle").expect("a lab");
    // What would come unasked (MLD reports, DAD, router solicitations) comes within a second or so of the link.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(
        lab.server_stats().expect("counters"),
        throttler_lab::link::LinkStats::default()
    );
    assert_eq!(
        lab.client_stats().expect("counters"),
        throttler_lab::link::LinkStats::default()
    );
}

#[test]
fn datagrams_are_counted_by_source() {
    let lab = Lab::new("udp").expect("a lab");
    let sink = UdpSink::new(&lab, 0).expect("a sink");
    let port = sink.ports()[0];
    let bursts = [
        (CLIENT_V4.into(), SERVER_V4.into(), 3),
        (address("10.77.1.5"), SERVER_V4.into(), 500),
        (address("198.51.100.7"), SERVER_V4.into(), 7),
        (CLIENT_V6.into(), SERVER_V6.into(), 4),
        (address("2001:db8::5"), SERVER_V6.into(), 5),
    ];
    for (src, dst, n) in bursts {
        udp_burst(&lab, src, SocketAddr::new(dst, port), n, b"hello").expect("a burst");
    }
    assert!(sink.wait_for(519, LONG), "{:?}", sink.counts());
    for (src, _, n) in bursts {
        assert_eq!(sink.count(src), n as u64, "{src}");
    }
    let stats = lab.server_stats().expect("counters");
    assert_eq!(
        (stats.rx_packets, stats.rx_dropped),
        (519, 0),
        "nothing but the test's own packets"
    );
    assert!(!sink.wait_for(520, Duration::from_millis(1)));
}

#[test]
fn raw_frames_reach_sockets() {
    let lab = Lab::new("raw").expect("a lab");
    lab.add_server_address(address("203.0.113.9"))
        .expect("a second server");
    let sink = UdpSink::new(&lab, 0).expect("a sink");
    let injector = Injector::new(&lab).expect("an injector");
    let (v4, v6) = (address("192.0.2.1"), address("2001:db8::1"));
    let plain4 = frames::udp(v4, SERVER_V4.into(), 9, sink.ports()[0], 10);
    let other4 = frames::udp(v4, address("203.0.113.9"), 9, sink.ports()[0], 10);
    let plain6 = frames::udp(v6, SERVER_V6.into(), 9, sink.ports()[0], 10);
    let extended = odd::ipv6_extensions(
        &plain6,
        &[odd::Extension::HopByHop, odd::Extension::Destination],
    );
    let accepted = [
        odd::ipv4_options(&plain4, 3),
        odd::pad(plain4.clone(), 20),
        plain4,
        other4,
        extended,
        odd::ipv6_extensions(&plain6, &[odd::Extension::AtomicFragment]),
        plain6.clone(),
    ];
    assert_eq!(injector.send_many(&accepted).expect("frames"), 7);
    assert!(sink.wait_for(7, LONG), "{:?}", sink.counts());
    assert_eq!((sink.count(v4), sink.count(v6)), (4, 3));

    // These cross the link, but no socket without the VLAN, or with half a datagram, is given them.
    let refused = [
        frames::vlan(plain6.clone(), 5),
        frames::qinq(plain6.clone(), 5, 6),
        odd::fragment(&plain6, odd::Part::Middle),
        odd::truncate(&plain6, 30),
        odd::truncate(&plain6, frames::ETHERNET_LEN),
        frames::ethertype(0x88cc, 46),
        frames::ip_protocol(v4, SERVER_V4.into(), frames::protocol::GRE, 40),
    ];
    injector.send_many(&refused).expect("frames");
    assert_eq!(lab.server_stats().expect("counters").rx_packets, 14);
    assert_eq!(lab.client_stats().expect("counters").tx_dropped, 0);
    assert_eq!(sink.total(), 7);
    assert!(injector.send(&[0; 13]).is_err(), "less than a header");
}

#[test]
fn a_flood_of_frames_arrives_whole() {
    let lab = Lab::new("flood").expect("a lab");
    let sink = UdpSink::new(&lab, 0).expect("a sink");
    let injector = Injector::new(&lab).expect("an injector");
    let frame = frames::udp(
        address("192.0.2.1"),
        SERVER_V4.into(),
        9,
        sink.ports()[0],
        64,
    );
    injector
        .send_many(std::iter::repeat_n(&frame, 20_000))
        .expect("frames");
    assert!(
        sink.wait_for(20_000, LONG),
        "{:?} {:?}",
        sink.counts(),
        lab.client_stats()
    );
}

#[test]
fn a_volley_arrives_whole_whatever_the_lengths_of_its_frames() {
    let lab = Lab::new("volley").expect("a lab");
    let sink = UdpSink::new(&lab, 0).expect("a sink");
    let mut volley = Volley::new(&lab).expect("a volley");
    let from = [address("192.0.2.1"), address("192.0.2.2")];
    let frames = from.map(|src| {
        let length = if src == from[0] { 18 } else { 1_000 };
        frames::udp(src, SERVER_V4.into(), 9, sink.ports()[0], length)
    });
    // No multiple of what a call takes, nor of what may be under way.
    for number in 0..5_001 {
        volley.push(&frames[number % 2]).expect("a frame");
    }
    volley.flush().expect("frames");
    assert_eq!(volley.sent(), 5_001);
    assert!(sink.wait_for(5_001, LONG), "{:?}", sink.counts());
    assert_eq!(from.map(|src| sink.count(src)), [2_501, 2_500]);
}

#[test]
fn connects_are_told_from_refusals() {
    let lab = Lab::new("tcp").expect("a lab");
    let sink = TcpSink::new(&lab, &[443, 8000]).expect("a sink");
    for (src, dst) in [
        (address("10.77.1.5"), SERVER_V4.into()),
        (address("2001:db8::5"), SERVER_V6.into()),
    ] {
        let before = lab.server_stats().expect("counters").rx_packets;
        for port in [443, 8000] {
            let done = tcp_connect_attempts(&lab, src, SocketAddr::new(dst, port), 200, ATTEMPT)
                .expect("attempts");
            assert_eq!(done, [true; 200]);
        }
        let refused = tcp_connect_attempts(&lab, src, SocketAddr::new(dst, 444), 2, ATTEMPT)
            .expect("attempts");
        assert_eq!(refused, [false; 2], "nobody listens");
        let after = lab.server_stats().expect("counters").rx_packets;
        assert_eq!(
            after - before,
            400 * 3 + 2,
            "SYN, ACK, RST each; a refused SYN alone"
        );
    }
    assert!(sink.wait_for(800, LONG), "{:?}", sink.counts());
    assert_eq!(sink.count(address("10.77.1.5")), 400);
}

#[test]
fn unanswered_connects_are_false_at_the_deadline() {
    let lab = Lab::new("drop").expect("a lab");
    // The server has no such address and does not forward: the SYN is lost, as if dropped.
    let dst = SocketAddr::new(address("203.0.113.1"), 443);
    let started = std::time::Instant::now();
    let done = tcp_connect_attempts(&lab, CLIENT_V4.into(), dst, 5, ATTEMPT).expect("attempts");
    assert_eq!(done, [false; 5]);
    assert!(started.elapsed() >= ATTEMPT);
    assert_eq!(
        lab.server_stats().expect("counters").rx_packets,
        5,
        "one SYN each"
    );
}

#[test]
fn pings_are_answered() {
    let lab = Lab::new("ping").expect("a lab");
    for (src, dst) in [
        (address("10.77.1.5"), SERVER_V4.into()),
        (address("2001:db8::5"), SERVER_V6.into()),
    ] {
        assert_eq!(ping(&lab, src, dst, 20, LONG).expect("a ping"), 20);
    }
    let nobody = ping(
        &lab,
        CLIENT_V4.into(),
        address("203.0.113.1"),
        2,
        Duration::from_millis(50),
    )
    .expect("a ping");
    assert_eq!(nobody, 0);
    assert_eq!(lab.server_stats().expect("counters").rx_packets, 42);
}

#[test]
fn labs_do_not_share() {
    let labs = [Lab::new("a").expect("a lab"), Lab::new("b").expect("a lab")];
    let sinks = labs
        .each_ref()
        .map(|lab| UdpSink::new(lab, 5000).expect("a sink"));
    udp_burst(
        &labs[0],
        CLIENT_V4.into(),
        (SERVER_V4, 5000).into(),
        1,
        b"x",
    )
    .expect("a burst");
    assert!(sinks[0].wait_for(1, LONG));
    assert_eq!(sinks[1].total(), 0);
}
