//! What the frames of a run were, so that it is seen that every region was hit.

use std::collections::BTreeMap;

/// How often each thing was made.
#[derive(Debug, Default)]
pub(crate) struct Census(BTreeMap<&'static str, u64>);

/// Things that a run must have made, at least one in a thousand frames each.
const ALL: [&str; 38] = [
    "1 tag",
    "2 tags",
    "3 or 4 tags",
    "5 tags or more",
    "IPv4",
    "IPv4 options",
    "IPv4 first fragment",
    "IPv4 later fragment",
    "IPv6",
    "IPv6 jumbogram",
    "IPv6 1 to 3 extensions",
    "IPv6 7 to 10 extensions",
    "hop-by-hop options",
    "routing",
    "destination options",
    "fragment header",
    "authentication",
    "mobility, HIP or shim6",
    "longer extension",
    "no IP",
    "TCP",
    "TCP options",
    "UDP",
    "ICMP",
    "other transport",
    "transport cut",
    "padding",
    "several buffers",
    "reach ends in headers",
    "no damage",
    "several damages",
    "byte changed",
    "bit flipped",
    "telling byte",
    "cut",
    "extended",
    "spliced",
    "length changed",
];

impl Census {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// Prints it.
    ///
    /// # Panics
    /// If one of [`ALL`] was rarer than once in a thousand frames, or something else was counted.
    pub(crate) fn hold(&self, frames: u64, left_out: &[&str]) {
        println!("  of {frames} frames {:?}", self.0);
        for what in ALL.iter().filter(|what| !left_out.contains(what)) {
            let made = self.0.get(what).copied().unwrap_or(0);
            assert!(
                made * 1_000 >= frames,
                "only {made} of {frames} frames: {what}"
            );
        }
        let unknown = self.0.keys().find(|what| !ALL.contains(what));
        assert_eq!(unknown, None, "counted, and nobody asks for it");
    }
}
