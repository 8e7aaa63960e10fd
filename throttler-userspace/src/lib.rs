//! Throttler's daemon and command line: `RawConfig -> Config -> PolicyTables`, published to the kernel,
//! and back `Snapshot -> Report`.
//!
//! [`config`] and [`compile`] are pure. [`kernel`] alone touches the kernel. [`report`] turns what was
//! read there into what people and programs read. [`daemon`] and [`cli`] put them together.

pub mod alert;
pub mod cli;
pub mod compile;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod history;
pub mod host;
pub mod kernel;
pub mod overrides;
mod replace;
pub mod report;
pub mod standing;
