//! Bring-up on the kind provider, with stubs for `kind` and `docker` that remember their calls, and
//! the embedded stand-in as the cluster that they make.
#![expect(clippy::unwrap_used, reason = "a test")]

mod bring_up;
mod existing;
mod failures;
mod machine;
