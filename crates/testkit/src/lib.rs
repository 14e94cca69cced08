//! Helpers for the tests of the AutoScaleOps crates: tools in a scrubbed environment, the real
//! programs they work with, stub programs, temporary Git remotes.
//!
//! A test that cannot run where it is returns early after one of [`peer`], [`shared`] or [`skip`]
//! said so: each of them writes the test's name and the reason to the file named by
//! `AUTOSCALEOPS_SKIPS`, and `scripts/test.sh` counts and lists them.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_errors_doc,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a library of tests: it starts programs, reads the environment and fails by panicking"
)]

pub mod apiserver;
pub mod background;
pub mod command;
pub mod conform;
pub mod git_http;
pub mod inputs;
pub mod registry;
pub mod repository;
pub mod skips;
pub mod stub;
pub mod tunnel;
pub mod wait;

pub use apiserver::ApiServer;
pub use background::{Background, runs};
pub use command::{built, command, home, root};
pub use conform::nonconforming;
pub use git_http::GitHttp;
pub use inputs::fuzz_inputs;
pub use registry::Registry;
pub use repository::{Remote, git};
pub use skips::{docker, peer, shared, skip};
pub use stub::{Stubs, write_program};
pub use tunnel::Tunnel;
pub use wait::{free_port, wait_until};

/// Starts a command line for one of our tools, as in `tool!("trivy-gate").args(["--help"])`.
///
/// Works in integration tests of the crate that builds the tool.
#[macro_export]
macro_rules! tool {
    ($name:literal) => {
        $crate::command(env!(concat!("CARGO_BIN_EXE_", $name)))
    };
}
