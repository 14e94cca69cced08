//! Why a document cannot be used, and where.

/// Why a document cannot be used. Small, since the answer of every step could be one.
#[derive(Debug)]
pub(crate) struct JsonError(pub(super) Box<Fault>);

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// A word for programs.
    pub(crate) kind: &'static str,
    /// One sentence for people.
    pub(crate) message: String,
    /// The line, counted from one.
    pub(crate) line: usize,
    /// The column in characters, counted from one.
    pub(crate) column: usize,
}

impl JsonError {
    /// Returns what is wrong.
    pub(crate) fn fault(self) -> Fault {
        *self.0
    }
}

pub(crate) type Result<T> = std::result::Result<T, JsonError>;
