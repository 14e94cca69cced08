//! Every query of the dashboards and rules: parsed by promtool, held against the inventory of
//! metrics, and answered by a real Prometheus that scrapes a running demo-app.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts Prometheus and the binary itself"
)]

mod exporter;
mod live;
mod picture;
mod queries;
mod story;
mod syntax;
