//! A client for registries that speak the OCI distribution specification 1.1.

use std::time::Duration;

use autoscaleops_core::{failure::Failure, time::Span};
use thiserror::Error;

mod authorize;
pub mod challenge;
pub mod credentials;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod host;
pub mod manifest;
mod paging;
mod repository;
mod tags;
mod token;
mod transport;

use credentials::CredentialError;
pub use host::{Host, HostSettings};
pub use repository::{Fetched, Repository};

/// Why a registry could not be read. Each of them ends in exit code 3, and never in a tag.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// It wants to know who asks, or does not like who asks.
    #[error("the registry answered {status}{detail}")]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// What it said besides.
        detail: String,
        /// Whether credentials were sent.
        had_credentials: bool,
    },
    /// It does not know the repository.
    #[error("the registry does not know it{0}")]
    NotFound(String),
    /// It was asked too often.
    #[error("the registry refuses more requests{detail}{}", after(.retry_after.as_ref()))]
    RateLimited {
        /// What it said besides.
        detail: String,
        /// The wait that it asks for.
        retry_after: Option<Duration>,
    },
    /// It fails.
    #[error("the registry answered {status}{detail}")]
    Unavailable {
        /// The status.
        status: u16,
        /// What it said besides.
        detail: String,
    },
    /// It could not be reached, or the connection broke.
    #[error("{0}")]
    Transport(String),
    /// What it answered makes no sense.
    #[error("{0}")]
    Protocol(String),
    /// The limit of requests for one poll is reached.
    #[error("the limit of {0} requests for one poll is reached (`max_requests`)")]
    Budget(u64),
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
}

fn after(wait: Option<&Duration>) -> String {
    wait.map_or_else(String::new, |it| format!(", for {}", Span(*it)))
}

impl RegistryError {
    /// Returns the word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "unauthorized",
            Self::NotFound(_) => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "registry_unavailable",
            Self::Transport(_) => "unreachable",
            Self::Protocol(_) => "protocol",
            Self::Budget(_) => "budget",
            Self::Credentials(_) => "credentials",
        }
    }

    /// Returns the failure of a tool that could not read `image` at the registry `host`.
    pub fn failure(&self, image: &str, host: &str) -> Failure {
        let failure = Failure::unavailable(self.kind(), format!("cannot read {image}: {self}"));
        match self {
            Self::Unauthorized {
                had_credentials: false,
                ..
            } => failure.hint(format!("docker login {host}")),
            Self::Unauthorized { .. } => failure.hint(format!(
                "the credentials for {host} were refused: log in again, with the right to pull"
            )),
            Self::NotFound(_) => failure.hint(
                "is the name right? a private repository is hidden from those who may not read it",
            ),
            Self::RateLimited { .. } => {
                failure.hint("log in for a higher limit, or poll less often (`interval`)")
            }
            Self::Transport(text) if text.contains("UnknownIssuer") => failure.hint(format!(
                "where {host} has a certificate of an authority of your own, name that with `--ca-file` or `registries[].ca_file`"
            )),
            Self::Transport(text) if text.contains("lookup") => {
                failure.hint(format!("is `{host}` spelt right, and its name known here?"))
            }
            Self::Budget(_) => failure.hint("raise `max_requests`, or drop tags with `allow`"),
            _ => failure,
        }
    }
}
