//! The real program with real peers: Git servers, many writers at once, Helm, kustomize, signatures.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts programs, several at once"
)]

mod killed;
mod render;
mod servers;
mod signing;
mod support;
mod writers;
