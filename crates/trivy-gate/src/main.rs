//! Entry point of `trivy-gate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoscaleops_core::cli::main::<trivy_gate::Cli>()
}
