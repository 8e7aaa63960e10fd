//! The daemon on real interfaces, judged by real packets: what passes, what a reload changes, what outlives the daemon.
//! Needs root.

mod adoption;
mod bans;
mod churn;
mod confirm;
mod control;
mod control_access;
mod crowd;
mod doctor;
mod exit;
mod http;
mod insight;
mod interfaces;
mod memory;
mod million;
mod monitoring;
mod notify;
mod odd_frames;
#[path = "../harness/offered.rs"]
mod offered;
mod openapi;
mod overrides;
#[path = "../harness/past.rs"]
mod past;
mod refusals;
mod reload;
mod reload_refused;
mod report;
mod rollback;
mod selfcheck;
mod several;
mod shared_limits;
mod site;
mod standing;
mod tcp;
mod tcp_limits;
mod tcp_start;
mod top;
mod traffic;
mod unattended;
mod unban;
mod until;
