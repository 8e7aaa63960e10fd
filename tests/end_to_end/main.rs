//! The daemon on real interfaces, judged by real packets: what passes, what a reload changes, what outlives the daemon.
//! Needs root.

mod adoption;
mod bans;
mod confirm;
mod control;
mod crowd;
mod exit;
mod insight;
mod interfaces;
mod memory;
mod million;
mod monitoring;
mod notify;
mod odd_frames;
mod overrides;
mod refusals;
mod reload;
mod reload_refused;
mod selfcheck;
mod shared_limits;
mod site;
mod traffic;
mod unattended;
mod until;
