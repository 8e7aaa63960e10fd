//! The page of `throttler report --html`, looked at in a real browser: Debian's Chromium, without a window, told what to do
//! over its DevTools protocol. `cargo xtask test` installs it.

mod devtools;
mod hostile;
mod look;
mod page;
#[path = "../harness/past.rs"]
mod past;
#[path = "../harness/past_day.rs"]
mod past_day;
mod plots;
