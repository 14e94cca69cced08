//! k6-run.
