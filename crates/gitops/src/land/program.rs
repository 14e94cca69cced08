//! Carries commits with the user's `git`: credential helpers, ssh settings, proxies, the header
//! that actions/checkout configures, and partial clones all work as they do by hand.

use std::time::Duration;

use autoscaleops_core::{
    config,
    process::{ProcessError, Run, last_words},
    secret::Secret,
};
use base64::Engine as _;
use git2::{Oid, Repository};

use crate::land::{
    LandError, Landing,
    said::{is_final, is_race},
    transport::{PushError, Transport, TransportError, Workplace, redacted},
};

pub(crate) struct Program {
    workplace: Workplace,
    branch: Option<String>,
    timeout: Duration,
    token: Option<Secret>,
}

impl Program {
    pub(crate) fn new(workplace: Workplace, branch: Option<String>, landing: &Landing) -> Self {
        Self {
            workplace,
            branch,
            timeout: landing.timeout,
            token: landing.token.clone(),
        }
    }

    fn is_temporary(&self) -> bool {
        self.workplace.temporary.is_some()
    }

    /// Git in this repository, asking nobody, running no hooks and no housekeeping.
    fn git(&self) -> Run {
        let repository = &self.workplace.repository;
        let mut run = Run::new("git")
            .args([
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "gc.auto=0",
                "-c",
                "maintenance.auto=false",
            ])
            .env("GIT_DIR", repository.path())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            // What a hook that runs us has set is of another repository, or of a part of it.
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_COMMON_DIR")
            .env_remove("GIT_OBJECT_DIRECTORY")
            .env_remove("GIT_ALTERNATE_OBJECT_DIRECTORIES")
            .env_remove("GIT_QUARANTINE_PATH")
            .env_remove("GIT_NAMESPACE")
            .env_remove("GIT_PREFIX")
            // As git itself has it: a remote that is a relative path starts at the work tree.
            .cwd(repository.workdir().unwrap_or_else(|| repository.path()))
            .timeout(self.timeout);
        if !self.has_ssh_command() {
            run = run.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        if let (Some(token), Some(address)) = (&self.token, self.address()) {
            run = with_token(run, &address, token);
        }
        run
    }

    fn has_ssh_command(&self) -> bool {
        config::env("GIT_SSH_COMMAND").is_some()
            || config::env("GIT_SSH").is_some()
            || self.setting("core.sshCommand").is_some()
    }

    fn setting(&self, name: &str) -> Option<String> {
        let config = self.workplace.repository.config().ok()?;
        config.get_string(name).ok()
    }

    fn talk(run: Run) -> Result<String, TransportError> {
        let output = run.capture().map_err(|err| carried(&err))?;
        if output.status.success() {
            return Ok(output.text());
        }
        let said = redacted(&last_words(&output.stderr));
        if is_final(&said) {
            Err(TransportError::Denied(said))
        } else {
            Err(TransportError::Failed(said))
        }
    }

    /// In a temporary repository: one commit, its trees, no blobs.
    fn tip_in_temporary(&self, branch: &str) -> Result<Option<Oid>, TransportError> {
        let reference = format!("refs/remotes/origin/{branch}");
        let refspec = format!("+refs/heads/{branch}:{reference}");
        let fetched = Self::talk(self.git().args([
            "fetch",
            "--quiet",
            "--depth=1",
            "--filter=blob:none",
            "--no-tags",
            "--no-write-fetch-head",
            "origin",
            &refspec,
        ]));
        match fetched {
            Ok(_) => self
                .workplace
                .repository
                .refname_to_id(&reference)
                .map(Some)
                .map_err(|err| TransportError::Failed(err.message().to_owned())),
            Err(TransportError::Failed(said)) if said.contains("couldn't find remote ref") => {
                Ok(None)
            }
            Err(err) => Err(err),
        }
    }

    /// In a checkout: what is missing, without touching a reference. A full clone stays full.
    fn tip_in_checkout(&self, branch: &str) -> Result<Option<Oid>, TransportError> {
        let remote = self.workplace.remote.as_str();
        let reference = format!("refs/heads/{branch}");
        let listed = Self::talk(
            self.git()
                .args(["ls-remote", "--quiet", remote, &reference]),
        )?;
        let tip = listed
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find_map(|(id, name)| (name == reference).then(|| id.parse::<Oid>().ok())?);
        let Some(tip) = tip else { return Ok(None) };
        let repository = &self.workplace.repository;
        if repository.odb().is_ok_and(|it| it.exists(tip)) {
            return Ok(Some(tip));
        }
        let id = tip.to_string();
        let mut run = self
            .git()
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]);
        if repository.is_shallow() {
            // The history above the new tip is not needed, and could be all of it.
            run = run.arg("--depth=1");
        }
        Self::talk(run.args([remote, &id]))?;
        self.refresh();
        Ok(Some(tip))
    }

    fn refresh(&self) {
        if let Ok(odb) = self.workplace.repository.odb() {
            let _ = odb.refresh();
        }
    }
}

impl Transport for Program {
    fn repository(&self) -> &Repository {
        &self.workplace.repository
    }

    fn branch(&mut self) -> Result<String, LandError> {
        if let Some(branch) = &self.branch {
            return Ok(branch.clone());
        }
        if !self.is_temporary() {
            return current_branch(&self.workplace);
        }
        let listed =
            Self::talk(
                self.git()
                    .args(["ls-remote", "--quiet", "--symref", "origin", "HEAD"]),
            )?;
        let branch = listed
            .lines()
            .find_map(|line| {
                line.strip_prefix("ref: refs/heads/")?
                    .strip_suffix("\tHEAD")
            })
            .ok_or_else(no_default_branch)?
            .to_owned();
        self.branch = Some(branch.clone());
        Ok(branch)
    }

    fn tip(&mut self, branch: &str) -> Result<Option<Oid>, TransportError> {
        let tip = if self.is_temporary() {
            self.tip_in_temporary(branch)?
        } else {
            self.tip_in_checkout(branch)?
        };
        self.refresh();
        Ok(tip)
    }

    fn blob(&self, blob: Oid) -> Result<Vec<u8>, TransportError> {
        if let Ok(found) = self.workplace.repository.find_blob(blob) {
            return Ok(found.content().to_vec());
        }
        let output = self
            .git()
            .args(["cat-file", "blob", &blob.to_string()])
            .capture()
            .map_err(|err| carried(&err))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(TransportError::Failed(redacted(&last_words(
                &output.stderr,
            ))))
        }
    }

    fn complete(&self, object: Oid) -> Result<(), TransportError> {
        Self::talk(self.git().args(["cat-file", "-e", &object.to_string()]))?;
        self.refresh();
        Ok(())
    }

    fn push(&mut self, commit: Oid, branch: &str, expected: Option<Oid>) -> Result<(), PushError> {
        let expected = expected.map(|it| it.to_string()).unwrap_or_default();
        let run = self.git().args([
            "push".to_owned(),
            "--porcelain".to_owned(),
            "--no-verify".to_owned(),
            // Not to overwrite anything: the commit stands on this tip. It is the one exact
            // comparison that Git offers.
            format!("--force-with-lease=refs/heads/{branch}:{expected}"),
            self.workplace.remote.clone(),
            format!("{commit}:refs/heads/{branch}"),
        ]);
        // A push cut in half would leave us not knowing.
        let output = match run.unstoppable().capture() {
            Ok(output) => output,
            Err(ProcessError::Interrupted { .. }) => return Err(PushError::Interrupted),
            Err(err) => return Err(PushError::Unclear(redacted(&err.to_string()))),
        };
        if output.status.success() {
            return Ok(());
        }
        let listed = String::from_utf8_lossy(&output.stdout);
        // `!`, the names, and why, divided by tabs.
        let why = listed
            .lines()
            .find_map(|line| line.strip_prefix("!\t")?.rsplit('\t').next())
            .unwrap_or_default();
        let words = last_words(&output.stderr);
        let said = redacted(format!("{why} {words}").trim());
        if is_race(why) || !is_final(&format!("{why} {words}")) {
            Err(PushError::Unclear(said))
        } else {
            Err(PushError::Refused(said))
        }
    }

    fn address(&self) -> Option<String> {
        let remote = &self.workplace.remote;
        self.setting(&format!("remote.{remote}.url"))
            .or_else(|| remote.contains(['/', ':']).then(|| remote.clone()))
    }

    fn program(&self) -> Option<Run> {
        Some(self.git())
    }
}

fn carried(err: &ProcessError) -> TransportError {
    match err {
        ProcessError::Interrupted { .. } => TransportError::Interrupted,
        err if err.is_missing() => TransportError::NeedsGit("there is no `git` program".to_owned()),
        err => TransportError::Failed(redacted(&err.to_string())),
    }
}

/// Lets Git use a token for the host of `address`, where nobody can read along. It stands in no
/// argument and no file.
pub fn with_token(run: Run, address: &str, token: &Secret) -> Run {
    let Some(scope) = token_scope(address) else {
        return run;
    };
    let pair = format!("x-access-token:{}", token.expose());
    let header = Secret::new(format!(
        "Authorization: Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    ));
    let count: usize = config::env("GIT_CONFIG_COUNT")
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let key = format!("http.{scope}.extraHeader");
    // An empty one takes back those before it: of two authorizations servers take neither.
    run.env("GIT_CONFIG_COUNT", (count + 2).to_string())
        .env(format!("GIT_CONFIG_KEY_{count}"), &key)
        .env(format!("GIT_CONFIG_VALUE_{count}"), "")
        .env(format!("GIT_CONFIG_KEY_{}", count + 1), &key)
        .env_secret(format!("GIT_CONFIG_VALUE_{}", count + 1), &header)
}

/// A token goes to the host that it is for, encrypted or to ourselves.
fn token_scope(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next()?;
    let host = host.rsplit('@').next()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    (scheme == "https" || (scheme == "http" && is_loopback)).then(|| format!("{scheme}://{host}/"))
}

pub(crate) fn no_default_branch() -> LandError {
    LandError::Usage(
        "the remote does not say which branch is its default".to_owned(),
        Some("name one with `--branch`".to_owned()),
    )
}

/// Returns the branch of the remote that the checkout's branch follows.
pub(crate) fn current_branch(workplace: &Workplace) -> Result<String, LandError> {
    let detached = || {
        LandError::Usage(
            "the checkout is on no branch".to_owned(),
            Some("name the branch with `--branch`".to_owned()),
        )
    };
    let repository = &workplace.repository;
    let head = repository.find_reference("HEAD").map_err(|_| detached())?;
    let name = head
        .symbolic_target()
        .ok()
        .flatten()
        .map(str::to_owned)
        .ok_or_else(detached)?;
    let local = name.strip_prefix("refs/heads/").ok_or_else(detached)?;
    let upstream = repository.config().ok().and_then(|it| {
        let remote = it.get_string(&format!("branch.{local}.remote")).ok()?;
        let merge = it.get_string(&format!("branch.{local}.merge")).ok()?;
        (remote == workplace.remote)
            .then(|| merge.strip_prefix("refs/heads/").map(str::to_owned))?
    });
    Ok(upstream.unwrap_or_else(|| local.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_only_where_nobody_can_read_along() {
        assert_eq!(
            token_scope("https://bob@git.example.org/x.git").as_deref(),
            Some("https://git.example.org/")
        );
        assert_eq!(
            token_scope("http://127.0.0.1:81/x.git").as_deref(),
            Some("http://127.0.0.1:81/")
        );
        assert_eq!(token_scope("http://git.example.org/x.git"), None);
        assert_eq!(token_scope("http://127.0.0.1.example.org/x.git"), None);
        assert_eq!(token_scope("git@example.org:x.git"), None);
    }
}
