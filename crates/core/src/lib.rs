//! What the AutoScaleOps tools share: one way from the command line to the exit code, and the
//! mechanisms under it. Nothing here knows any tool.
//!
//! In reading order: [`cli`] runs a [`cli::Tool`], which reads its [`config`], does its work with
//! the adapters ([`process`], `http`, `cluster`, [`mod@file`]), and returns a [`report::Report`], which
//! goes out through the [`console`] and to the [`ci`] that it runs in.

pub mod ci;
pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod config;
pub mod console;
pub mod exit;
pub mod failure;
pub mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(feature = "http")]
pub mod http;
pub mod image;
pub mod process;
pub mod report;
pub mod retry;
pub mod scratch;
pub mod secret;
pub mod stop;
pub mod text;
pub mod time;

pub use crate::{
    cli::{CommonArgs, Format, Tool},
    console::{Console, Look},
    failure::Failure,
    report::{Finding, Level, Location, Report, Subject, Verdict},
};
