//! The `image-watch` program.

fn main() {}
