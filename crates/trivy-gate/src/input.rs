//! Where a report comes from.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use autoscaleops_core::Failure;

use crate::json::source::Source;

/// A report that can be opened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// Returns the input that an argument names: `-` is standard input.
    pub(crate) fn of(path: &Path) -> Self {
        if path.as_os_str() == "-" {
            Self::Stdin
        } else {
            Self::File(path.to_owned())
        }
    }

    /// Returns the name for messages.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Stdin => "stdin",
            Self::File(path) => path.to_str().unwrap_or("the report"),
        }
    }

    /// Begins to read, up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// Fails when there is no such file.
    pub(crate) fn open(&self, limit: u64) -> Result<Source, Failure> {
        match self {
            Self::Stdin => Ok(Source::new(Box::new(io::stdin()), limit)),
            Self::File(path) => {
                let file = File::open(path).map_err(|err| {
                    Failure::usage(format!(
                        "cannot read the report `{}`: {err}",
                        path.display()
                    ))
                    .kind_of("no_report")
                    .hint("the scan wrote none, or under another name")
                })?;
                Ok(Source::new(Box::new(file), limit))
            }
        }
    }
}
