//! Tells the version which commit it was built from.
//!
//! A released build names its commit. A development build names none: following every commit would
//! build everything anew each time, and not following would name one that it is not of.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    println!("cargo::rerun-if-env-changed=AUTOSCALEOPS_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let given = variable("AUTOSCALEOPS_COMMIT").filter(|it| !it.is_empty());
    let is_release = variable("PROFILE").as_deref() == Some("release");
    let commit = match given {
        Some(commit) => commit,
        None if is_release => head().unwrap_or_else(|| "unknown".to_owned()),
        None => "development build".to_owned(),
    };
    println!("cargo::rustc-env=AUTOSCALEOPS_COMMIT={commit}");
}

/// Returns the commit that the workspace is on, and has this script run again when it moves.
fn head() -> Option<String> {
    let workspace = Path::new(&variable("CARGO_MANIFEST_DIR")?)
        .ancestors()
        .nth(2)?
        .canonicalize()
        .ok()?;
    // Sources unpacked within another repository are not of that one's commit.
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != workspace {
        return None;
    }
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD", "packed-refs"]
        .into_iter()
        .chain(branch.as_deref())
    {
        let path = git(&["rev-parse", "--git-path", name])?;
        // A path that is not there would have the script run each time.
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build script has neither core nor its one place"
)]
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build script has neither core nor its one place"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
