//! Carries commits with the built-in library, where there is no `git` program: folders, `git://`
//! and `http://`. It has no TLS, no ssh and no partial clones.

use std::cell::RefCell;

use autoscaleops_core::{process::Run, secret::Secret};
use git2::{
    AutotagOption, Cred, ErrorClass, ErrorCode, FetchOptions, Oid, PushOptions, Remote,
    RemoteCallbacks, Repository,
};

use crate::land::{
    LandError, Landing,
    program::{current_branch, no_default_branch},
    transport::{PushError, Transport, TransportError, Workplace, redacted},
};

pub(crate) struct Library {
    workplace: Workplace,
    branch: Option<String>,
    token: Option<Secret>,
}

impl Library {
    pub(crate) fn new(workplace: Workplace, branch: Option<String>, landing: &Landing) -> Self {
        Self {
            workplace,
            branch,
            token: landing.token.clone(),
        }
    }

    fn remote(&self) -> Result<Remote<'_>, TransportError> {
        let repository = &self.workplace.repository;
        let remote = repository
            .find_remote(&self.workplace.remote)
            .or_else(|_| repository.remote_anonymous(&self.workplace.remote))
            .map_err(|err| carried(&err))?;
        let address = remote.url().unwrap_or_default();
        if address.starts_with("https://") || address.starts_with("ssh://") || is_scp(address) {
            return Err(TransportError::NeedsGit(format!(
                "without a `git` program only folders, git:// and http:// are in reach, not {}",
                redacted(address)
            )));
        }
        Ok(remote)
    }

    fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        let mut asked = 0;
        callbacks.credentials(move |_, user, _| {
            asked += 1;
            match &self.token {
                // The library asks for ever where a token is wrong.
                Some(token) if asked == 1 => {
                    Cred::userpass_plaintext(user.unwrap_or("x-access-token"), token.expose())
                }
                _ => Err(git2::Error::new(
                    ErrorCode::Auth,
                    ErrorClass::Http,
                    "no credentials for the remote",
                )),
            }
        });
        callbacks
    }

    /// Brings what `reference` names, and the list of the remote's references.
    fn download(&self, remote: &mut Remote<'_>, reference: &str) -> Result<(), TransportError> {
        let address = remote.url().unwrap_or_default().to_owned();
        let headers = self.headers(&address);
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.callbacks())
            .download_tags(AutotagOption::None)
            .update_fetchhead(false)
            .custom_headers(&headers);
        let is_partial =
            self.workplace.temporary.is_some() || self.workplace.repository.is_shallow();
        if is_partial && address.contains("://") && !address.starts_with("file://") {
            options.depth(1);
        }
        remote
            .download(&[reference], Some(&mut options))
            .map_err(|err| carried(&err))
    }

    /// The header that actions/checkout leaves in the configuration, which the library overlooks.
    fn headers(&self, address: &str) -> Vec<String> {
        let Ok(config) = self.workplace.repository.config() else {
            return Vec::new();
        };
        let mut headers = Vec::new();
        let Ok(entries) = config.entries(Some("http\\..*extraheader")) else {
            return headers;
        };
        let _ = entries.for_each(|entry| {
            let (Ok(name), Ok(value)) = (entry.name(), entry.value()) else {
                return;
            };
            let scope = name
                .strip_prefix("http.")
                .and_then(|it| it.strip_suffix("extraheader"));
            let scope = scope.unwrap_or_default().trim_end_matches('.');
            // With a token of its own the answer to the server's question is that one.
            let is_second =
                self.token.is_some() && value.to_ascii_lowercase().starts_with("authorization:");
            if address.starts_with(scope) && !is_second {
                headers.push(value.to_owned());
            }
        });
        headers
    }
}

impl Transport for Library {
    fn repository(&self) -> &Repository {
        &self.workplace.repository
    }

    fn branch(&mut self) -> Result<String, LandError> {
        if let Some(branch) = &self.branch {
            return Ok(branch.clone());
        }
        if self.workplace.temporary.is_none() {
            return current_branch(&self.workplace);
        }
        let mut remote = self.remote()?;
        self.download(&mut remote, "HEAD")?;
        let default = remote.default_branch().map_err(|_| no_default_branch())?;
        let name = default
            .as_str()
            .ok()
            .and_then(|it| it.strip_prefix("refs/heads/"))
            .map(str::to_owned);
        drop(remote);
        self.branch.clone_from(&name);
        name.ok_or_else(no_default_branch)
    }

    fn tip(&mut self, branch: &str) -> Result<Option<Oid>, TransportError> {
        let name = format!("refs/heads/{branch}");
        let mut remote = self.remote()?;
        self.download(&mut remote, &name)?;
        // What the remote said when it was connected to stays known.
        let listed = remote.list().map_err(|err| carried(&err))?;
        let tip = listed
            .iter()
            .find(|it| it.name() == name)
            .map(git2::RemoteHead::oid);
        let Some(tip) = tip else { return Ok(None) };
        // The tip that came may be a newer one than the one listed; the next round will see it.
        if self
            .workplace
            .repository
            .odb()
            .is_ok_and(|it| it.exists(tip))
        {
            Ok(Some(tip))
        } else {
            Err(TransportError::Failed(format!(
                "the tip of `{branch}` moved while it was fetched"
            )))
        }
    }

    fn blob(&self, blob: Oid) -> Result<Vec<u8>, TransportError> {
        let found = self
            .workplace
            .repository
            .find_blob(blob)
            .map_err(|err| carried(&err))?;
        Ok(found.content().to_vec())
    }

    fn complete(&self, object: Oid) -> Result<(), TransportError> {
        Err(TransportError::NeedsGit(format!(
            "object {object} is not in this partial clone, and only the `git` program can bring it"
        )))
    }

    fn push(&mut self, commit: Oid, branch: &str, expected: Option<Oid>) -> Result<(), PushError> {
        let unclear = |err: git2::Error| PushError::Unclear(redacted(err.message()));
        // The library pushes references, not commits.
        let local = format!("refs/autoscaleops/push-{commit}");
        let repository = &self.workplace.repository;
        let mut reference = repository
            .reference(&local, commit, true, "push")
            .map_err(unclear)?;
        let said = RefCell::new(None);
        let moved = RefCell::new(false);
        let result = {
            let mut remote = self
                .remote()
                .map_err(|err| PushError::Refused(err.to_string()))?;
            let headers = self.headers(remote.url().unwrap_or_default());
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let mut callbacks = self.callbacks();
            callbacks.push_update_reference(|_, status| {
                *said.borrow_mut() = status.map(str::to_owned);
                Ok(())
            });
            callbacks.push_negotiation(|updates| {
                let found = updates.first().map(git2::PushUpdate::src);
                if found == Some(expected.unwrap_or(Oid::ZERO_SHA1)) {
                    return Ok(());
                }
                *moved.borrow_mut() = true;
                Err(git2::Error::new(
                    ErrorCode::NotFastForward,
                    ErrorClass::Reference,
                    "the tip moved",
                ))
            });
            let mut options = PushOptions::new();
            options.remote_callbacks(callbacks).custom_headers(&headers);
            remote.push(
                &[format!("+{local}:refs/heads/{branch}")],
                Some(&mut options),
            )
        };
        let _ = reference.delete();
        if let Err(err) = result {
            let is_final = err.code() == ErrorCode::Auth && !*moved.borrow();
            let said = redacted(err.message());
            return Err(if is_final {
                PushError::Refused(said)
            } else {
                PushError::Unclear(said)
            });
        }
        match said.into_inner() {
            None => Ok(()),
            Some(said)
                if said.contains("hook")
                    || said.contains("denied")
                    || said.contains("protected") =>
            {
                Err(PushError::Refused(said))
            }
            Some(said) => Err(PushError::Unclear(said)),
        }
    }

    fn address(&self) -> Option<String> {
        let remote = self
            .workplace
            .repository
            .find_remote(&self.workplace.remote)
            .ok()?;
        remote.url().ok().map(str::to_owned)
    }

    fn program(&self) -> Option<Run> {
        None
    }
}

fn is_scp(address: &str) -> bool {
    !address.contains("://")
        && !address.starts_with(['/', '.'])
        && address.split('/').next().is_some_and(|it| it.contains(':'))
}

fn carried(err: &git2::Error) -> TransportError {
    let said = redacted(err.message());
    match (err.code(), err.class()) {
        (ErrorCode::Auth | ErrorCode::Certificate, _) => TransportError::Denied(said),
        (ErrorCode::NotFound, ErrorClass::Repository | ErrorClass::Os) => {
            TransportError::Denied(said)
        }
        _ => TransportError::Failed(said),
    }
}
