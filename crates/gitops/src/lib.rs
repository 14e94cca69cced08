//! Configuration kept in Git: finds a value, changes it byte-exactly, lands the change on a branch.
//!
//! [`look`] and [`apply`] work on bytes and know no Git. [`land`] takes changes to a branch of a
//! repository as one commit, and does it again on the new tip when others were faster.

mod address;
mod diff;
mod edit;
mod error;
mod find;
mod hold;
mod marker;
mod path;
mod yaml;

pub use crate::{
    address::{Address, NewValue, Version},
    diff::unified,
    edit::{Changed, Edit, Edited, Found, apply, inner_path, look},
    error::{EditError, Place},
    hold::{Hold, hold_on},
    path::{KeyPath, PathError, Step},
};
