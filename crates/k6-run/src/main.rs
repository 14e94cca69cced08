//! Entry point.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoscaleops_core::cli::main::<k6_run::Cli>()
}
