//! Edits on whole texts: recorded ones, generated ones, and those that are refused.
#![expect(clippy::unwrap_used, reason = "a test")]

mod addresses;
mod fixtures;
mod generated;
