//! The kind provider: a cluster of containers on this machine, by the programs `kind` and `docker`.

pub(crate) mod advice;
pub(crate) mod config;
pub(crate) mod creation;
pub(crate) mod docker;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod inventory;
pub(crate) mod preload;
pub(crate) mod program;
pub(crate) mod up;
