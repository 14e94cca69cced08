//! hpa-watch.
