//! A read-only registry for demonstrations, where no real one is installed.
//!
//! ```text
//! cargo run -p autoscaleops-testkit --example registry -- \
//!     --listen 127.0.0.1:5005 --tags acme/shop=1.2.3,1.2.4 [--tags REPOSITORY=TAG,… …]
//! ```
//!
//! Prints `listening on 127.0.0.1:5005` once it answers, and runs until it is ended. Port 0 takes a
//! free one. A line `REPOSITORY=TAG` on standard input adds a tag while it runs. Each image counts
//! as built a minute after the one before it.
#![expect(clippy::print_stdout, reason = "a demonstration")]
#![expect(clippy::print_stderr, reason = "a demonstration")]

use std::io::BufRead as _;

use autoscaleops_testkit::Registry;

fn main() {
    let mut listen = "127.0.0.1:0".to_owned();
    let mut images = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--listen", Some(value)) => listen = value,
            ("--tags", Some(value)) => images.push(value),
            _ => {
                eprintln!("usage: registry [--listen HOST:PORT] [--tags REPOSITORY=TAG,…]…");
                std::process::exit(2);
            }
        }
    }
    let registry = Registry::start_at(&listen);
    let mut minute = 0;
    for image in &images {
        add(&registry, image, &mut minute);
    }
    println!("listening on {}", registry.address());
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        add(&registry, line.trim(), &mut minute);
        println!("added {line}");
    }
    // Standard input may be closed from the start.
    loop {
        std::thread::park();
    }
}

fn add(registry: &Registry, image: &str, minute: &mut u32) {
    let Some((repository, tags)) = image.split_once('=') else {
        eprintln!("`{image}` is not REPOSITORY=TAG,…");
        return;
    };
    for tag in tags.split(',').filter(|it| !it.is_empty()) {
        let (day, hour) = (*minute / 1_440 % 28 + 1, *minute / 60 % 24);
        let created = format!("2026-01-{day:02}T{hour:02}:{:02}:00Z", *minute % 60);
        registry.add(repository, tag, &created);
        *minute += 1;
    }
}
