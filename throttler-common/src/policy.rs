//! One published generation, as the datapath reads it.

use crate::abi::{ClassChain, ClassKey, Destination, History, PolicyHead, Row};
use crate::parse::Family;

/// The tables of the generation in force. The kernel's are BPF maps of one bank; the host's are the
/// compiled policy itself.
pub trait Policies {
    /// Bank of the generation; part of a [`ClassKey`].
    fn bank(&self) -> u8;
    /// Everything passes until this time, monotonic nanoseconds.
    fn paused_until(&self) -> u64;
    /// The head; `None` where nothing has been published.
    fn head(&self) -> Option<&PolicyHead>;
    /// Class of a destination port.
    fn port_class(&self, port: u16) -> u16;
    /// Scope identifier of a cell.
    fn cell(&self, index: u32) -> u8;
    /// A destination by index, longest prefix first.
    fn destination(&self, family: Family, index: u32) -> Option<&Destination>;
    /// The row with this index: `plan * row_stride + scope`.
    fn row(&self, index: u32) -> Option<&Row>;
    /// The history of the row with this index.
    fn history(&self, index: u32) -> Option<&History>;
    /// The longest prefix that covers the key.
    fn class(&self, key: &ClassKey) -> Option<&ClassChain>;
}
