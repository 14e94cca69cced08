//! trivy-gate beside the real Trivy: the same lists, the same refusals, a real scan.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test: it runs Trivy itself"
)]

mod divergences;
mod generated;
mod images;
mod mutations;
mod oracle;
mod recorded;
