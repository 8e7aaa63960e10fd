//! The `throttler` binary.

use std::process::ExitCode;

use clap::Parser;
use throttler::cli::{Cli, failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throttler: {error:#}");
            failure::exit_code(&error)
        }
    }
}
