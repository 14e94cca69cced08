//! image-watch.
