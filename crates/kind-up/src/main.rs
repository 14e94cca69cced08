//! The entry point of `kind-up`.

/// Gives memory back that a large manifest took for a moment. The stand-in runs for days, and the
/// system's own allocator keeps what it once had.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    autoscaleops_core::cli::main::<kind_up::Cli>()
}
