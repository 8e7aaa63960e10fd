//! What every command that reads the maps takes.

use clap::Args;

use crate::report::Format;

/// Which interfaces.
#[derive(Debug, Args)]
pub(super) struct Interfaces {
    /// Only this interface
    #[arg(long, value_name = "IF")]
    pub(super) iface: Vec<String>,
}

/// Which interfaces, and how to print them.
#[derive(Debug, Args)]
pub struct Selection {
    /// How to print it
    #[arg(
        short,
        long,
        value_enum,
        default_value = "table",
        value_name = "FORMAT"
    )]
    pub(super) output: Format,
    #[command(flatten)]
    pub(super) of: Interfaces,
}
