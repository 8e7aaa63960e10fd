//! A policy that has everything, tight enough that a few frames a millisecond meet all of its limits.

use crate::harness::{SECOND, START, wall};

/// Sources that rules name, and neighbours that they do not.
pub(crate) const SOURCES_V4: [[u8; 4]; 10] = [
    [192, 0, 2, 1],
    [192, 0, 2, 2],
    [192, 0, 2, 17],
    [192, 0, 2, 66],
    [192, 0, 2, 67],
    [198, 51, 100, 7],
    [198, 51, 100, 200],
    [10, 1, 2, 3],
    [10, 9, 9, 9],
    [172, 16, 0, 1],
];

/// First and last 64 bits.
pub(crate) const SOURCES_V6: [(u64, u64); 9] = [
    (0x2001_0db8_0000_0001, 1),
    (0x2001_0db8_0000_0001, 0x66),
    (0x2001_0db8_0000_0002, 1),
    (0x2001_0db8_0077_0001, 9),
    (0x2001_0db8_0bad_0000, 1),
    (0xfd00_0000_0000_0000, 1),
    // The bytes of IPv4 sources, in places where they must not be taken for such.
    (0, 0xffff_c000_0242),
    (0xc000_0242_0000_0000, 0),
    (0xc000_0201_0000_0000, 0),
];

/// Destinations, IPv4: the last two are in the prefixes that scopes name.
pub(crate) const TO_V4: [[u8; 4]; 4] = [
    [203, 0, 113, 5],
    [203, 0, 113, 6],
    [198, 18, 0, 1],
    [198, 18, 7, 7],
];
/// The same for IPv6.
pub(crate) const TO_V6: [(u64, u64); 4] = [
    (0x2001_0db8_0000_0000, 5),
    (0x2001_0db8_0000_0000, 6),
    (0x2001_0db8_01ab_0000, 1),
    (0x2001_0db8_01ab_0000, 7),
];
/// Ports that scopes name, and their neighbours.
pub(crate) const PORTS: [u16; 12] = [443, 443, 443, 53, 444, 8000, 8042, 8099, 8100, 53, 54, 0];

/// The policy file.
pub(crate) fn policy() -> String {
    let [soon, later] = [5, 12].map(|s| wall(START + s * SECOND));
    format!(
        r#"
        [throttler]
        ipv4_prefix = 28

        [scopes.web]
        match = [{{ protocol = "tcp", ports = ["443", "8000-8099"] }}]
        protected = ["pro"]
        reserved = "30%"
        [scopes.web.limits]
        opened = {{ rate = "2/s", burst = 4, unit = "connections" }}
        packets = {{ rate = "6/s", burst = 10 }}
        bytes = {{ rate = "1.5k/s", burst = 3000, unit = "bytes" }}
        daily = {{ rate = "150/day" }}
        [scopes.web.global]
        total = {{ rate = "60/s", burst = 60 }}
        opened = {{ rate = "30/s", burst = 25, unit = "connections" }}

        [scopes.login]
        match = [{{ protocol = "tcp", ports = ["8042"] }}]
        limits = {{ tight = {{ rate = "7/min" }} }}

        [scopes.dns]
        match = [{{ protocol = "udp", ports = ["53"] }}]
        limits = {{ bytes = {{ rate = "0.2Ki/s", burst = 1500, unit = "bytes" }} }}
        global = {{ bytes = {{ rate = "2k/s", burst = 4000, unit = "bytes" }} }}

        [scopes.ping]
        match = [{{ protocol = "icmp" }}]
        mode = "monitor"
        limits = {{ burst = {{ rate = "0.7/s", burst = 3 }} }}

        [scopes.tunnel]
        match = [{{ protocol = "gre" }}, {{ protocol = "esp" }}, {{ protocol = "ah" }}]
        global = {{ total = {{ rate = "20/s", burst = 9 }} }}

        [scopes.free]
        match = [{{ protocol = "udp", ports = ["54", "444"] }}]

        [scopes.lab]
        match = [{{ to = ["198.18.0.0/15", "2001:db8:1ab::/48"] }}]
        limits = {{ own = {{ rate = "30/s" }} }}

        [scopes.lab-host]
        match = [{{ protocol = "tcp", to = ["198.18.7.7/32", "2001:db8:1ab::7/128"] }}]
        limits = {{ opened = {{ rate = "11/min", unit = "connections" }} }}

        [scopes.default.limits]
        flood = {{ rate = "13/s", burst = 26 }}

        [layers.all]
        scopes = ["web", "dns", "tunnel"]
        [layers.all.limits]
        packets = {{ rate = "9/s", burst = 15 }}
        opened = {{ rate = "30/min", burst = 9, unit = "connections" }}

        [abuse]
        ban_after = {{ refusals = 30, within = "2s" }}
        ban_for = "1s"
        ban_max = "2s"
        widen_after = {{ sources = 2, within = "9s" }}

        [plans.pro.web]
        opened = "50/s"
        packets = {{ rate = "200/s", burst = 100 }}
        [plans.pro.all]
        packets = "77/s"
        [plans.enterprise]
        web = "unlimited"
        dns = "unlimited"

        [[sources]]
        from = ["198.51.100.0/24", "2001:db8:77::/48"]
        plan = "pro"
        [[sources]]
        from = ["198.51.100.192/26"]
        plan = "enterprise"
        [[sources]]
        from = ["10.0.0.0/8", "fd00::/8"]
        exempt = true
        [[sources]]
        from = ["10.1.0.0/16"]
        block = true
        until = "{later}"
        [[sources]]
        from = ["10.1.2.3/32"]
        plan = "pro"
        until = "{soon}"
        [[sources]]
        from = ["192.0.2.66/32", "2001:db8:0:1::66/128", "2001:db8:bad::/48"]
        block = true
        [[sources]]
        from = ["192.0.2.2/32"]
        exempt = true
        until = "{soon}"
        "#
    )
}
