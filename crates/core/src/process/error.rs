//! Why another program did not do its work.

use std::{io, process::ExitStatus, time::Duration};

use thiserror::Error;

use crate::failure::Failure;

/// Why another program did not do its work.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program ran and failed.
    #[error("`{program}` ended with {status}{}", said(stderr))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error, made printable.
        stderr: String,
    },
    /// The program took too long and was ended.
    #[error("`{program}` did not end within {} s", after.as_secs_f64())]
    TimedOut {
        /// The program.
        program: String,
        /// The time that it had.
        after: Duration,
    },
    /// The program wrote more than was allowed and was ended.
    #[error("`{program}` wrote more than {limit} bytes")]
    TooLong {
        /// The program.
        program: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// We were asked to stop, and ended the program.
    #[error("interrupted while `{program}` ran")]
    Interrupted {
        /// The program.
        program: String,
    },
}

impl ProcessError {
    /// Returns whether there is no such program.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Returns the failure for a tool that cannot go on without the program: exit code 3.
    pub fn into_unavailable(self, hint: &str) -> anyhow::Error {
        let message = self.to_string();
        let kind = match &self {
            Self::Start { .. } => "program_missing",
            Self::TimedOut { .. } => "timeout",
            Self::Interrupted { .. } => "interrupted",
            Self::Failed { .. } | Self::TooLong { .. } => "program_failed",
        };
        anyhow::Error::new(self).context(Failure::unavailable(kind, message).hint(hint))
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}
