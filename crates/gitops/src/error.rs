//! Why a value cannot be found or changed.

use std::{fmt, path::Path};

use autoscaleops_core::Failure;
use thiserror::Error;

/// A line and a column, both counted from one; columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a value cannot be found or changed. The text is always left as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EditError {
    /// The text is not YAML.
    #[error("{place}: not YAML: {problem}")]
    Syntax {
        /// Where reading ended.
        place: Place,
        /// What the parser says.
        problem: String,
    },
    /// Nothing is there.
    #[error("{what}")]
    NotFound {
        /// What was looked for.
        what: String,
        /// What is there instead.
        hint: Option<String>,
    },
    /// More than one value fits.
    #[error("{what} fits {} values: {}", places.len(), list(places))]
    Ambiguous {
        /// What was looked for.
        what: String,
        /// Where the values stand.
        places: Vec<Place>,
    },
    /// The value is there, and is not to be changed so.
    #[error("{place}: {reason}")]
    Refused {
        /// Where it stands.
        place: Place,
        /// Why.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The text cannot be worked on as a whole.
    #[error("{reason}")]
    Unfit {
        /// Why.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The changed text was read again and is not what was wanted: a fault of ours.
    #[error("the change could not be proven: {reason}")]
    Unproven {
        /// What differs.
        reason: String,
    },
}

fn list(places: &[Place]) -> String {
    let lines: Vec<String> = places
        .iter()
        .map(|it| format!("line {}", it.line))
        .collect();
    lines.join(", ")
}

impl EditError {
    /// Returns the word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "not_yaml",
            Self::NotFound { .. } => "not_found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Refused { .. } | Self::Unfit { .. } => "edit_refused",
            Self::Unproven { .. } => "unproven",
        }
    }

    /// Returns the failure of a tool that was asked to work on `file`.
    pub fn failure(&self, file: &Path) -> Failure {
        let name = file.display();
        let failure = match self {
            Self::Syntax { place, problem } => Failure::usage(format!("not YAML: {problem}"))
                .at(file, place.line, place.column)
                .hint("mark the line with `# tag-bump: NAME` and use `--marker NAME`"),
            Self::Refused {
                place,
                reason,
                hint,
            } => {
                let failure = Failure::usage(reason.clone()).at(file, place.line, place.column);
                match hint {
                    Some(hint) => failure.hint(hint.clone()),
                    None => failure,
                }
            }
            Self::NotFound { hint, .. } | Self::Unfit { hint, .. } => {
                let failure = Failure::usage(format!("{name}: {self}"));
                match hint {
                    Some(hint) => failure.hint(hint.clone()),
                    None => failure,
                }
            }
            Self::Ambiguous { .. } => Failure::usage(format!("{name}: {self}"))
                .hint("name one with `--path` or `--document`, or take all with `--all`"),
            Self::Unproven { .. } => Failure::error("unproven", format!("{name}: {self}")),
        };
        failure.kind_of(self.kind())
    }
}
