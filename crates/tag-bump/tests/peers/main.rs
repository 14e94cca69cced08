//! The real program with real peers: Git servers, many writers at once, Helm, kustomize, signatures.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts programs, several at once"
)]
#![expect(
    clippy::print_stderr,
    reason = "attempts and times of the writers, for people who look"
)]

mod killed;
mod render;
mod servers;
mod signing;
mod support;
mod writers;
