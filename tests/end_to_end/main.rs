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
mod million;
mod odd_frames;
mod overrides;
mod refusals;
mod reload;
mod reload_refused;
mod rollback;
mod selfcheck;
mod several;
mod shared_limits;
mod site;
mod traffic;
mod unattended;
mod until;
