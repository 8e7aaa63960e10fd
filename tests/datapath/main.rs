//! The loaded XDP program, driven frame by frame at chosen times.

#[path = "../harness/mod.rs"]
mod harness;

mod broken;
mod classes;
mod counted;
mod exactness;
mod frames;
mod isolation;
mod reference;
mod scopes;
mod temporary;
mod traffic;
