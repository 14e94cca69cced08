//! Target files as they are at the tip of the branch, which is what counts when we write: a hold
//! that a colleague has just pushed is not in anybody's work tree yet.

use std::path::{Path, PathBuf};

use autoscaleops_core::{
    Failure,
    process::{Output, ProcessError, Run},
    secret::Secret,
};
use autoscaleops_gitops::with_token;
use tempfile::TempDir;

use crate::target;

/// Reads files at the tip of a branch, through the user's Git.
#[derive(Debug)]
pub struct Tip {
    folder: PathBuf,
    remote: String,
    branch: Option<String>,
    /// Where the remote is, once that is known, for the token.
    address: Option<String>,
    token: Option<Secret>,
    /// A repository without a checkout lives as long as this.
    temporary: Option<TempDir>,
}

/// The tip of a branch at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit(String);

impl Tip {
    /// Returns a reader for the remote of a checkout.
    pub fn of_checkout(folder: &Path, remote: &str, branch: Option<&str>) -> Self {
        let mut this = Self {
            folder: folder.to_owned(),
            remote: remote.to_owned(),
            branch: branch.map(str::to_owned),
            address: None,
            token: token(),
            temporary: None,
        };
        // What is wrong with it is told when it is asked.
        let address = this.git(&["remote", "get-url", remote]).ok();
        this.address = address.map(|it| it.text()).filter(|it| !it.is_empty());
        this
    }

    /// Returns the address of the remote, as far as Git knows one.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Returns a reader for an address, without a checkout.
    ///
    /// # Errors
    ///
    /// Fails when no temporary repository can be made.
    pub fn of_url(url: &str, branch: Option<&str>) -> anyhow::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("image-watch-").tempdir()?;
        let this = Self {
            folder: temporary.path().to_owned(),
            remote: "origin".to_owned(),
            branch: branch.map(str::to_owned),
            address: Some(url.to_owned()),
            token: token(),
            temporary: Some(temporary),
        };
        this.git(&["init", "--quiet", "--bare", "."])?;
        for (key, value) in [
            ("remote.origin.url", url),
            ("remote.origin.promisor", "true"),
            ("remote.origin.partialclonefilter", "blob:none"),
        ] {
            this.git(&["config", key, value])?;
        }
        Ok(this)
    }

    /// Returns the tip of the branch now, fetched.
    ///
    /// # Errors
    ///
    /// Fails when the remote cannot be reached, or has no such branch.
    pub fn fetch(&self) -> anyhow::Result<Commit> {
        let branch = match &self.branch {
            Some(branch) => Some(branch.clone()),
            None if self.temporary.is_none() => {
                let head = self.git(&["symbolic-ref", "--quiet", "--short", "HEAD"]);
                head.ok().map(|it| it.text()).filter(|it| !it.is_empty())
            }
            None => None,
        };
        let reference = match &branch {
            Some(branch) => format!("refs/heads/{branch}"),
            None => "HEAD".to_owned(),
        };
        let listed = self.git(&["ls-remote", &self.remote, &reference])?.text();
        let id = listed
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned();
        if id.is_empty() {
            let name = branch.as_deref().unwrap_or("HEAD");
            return Err(Failure::usage(format!("the remote has no branch `{name}`"))
                .kind_of("no_branch")
                .hint("name one with `branch`")
                .into());
        }
        let object = format!("{id}^{{commit}}");
        if self.git(&["cat-file", "-e", &object]).is_err() {
            let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
            // Only in a repository of our own: it would cut off the history of a full clone.
            if self.temporary.is_some() {
                arguments.extend(["--depth=1", "--filter=blob:none"]);
            }
            arguments.extend([self.remote.as_str(), reference.as_str()]);
            self.git(&arguments)?;
        }
        Ok(Commit(id))
    }

    /// Returns a file's content at a tip.
    ///
    /// # Errors
    ///
    /// Fails when the file is not there.
    pub fn read(&self, commit: &Commit, file: &str) -> Result<Vec<u8>, Failure> {
        let object = |file: &str| format!("{}:{file}", commit.0);
        match self.git(&["cat-file", "blob", &object(file)]) {
            Ok(output) => Ok(output.stdout),
            Err(_) => Err(target::missing(file, |it| {
                self.git(&["cat-file", "-e", &object(it)]).is_ok()
            })),
        }
    }

    fn git(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let run = Run::new("git");
        let run = match (&self.token, &self.address) {
            (Some(token), Some(address)) => with_token(run, address, token),
            _ => run,
        };
        let outcome = run
            .args(["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"])
            .args(arguments)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .cwd(&self.folder)
            .timeout(std::time::Duration::from_secs(120))
            .capture()
            .and_then(Output::check);
        outcome.map_err(|err| match err {
            ProcessError::Failed { .. } => anyhow::Error::new(err).context(Failure::unavailable(
                "git",
                "the branch with the target files cannot be read",
            )),
            other => other.into_unavailable("install git 2.30 or newer"),
        })
    }
}

/// Returns the token for a repository over HTTPS that no credential helper knows, as tag-bump takes it.
pub fn token() -> Option<Secret> {
    Secret::from_env("AUTOSCALEOPS_GIT_TOKEN")
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::Remote;

    use super::*;

    #[test]
    fn the_tip_counts_and_not_the_work_tree() {
        let remote = Remote::new(&[("app/values.yaml", "tag: 1\n")]);
        let clone = remote.clone_with(&[]);
        let checkout = Tip::of_checkout(clone.path(), "origin", None);
        let address = Tip::of_url(&remote.url(), Some("main")).unwrap();
        for text in ["tag: 2 # image-watch: hold\n", "tag: 3\n"] {
            remote.commit(&[("app/values.yaml", text)], "by a colleague");
            for tip in [&checkout, &address] {
                let commit = tip.fetch().unwrap();
                assert_eq!(
                    tip.read(&commit, "app/values.yaml").unwrap(),
                    text.as_bytes()
                );
            }
        }
        assert_eq!(
            std::fs::read(clone.path().join("app/values.yaml")).unwrap(),
            b"tag: 1\n"
        );
        let commit = checkout.fetch().unwrap();
        let missing = checkout.read(&commit, "x/app/values.yaml").unwrap_err();
        assert!(
            missing
                .remedy()
                .unwrap()
                .contains("`app/values.yaml` is there")
        );
    }

    #[test]
    fn a_branch_that_is_not_there_is_named() {
        let remote = Remote::new(&[("a", "b")]);
        let tip = Tip::of_url(&remote.url(), Some("release")).unwrap();
        assert!(tip.fetch().unwrap_err().to_string().contains("`release`"));
    }
}
