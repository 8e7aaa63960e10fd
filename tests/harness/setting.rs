//! How much a test is to do, from the environment: `cargo xtask prove` sets it.

/// A number from the environment.
///
/// # Panics
/// If it is set and no number.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is `{text}`, not a number")),
        Err(_) => default,
    }
}
