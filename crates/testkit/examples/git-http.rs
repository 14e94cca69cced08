//! Serves the Git repositories of a folder over smart HTTP on loopback until it is ended:
//! `git-http FOLDER [USER PASSWORD]`. Prints its address first.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example for scripts"
)]

use std::{env, path::Path, thread};

use autoscaleops_testkit::GitHttp;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, credentials) = match arguments.as_slice() {
        [folder] => (folder, None),
        [folder, user, password] => (folder, Some((user.as_str(), password.as_str()))),
        _ => {
            println!("usage: git-http FOLDER [USER PASSWORD]");
            return;
        }
    };
    let server = GitHttp::serve(Path::new(folder), credentials);
    println!("{}", server.url(""));
    loop {
        thread::park();
    }
}
