//! Requests and answers: how often one is sent, and what an answer must be to count.

use std::{
    io::Read as _,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use autoscaleops_core::{
    http,
    retry::Retry,
    text::{printable, shorten},
};
use reqwest::{
    Method, StatusCode, Url,
    blocking::{RequestBuilder, Response},
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, IF_NONE_MATCH, LOCATION, WWW_AUTHENTICATE},
};
use serde::Deserialize;

use super::{RegistryError, Repository, authorize::Authorization, challenge, host::lock};

/// What explains an error is short.
const DETAIL_LIMIT: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) url: Url,
    pub(super) body: Vec<u8>,
}

/// A request that may be sent again.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) accept: Option<&'a str>,
    /// What we have already, by the registry's own mark.
    pub(super) mark: Option<&'a str>,
    pub(super) form: Option<&'a [(&'a str, &'a str)]>,
    pub(super) limit: u64,
}

#[derive(Debug)]
pub(super) enum Refused {
    Challenged(Box<Answer>),
    SpeaksTls,
    For(RegistryError),
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Repository {
    /// Sends a request with authorization, answers a challenge once, and reads the answer.
    pub(super) fn ask<T>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&Answer) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut url = call.url.clone();
        let mut has_answered = false;
        loop {
            let call = call.at(&url);
            let authorization = if self.host.is_ours(&url) {
                self.authorization()?
            } else {
                None
            };
            let outcome = self.send(&call, authorization.as_ref(), &read);
            match outcome {
                Err(Refused::Challenged(answer)) => {
                    let headers = answer.headers.get_all(WWW_AUTHENTICATE);
                    let found = challenge::parse(headers.iter().filter_map(|it| it.to_str().ok()));
                    // Another host's challenge is not for our credentials.
                    let may_answer = !has_answered && self.host.is_ours(&answer.url);
                    let Some(found) = found.filter(|_| may_answer) else {
                        return Err(RegistryError::Unauthorized {
                            status: answer.status.as_u16(),
                            detail: detail(&answer.body),
                            had_credentials: self.host.credentials(&self.name)?.is_some(),
                        });
                    };
                    has_answered = true;
                    self.forget_token(authorization.as_ref());
                    *lock(&self.host.challenge) = Some(found);
                }
                Err(Refused::SpeaksTls) => {
                    let mut base = lock(&self.host.base);
                    for url in [&mut *base, &mut url] {
                        let _ = url.set_scheme("https");
                    }
                }
                Err(Refused::For(error)) => return Err(error),
                Ok(value) => return Ok(value),
            }
        }
    }

    pub(super) fn send<T>(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
        read: impl Fn(&Answer) -> Result<T, RegistryError>,
    ) -> Result<T, Refused> {
        self.host.policy.run(|_| {
            self.spend()
                .map_err(|err| Retry::Never(Refused::For(err)))?;
            let permit = self.host.permit();
            let answer = self.receive(call, authorization)?;
            drop(permit);
            self.note_limits(&answer.headers);
            tracing::debug!(method = %call.method, url = %shown(call.url), status = answer.status.as_u16(), "asked");
            let status = answer.status;
            let is_same = status == StatusCode::NOT_MODIFIED && call.mark.is_some();
            if status.is_success() || is_same {
                // A body that breaks off or lies may be whole the next time.
                return read(&answer).map_err(|err| Retry::Soon(Refused::For(err)));
            }
            if status == StatusCode::UNAUTHORIZED {
                return Err(Retry::Never(Refused::Challenged(Box::new(answer))));
            }
            if speaks_tls(&answer) {
                return Err(Retry::Never(Refused::SpeaksTls));
            }
            let is_passing = status == StatusCode::TOO_MANY_REQUESTS
                || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED);
            let wait = http::retry_after(&answer.headers);
            let error = Refused::For(self.refusal(&answer, wait));
            match (is_passing, wait) {
                (false, _) => Err(Retry::Never(error)),
                (true, Some(wait)) => Err(Retry::After(wait, error)),
                (true, None) => Err(Retry::Soon(error)),
            }
        })
    }

    fn receive(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<Answer, Retry<Refused>> {
        let deadline = Instant::now() + self.host.settings.timeout;
        let ask = |call: &Call<'_>, authorization| {
            let client = self.host.client(call.url.scheme()).map_err(|err| {
                Retry::Never(Refused::For(RegistryError::Transport(format!("{err:#}"))))
            })?;
            call.build(client.inner(), authorization)
                .send()
                .map_err(unsent)
        };
        let mut response = ask(call, authorization)?;
        if let Some(target) = encrypted_target(call, &response) {
            // Another server, which our authorization is not for.
            response = ask(&call.at(&target), None)?;
        }
        let url = response.url().clone();
        if call.url.scheme() == "https" && url.scheme() != "https" {
            let host = url.host_str().unwrap_or_default();
            let text = format!("it redirects to {host} without encryption");
            return Err(Retry::Never(Refused::For(RegistryError::Protocol(text))));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = if call.method == Method::HEAD {
            Vec::new()
        } else if status.is_success() {
            body(&mut response, call.limit, deadline).map_err(|err| match err {
                Retry::Never(err) => Retry::Never(Refused::For(err)),
                Retry::Soon(err) => Retry::Soon(Refused::For(err)),
                Retry::After(wait, err) => Retry::After(wait, Refused::For(err)),
            })?
        } else {
            // What explains an error may break off; the status counts.
            body(&mut response, DETAIL_LIMIT, deadline).unwrap_or_default()
        };
        Ok(Answer {
            status,
            headers,
            url,
            body,
        })
    }

    fn refusal(&self, answer: &Answer, retry_after: Option<Duration>) -> RegistryError {
        let detail = detail(&answer.body);
        match answer.status.as_u16() {
            status @ (401 | 403) => RegistryError::Unauthorized {
                status,
                detail,
                had_credentials: matches!(self.host.credentials.get(), Some(Some(_))),
            },
            404 => RegistryError::NotFound(detail),
            429 => RegistryError::RateLimited {
                detail,
                retry_after,
            },
            status => RegistryError::Unavailable { status, detail },
        }
    }

    fn spend(&self) -> Result<(), RegistryError> {
        if let Some(limit) = self.host.settings.max_requests
            && self.host.spent.fetch_add(1, Ordering::Relaxed) >= limit
        {
            return Err(RegistryError::Budget(limit));
        }
        self.host.requests.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn note_limits(&self, headers: &HeaderMap) {
        let left = headers
            .get("ratelimit-remaining")
            .and_then(|it| it.to_str().ok())
            .and_then(|it| it.split(';').next()?.trim().parse().ok());
        if let Some(left) = left {
            self.host.pulls_left.store(left, Ordering::Relaxed);
        }
    }
}

impl Call<'_> {
    /// Returns the same call to another address.
    fn at<'b>(&'b self, url: &'b Url) -> Call<'b> {
        Call {
            method: self.method.clone(),
            url,
            accept: self.accept,
            mark: self.mark,
            form: self.form,
            limit: self.limit,
        }
    }

    fn build(
        &self,
        client: &reqwest::blocking::Client,
        authorization: Option<&Authorization>,
    ) -> RequestBuilder {
        let mut request = client.request(self.method.clone(), self.url.clone());
        if let Some(accept) = self.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(mark) = self.mark {
            request = request.header(IF_NONE_MATCH, mark);
        }
        if let Some(form) = self.form {
            let mut encoded = self.url.clone();
            encoded.query_pairs_mut().clear().extend_pairs(form);
            request = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(encoded.query().unwrap_or_default().to_owned());
        }
        match authorization {
            None => request,
            Some(Authorization::Basic(name, password)) => {
                request.basic_auth(name, Some(password.expose()))
            }
            Some(Authorization::Bearer(token)) => request.bearer_auth(token.expose()),
        }
    }
}

/// Returns an address without what a token server might put into its query.
fn shown(url: &Url) -> String {
    let query = url.query().filter(|_| url.path().starts_with("/v2/"));
    let host = url.host_str().unwrap_or_default();
    match query {
        Some(query) => format!("{}://{host}{}?{query}", url.scheme(), url.path()),
        None => format!("{}://{host}{}", url.scheme(), url.path()),
    }
}

/// Returns where a redirect leads, when that is an encrypted server. The client for plain HTTP has
/// left it to us.
fn encrypted_target(call: &Call<'_>, response: &Response) -> Option<Url> {
    let is_read = call.method == Method::GET || call.method == Method::HEAD;
    if !is_read || !response.status().is_redirection() || response.url().scheme() != "http" {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let target = response.url().join(location).ok()?;
    (target.scheme() == "https").then_some(target)
}

fn unsent(err: reqwest::Error) -> Retry<Refused> {
    let is_final = err.is_builder() || err.is_redirect();
    let is_late = err.is_timeout();
    let error = err.without_url();
    let text = match (is_late, error.is_connect()) {
        (true, _) => "no answer in time".to_owned(),
        (false, true) => format!("cannot connect: {}", deepest(&error)),
        (false, false) => chain(&error),
    };
    let error = Refused::For(RegistryError::Transport(text));
    if is_final {
        Retry::Never(error)
    } else {
        Retry::Soon(error)
    }
}

/// Reads a body of at most `limit` bytes until the deadline. The client's own time limit begins anew
/// with each read, so that a server could feed it forever.
fn body(
    response: &mut Response,
    limit: u64,
    deadline: Instant,
) -> Result<Vec<u8>, Retry<RegistryError>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    loop {
        let count = match response.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(count) => count,
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(err) => {
                let text = format!("its answer broke off: {}", chain(&err));
                return Err(Retry::Soon(RegistryError::Transport(text)));
            }
        };
        bytes.extend(chunk.iter().take(count));
        if bytes.len() as u64 > limit {
            let text = format!("its answer is longer than {limit} bytes");
            return Err(Retry::Never(RegistryError::Protocol(text)));
        }
        if Instant::now() > deadline {
            let text = "its answer did not end in time".to_owned();
            return Err(Retry::Soon(RegistryError::Transport(text)));
        }
    }
}

/// Returns the cause beneath all others, which is the one that tells something.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    printable(&deepest.to_string())
}

/// Returns an error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    printable(&text)
}

/// Returns what the registry says in the form of the specification, or the beginning of its text.
pub(super) fn detail(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Errors>(body) {
        Ok(Errors { errors }) => errors
            .iter()
            .map(|it| format!("{} {}", it.code, it.message).trim().to_owned())
            .collect::<Vec<_>>()
            .join(", "),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    match text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .as_str()
    {
        "" => String::new(),
        text => format!(": {}", shorten(&printable(text), 200)),
    }
}

/// Returns whether a server that speaks TLS answered a request without it.
fn speaks_tls(answer: &Answer) -> bool {
    answer.status == StatusCode::BAD_REQUEST
        && answer.url.scheme() == "http"
        && [
            "HTTP request to an HTTPS server",
            "HTTP request was sent to HTTPS port",
        ]
        .iter()
        .any(|it| String::from_utf8_lossy(&answer.body).contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_shown_without_control_characters() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no \u001b[31m access"}]}"#;
        let text = detail(body);
        assert!(text.starts_with(": DENIED no "), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert_eq!(detail(b""), "");
    }
}
