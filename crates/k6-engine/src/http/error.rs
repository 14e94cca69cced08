//! What can go wrong with a request, with k6's numbers and words.

use std::io;

use thiserror::Error;

/// Why a request got no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text}")]
pub struct HttpError {
    /// k6's number for it.
    pub code: u16,
    /// What the script sees.
    pub text: String,
}

impl HttpError {
    /// Returns an error with k6's number for it.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// The time was up.
    pub fn timeout() -> Self {
        Self::new(1050, "request timeout")
    }

    /// The connection could not be made.
    pub fn of_connect(err: &io::Error) -> Self {
        match err.kind() {
            io::ErrorKind::ConnectionRefused => Self::new(1212, "dial: connection refused"),
            io::ErrorKind::TimedOut => Self::new(1211, "dial: i/o timeout"),
            io::ErrorKind::ConnectionReset => Self::new(1220, "dial: connection reset by peer"),
            _ => Self::new(1210, format!("dial: {err}")),
        }
    }

    /// An established connection broke.
    pub fn of_io(verb: &str, err: &io::Error) -> Self {
        match err.kind() {
            io::ErrorKind::BrokenPipe => Self::new(1201, format!("{verb}: broken pipe")),
            io::ErrorKind::ConnectionReset => {
                Self::new(1220, format!("{verb}: connection reset by peer"))
            }
            io::ErrorKind::TimedOut => Self::timeout(),
            io::ErrorKind::UnexpectedEof => Self::new(1000, "unexpected EOF"),
            _ => Self::new(1000, format!("{verb}: {err}")),
        }
    }

    /// The answer is not HTTP.
    pub fn malformed(text: impl Into<String>) -> Self {
        Self::new(1000, text)
    }
}
