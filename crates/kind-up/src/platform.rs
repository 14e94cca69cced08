//! What stands in a cluster before Argo CD takes over, and how it gets there: on kind and on a
//! cluster that is there already alike.

pub(crate) mod apply;
pub(crate) mod install;
pub(crate) mod logins;
pub(crate) mod ready;
pub(crate) mod slim;
pub(crate) mod versions;
pub(crate) mod wait;
