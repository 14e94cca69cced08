//! tag-bump.
