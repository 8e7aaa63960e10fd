//! The loaded XDP program, driven frame by frame at chosen times.

#[path = "../harness/mod.rs"]
mod harness;

mod arrivals;
mod bans;
mod broken;
mod bucket;
mod canary;
mod classes;
mod contention;
mod counted;
mod events;
mod exactness;
mod frames;
mod generations;
mod global;
mod isolation;
mod known_source;
mod mixed;
mod modes;
mod prefix_bans;
mod production;
mod reference;
mod resize;
mod scopes;
#[path = "../harness/setting.rs"]
mod setting;
mod table;
mod temporary;
mod traffic;
