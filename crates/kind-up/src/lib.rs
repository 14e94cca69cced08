//! kind-up.
