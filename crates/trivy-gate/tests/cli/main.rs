//! trivy-gate on the command line: streams, exit codes, forms.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod common;
mod comparisons;
mod forms;
mod refusals;
mod runs;
mod verdicts;
