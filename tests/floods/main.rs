//! Floods of spoofed sources against a running daemon on a veth: sources that it knows notice nothing, the daemon
//! neither. Needs root.
//!
//! `THROTTLER_SPOOFED` says how many spoofed sources, all different, `THROTTLER_HONEST` how many honest ones,
//! `THROTTLER_MAX_SOURCES` how many the table has room for.

mod flood;
mod ground;
mod judge;
mod kind;
mod offenders;
mod policy;
#[path = "../harness/setting.rs"]
mod setting;
mod site;

use kind::Kind;

#[test]
fn known_sources_notice_no_flood_from_everywhere() {
    flood::run(Kind::Everywhere);
}

#[test]
fn known_sources_notice_no_flood_from_their_own_networks() {
    flood::run(Kind::Neighbours);
}

#[test]
fn known_sources_notice_no_flood_of_fragments() {
    flood::run(Kind::Fragments);
}

#[test]
fn known_sources_notice_no_flood_of_syns() {
    flood::run(Kind::Syns);
}

#[test]
fn known_sources_notice_no_flood_from_many_ipv6_networks() {
    flood::run(Kind::Ipv6);
}

#[test]
fn known_sources_notice_no_flood_from_their_own_ipv6_networks() {
    flood::run(Kind::Ipv6Neighbours);
}
