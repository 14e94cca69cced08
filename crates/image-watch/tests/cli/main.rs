//! The real program against a small registry and real Git repositories.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts daemons and reads its own environment"
)]
#![expect(clippy::tests_outside_test_module, reason = "a test program")]

#[path = "../common/support.rs"]
mod support;

mod migrate;
mod polls;
mod reviews;
mod writes;
