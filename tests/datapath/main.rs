//! The loaded XDP program, driven frame by frame at chosen times.

#[path = "../harness/mod.rs"]
mod harness;

mod broken;
mod classes;
mod contention;
mod counted;
mod events;
mod exactness;
mod frames;
mod generations;
mod isolation;
mod modes;
mod production;
mod reference;
mod scopes;
mod temporary;
mod traffic;
