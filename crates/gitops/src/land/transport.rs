//! What carries commits: one trait, with the `git` program behind it or the built-in library.

use std::path::Path;

use autoscaleops_core::{
    Failure,
    process::{self, Run},
};
use git2::{Oid, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use thiserror::Error;

use crate::land::{LandError, Landing, Source, library::Library, program::Program};

/// What carries commits to the remote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransportKind {
    /// The `git` program where there is one, else the library.
    #[default]
    Auto,
    /// The `git` program: its credential helpers, ssh settings, proxies and partial clones.
    Git,
    /// The built-in library: folders, `git://` and `http://`.
    Library,
}

/// Why the remote could not be talked to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The remote does not let us in, or is not there.
    #[error("the remote does not let us in: {0}")]
    Denied(String),
    /// Something went wrong that may pass.
    #[error("the remote cannot be reached: {0}")]
    Failed(String),
    /// This transport cannot do that.
    #[error("{0}")]
    Unsupported(String),
    /// A stop was asked for.
    #[error("interrupted while talking to the remote")]
    Interrupted,
}

impl TransportError {
    pub(crate) fn failure(&self) -> Failure {
        let text = self.to_string();
        match self {
            Self::Denied(_) => Failure::unavailable("remote_denied", text)
                .hint("see whether `git ls-remote` works here; in CI give the job permission to write, or set AUTOSCALEOPS_GIT_TOKEN"),
            Self::Failed(_) => Failure::unavailable("remote_unreachable", text).hint("try again"),
            Self::Unsupported(_) => Failure::unavailable("program_missing", text).hint("install git"),
            Self::Interrupted => Failure::error("interrupted", text),
        }
    }
}

/// Why a push did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// The remote said no, and would say it again.
    Refused(String),
    /// The tip may have moved, or something went wrong.
    Unclear(String),
    Interrupted,
}

/// Carries commits from and to the remote.
pub(crate) trait Transport {
    /// The repository that objects are read from and written to.
    fn repository(&self) -> &Repository;

    /// The branch to land on, asked of the remote where nobody named one.
    fn branch(&mut self) -> Result<String, LandError>;

    /// Brings the tip of `branch` with its trees, and returns it. `None`: there is no such branch.
    fn tip(&mut self, branch: &str) -> Result<Option<Oid>, TransportError>;

    /// Returns the content of a blob of the tip.
    fn blob(&self, blob: Oid) -> Result<Vec<u8>, TransportError>;

    /// Brings an object that the repository lacks, where it is a partial clone.
    fn complete(&self, object: Oid) -> Result<(), TransportError>;

    /// Makes `commit` the tip of `branch`, on the condition that the tip is `expected` until then;
    /// `None`: that there is no such branch.
    fn push(&mut self, commit: Oid, branch: &str, expected: Option<Oid>) -> Result<(), PushError>;

    /// The address of the remote.
    fn address(&self) -> Option<String>;

    /// The `git` program in this repository, where that is what carries.
    fn program(&self) -> Option<Run>;

    /// Where people open a pull request from `review` to `branch`.
    fn review_url(&self, branch: &str, review: &str) -> Option<String> {
        review_url(&self.address()?, branch, review)
    }
}

/// A repository to work in, and what to remove afterwards.
pub(crate) struct Workplace {
    pub(crate) repository: Repository,
    /// The remote's name, or its address where it has none.
    pub(crate) remote: String,
    /// Present: the repository is a temporary one.
    pub(crate) temporary: Option<TempDir>,
}

/// Opens the repository with what carries.
pub(crate) fn open(landing: &Landing) -> Result<Box<dyn Transport>, LandError> {
    let has_git = || process::find("git").is_some();
    let kind = match landing.transport {
        TransportKind::Auto if has_git() => TransportKind::Git,
        TransportKind::Auto => TransportKind::Library,
        TransportKind::Git if !has_git() => {
            return Err(TransportError::Unsupported("there is no `git` program".to_owned()).into());
        }
        kind => kind,
    };
    // In a partial clone a tree names blobs that are not there; that is no fault.
    git2::opts::strict_object_creation(false);
    let workplace = match &landing.source {
        Source::Checkout(folder) => checkout(folder, landing)?,
        Source::Url(url) => temporary(url, kind)?,
    };
    let branch = landing.branch.clone();
    Ok(match kind {
        TransportKind::Library => Box::new(Library::new(workplace, branch, landing)),
        TransportKind::Git | TransportKind::Auto => {
            Box::new(Program::new(workplace, branch, landing))
        }
    })
}

/// Returns the repository around `folder`.
pub(crate) fn discover(folder: &Path) -> Result<Repository, LandError> {
    Repository::discover(folder).map_err(|err| {
        LandError::Usage(
            format!(
                "`{}` is not in a Git repository: {}",
                folder.display(),
                err.message()
            ),
            Some(if err.code() == git2::ErrorCode::Owner {
                "it is another user's: `git config --global --add safe.directory PATH`".to_owned()
            } else {
                "work in a clone, or give the address with `--repo`".to_owned()
            }),
        )
    })
}

fn checkout(folder: &Path, landing: &Landing) -> Result<Workplace, LandError> {
    Ok(Workplace {
        repository: discover(folder)?,
        remote: landing.remote.clone(),
        temporary: None,
    })
}

/// Returns the name of the branch for one target's pull request: always the same one.
///
/// # Errors
///
/// Fails only when the library cannot make a checksum.
pub fn review_branch(prefix: &str, target: &str) -> Result<String, LandError> {
    let id = Oid::hash_object(git2::ObjectType::Blob, target.as_bytes())
        .map_err(|err| LandError::git("name the branch", err))?
        .to_string();
    Ok(format!("{prefix}/{}", &id[..8]))
}

fn temporary(url: &str, kind: TransportKind) -> Result<Workplace, LandError> {
    refuse_secrets(url)?;
    let problem = |err: git2::Error| LandError::git("make a temporary repository", err);
    let folder = tempfile::Builder::new()
        .prefix("autoscaleops-")
        .tempdir()
        .map_err(|err| LandError::git("make a temporary folder", err))?;
    let repository = Repository::init_bare(folder.path()).map_err(problem)?;
    let mut config = repository.config().map_err(problem)?;
    config
        .set_str("remote.origin.url", &absolute(url))
        .map_err(problem)?;
    if kind == TransportKind::Git {
        config
            .set_bool("remote.origin.promisor", true)
            .map_err(problem)?;
        config
            .set_str("remote.origin.partialclonefilter", "blob:none")
            .map_err(problem)?;
    }
    Ok(Workplace {
        repository,
        remote: "origin".to_owned(),
        temporary: Some(folder),
    })
}

/// A path is one from where we are, not from the temporary repository.
fn absolute(url: &str) -> String {
    let is_path = !url.contains("://") && !url.contains('@') && Path::new(url).exists();
    match std::fs::canonicalize(url) {
        Ok(path) if is_path => path.display().to_string(),
        _ => url.to_owned(),
    }
}

fn refuse_secrets(url: &str) -> Result<(), LandError> {
    let authority = url
        .split_once("://")
        .map(|(_, it)| it.split('/').next().unwrap_or_default());
    match authority.and_then(|it| it.rsplit_once('@')) {
        Some((user, _)) if user.contains(':') => Err(LandError::Usage(
            format!("the address {} holds a password", redacted(url)),
            Some("take it out; use a credential helper, or AUTOSCALEOPS_GIT_TOKEN".to_owned()),
        )),
        _ => Ok(()),
    }
}

/// Returns `text` with what stands between `://` and `@` hidden.
pub(crate) fn redacted(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        result.push_str(head);
        let end = tail.find(['/', ' ', '\'', '"', '\n']).unwrap_or(tail.len());
        rest = match tail[..end].rfind('@') {
            Some(at) => {
                result.push_str("***");
                &tail[at..]
            }
            None => tail,
        };
    }
    result.push_str(rest);
    result
}

/// Returns whether `commit` is one of exactly `tree` on exactly `parent`.
pub(crate) fn stands_on(repository: &Repository, commit: Oid, tree: Oid, parent: Oid) -> bool {
    repository
        .find_commit(commit)
        .is_ok_and(|it| it.tree_id() == tree && it.parent_ids().eq([parent]))
}

fn review_url(address: &str, branch: &str, review: &str) -> Option<String> {
    let (host, path) = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => address.split_once(':')?,
    };
    let host = host.rsplit('@').next()?.split(':').next()?;
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    let encoded = |it: &str| {
        it.replace('%', "%25")
            .replace('#', "%23")
            .replace('?', "%3F")
            .replace('&', "%26")
    };
    let (branch, review) = (encoded(branch), encoded(review));
    if host == "github.com" {
        Some(format!(
            "https://{host}/{path}/compare/{branch}...{review}?expand=1"
        ))
    } else if host.contains("gitlab") {
        Some(format!(
            "https://{host}/{path}/-/merge_requests/new?merge_request[source_branch]={review}&merge_request[target_branch]={branch}"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_refused_and_hidden() {
        assert!(refuse_secrets("https://bob:hunter2@example.org/x.git").is_err());
        assert!(refuse_secrets("https://bob@example.org/x.git").is_ok());
        assert!(refuse_secrets("git@example.org:x.git").is_ok());
        assert_eq!(
            redacted("fatal: https://bob:hunter2@h/x and https://h/y@z"),
            "fatal: https://***@h/x and https://h/y@z"
        );
    }

    #[test]
    fn a_pull_request_has_its_page() {
        let page = "https://github.com/acme/shop/compare/main...tag-bump/1a2b?expand=1";
        for address in [
            "git@github.com:acme/shop.git",
            "https://github.com/acme/shop",
            "ssh://git@github.com:22/acme/shop.git",
        ] {
            assert_eq!(
                review_url(address, "main", "tag-bump/1a2b").as_deref(),
                Some(page),
                "{address}"
            );
        }
        assert_eq!(review_url("/srv/x.git", "main", "x"), None);
    }
}
