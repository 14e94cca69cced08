//! Runs k6 scripts: JavaScript runtime, executors, HTTP, metrics, thresholds.
//!
//! In reading order: a [`run::Test`] is loaded, with a stack and a runtime in [`js`]; its
//! [`options`] are planned; [`run`] carries them out; requests go through [`http`]; samples are
//! summed up in [`metrics`] and judged by [`threshold`]s; [`summary`] tells the result.

#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod html;
pub mod http;
pub mod js;
pub mod metrics;
pub mod options;
pub mod run;
pub mod span;
pub mod summary;
pub mod threshold;
mod websocket;
