//! The kind provider: a cluster of containers on this machine, by the programs `kind` and `docker`.

pub mod config;
pub mod docker;
pub mod doctor;
pub mod drift;
pub mod preload;
pub mod program;
pub mod state;
pub mod up;
