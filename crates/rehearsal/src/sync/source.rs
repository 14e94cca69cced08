//! Where the manifests of an application come from: a branch of a Git repository, and a folder there.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use autoscaleops_core::process::Run;
use serde_json::{Value, json};

use crate::{cluster::Cluster, value::text};

const GIT_TIMEOUT: Duration = Duration::from_secs(60);

/// What was read of an application's source.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The commit.
    pub(super) revision: String,
    /// What stands there.
    pub(super) manifests: Vec<Value>,
}

/// The commits that branches are at, asked once each look.
pub(super) type Tips = BTreeMap<Address, Result<String, String>>;

/// Where an application's manifests come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    repository: String,
    branch: String,
}

/// Returns the source of an application: its one, or the first of several.
pub(super) fn source_of(spec: &Value) -> Value {
    spec.get("source")
        .or_else(|| spec.pointer("/sources/0"))
        .cloned()
        .unwrap_or_default()
}

/// Reads an application's manifests, unless its branch has not moved since.
pub(super) async fn fetch(
    cluster: &Arc<Cluster>,
    spec: &Value,
    earlier: Option<Source>,
    tips: &mut Tips,
) -> Result<Source, String> {
    let source = source_of(spec);
    let address = Address {
        repository: text(&source, "/repoURL").to_owned(),
        branch: match text(&source, "/targetRevision") {
            "" => "HEAD".to_owned(),
            branch => branch.to_owned(),
        },
    };
    if address.repository.is_empty() {
        return Err("spec.source.repoURL is empty".to_owned());
    }
    if address.repository.starts_with('-') || address.branch.starts_with('-') {
        return Err("a repository or branch may not begin with a dash".to_owned());
    }
    if !text(&source, "/chart").is_empty() {
        return Err(format!(
            "the stand-in reads Git folders, not charts of a repository: {}",
            text(&source, "/chart")
        ));
    }
    let tip = if let Some(tip) = tips.get(&address) {
        tip.clone()
    } else {
        let asked = address.clone();
        let tip = tokio::task::spawn_blocking(move || tip(&asked))
            .await
            .map_err(|err| err.to_string())?;
        tips.insert(address.clone(), tip.clone());
        tip
    }?;
    if let Some(earlier) = earlier.filter(|it| it.revision == tip) {
        return Ok(earlier);
    }
    let folder = cluster
        .folder
        .join("git")
        .join(crate::value::hash(&json!(address.repository)));
    let read = move || -> Result<Source, String> {
        check_out(&folder, &address, &tip)?;
        let manifests = crate::render::manifests(&folder, &source)?;
        Ok(Source {
            revision: tip,
            manifests,
        })
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|err| err.to_string())?
}

fn git() -> Run {
    Run::new("git")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .timeout(GIT_TIMEOUT)
}

/// Returns the commit that a branch is at.
fn tip(address: &Address) -> Result<String, String> {
    if address.branch.len() == 40 && address.branch.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(address.branch.clone());
    }
    let output = git()
        .args([
            "ls-remote",
            "--exit-code",
            "--",
            &address.repository,
            &address.branch,
        ])
        .capture()
        .and_then(autoscaleops_core::process::Output::check)
        .map_err(|err| {
            let message = format!(
                "cannot read {} of {}: {err}",
                address.branch, address.repository
            );
            without_login(&message, &address.repository)
        })?;
    let lines = output.text();
    let wanted = format!("refs/heads/{}", address.branch);
    lines
        .lines()
        .find(|it| it.ends_with(&wanted))
        .or_else(|| lines.lines().next())
        .and_then(|it| it.split_whitespace().next())
        .map(str::to_owned)
        .ok_or_else(|| {
            let message = format!("{} has no {}", address.repository, address.branch);
            without_login(&message, &address.repository)
        })
}

/// Takes the user and password of an address out of a message: it ends in a status that all can read.
fn without_login(message: &str, repository: &str) -> String {
    let login = repository
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
        .map(|it| it.0);
    match login {
        Some(login) if !login.is_empty() => message.replace(login, "***"),
        _ => message.to_owned(),
    }
}

fn check_out(folder: &Path, address: &Address, tip: &str) -> Result<(), String> {
    std::fs::create_dir_all(folder)
        .map_err(|err| format!("cannot make `{}`: {err}", folder.display()))?;
    let run = |arguments: &[&str]| {
        git()
            .args(arguments)
            .cwd(folder)
            .capture()
            .and_then(autoscaleops_core::process::Output::check)
            .map_err(|err| {
                let message = format!("cannot fetch {}: {err}", address.repository);
                without_login(&message, &address.repository)
            })
    };
    if !folder.join(".git").exists() {
        run(&["init", "--quiet"])?;
    }
    run(&[
        "fetch",
        "--quiet",
        "--depth",
        "1",
        "--no-tags",
        "--",
        &address.repository,
        &address.branch,
    ])?;
    // The branch may have moved between the two looks; what was fetched is what counts.
    let checked = run(&["checkout", "--quiet", "--force", "--detach", tip]);
    if checked.is_err() {
        run(&["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"])?;
    }
    run(&["clean", "--quiet", "-ffdx"]).map(|_| ())
}

/// Joins a path of a repository to its folder, and refuses one that leaves it.
///
/// # Errors
///
/// Fails when the path is absolute or climbs out.
pub(crate) fn inside(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let path = Path::new(path);
    let plain = path
        .components()
        .all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err(format!(
            "the path `{}` leaves the repository",
            path.display()
        ));
    }
    let joined = folder.join(path);
    let real = joined
        .canonicalize()
        .map_err(|err| format!("{}: app path does not exist ({err})", path.display()))?;
    let root = folder.canonicalize().map_err(|err| err.to_string())?;
    if real.starts_with(&root) {
        Ok(real)
    } else {
        Err(format!(
            "the path `{}` leaves the repository through a symbolic link",
            path.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_an_address_is_in_no_message() {
        let of = |repository: &str| {
            without_login(&format!("cannot fetch {repository}: refused"), repository)
        };
        assert_eq!(
            of("https://me:hunter2@git.example.org/a/b.git"),
            "cannot fetch https://***@git.example.org/a/b.git: refused"
        );
        for plain in [
            "https://git.example.org/a@b.git",
            "/srv/git/a.git",
            "file:///a",
        ] {
            assert_eq!(of(plain), format!("cannot fetch {plain}: refused"));
        }
    }
}
