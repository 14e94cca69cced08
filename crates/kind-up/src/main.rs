//! The entry point of `kind-up`.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoscaleops_core::cli::main::<kind_up::Cli>()
}
