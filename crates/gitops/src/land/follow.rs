//! Brings a checkout along after its own commit landed.

use std::path::Path;

use autoscaleops_core::process::Run;
use git2::{BranchType, Repository};

use crate::land::Landed;

/// Moves the branch of a checkout forward to the commit that landed, where that commit is all that
/// differs. Returns whether it did.
///
/// The checkout is left alone when it is on another branch, or somebody else's commits came in
/// between, or the changed files have changes of their own.
pub fn follow(folder: &Path, landed: &Landed) -> bool {
    let Some(commit) = landed
        .commit
        .as_deref()
        .filter(|_| landed.review_branch.is_none())
    else {
        return false;
    };
    let is_direct = || -> Option<bool> {
        let repository = Repository::discover(folder).ok()?;
        let head = repository.head().ok()?;
        let name = head.shorthand().ok()?.to_owned();
        let follows = repository
            .find_branch(&name, BranchType::Local)
            .and_then(|it| it.upstream())
            .ok()
            .and_then(|it| it.name().ok().flatten().map(str::to_owned))
            .is_none_or(|it| it.ends_with(&format!("/{}", landed.branch)));
        Some(head.is_branch() && follows && head.target()?.to_string() == landed.base)
    };
    if is_direct() != Some(true) {
        return false;
    }
    Run::new("git")
        .args([
            "-c",
            "core.hooksPath=/dev/null",
            "merge",
            "--ff-only",
            "--quiet",
            commit,
        ])
        .env("LC_ALL", "C")
        .cwd(folder)
        .capture()
        .is_ok_and(|it| it.status.success())
}
