//! HTML as `k6/html` sees it: a page is parsed once and never changed, and what is selected from it
//! are places in it.
//!
//! Pages and selections are outside of what JavaScript counts as its memory, so they are billed to
//! their virtual user by themselves.

mod address;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod memory;
mod parse;
mod relate;
mod select;
mod tree;
mod write;

pub(crate) use address::Address;
#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::fuzz;
pub(crate) use memory::{Account, Bill};
pub(crate) use parse::{Broken, parse};
pub(crate) use relate::{Chosen, Relation, find, related, unique};
pub(crate) use select::Selector;
pub(crate) use tree::{Document, Id, Kind, ROOT};

#[cfg(test)]
mod tests;
