//! Tells the version which commit it was built from.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=AUTOSCALEOPS_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    #[expect(
        clippy::disallowed_methods,
        reason = "a build script has neither core nor its one place"
    )]
    let commit = std::env::var("AUTOSCALEOPS_COMMIT").ok().or_else(|| {
        let output = Command::new("git")
            .args(["rev-parse", "--short=12", "HEAD"])
            .output()
            .ok()?;
        let commit = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| commit.trim().to_owned())
    });
    let commit = commit.filter(|it| !it.is_empty());
    println!(
        "cargo::rustc-env=AUTOSCALEOPS_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    );
}
