//! The loaded XDP program, driven frame by frame at chosen times.

#[path = "../harness/mod.rs"]
mod harness;

mod arrivals;
mod broken;
mod bucket;
mod classes;
mod contention;
mod counted;
mod events;
mod exactness;
mod frames;
mod generations;
mod isolation;
mod known_source;
mod mixed;
mod modes;
mod production;
mod reference;
mod scopes;
mod temporary;
mod traffic;
