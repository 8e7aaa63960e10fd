//! The `throttler` binary.

use std::process::ExitCode;

use clap::Parser;
use throttler::cli::{Cli, failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.logs_json();
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("{error:#}");
            if json {
                // Whoever reads the log as JSON reads its last line as well.
                log::error!("{text}");
            } else if text.starts_with("error") {
                // A rendered diagnostic has a prefix of its own.
                eprintln!("{text}");
            } else {
                eprintln!("throttler: {text}");
            }
            failure::exit_code(&error)
        }
    }
}
