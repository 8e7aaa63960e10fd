//! What `cargo xtask bench` passes on.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Datapath,
    Live,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Fewer rounds and packets: shows that everything works, and no figures worth keeping.
    pub(crate) quick: bool,
    /// One part alone.
    pub(crate) only: Option<Part>,
    /// Where the results go; none: to standard output alone.
    pub(crate) out: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            quick: false,
            only: None,
            out: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo's own, to every benchmark.
                "--bench" => {}
                "--quick" => options.quick = true,
                "--only" => {
                    options.only = Some(match arguments.next().as_deref() {
                        Some("datapath") => Part::Datapath,
                        Some("live") => Part::Live,
                        _ => bail!("--only takes `datapath` or `live`"),
                    });
                }
                "--out" => {
                    let path = arguments.next().context("--out takes a directory")?;
                    options.out = Some(path.into());
                }
                other => bail!("unknown argument `{other}`: --quick, --only PART, --out DIRECTORY"),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}
