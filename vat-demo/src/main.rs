//! The command line of vat-demo.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::read().and_then(cli::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
