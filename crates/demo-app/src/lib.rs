//! The sample workload: a small HTTP service that can be told to burn CPU.
//!
//! It is what the charts deploy, the autoscaler scales and the load tests hit. Six routes: `/`, `/load`, `/health`,
//! `/ready`, `/version` and `/metrics`. CPU work runs on threads of its own, so that the probes answer while it does.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

pub mod lifecycle;
pub mod metrics;
pub mod probe;
pub mod server;
pub mod service;
pub mod work;

/// Serve the sample workload until SIGTERM or Ctrl-C
#[derive(Debug, Clone, Parser)]
#[command(
    name = "demo-app",
    version,
    about,
    after_help = "Examples:\n  demo-app --listen 127.0.0.1:8080\n  APP_VERSION=1.4.0 demo-app --drain-ms 5000\n  curl 'http://127.0.0.1:8080/load?ms=50'"
)]
pub struct Cli {
    /// Address and port to serve on; port 0 takes a free one
    #[arg(
        long,
        env = "LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    pub listen: SocketAddr,

    /// Version that `/version` and the build information metric report
    #[arg(long, env = "APP_VERSION", value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    pub app_version: String,

    /// Source revision that `/version` and the build information metric report
    #[arg(
        long,
        env = "APP_REVISION",
        value_name = "COMMIT",
        default_value = "unknown"
    )]
    pub app_revision: String,

    /// Name this instance answers with on `/`, in a cluster the pod's
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value = "local")]
    pub instance: String,

    /// CPU time that `/load` burns when the request names none, in milliseconds
    #[arg(long, env = "LOAD_MS", value_name = "MS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=i64::from(work::MAX_LOAD_MS)))]
    pub load_ms: u32,

    /// How long `/ready` says no after the start, in milliseconds
    #[arg(long, env = "STARTUP_MS", value_name = "MS", default_value_t = 0)]
    pub startup_ms: u64,

    /// How long to go on serving, not ready, after SIGTERM, in milliseconds
    #[arg(long, env = "DRAIN_MS", value_name = "MS", default_value_t = 0)]
    pub drain_ms: u64,

    /// How long requests under way may take to finish after that, in milliseconds
    #[arg(long, env = "GRACE_MS", value_name = "MS", default_value_t = 10_000)]
    pub grace_ms: u64,

    /// Ask a running instance instead of being one; exit 0 when it answers 200
    #[arg(long, value_name = "URL")]
    pub probe: Option<probe::Target>,
}

/// Serves until told to stop, or probes, and says on standard error why when it cannot.
pub fn main(cli: &Cli) -> ExitCode {
    let failure = match &cli.probe {
        Some(target) => match probe::ask(target) {
            Ok(200) => return ExitCode::SUCCESS,
            Ok(status) => format!("{target} answered {status}"),
            Err(error) => format!("cannot ask {target}: {error}"),
        },
        None => match server::serve(cli) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => error.to_string(),
        },
    };
    say(&format!("error: {failure}"));
    ExitCode::FAILURE
}

/// Writes one line to standard error; a closed standard error is no reason to stop serving.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
