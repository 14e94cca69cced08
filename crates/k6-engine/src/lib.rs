//! k6-engine.
