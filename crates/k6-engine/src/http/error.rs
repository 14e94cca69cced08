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
        // By its words: on its way through HTTP/2 nothing else is left of it.
        if let Some(alert) = err.to_string().strip_prefix("received fatal alert: ") {
            return Self::new(1010, format!("remote error: tls: {}", words(alert)));
        }
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

/// Writes `CertificateRequired` as `certificate required`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_of_the_server_has_a_number_of_its_own() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let err = HttpError::of_io("read", &io::Error::other(alert));
        assert_eq!(
            err,
            HttpError::new(1010, "remote error: tls: certificate required")
        );
    }
}
