//! The entry point of the demo workload.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    demo_app::main(&demo_app::Cli::parse())
}
