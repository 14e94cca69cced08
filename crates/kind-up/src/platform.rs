//! What stands in a cluster before Argo CD takes over, and how it gets there: on kind and on a
//! cluster that is there already alike.

pub mod api;
pub mod apply;
pub mod install;
pub mod look;
pub mod manifest;
pub mod ready;
pub mod versions;
