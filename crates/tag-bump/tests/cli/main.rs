//! The real program: edits in place, reports from a pipe, commits and pushes.
#![expect(clippy::unwrap_used, reason = "a test")]

mod in_place;
mod land;
mod obstacles;
mod pipe;
mod support;
