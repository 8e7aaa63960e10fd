//! The loaded XDP program, driven frame by frame at chosen times.

#[path = "../harness/mod.rs"]
mod harness;

mod classes;
mod exactness;
mod isolation;
mod reference;
mod scopes;
mod temporary;
mod traffic;
