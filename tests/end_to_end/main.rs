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
mod history;
mod http;
mod insight;
mod interfaces;
mod lookout;
mod memory;
mod middleware;
mod million;
mod monitoring;
mod notify;
mod odd_frames;
#[path = "../harness/offered.rs"]
mod offered;
mod openapi;
mod outbox;
mod overrides;
#[path = "../harness/past.rs"]
mod past;
mod refusals;
mod reload;
mod reload_refused;
mod report;
mod report_written;
mod rollback;
mod selfcheck;
mod several;
mod shared_limits;
mod site;
mod sources;
mod standing;
mod tcp;
mod tcp_limits;
mod tcp_start;
mod top;
mod traffic;
mod unattended;
mod unban;
mod until;
