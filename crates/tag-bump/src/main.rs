//! Entry point of `tag-bump`.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoscaleops_core::cli::main::<tag_bump::Cli>()
}
