//! HTTP as a script asks for it: requests, answers with their timings, cookies.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

mod address;
mod body;
mod client;
mod connect;
mod cookies;
mod digest;
mod error;
mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod h2;
mod head;
mod pool;
mod proxy;
mod shared;
mod stream;
mod tls;
mod upgrade;

pub use address::Address;
pub(crate) use address::masked;
pub(crate) use body::compress;
pub use client::{Client, Hop};
pub use cookies::{Attributes, Jar};
pub use error::HttpError;
pub(crate) use head::unescaped;
pub use pool::Pool;
pub use proxy::{Proxies, Proxy};
pub use shared::{Network, Shared};
pub(crate) use stream::Stream;
pub use tls::Tls;
pub(crate) use tls::has_suite;
pub(crate) use upgrade::Handshake;

/// What a body is read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// Text.
    #[default]
    Text,
    /// Bytes.
    Binary,
    /// Not at all.
    None,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The address.
    pub url: url::Url,
    /// The address as the script wrote it, until a redirect leads elsewhere.
    pub address: Option<Arc<Address>>,
    /// The address as scripts see that it was asked for, where it is shown otherwise.
    pub asked: Option<String>,
    /// Why nothing is sent.
    pub fault: Option<HttpError>,
    /// Headers in the form that they are sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The body as the script gave it, where another one is sent.
    pub plain_body: Option<Vec<u8>>,
    /// How long all of it may take.
    pub timeout: Duration,
    /// How many redirects are followed.
    pub redirects: u32,
    /// Cookies of this request alone: name, value, whether they replace those of the jar.
    pub cookies: Vec<(String, String, bool)>,
    /// Whether `Referer` is not of the script.
    pub refers: bool,
    /// What the body is read as.
    pub body_kind: BodyKind,
    /// User name and password of Basic authentication.
    pub basic: Option<(String, String)>,
    /// User name and password of Digest authentication.
    pub digest: Option<(String, String)>,
}

impl Request {
    /// Returns a request for `url` with k6's defaults.
    pub fn get(url: url::Url) -> Self {
        Self {
            method: "GET".to_owned(),
            url,
            address: None,
            asked: None,
            fault: None,
            headers: Vec::new(),
            body: Vec::new(),
            plain_body: None,
            timeout: Duration::from_secs(60),
            redirects: 10,
            cookies: Vec::new(),
            refers: false,
            body_kind: BodyKind::Text,
            basic: None,
            digest: None,
        }
    }

    /// Returns the address as it is shown.
    pub fn shown(&self) -> String {
        match &self.address {
            Some(address) => address.shown.clone(),
            None => self.url.to_string(),
        }
    }
}

/// How long the parts of a request took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "they are k6's own names and meanings, written down in its documentation"
)]
pub struct Timings {
    pub blocked: f64,
    pub connecting: f64,
    pub tls: f64,
    pub sending: f64,
    pub waiting: f64,
    pub receiving: f64,
}

impl Timings {
    /// Returns the time from the first byte sent to the last one received.
    pub fn duration(&self) -> f64 {
        self.sending + self.waiting + self.receiving
    }
}

/// An answer, or why there is none.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The address that answered, after redirects.
    pub url: String,
    /// The address that was asked first.
    pub asked: String,
    /// Whether there was a request at all.
    pub was_made: bool,
    /// The status, 0 where there was no answer.
    pub status: u16,
    /// The words behind the status.
    pub status_text: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub proto: &'static str,
    /// Headers in the order of the answer, names as `Content-Type`.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// Whether there is a body: the head of an answer came.
    pub is_heard: bool,
    /// Whether the body was kept.
    pub body_kind: BodyKind,
    /// How long the parts took.
    pub timings: Timings,
    /// What went wrong, empty where nothing did.
    pub error: String,
    /// The number of what went wrong, 0 where nothing did.
    pub error_code: u16,
    /// The server's address.
    pub remote: Option<std::net::SocketAddr>,
    /// `tls1.2`, `tls1.3`, or nothing.
    pub tls_version: &'static str,
    /// The cipher suite.
    pub tls_cipher: String,
    /// What was sent: headers and body.
    pub sent_headers: Vec<(String, String)>,
    /// The body that was sent.
    pub sent_body: Vec<u8>,
    /// The method of the last request.
    pub method: String,
    /// Whether it answers the first of the two requests of Digest authentication.
    pub invites: bool,
    /// The method that was asked with first.
    pub asked_method: String,
    /// The cookies that went with the last request.
    pub sent_cookies: Vec<(String, String)>,
}

/// Returns the time from `from` to `to` in milliseconds, 0 where it is negative.
pub(crate) fn millis(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_nanos() as f64 / 1e6
}

/// Writes a header's name as Go does: `Content-Type`.
pub(crate) fn canonical(name: &str) -> String {
    let mut upper = true;
    name.chars()
        .map(|c| {
            let written = if upper {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            upper = c == '-';
            written
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_headers_are_written_as_go_writes_them() {
        assert_eq!(canonical("content-TYPE"), "Content-Type");
        assert_eq!(canonical("x-a--b"), "X-A--B");
    }
}
