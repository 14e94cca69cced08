//! Serves the Git repositories of a folder over smart HTTP on loopback until it is ended:
//! `git-http FOLDER [FILE]`, where FILE holds the one `user:password` that is let in. Prints its
//! address first.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example for scripts"
)]

use std::{env, fs, path::Path, thread};

use autoscaleops_testkit::GitHttp;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        println!("usage: git-http FOLDER [FILE]");
        return;
    };
    let text = arguments
        .get(1)
        .map(|path| fs::read_to_string(path).unwrap());
    let credentials = text
        .as_deref()
        .map(|text| text.trim().split_once(':').unwrap());
    let server = GitHttp::serve(Path::new(folder), credentials);
    println!("{}", server.url(""));
    loop {
        thread::park();
    }
}
