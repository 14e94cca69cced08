//! The HTTP client of every tool that calls servers: time limits, bounded retries, the system's
//! trust store.

use std::{
    io::Read as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use reqwest::{
    StatusCode, Url,
    blocking::{RequestBuilder, Response},
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};

use crate::{
    cli::VERSION,
    config,
    failure::Failure,
    retry::{Policy, Retry},
};

/// Options of every tool that calls servers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network options")]
pub struct HttpArgs {
    /// Certificate authority to trust besides the system's, PEM
    #[arg(long, value_name = "FILE", global = true)]
    pub ca_file: Option<PathBuf>,
}

/// Whose certificates a client believes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts.
    #[default]
    System,
    /// Nobody's: for servers without encryption. Reading the system's trust store takes longer than
    /// a request to this machine. A redirect to an encrypted server is returned, not followed.
    Nobody,
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Limit of the time to connect.
    pub connect_timeout: Duration,
    /// Limit of the time for one request, body included.
    pub timeout: Duration,
    /// When to try again.
    pub retry: Policy,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// Certificate authority to trust besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// How many redirects are followed. Authorization never crosses hosts, and none leads from
    /// HTTPS to plain HTTP, but to ourselves.
    pub redirects: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            retry: Policy::default(),
            trust: Trust::System,
            ca_file: None,
            redirects: 5,
        }
    }
}

/// A client that keeps connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::blocking::Client,
    retry: Policy,
}

impl Client {
    /// Returns a client.
    ///
    /// # Errors
    ///
    /// Fails when the CA file cannot be read, or the system's trust store cannot.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        use_ring();
        let mut builder = reqwest::blocking::Client::builder()
            .user_agent(format!("autoscaleops/{VERSION}"))
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .redirect(redirects(settings.redirects, settings.trust));
        if settings.trust == Trust::Nobody {
            builder = builder.tls_certs_only([]);
        }
        // `*` means every host; reqwest takes it for every name, but for no address.
        let exceptions = config::env("NO_PROXY").or_else(|| config::env("no_proxy"));
        if exceptions.is_some_and(|it| it.trim() == "*") {
            builder = builder.no_proxy();
        }
        if let Some(path) = &settings.ca_file {
            let pem = fs_err::read(path)
                .map_err(|err| Failure::usage(format!("cannot read the CA file: {err}")))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|it| !it.is_empty())
                .ok_or_else(|| {
                    Failure::usage(format!("`{}` holds no certificate", path.display()))
                        .hint("give a PEM file with one or more `BEGIN CERTIFICATE` blocks")
                })?;
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let inner = builder.build().context("cannot set up the HTTP client")?;
        Ok(Self {
            inner,
            retry: settings.retry,
        })
    }

    /// Returns the client beneath, to build requests with.
    pub fn inner(&self) -> &reqwest::blocking::Client {
        &self.inner
    }

    /// Sends a request, again on 429, 5xx and transport faults, honouring `Retry-After` as long as
    /// the retries last. Other answers are returned, whatever their status. A request that is not
    /// idempotent is sent once.
    ///
    /// # Errors
    ///
    /// Fails when the last try got no answer. An answer of 429 or 5xx to the last try is returned.
    pub fn send(
        &self,
        request: impl Fn(&reqwest::blocking::Client) -> RequestBuilder,
    ) -> Result<Response, reqwest::Error> {
        #[expect(
            clippy::result_large_err,
            reason = "an answer of 429 is an error only to the retries"
        )]
        let outcome = self.retry.run(|_| {
            let request = request(&self.inner)
                .build()
                .map_err(|err| Retry::Never(Err(err)))?;
            let is_idempotent = request.method().is_idempotent();
            match self.inner.execute(request) {
                Ok(response) if is_idempotent && is_transient(response.status()) => {
                    match retry_after(response.headers()) {
                        Some(wait) => Err(Retry::After(wait, Ok(response))),
                        None => Err(Retry::Soon(Ok(response))),
                    }
                }
                Ok(response) => Ok(response),
                Err(err) if is_idempotent && !err.is_redirect() => Err(Retry::Soon(Err(err))),
                Err(err) => Err(Retry::Never(Err(err))),
            }
        });
        match outcome {
            Ok(response) | Err(Ok(response)) => Ok(response),
            Err(Err(err)) => Err(err.without_url()),
        }
    }
}

/// Reads a body of at most `limit` bytes, within `time` in all.
///
/// The client's own timeout begins anew with each read, so that a server could feed it for ever.
///
/// # Errors
///
/// Fails when the body is longer, takes longer, or the connection breaks within it.
pub fn body(mut response: Response, limit: u64, time: Duration) -> std::io::Result<Vec<u8>> {
    let started = Instant::now();
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = response.read(&mut chunk)?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&chunk[..count]);
        let problem = if bytes.len() as u64 > limit {
            format!("the answer is longer than {limit} bytes")
        } else if started.elapsed() > time {
            format!("the answer takes longer than {} s", time.as_secs_f64())
        } else {
            continue;
        };
        return Err(std::io::Error::other(problem));
    }
}

/// Returns the wait that the server asks for: seconds, or a date in one of the forms of RFC 9110.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // Servers that get the weekday wrong still mean the date.
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let date = parser.parse_timestamp(text).ok()?;
    Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()
}

/// Makes ring the TLS provider of this process, for every library in it.
pub fn use_ring() {
    // A second call finds the first one's provider, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn redirects(most: usize, trust: Trust) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if trust == Trust::Nobody && attempt.url().scheme() == "https" {
            return attempt.stop();
        }
        if attempt.previous().len() > most {
            return attempt.error("too many redirects");
        }
        let was_encrypted = attempt.previous().iter().any(|it| it.scheme() == "https");
        if was_encrypted && attempt.url().scheme() != "https" && !is_loopback(attempt.url()) {
            return attempt.error("a redirect from HTTPS to plain HTTP");
        }
        attempt.follow()
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|it| it.is_loopback())
}

fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

#[cfg(test)]
mod tests;
