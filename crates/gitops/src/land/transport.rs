//! What carries commits: one trait, with the `git` program behind it or the built-in library.

use std::path::Path;

use autoscaleops_core::{
    Failure,
    process::{self, Run},
    scratch::Scratch,
};
use git2::{Oid, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::land::{
    LandError, Landing, Source, commit::TRAILER, library::Library, program::Program,
};

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
    /// Only the `git` program could do that, and there is none, or it is not to be used.
    #[error("{0}")]
    NeedsGit(String),
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
            Self::Failed(said) => match lock_file(said) {
                Some(path) => locked(text, path),
                None => Failure::unavailable("remote_unreachable", text).hint("try again"),
            },
            Self::NeedsGit(_) => Failure::unavailable("program_missing", text)
                .hint("install git, and leave out `--transport library`"),
            Self::Interrupted => Failure::error("interrupted", text),
        }
    }
}

/// Returns the path of a lock file that Git complains about.
pub(crate) fn lock_file(said: &str) -> Option<&str> {
    said.split(['\'', '`', '"'])
        .find(|it| it.strip_suffix(".lock").is_some_and(|it| it.contains('/')))
}

/// Returns the failure for a lock that somebody holds or has left. It is not ours to remove.
pub(crate) fn locked(text: String, path: &str) -> Failure {
    Failure::unavailable("locked", text).hint(format!(
        "another Git works there; where none does, a killed one left the lock: rm '{path}'"
    ))
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
    pub(crate) temporary: Option<Scratch>,
}

/// Opens the repository with what carries.
pub(crate) fn open(landing: &Landing) -> Result<Box<dyn Transport>, LandError> {
    let has_git = || process::find("git").is_some();
    let kind = match landing.transport {
        TransportKind::Auto if has_git() => TransportKind::Git,
        TransportKind::Auto => TransportKind::Library,
        TransportKind::Git if !has_git() => {
            return Err(TransportError::NeedsGit("there is no `git` program".to_owned()).into());
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
    refuse_secrets(&landing.remote)?;
    refuse_options(&landing.remote)?;
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
    refuse_options(url)?;
    let problem = |err: git2::Error| LandError::git("make a temporary repository", err);
    let folder = Scratch::new().map_err(|err| LandError::git("make a temporary folder", err))?;
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

/// A remote is an argument of `git`, and must not become an option: `--upload-pack=…` runs programs.
fn refuse_options(remote: &str) -> Result<(), LandError> {
    if remote.is_empty() || remote.starts_with('-') || remote.contains(char::is_control) {
        let shown = autoscaleops_core::text::printable(remote);
        return Err(LandError::Usage(
            format!("`{shown}` is no remote"),
            Some("give the name of a remote, or an address".to_owned()),
        ));
    }
    Ok(())
}

/// Refuses what is no name of a branch.
pub(crate) fn check_branch(branch: &str) -> Result<(), LandError> {
    if git2::Reference::is_valid_name(&format!("refs/heads/{branch}")) && !branch.starts_with('-') {
        return Ok(());
    }
    let shown = autoscaleops_core::text::printable(branch);
    Err(LandError::Usage(
        format!("`{shown}` is no name of a branch"),
        None,
    ))
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

/// Returns whether a tool made `commit`, and nobody else.
pub(crate) fn is_ours(repository: &Repository, commit: Oid) -> bool {
    repository.find_commit(commit).is_ok_and(|it| {
        String::from_utf8_lossy(it.message_bytes())
            .lines()
            .any(|line| line.starts_with(TRAILER))
    })
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
    fn a_remote_or_a_branch_cannot_become_an_option_or_a_refspec() {
        for bad in ["--upload-pack=touch x", "-x", "", "a\nb"] {
            assert!(refuse_options(bad).is_err(), "{bad:?}");
        }
        assert!(refuse_options("../a b/remote.git").is_ok());
        for bad in [
            "-x",
            "a:refs/heads/b",
            "a b",
            "*",
            "a..b",
            "",
            "a.lock",
            "+a",
        ] {
            assert_eq!(check_branch(bad).is_err(), bad != "+a", "{bad:?}");
        }
        assert!(check_branch("release/1.x").is_ok());
    }

    #[test]
    fn a_lock_is_named_with_its_remedy() {
        for said in [
            "fatal: Unable to create '/x/.git/shallow.lock': File exists. Another git process",
            "failed to lock file '/x/.git/shallow.lock' for writing: ",
        ] {
            let failure = TransportError::Failed(said.to_owned()).failure();
            assert_eq!(failure.kind(), "locked");
            let remedy = failure.remedy().unwrap();
            assert!(remedy.contains("rm '/x/.git/shallow.lock'"), "{remedy}");
        }
        assert_eq!(lock_file("fatal: 'acme.lock' is no repository"), None);
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
