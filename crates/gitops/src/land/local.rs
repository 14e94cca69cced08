//! A commit on the branch that a checkout is on, with nothing in it but the changes.

use std::path::{Path, PathBuf};

use autoscaleops_core::file;
use git2::{Oid, Repository};

use crate::{
    edit::{self, inner_path},
    land::{
        Change, LandError, Landed, Landing, Outcome, commit,
        prepare::{self, Prepared},
        transport::{self, Transport},
    },
};

/// Returns the work tree around `folder`, and `file`, named from `folder`, as a path within it.
///
/// # Errors
///
/// Fails when `folder` is in no work tree, or the file is outside of it.
pub fn path_in_checkout(folder: &Path, file: &Path) -> Result<(PathBuf, String), LandError> {
    let repository = transport::discover(folder)?;
    let root = repository.workdir().ok_or_else(|| {
        LandError::Usage(
            format!("`{}` has no work tree", folder.display()),
            Some("give the repository with `--repo`".to_owned()),
        )
    })?;
    let problem = |err| LandError::git("find the folder of the checkout", anyhow::Error::new(err));
    let root = std::fs::canonicalize(root).map_err(problem)?;
    let folder = std::fs::canonicalize(folder).map_err(problem)?;
    let outside = || {
        LandError::Usage(
            format!(
                "`{}` is outside of the checkout `{}`",
                file.display(),
                root.display()
            ),
            None,
        )
    };
    // By name alone: with a sparse checkout the file itself need not be there.
    let whole = folder.join(file);
    let mut clean = PathBuf::new();
    for part in whole.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            std::path::Component::CurDir => {}
            other => clean.push(other),
        }
    }
    // The folder may be reached by a symbolic link, the file's last part stays what it is.
    let resolved = match (clean.parent().map(std::fs::canonicalize), clean.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => clean,
    };
    let inner = resolved.strip_prefix(&root).map_err(|_| outside())?;
    let inner = inner_path(inner).map_err(|source| LandError::Edit {
        file: file.display().to_string(),
        source,
    })?;
    Ok((root, inner))
}

/// Commits `changes` on the branch that the checkout is on, and makes them in the work tree.
///
/// The commit holds the changes and nothing else, whatever else was edited or staged: each is
/// applied to the committed, to the staged and to the edited text.
///
/// # Errors
///
/// Fails when an edit is refused, or Git's files cannot be written.
pub fn commit_here(landing: &Landing, changes: &[Change]) -> Result<Landed, LandError> {
    let mut transport = transport::open(landing)?;
    let branch = transport.branch()?;
    let transport: &dyn Transport = transport.as_ref();
    let problem = |err: git2::Error| LandError::git("commit", err);
    let repository = transport.repository();
    let head = repository.head().map_err(problem)?;
    let name = head.name().map_err(problem)?.to_owned();
    let tip = head.peel_to_commit().map_err(problem)?.id();
    let prepared = prepare::prepare(transport, tip, changes, landing.on_conflict, &mut None)?;
    let mut landed = Landed::of(tip, branch, 1, &prepared);
    let Some(tree) = prepared.tree else {
        return Ok(landed);
    };
    let commit = commit::commit(landing, transport, &landed, tree, tip)?;
    landed.commit = Some(commit.to_string());
    if landing.dry_run {
        return Ok(landed);
    }
    // Before anything is touched: a lock that is held would stop us half-way.
    unlocked(repository, &name)?;
    let staged = staged(repository, changes, &prepared)?;
    edit_work_tree(repository, changes, &prepared)?;
    let mut index = repository.index().map_err(problem)?;
    for (entry, content) in &staged {
        index.add_frombuffer(entry, content).map_err(problem)?;
    }
    index.write().map_err(problem)?;
    move_branch(repository, &name, commit, tip)?;
    Ok(landed)
}

/// Refuses a repository in which somebody holds, or has left, one of the locks that a commit takes.
fn unlocked(repository: &Repository, branch: &str) -> Result<(), LandError> {
    for path in [
        repository.path().join("index.lock"),
        repository.commondir().join(format!("{branch}.lock")),
        repository.path().join("HEAD.lock"),
    ] {
        if path.exists() {
            let problem = anyhow::anyhow!("there is '{}'", path.display());
            return Err(LandError::git("commit", problem));
        }
    }
    Ok(())
}

/// The branch moves only from where it was read.
fn move_branch(
    repository: &Repository,
    name: &str,
    commit: Oid,
    tip: Oid,
) -> Result<(), LandError> {
    repository
        .reference_matching(name, commit, true, tip, "commit: a tag was bumped")
        .map(drop)
        .map_err(|err| LandError::git("move the branch", err))
}

fn made<'c>(changes: &'c [Change], prepared: &'c Prepared) -> impl Iterator<Item = &'c Change> {
    changes.iter().filter(|change| {
        prepared
            .values
            .iter()
            .any(|it| it.file == change.file && it.outcome == Outcome::Changed)
    })
}

/// Returns the index entries with the changes applied to what is staged.
fn staged(
    repository: &Repository,
    changes: &[Change],
    prepared: &Prepared,
) -> Result<Vec<(git2::IndexEntry, Vec<u8>)>, LandError> {
    let problem = |err: git2::Error| LandError::git("read the index", err);
    let index = repository.index().map_err(problem)?;
    let mut staged: Vec<(git2::IndexEntry, Vec<u8>)> = Vec::new();
    for change in made(changes, prepared) {
        let position = staged
            .iter()
            .position(|(it, _)| it.path == change.file.as_bytes());
        let (entry, content) = match position {
            Some(position) => staged.swap_remove(position),
            None => match index.get_path(Path::new(&change.file), 0) {
                Some(entry) => {
                    let blob = repository.find_blob(entry.id).map_err(problem)?;
                    let content = blob.content().to_vec();
                    (entry, content)
                }
                None => continue,
            },
        };
        let edited = applied(change, &content)?;
        staged.push((entry, edited));
    }
    Ok(staged)
}

fn edit_work_tree(
    repository: &Repository,
    changes: &[Change],
    prepared: &Prepared,
) -> Result<(), LandError> {
    let Some(root) = repository.workdir() else {
        return Ok(());
    };
    for change in made(changes, prepared) {
        let path = root.join(&change.file);
        let Ok(content) = std::fs::read(&path) else {
            continue;
        };
        let edited = applied(change, &content)?;
        if edited != content {
            file::replace(&path, &edited).map_err(|err| LandError::git("write the file", err))?;
        }
    }
    Ok(())
}

fn applied(change: &Change, content: &[u8]) -> Result<Vec<u8>, LandError> {
    edit::apply(content, std::slice::from_ref(&change.edit))
        .map(|it| it.content)
        .map_err(|source| LandError::Edit {
            file: change.file.clone(),
            source,
        })
}
