//! What some tests run in beside the build's tools, installed where it is missing: tmux, the terminal in which tests and
//! captures run `throttler top`, and Chromium, which looks at the page of `throttler report`. The build does without them.

use super::{apt, machine};

/// The terminal.
pub(crate) const TMUX: Tool = Tool {
    program: "tmux",
    packages: &["tmux"],
    use_of: "in which `throttler top` is tested",
};
/// The browser, and letters to draw.
pub(crate) const CHROMIUM: Tool = Tool {
    program: "chromium",
    packages: &["chromium", "fonts-dejavu-core"],
    use_of: "in which the page of `throttler report` is looked at",
};

/// A program that tests run.
pub(crate) struct Tool {
    program: &'static str,
    packages: &'static [&'static str],
    use_of: &'static str,
}

impl Tool {
    /// Without it the caller goes on: what needs it says so.
    pub(crate) fn install_if_missing(&self) {
        if machine::has(self.program) {
            return;
        }
        let packages: Vec<String> = self.packages.iter().map(ToString::to_string).collect();
        // An index may be there, may be old, may not be there at all.
        let installed = apt::install(&packages).or_else(|_| {
            apt::update()?;
            apt::install(&packages)
        });
        if let Err(error) = installed {
            let Self {
                program, use_of, ..
            } = self;
            eprintln!("setup: without {program}, {use_of}: {error:#}");
        }
    }
}
