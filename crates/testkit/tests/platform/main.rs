//! The files that are not programs, and what they promise each other: charts, Argo CD resources,
//! workflows, dashboards.
#![expect(clippy::unwrap_used, reason = "a test")]

mod argocd;
mod bench;
mod charts;
mod delivery;
mod files;
mod install;
mod install_script;
mod local_image;
mod mutants;
mod notice;
mod objects;
mod observability;
mod ports;
mod refusals;
mod release;
mod workflows;
