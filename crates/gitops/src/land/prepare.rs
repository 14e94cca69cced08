//! Decides what becomes of each value on one tip, and builds the tree.

use std::{cmp::Ordering, collections::BTreeMap, path::Path};

use git2::{ErrorCode, FileMode, ObjectType, Oid, Repository, Tree, build::TreeUpdateBuilder};
use semver::Version as SemVer;

use crate::{
    diff,
    edit::{self, Changed},
    land::{Change, LandError, LandedValue, OnConflict, Outcome, transport::Transport},
};

/// What one tip would become.
pub(crate) struct Prepared {
    /// The new tree; absent when nothing changes.
    pub(crate) tree: Option<Oid>,
    pub(crate) values: Vec<LandedValue>,
    pub(crate) diff: String,
}

/// A file of the tip, as it was and as it becomes.
struct Worked {
    mode: FileMode,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// Applies `changes` to the files of `tip`. `seen` holds what each value was when it was first read.
pub(crate) fn prepare(
    transport: &dyn Transport,
    tip: Oid,
    changes: &[Change],
    on_conflict: OnConflict,
    seen: &mut Option<Vec<Vec<String>>>,
) -> Result<Prepared, LandError> {
    let root = root_of(transport, tip)?;
    let mut files: BTreeMap<String, Worked> = BTreeMap::new();
    let mut values = Vec::new();
    let mut first_read = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        if !files.contains_key(&change.file) {
            let worked = read(transport, &root, &change.file)?;
            files.insert(change.file.clone(), worked);
        }
        let Some(worked) = files.get_mut(&change.file) else {
            continue;
        };
        let edited =
            edit::apply(&worked.after, std::slice::from_ref(&change.edit)).map_err(|source| {
                LandError::Edit {
                    file: change.file.clone(),
                    source,
                }
            })?;
        let earlier = seen.as_ref().and_then(|it| it.get(index));
        let takes = decide(change, &edited.values, earlier, on_conflict)?;
        if takes {
            worked.after = edited.content;
        }
        first_read.push(edited.values.iter().map(|it| it.old.clone()).collect());
        values.extend(edited.values.into_iter().map(|value| LandedValue {
            file: change.file.clone(),
            image: change.image.clone(),
            outcome: match (takes, value.changed) {
                (false, _) => Outcome::Skipped,
                (true, true) => Outcome::Changed,
                (true, false) => Outcome::Unchanged,
            },
            value,
        }));
    }
    seen.get_or_insert(first_read);
    let mut text = String::new();
    for (file, worked) in &files {
        text.push_str(&diff::unified(file, &worked.before, &worked.after));
    }
    Ok(Prepared {
        tree: build(transport, &root, &files)?,
        values,
        diff: text,
    })
}

/// Returns whether a change is made, though somebody else may have changed the value meanwhile.
fn decide(
    change: &Change,
    values: &[Changed],
    earlier: Option<&Vec<String>>,
    on_conflict: OnConflict,
) -> Result<bool, LandError> {
    for (index, value) in values.iter().enumerate() {
        let expected = change
            .expect
            .as_ref()
            .or_else(|| earlier.and_then(|it| it.get(index)));
        let Some(expected) = expected else { continue };
        if value.old == *expected || value.old == value.new {
            continue;
        }
        let takes = match on_conflict {
            OnConflict::Overwrite => true,
            OnConflict::Skip => false,
            OnConflict::Newer => match compare(&value.new, &value.old) {
                Some(order) => order == Ordering::Greater,
                None => return Err(conflict(change, value, expected)),
            },
            OnConflict::Fail => return Err(conflict(change, value, expected)),
        };
        if !takes {
            return Ok(false);
        }
    }
    Ok(true)
}

fn conflict(change: &Change, value: &Changed, expected: &str) -> LandError {
    LandError::Conflict {
        file: change.file.clone(),
        path: value.path.clone(),
        expected: expected.to_owned(),
        found: value.old.clone(),
        wanted: value.new.clone(),
    }
}

/// Compares two tags as versions, with or without `v`, or as whole numbers. `None`: they are neither.
fn compare(one: &str, other: &str) -> Option<Ordering> {
    let tag = |it: &str| it.split('@').next().unwrap_or_default().to_owned();
    let (one, other) = (tag(one), tag(other));
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if is_number(&one) && is_number(&other) {
        let bare = |it: &str| it.trim_start_matches('0').to_owned();
        let (one, other) = (bare(&one), bare(&other));
        return Some(one.len().cmp(&other.len()).then_with(|| one.cmp(&other)));
    }
    Some(version(&one)?.cmp_precedence(&version(&other)?))
}

fn version(tag: &str) -> Option<SemVer> {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let end = tag.find(['-', '+']).unwrap_or(tag.len());
    let (numbers, rest) = tag.split_at(end);
    let missing = 2_usize.checked_sub(numbers.matches('.').count())?;
    if missing == 2 {
        return None;
    }
    format!("{numbers}{}{rest}", ".0".repeat(missing))
        .parse()
        .ok()
}

fn root_of(transport: &dyn Transport, tip: Oid) -> Result<Tree<'_>, LandError> {
    let repository = transport.repository();
    let commit = repository
        .find_commit(tip)
        .map_err(|err| LandError::git("read the tip", err))?;
    tree(transport, commit.tree_id())
}

/// Returns a tree, brought from the remote first where a partial clone lacks it.
fn tree(transport: &dyn Transport, id: Oid) -> Result<Tree<'_>, LandError> {
    let repository: &Repository = transport.repository();
    match repository.find_tree(id) {
        Err(err) if err.code() == ErrorCode::NotFound => transport.complete(id)?,
        other => return other.map_err(|err| LandError::git("read a folder of the tip", err)),
    }
    repository
        .find_tree(id)
        .map_err(|err| LandError::git("read a folder of the tip", err))
}

fn read(transport: &dyn Transport, root: &Tree<'_>, file: &str) -> Result<Worked, LandError> {
    let problem = |reason: &str, hint: Option<String>| LandError::File {
        file: file.to_owned(),
        reason: reason.to_owned(),
        hint,
    };
    let path = Path::new(file);
    let parts: Vec<&str> = file.split('/').collect();
    let mut folder = root.clone();
    for (depth, part) in parts.iter().enumerate() {
        let Some((id, kind, mode)) = folder
            .get_name(part)
            .map(|it| (it.id(), it.kind(), it.filemode()))
        else {
            return Err(problem(
                "there is no such file on the branch",
                elsewhere(transport, root, path),
            ));
        };
        let is_last = depth + 1 == parts.len();
        match (kind, is_last) {
            (Some(ObjectType::Tree), false) => folder = tree(transport, id)?,
            (Some(ObjectType::Blob), true) => {
                let mode = match mode {
                    0o120_000 => {
                        return Err(problem(
                            "it is a symbolic link",
                            Some("name the file that it points at".to_owned()),
                        ));
                    }
                    0o100_755 => FileMode::BlobExecutable,
                    _ => FileMode::Blob,
                };
                let before = transport.blob(id)?;
                let after = before.clone();
                return Ok(Worked {
                    mode,
                    before,
                    after,
                });
            }
            (Some(ObjectType::Tree), true) => return Err(problem("it is a folder", None)),
            (Some(ObjectType::Commit), _) => {
                return Err(problem(
                    "it is in a submodule",
                    Some("give the submodule's own repository with `--repo`".to_owned()),
                ));
            }
            _ => return Err(problem("there is no such file on the branch", None)),
        }
    }
    Err(problem("there is no such file on the branch", None))
}

/// Looks for a file of the same name in the first two levels of folders.
fn elsewhere(transport: &dyn Transport, root: &Tree<'_>, path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let repository = transport.repository();
    let mut folders = vec![(String::new(), root.id(), 0)];
    while let Some((prefix, id, depth)) = folders.pop() {
        let Ok(folder) = repository.find_tree(id) else {
            continue;
        };
        for entry in &folder {
            let Ok(part) = entry.name() else { continue };
            let kind = entry.kind();
            if kind == Some(ObjectType::Blob) && part == name {
                return Some(format!("there is `{prefix}{part}`"));
            }
            if kind == Some(ObjectType::Tree) && depth < 2 {
                folders.push((format!("{prefix}{part}/"), entry.id(), depth + 1));
            }
        }
    }
    None
}

fn build(
    transport: &dyn Transport,
    root: &Tree<'_>,
    files: &BTreeMap<String, Worked>,
) -> Result<Option<Oid>, LandError> {
    let problem = |err: git2::Error| LandError::git("build the tree", err);
    let repository = transport.repository();
    let mut builder = TreeUpdateBuilder::new();
    let mut is_changed = false;
    for (file, worked) in files {
        if worked.before != worked.after {
            let blob = repository.blob(&worked.after).map_err(problem)?;
            builder.upsert(file.as_str(), blob, worked.mode);
            is_changed = true;
        }
    }
    if !is_changed {
        return Ok(None);
    }
    builder
        .create_updated(repository, root)
        .map(Some)
        .map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_numbers_are_compared_and_nothing_else() {
        assert_eq!(compare("v1.10.0", "1.9"), Some(Ordering::Greater));
        assert_eq!(compare("1.0.0-rc.1", "1.0.0"), Some(Ordering::Less));
        assert_eq!(compare("20260101", "9"), Some(Ordering::Greater));
        assert_eq!(compare("007", "7"), Some(Ordering::Equal));
        assert_eq!(compare("1a2b3c4", "2b3c4d5"), None);
        assert_eq!(compare("latest", "1.0.0"), None);
    }
}
