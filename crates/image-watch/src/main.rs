//! The `image-watch` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoscaleops_core::cli::main::<image_watch::Cli>()
}
