//! Why changes did not land.

use std::path::Path;

use autoscaleops_core::Failure;
use thiserror::Error;

use crate::{
    error::EditError,
    land::transport::{TransportError, lock_file, locked},
};

/// Why changes did not land. The remote, and the checkout, are then as before.
#[derive(Debug, Error)]
pub enum LandError {
    /// An edit was refused.
    #[error("{file}: {source}")]
    Edit {
        /// The file, from the root of the repository.
        file: String,
        /// Why.
        source: EditError,
    },
    /// There is no such file on the branch, or it is none.
    #[error("{file}: {reason}")]
    File {
        /// The file, from the root of the repository.
        file: String,
        /// Why it cannot be changed.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Somebody else changed the same value.
    #[error(
        "{file}: {path} was changed to `{found}` by somebody else, it was expected to be `{expected}`"
    )]
    Conflict {
        /// The file, from the root of the repository.
        file: String,
        /// The value.
        path: String,
        /// What it was when it was first read, or what was to be expected.
        expected: String,
        /// What it is now.
        found: String,
        /// What it should have become.
        wanted: String,
    },
    /// There is no such branch.
    #[error("the remote has no branch `{branch}`")]
    NoBranch {
        /// The branch.
        branch: String,
    },
    /// The branch of the pull request holds commits of somebody else.
    #[error("the branch `{branch}` holds {commit}, which no tool made")]
    Foreign {
        /// The branch.
        branch: String,
        /// Its tip.
        commit: String,
    },
    /// The remote does not take the push, whatever the tip.
    #[error("the remote refuses the push to `{branch}`: {said}")]
    Refused {
        /// The branch.
        branch: String,
        /// What it said.
        said: String,
    },
    /// Others were always faster.
    #[error("no push got through in {attempts} attempts: {cause}")]
    Exhausted {
        /// How many.
        attempts: u32,
        /// What ended the last one.
        cause: String,
    },
    /// The remote could not be talked to.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The question cannot be answered as it was put.
    #[error("{0}")]
    Usage(String, Option<String>),
    /// Git could not do what it was asked to.
    #[error("cannot {what}")]
    Git {
        /// What.
        what: String,
        /// What Git said.
        #[source]
        source: anyhow::Error,
    },
    /// A stop was asked for.
    #[error("interrupted before the push")]
    Interrupted,
}

impl LandError {
    pub(crate) fn git(what: impl Into<String>, source: impl Into<anyhow::Error>) -> Self {
        Self::Git {
            what: what.into(),
            source: source.into(),
        }
    }

    /// Returns the failure of a tool that was asked to land something.
    pub fn failure(&self) -> Failure {
        let text = self.to_string();
        match self {
            Self::Edit { file, source } => source.failure(Path::new(file)),
            Self::File { hint, .. } | Self::Usage(_, hint) => {
                let failure = Failure::usage(text).kind_of("edit_refused");
                match hint {
                    Some(hint) => failure.hint(hint.clone()),
                    None => failure,
                }
            }
            Self::Conflict { .. } => Failure::unavailable("conflict", text)
                .hint("decide with `--on-conflict overwrite|skip|newer`, or try again"),
            Self::Foreign { .. } => Failure::unavailable("conflict", text)
                .hint("merge or delete that branch, or replace what is there with `--on-conflict overwrite`"),
            Self::NoBranch { .. } => Failure::usage(text).kind_of("no_branch").hint("name one with `--branch`"),
            Self::Refused { .. } => Failure::unavailable("push_refused", text)
                .hint("see whether the branch is protected and the credentials may write; `--pr` pushes a branch of its own"),
            Self::Exhausted { .. } => Failure::unavailable("push_refused", text).hint("try again when fewer others push"),
            Self::Transport(err) => err.failure(),
            Self::Git { source, .. } => {
                let text = format!("{text}: {source}");
                match lock_file(&source.to_string()) {
                    Some(path) => locked(text, path),
                    None => Failure::error("git", text),
                }
            }
            Self::Interrupted => Failure::error("interrupted", text),
        }
    }
}
