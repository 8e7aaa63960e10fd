//! tmux, the terminal in which tests and captures run `throttler top`: installed where it is missing. The build does
//! without it.

use super::{apt, machine};

/// Without it the caller goes on: what needs it says so.
pub(crate) fn install_if_missing() {
    if machine::has("tmux") {
        return;
    }
    let packages = ["tmux".to_owned()];
    // An index may be there, may be old, may not be there at all.
    let installed = apt::install(&packages).or_else(|_| {
        apt::update()?;
        apt::install(&packages)
    });
    if let Err(error) = installed {
        eprintln!("setup: without tmux, in which `throttler top` is tested: {error:#}");
    }
}
