//! Errors, exit statuses and documents of the command line, by the binary as it is shipped. Some tests need root.
//!
//! Where a text stands in a snapshot, it is to be read by eye: would somebody on call know what to do next?

mod attached;
mod bans;
mod check;
mod documents;
mod environment;
mod explain;
mod journal;
mod manual;
#[path = "../harness/past.rs"]
mod past;
#[path = "../harness/past_day.rs"]
mod past_day;
mod privilege;
mod report;
mod said;
mod settled;
mod status;
mod unit;
mod usage;
