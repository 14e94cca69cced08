//! Configuration kept in Git: finds a value, changes it byte-exactly, lands the change on a branch.
//!
//! [`look`] and [`apply`] work on bytes and know no Git. [`land`] takes changes to a branch of a
//! repository as one commit, and does it again on the new tip when others were faster. [`land`] takes changes to a branch of a
//! repository as one commit, and does it again on the new tip when others were faster.

mod address;
mod diff;
mod edit;
mod error;
mod find;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hold;
mod land;
mod marker;
mod path;
mod yaml;

pub use crate::land::{
    Change, Identity, LandError, Landed, LandedValue, Landing, Message, OnConflict, Outcome,
    Signing, Source, TransportKind, commit_here, follow, land, path_in_checkout, review_branch,
    with_token,
};
pub use crate::{
    address::{Address, NewValue, Version},
    diff::unified,
    edit::{Changed, Edit, Edited, Found, apply, inner_path, look},
    error::{EditError, Place},
    hold::{Hold, hold_on},
    path::{KeyPath, PathError, Step},
};
