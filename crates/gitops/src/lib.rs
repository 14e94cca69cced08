//! gitops.
