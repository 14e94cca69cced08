//! Finds the tag of an image that should run by strategy, and says so or writes it.
pub mod decimal;
pub mod decision;
pub mod glob;
pub mod masterminds;
pub mod platform;
pub mod rule;
pub mod strategy;
