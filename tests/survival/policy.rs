//! The policies of these tests: so few packets a day that nothing comes back within a test.

use std::net::Ipv4Addr;

use throttler_common::abi::Addr;

/// Of this port's limit nothing changes.
pub(crate) const STEADY: u16 = 5300;
/// This port's limit changes with every reload.
pub(crate) const CHANGING: u16 = 5301;

/// Packets a day, and at once, of each source on [`STEADY`].
pub(crate) const STEADY_BURST: u64 = 5;
/// What the limit on [`CHANGING`] may be; the first is the most that a source ever gets.
pub(crate) const BURSTS: [u64; 4] = [5, 4, 2, 3];
/// Refusals that ban a source, in policies with bans.
pub(crate) const REFUSALS: u64 = 3;

pub(crate) const MAX_SOURCES: u64 = 4_096;
/// Sources that each policy blocks by name: so many that to publish them takes a while.
pub(crate) const BLOCKED: usize = 1_024;

/// The first of all.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 0]);

/// The sources that the `turn`-th policy blocks, in order; no other one does.
pub(crate) fn blocked(turn: u64) -> impl Iterator<Item = Addr> {
    addresses(turn).map(|one| Addr::from_v4(one.octets()))
}

/// Those of the policy that blocks this one.
pub(crate) fn blocked_like(one: &Addr) -> Vec<Addr> {
    let [a, b, c, d, ..] = one.to_bytes();
    let place = u32::from_be_bytes([a, b, c, d]).wrapping_sub(FIRST);
    blocked((place as usize / BLOCKED) as u64).collect()
}

/// Whether some policy blocks this one.
pub(crate) fn may_block(one: &Addr) -> bool {
    // 198.18.0.0/15, as an IPv4 address lies in the maps.
    let [a, b, _, _, rest @ ..] = one.to_bytes();
    a == 198 && b & 0xfe == 18 && rest == [0; 12]
}

fn addresses(turn: u64) -> impl Iterator<Item = Ipv4Addr> {
    // 198.18.0.0/15 has room for so many.
    let network = FIRST + (turn as usize % 128 * BLOCKED) as u32;
    (network..).take(BLOCKED).map(Ipv4Addr::from)
}

/// The policy with the `turn`-th of [`BURSTS`].
pub(crate) fn text(turn: u64, bans: bool) -> String {
    sized(turn, bans, MAX_SOURCES)
}

/// The same with room for so many sources.
pub(crate) fn sized(turn: u64, bans: bool, max_sources: u64) -> String {
    let burst = BURSTS[(turn % BURSTS.len() as u64) as usize];
    let mut text = format!(
        "[throttler]\nmax_sources = {max_sources}\n\
         [scopes.steady]\nmatch = [{{ protocol = \"udp\", ports = [{STEADY}] }}]\n\
         [scopes.steady.limits]\ndaily = {{ rate = \"{STEADY_BURST}/day\" }}\n\
         [scopes.changing]\nmatch = [{{ protocol = \"udp\", ports = [{CHANGING}] }}]\n\
         [scopes.changing.limits]\ndaily = {{ rate = \"{burst}/day\" }}\n"
    );
    let blocked: Vec<String> = addresses(turn).map(|one| format!("\"{one}/32\"")).collect();
    let blocked = blocked.join(", ");
    text += &format!("[[sources]]\nfrom = [{blocked}]\nblock = true\n");
    if bans {
        text += &format!(
            "[abuse]\nban_after = {{ refusals = {REFUSALS}, within = \"1min\" }}\nban_for = \"12h\"\n"
        );
    }
    text
}
