//! 32 writers at once to one file of one repository.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use autoscaleops_testkit::{GitHttp, Remote, git};
use tempfile::tempdir;

use crate::support::{bump, daemon, report};

const WRITERS: usize = 32;

/// One race at a time: each is enough for a machine.
static TURN: Mutex<()> = Mutex::new(());

fn values(tag: &str) -> String {
    let mut text = String::new();
    for writer in 0..WRITERS {
        write!(text, "app{writer:02}:\n  image: {{repository: acme/app{writer:02}, tag: {tag}}}   # {writer}\n").unwrap();
    }
    text
}

/// Lets all writers go at once, each for its own value of the one file. Returns their attempts.
fn race(url: &str, transport: &str) -> Vec<u64> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let started = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (url, transport) = (url.to_owned(), transport.to_owned());
            thread::spawn(move || {
                let folder = tempdir().unwrap();
                let image = format!("acme/app{writer:02}:v1");
                let (code, told, words) = report(bump(folder.path()).args([
                    "--repo",
                    &url,
                    "values.yaml",
                    "--image",
                    &image,
                    "--transport",
                    &transport,
                ]));
                assert_eq!(code, 0, "writer {writer}: {words}{told}");
                assert_eq!(told["outputs"]["changed"], true);
                told["outputs"]["attempts"].as_u64().unwrap()
            })
        })
        .collect();
    let attempts: Vec<u64> = writers.into_iter().map(|it| it.join().unwrap()).collect();
    let worst = attempts.iter().max().unwrap();
    let sum: u64 = attempts.iter().sum();
    eprintln!(
        "{WRITERS} writers, {transport} over {url}: {sum} attempts, at most {worst}, {:?}",
        started.elapsed()
    );
    attempts
}

fn check(remote: &Remote) {
    assert_eq!(remote.read("main", "values.yaml"), values("v1"));
    assert_eq!(
        git(&remote.path(), &["rev-list", "--count", "main"]),
        (WRITERS + 1).to_string()
    );
    // One after the other, each with one line changed.
    assert_eq!(
        git(&remote.path(), &["rev-list", "--merges", "--count", "main"]),
        "0"
    );
    let numstat = git(
        &remote.path(),
        &[
            "log",
            "--format=",
            "--numstat",
            "-n",
            &WRITERS.to_string(),
            "main",
        ],
    );
    let lines: Vec<&str> = numstat.lines().filter(|it| !it.is_empty()).collect();
    assert_eq!(lines, vec!["1\t1\tvalues.yaml"; WRITERS]);
    assert_eq!(
        git(&remote.path(), &["fsck", "--strict", "--no-dangling"]),
        ""
    );
}

#[test]
fn all_32_land_over_git_daemon() {
    let remote = Remote::new(&[("values.yaml", &values("v0"))]);
    let (_daemon, url) = daemon(&remote);
    assert_eq!(race(&url, "git").len(), WRITERS);
    check(&remote);
}

#[test]
fn all_32_land_over_smart_http() {
    let remote = Remote::new(&[("values.yaml", &values("v0"))]);
    let server = GitHttp::serve(remote.path().parent().unwrap(), None);
    assert_eq!(race(&server.url("remote.git"), "git").len(), WRITERS);
    check(&remote);
}

#[test]
fn all_32_land_without_a_git_program() {
    let remote = Remote::new(&[("values.yaml", &values("v0"))]);
    let server = GitHttp::serve(remote.path().parent().unwrap(), None);
    assert_eq!(race(&server.url("remote.git"), "library").len(), WRITERS);
    check(&remote);
}
