//! Versions and constraints in the dialect of Masterminds/semver 3, which Helm, Flux and Argo CD
//! Image Updater speak. It is not the dialect of Cargo: `1.2.3` means exactly that version.
//!
//! Ported from the behaviour of version 3.4.0 and proved row by row against it.

mod constraint;
mod version;

pub use constraint::{Constraint, ConstraintError};
pub use version::Version;
