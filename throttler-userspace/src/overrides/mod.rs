//! What operators and applications say beside the policy file: bans, exemptions and bindings of sources to plans, each
//! with an end that the datapath enforces. They are compiled with the policy as rules of their own, and outlive the
//! daemon in a file.

mod book;
mod store;

pub use book::{Book, Entry, Kind};
pub use store::{load, path, read, save};
