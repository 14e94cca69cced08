//! The embedded stand-in against the real kubectl.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod api;
mod applications;
mod pods;
mod support;
