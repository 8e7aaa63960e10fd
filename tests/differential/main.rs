//! The loaded program, the host's `decide` and an independent parser over generated frames.
