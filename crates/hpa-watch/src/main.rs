//! Entry point.

fn main() -> std::process::ExitCode {
    autoscaleops_core::cli::main::<hpa_watch::Cli>()
}
