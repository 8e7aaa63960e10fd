use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{SlicedPacket, TransportSlice, VlanId};

use super::*;

const V4: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)),
];
const V6: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1)),
];

#[test]
fn plain_frames_slice_as_what_they_claim() {
    for ([src, dst], header) in [(V4, 20), (V6, 40)] {
        let frame = udp(src, dst, 1000, 53, 100);
        assert_eq!(frame.len(), ETHERNET_LEN + header + 8 + 100);
        let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
        let Some(TransportSlice::Udp(found)) = sliced.transport else {
            panic!("no UDP")
        };
        assert_eq!(
            (
                found.source_port(),
                found.destination_port(),
                found.length()
            ),
            (1000, 53, 108)
        );

        for (frame, syn, ack) in [
            (tcp_syn(src, dst, 1, 443), true, false),
            (tcp_ack(src, dst, 1, 443), false, true),
        ] {
            assert_eq!(frame.len(), ETHERNET_LEN + header + 20);
            let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
            let Some(TransportSlice::Tcp(found)) = sliced.transport else {
                panic!("no TCP")
            };
            assert_eq!(
                (found.syn(), found.ack(), found.destination_port()),
                (syn, ack, 443)
            );
        }

        let frame = ip_protocol(src, dst, protocol::GRE, 9);
        let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
        let payload = sliced
            .net
            .expect("IP")
            .ip_payload_ref()
            .cloned()
            .expect("a payload");
        assert_eq!(
            (payload.ip_number, payload.payload.len()),
            (ip_number::GRE, 9)
        );
    }
}

#[test]
fn echo_requests_are_of_their_family() {
    let slices = [V4, V6].map(|[src, dst]| icmp_echo(src, dst));
    let [v4, v6] = slices.each_ref().map(|frame| {
        SlicedPacket::from_ethernet(frame)
            .expect("a packet")
            .transport
    });
    assert!(matches!(v4, Some(TransportSlice::Icmpv4(found)) if found.type_u8() == 8));
    assert!(matches!(v6, Some(TransportSlice::Icmpv6(found)) if found.type_u8() == 128));
}

#[test]
fn tags_nest() {
    let plain = udp(V4[0], V4[1], 1, 2, 0);
    let single = vlan(plain.clone(), 7);
    let double = qinq(plain.clone(), 100, 200);
    assert_eq!(
        [single.len(), double.len()],
        [plain.len() + 4, plain.len() + 8]
    );
    for (frame, wanted) in [(single, vec![7]), (double.clone(), vec![100, 200])] {
        let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
        assert_eq!(
            sliced
                .vlan_ids()
                .into_iter()
                .map(VlanId::value)
                .collect::<Vec<_>>(),
            wanted
        );
        assert!(matches!(sliced.transport, Some(TransportSlice::Udp(_))));
    }
    assert_eq!(ethertype_of(&double), EtherType(0x88a8));
}

#[test]
#[should_panic(expected = "different families")]
fn families_do_not_mix() {
    udp(V4[0], V6[1], 1, 2, 0);
}
