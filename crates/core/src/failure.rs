//! Why a tool could not do its work: the code it ends with, a word for programs, a remedy for people.

use std::{borrow::Cow, error::Error, fmt, path::PathBuf};

use crate::{exit, report::Location};

/// An error that knows its exit code.
///
/// Travels inside `anyhow::Error`, as the error itself or as the context of another one, whose
/// messages are then printed as its causes. An error without one ends the tool with
/// [`exit::ERROR`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    kind: Cow<'static, str>,
    message: String,
    hint: Option<String>,
    location: Option<Location>,
}

impl Failure {
    /// The question was wrong: exit code 2, kind `usage`.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, "usage", message)
    }

    /// Something outside is missing or refuses: exit code 3.
    pub fn unavailable(kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(exit::UNAVAILABLE, kind, message)
    }

    /// The tool could not do its work: exit code 1.
    pub fn error(kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(exit::ERROR, kind, message)
    }

    /// The evidence does not suffice, and there is not even a report to say so: exit code 11.
    pub fn undecided(kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(exit::UNDECIDED, kind, message)
    }

    fn new(code: u8, kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: kind.into(),
            message: message.into(),
            hint: None,
            location: None,
        }
    }

    /// Replaces the word for programs.
    #[must_use]
    pub fn kind_of(mut self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Adds what to do about it, printed behind `try:`.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the place in a file, lines and columns counted from one.
    #[must_use]
    pub fn at(mut self, path: impl Into<PathBuf>, line: usize, column: usize) -> Self {
        self.location = Some(Location::new(path.into(), line, column));
        self
    }

    /// Returns the exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Returns the word for programs, such as `push_refused`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the remedy.
    pub fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the place in a file.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Returns the failure within `error`, wherever it stands in the chain of contexts.
pub fn of(error: &anyhow::Error) -> Option<&Failure> {
    error
        .downcast_ref::<Failure>()
        .or_else(|| error.chain().find_map(|it| it.downcast_ref::<Failure>()))
}

/// Returns the exit code that stands for `error`.
pub fn code(error: &anyhow::Error) -> u8 {
    of(error).map_or(exit::ERROR, Failure::code)
}

/// Returns `error` as people read it: what failed, its causes, what to try.
pub fn explain(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            text.push_str(&format!(
                "\n  cause: {}",
                cause.replace('\n', "\n         ")
            ));
        }
        last = cause;
    }
    if let Some(hint) = of(error).and_then(Failure::remedy) {
        text.push_str(&format!("\n  try:   {}", hint.replace('\n', "\n         ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn a_failure_is_found_under_contexts_and_as_a_context() {
        let below = anyhow::Error::new(Failure::usage("bad")).context("while reading");
        assert_eq!(code(&below), exit::USAGE);
        let above = anyhow!("reset").context(Failure::unavailable("registry", "no tags"));
        assert_eq!(code(&above), exit::UNAVAILABLE);
        assert_eq!(code(&anyhow!("plain")), exit::ERROR);
    }

    #[test]
    fn people_read_the_failure_its_causes_and_the_remedy() {
        let error = Err::<(), _>(anyhow!("401 Unauthorized"))
            .context(
                Failure::unavailable("unauthorized", "cannot read the tags of ghcr.io/acme/shop")
                    .hint("docker login ghcr.io"),
            )
            .unwrap_err();
        assert_eq!(
            explain(&error),
            "error: cannot read the tags of ghcr.io/acme/shop\n  cause: 401 Unauthorized\n  try:   docker login ghcr.io"
        );
    }

    #[test]
    fn a_place_comes_first() {
        let failure = Failure::usage("unknown key").at("autoscaleops.yaml", 3, 5);
        assert_eq!(failure.to_string(), "autoscaleops.yaml:3:5: unknown key");
    }
}
