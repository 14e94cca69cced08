//! The requests themselves: who is asked, with what authorization, how often, and what an answer
//! must be to count.

use std::{
    collections::{HashMap, HashSet},
    io::Read as _,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use autoscaleops_core::{
    http,
    image::Tag,
    retry::{Policy, Retry},
    text::{printable, shorten},
};
use reqwest::{
    Method, StatusCode, Url,
    blocking::{RequestBuilder, Response},
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, LINK, WWW_AUTHENTICATE},
};
use serde::Deserialize;

use super::{
    RegistryError,
    challenge::{self, Challenge},
    credentials::{self, Credentials},
    manifest, paging,
    token::{self, Token},
};

const MANIFEST_LIMIT: u64 = 4 << 20;
const TOKEN_LIMIT: u64 = 64 << 10;
const PAGE_LIMIT: u64 = 16 << 20;
/// More pages than this are no list but a trap.
const PAGES: usize = 2_000;
/// So many pages in a row without a new tag are one as well.
const EMPTY_PAGES: usize = 10;
/// Below so many pulls the rest is left to those who want to start something.
const PULL_RESERVE: u64 = 10;
const PAGE_SIZE: u32 = 1_000;

/// How one registry is spoken to.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// The registry as it stands in names of images: `ghcr.io`, `docker.io`, `127.0.0.1:5000`.
    pub name: String,
    /// Whether it speaks TLS; unknown, it does unless it is this machine.
    pub tls: Option<bool>,
    /// Whether plain HTTP is allowed.
    pub insecure: bool,
    /// Where its credentials are, before Docker's configuration: `env:NAME` or `file:PATH`.
    pub credentials: Option<String>,
    /// Requests at one time.
    pub concurrency: usize,
    /// Limit of the time for one request.
    pub timeout: Duration,
    /// Limit of the time for one request and its retries.
    pub max_wait: Duration,
    /// Attempts after the first.
    pub retries: u32,
    /// Certificate authority to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Limit of requests for one poll, if any.
    pub max_requests: Option<u64>,
}

/// A registry. Keeps connections and tokens.
#[derive(Debug)]
pub struct Host {
    settings: HostSettings,
    client: http::Client,
    policy: Policy,
    base: Mutex<Url>,
    credentials: OnceLock<Option<Credentials>>,
    challenge: Mutex<Option<Challenge>>,
    tokens: Mutex<HashMap<String, Token>>,
    running: Mutex<usize>,
    freed: Condvar,
    requests: AtomicU64,
    spent: AtomicU64,
    pulls_left: AtomicU64,
    head_tells: AtomicBool,
}

/// One repository of a registry. Counts what it costs.
#[derive(Debug)]
pub struct Repository {
    host: Arc<Host>,
    name: String,
    requests: AtomicU64,
}

/// A manifest as it came.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its digest, checked.
    pub digest: String,
    /// What it says it is.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: Vec<u8>,
}

/// A request that may be sent again.
struct Call<'a> {
    method: Method,
    url: &'a Url,
    accept: Option<&'a str>,
    form: Option<&'a [(&'a str, &'a str)]>,
    limit: u64,
}

#[derive(Deserialize)]
struct TagPage {
    #[serde(default)]
    tags: Option<Vec<String>>,
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// Returns a registry, without a request.
    ///
    /// # Errors
    ///
    /// Fails when the name is no host, or the HTTP client cannot be set up.
    pub fn new(settings: HostSettings) -> anyhow::Result<Self> {
        let address = match settings.name.as_str() {
            "docker.io" => "registry-1.docker.io",
            name => name,
        };
        let is_plain = match settings.tls {
            Some(tls) => !tls,
            None => settings.ca_file.is_none() && is_loopback(address) || settings.insecure,
        };
        if is_plain && !settings.insecure && !is_loopback(address) {
            let failure = autoscaleops_core::Failure::usage(format!(
                "plain HTTP to {address} is not allowed"
            ));
            return Err(failure
                .hint(format!("add it to the list: `insecure: [{address}]`"))
                .into());
        }
        let scheme = if is_plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{address}/"))?;
        let policy = Policy {
            retries: settings.retries,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(10),
            total: settings.max_wait,
        };
        let client = http::Client::new(&http::Settings {
            timeout: settings.timeout,
            retry: policy,
            ca_file: settings.ca_file.clone(),
            ..http::Settings::default()
        })?;
        Ok(Self {
            settings,
            client,
            policy,
            base: Mutex::new(base),
            credentials: OnceLock::new(),
            challenge: Mutex::new(None),
            tokens: Mutex::new(HashMap::new()),
            running: Mutex::new(0),
            freed: Condvar::new(),
            requests: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            pulls_left: AtomicU64::new(u64::MAX),
            head_tells: AtomicBool::new(true),
        })
    }

    /// Returns the registry as it stands in names of images.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Returns how many requests may run at one time.
    pub fn concurrency(&self) -> usize {
        self.settings.concurrency.max(1)
    }

    /// Returns how many requests were sent in all.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Begins a new poll, with the whole limit of requests.
    pub fn begin_poll(&self) {
        self.spent.store(0, Ordering::Relaxed);
        self.pulls_left.store(u64::MAX, Ordering::Relaxed);
    }

    /// Returns how the registry wants to be asked, for a later process to begin with.
    pub fn challenge(&self) -> Option<Challenge> {
        lock(&self.challenge).clone()
    }

    /// Begins with what an earlier process learned.
    pub fn expect_challenge(&self, challenge: Option<Challenge>) {
        let mut known = lock(&self.challenge);
        if known.is_none() {
            *known = challenge;
        }
    }

    /// Returns a repository.
    pub fn repository(self: &Arc<Self>, name: &str) -> Repository {
        Repository {
            host: Arc::clone(self),
            name: name.to_owned(),
            requests: AtomicU64::new(0),
        }
    }

    fn base(&self) -> Url {
        lock(&self.base).clone()
    }

    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base().origin()
    }

    /// Waits until fewer requests run than may.
    fn permit(&self) -> Permit<'_> {
        let mut running = lock(&self.running);
        while *running >= self.concurrency() {
            running = self
                .freed
                .wait(running)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *running += 1;
        Permit(self)
    }

    fn credentials(&self, repository: &str) -> Result<Option<&Credentials>, RegistryError> {
        if let Some(found) = self.credentials.get() {
            return Ok(found.as_ref());
        }
        let explicit = self.settings.credentials.as_deref();
        let found = credentials::find(explicit, &self.settings.name, repository)?;
        Ok(self.credentials.get_or_init(|| found).as_ref())
    }
}

struct Permit<'a>(&'a Host);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *lock(&self.0.running) -= 1;
        self.0.freed.notify_one();
    }
}

impl Repository {
    /// Returns how many requests this repository has cost.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the registry.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Returns every tag. All of them or none: a page that fails fails the list.
    ///
    /// # Errors
    ///
    /// Fails when a page cannot be read, and when the pages do not end.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let path = format!("v2/{}/tags/list?n={PAGE_SIZE}", self.name);
        let mut url = self.url(&path)?;
        let mut seen = HashSet::new();
        let mut visited = HashSet::new();
        let mut tags = Vec::new();
        let mut idle = 0;
        while visited.insert(url.to_string()) {
            if visited.len() > PAGES || idle > EMPTY_PAGES {
                return Err(RegistryError::Protocol(format!(
                    "the list of tags does not end: {} pages, {} tags",
                    visited.len() - 1,
                    tags.len()
                )));
            }
            let call = Call {
                method: Method::GET,
                url: &url,
                accept: Some("application/json"),
                form: None,
                limit: PAGE_LIMIT,
            };
            let (page, next) = self.ask(&call, |answer| {
                let page: TagPage = serde_json::from_slice(&answer.body).map_err(|err| {
                    RegistryError::Protocol(format!("the list of tags is not JSON: {err}"))
                })?;
                let links = answer.headers.get_all(LINK);
                let link = links
                    .iter()
                    .filter_map(|it| it.to_str().ok())
                    .find_map(paging::next);
                let next = link
                    .map(|it| answer.url.join(it))
                    .transpose()
                    .map_err(|err| {
                        RegistryError::Protocol(format!(
                            "the address of the next page is none: {err}"
                        ))
                    })?;
                Ok((page, next))
            })?;
            let before = tags.len();
            for tag in page.tags.unwrap_or_default() {
                // What is no tag cannot be pulled, and must not get into a file.
                if tag.parse::<Tag>().is_ok() && seen.insert(tag.clone()) {
                    tags.push(tag);
                }
            }
            idle = if tags.len() == before { idle + 1 } else { 0 };
            match next {
                Some(next) => url = self.follow(next)?,
                None => break,
            }
        }
        Ok(tags)
    }

    /// Returns the address of a page as we may ask for it.
    fn follow(&self, next: Url) -> Result<Url, RegistryError> {
        let base = self.host.base();
        if next.host_str() == base.host_str() {
            // Behind a proxy a registry may not know its own scheme and port.
            let mut ours = base;
            ours.set_path(next.path());
            ours.set_query(next.query());
            return Ok(ours);
        }
        let is_safe = next.scheme() == "https" || next.host_str().is_some_and(is_loopback);
        if is_safe {
            Ok(next)
        } else {
            Err(RegistryError::Protocol(format!(
                "the next page is on another host, without encryption: {}",
                next.host_str().unwrap_or_default()
            )))
        }
    }

    /// Returns the digest that `reference` has now, or `None` when there is no such image.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not say.
    pub fn digest(&self, reference: &str) -> Result<Option<String>, RegistryError> {
        if self.host.head_tells.load(Ordering::Relaxed) {
            let url = self.url(&format!("v2/{}/manifests/{reference}", self.name))?;
            let call = Call {
                method: Method::HEAD,
                url: &url,
                accept: Some(manifest::ACCEPT),
                form: None,
                limit: 0,
            };
            match self.ask(&call, |answer| {
                manifest_kind(answer)?;
                Ok(header_digest(&answer.headers))
            }) {
                Ok(Some(digest)) => return Ok(Some(digest)),
                Err(RegistryError::NotFound(_)) => return Ok(None),
                Ok(None) => self.host.head_tells.store(false, Ordering::Relaxed),
                Err(RegistryError::Unavailable {
                    status: 405 | 501, ..
                }) => {
                    self.host.head_tells.store(false, Ordering::Relaxed);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(self.manifest(reference)?.map(|it| it.digest))
    }

    /// Returns the manifest that `reference`, a tag or a digest, stands for.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not say, or says what has another digest.
    pub fn manifest(&self, reference: &str) -> Result<Option<Fetched>, RegistryError> {
        let left = self.host.pulls_left.load(Ordering::Relaxed);
        if left < PULL_RESERVE {
            return Err(RegistryError::RateLimited {
                detail: format!(": {left} pulls are left, and kept in reserve"),
                retry_after: None,
            });
        }
        let url = self.url(&format!("v2/{}/manifests/{reference}", self.name))?;
        let call = Call {
            method: Method::GET,
            url: &url,
            accept: Some(manifest::ACCEPT),
            form: None,
            limit: MANIFEST_LIMIT,
        };
        let fetched = self.ask(&call, |answer| {
            let content_type = manifest_kind(answer)?;
            let digest =
                header_digest(&answer.headers).unwrap_or_else(|| manifest::digest_of(&answer.body));
            let wanted = if reference.contains(':') {
                reference
            } else {
                &digest
            };
            if digest != wanted || !manifest::has_digest(&answer.body, &digest) {
                return Err(wrong_digest(reference));
            }
            Ok(Fetched {
                digest,
                content_type,
                bytes: answer.body.clone(),
            })
        });
        absent_is_none(fetched)
    }

    /// Returns the bytes that have this digest.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not have them, or sends others.
    pub fn blob(&self, digest: &str) -> Result<Vec<u8>, RegistryError> {
        let url = self.url(&format!("v2/{}/blobs/{digest}", self.name))?;
        let call = Call {
            method: Method::GET,
            url: &url,
            accept: None,
            form: None,
            limit: MANIFEST_LIMIT,
        };
        self.ask(&call, |answer| {
            if manifest::has_digest(&answer.body, digest) {
                Ok(answer.body.clone())
            } else {
                Err(wrong_digest(digest))
            }
        })
    }

    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.host
            .base()
            .join(path)
            .map_err(|err| RegistryError::Protocol(format!("`{path}` is no address: {err}")))
    }

    /// Sends a request with authorization, answers a challenge once, and reads the answer.
    fn ask<T>(
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

    fn send<T>(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
        read: impl Fn(&Answer) -> Result<T, RegistryError>,
    ) -> Result<T, Refused> {
        self.host.policy.run(|_| {
            self.spend()
                .map_err(|err| Retry::Never(Refused::For(err)))?;
            let permit = self.host.permit();
            let request = call.build(self.host.client.inner(), authorization);
            let answer = receive(request, call)?;
            drop(permit);
            self.note_limits(&answer.headers);
            let status = answer.status;
            if status.is_success() {
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

    fn authorization(&self) -> Result<Option<Authorization>, RegistryError> {
        let challenge = lock(&self.host.challenge).clone();
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => match self.host.credentials(&self.name)? {
                Some(Credentials::Basic { username, password }) => Ok(Some(Authorization::Basic(
                    username.clone(),
                    password.clone(),
                ))),
                _ => Err(RegistryError::Unauthorized {
                    status: 401,
                    detail: ": it wants a name and a password".to_owned(),
                    had_credentials: false,
                }),
            },
            Some(Challenge::Bearer { realm, service }) => {
                let scope = token::scope(self.host.name(), &self.name);
                // Held while asking, so that many requests at one time cost one token.
                let mut tokens = lock(&self.host.tokens);
                if let Some(token) = tokens.get(&scope).filter(|it| it.is_usable()) {
                    return Ok(Some(Authorization::Bearer(token.value.clone())));
                }
                let token = self.fetch_token(&realm, service.as_deref(), &scope)?;
                let value = token.value.clone();
                tokens.insert(scope, token);
                Ok(Some(Authorization::Bearer(value)))
            }
        }
    }

    /// Drops the token that was refused, unless another request has renewed it already.
    fn forget_token(&self, used: Option<&Authorization>) {
        let Some(Authorization::Bearer(used)) = used else {
            return;
        };
        let scope = token::scope(self.host.name(), &self.name);
        let mut tokens = lock(&self.host.tokens);
        if tokens.get(&scope).is_some_and(|it| it.value == *used) {
            tokens.remove(&scope);
        }
    }

    fn fetch_token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<Token, RegistryError> {
        let url = Url::parse(realm).map_err(|_| {
            RegistryError::Protocol(format!(
                "its token server `{}` is no address",
                printable(realm)
            ))
        })?;
        let credentials = self.host.credentials(&self.name)?;
        let is_safe = url.scheme() == "https"
            || url.host_str().is_some_and(is_loopback)
            || (self.host.settings.insecure && url.host_str() == self.host.base().host_str());
        if !is_safe && credentials.is_some() {
            return Err(RegistryError::Protocol(format!(
                "credentials are not sent without encryption to its token server {}",
                url.host_str().unwrap_or_default()
            )));
        }
        if let Some(Credentials::Identity(refresh)) = credentials {
            let form = [
                ("grant_type", "refresh_token"),
                ("service", service.unwrap_or(self.host.name())),
                ("client_id", "image-watch"),
                ("scope", scope),
                ("refresh_token", refresh.expose()),
            ];
            let call = Call {
                method: Method::POST,
                url: &url,
                accept: None,
                form: Some(&form),
                limit: TOKEN_LIMIT,
            };
            match self.token(&call, None) {
                // A server without this grant; it may take the token as a password.
                Err(
                    RegistryError::NotFound(_) | RegistryError::Unavailable { status: 405, .. },
                ) => {}
                other => return other,
            }
        }
        let mut asked = url.clone();
        {
            let mut query = asked.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", scope);
        }
        let basic = match credentials {
            Some(Credentials::Basic { username, password }) => {
                Some(Authorization::Basic(username.clone(), password.clone()))
            }
            Some(Credentials::Identity(refresh)) => {
                Some(Authorization::Basic("<token>".to_owned(), refresh.clone()))
            }
            None => None,
        };
        let call = Call {
            method: Method::GET,
            url: &asked,
            accept: None,
            form: None,
            limit: TOKEN_LIMIT,
        };
        self.token(&call, basic.as_ref())
    }

    fn token(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<Token, RegistryError> {
        match self.send(call, authorization, |answer| Token::read(&answer.body)) {
            Ok(token) => Ok(token),
            Err(Refused::For(error)) => Err(error),
            Err(Refused::Challenged(answer)) => Err(RegistryError::Unauthorized {
                status: 401,
                detail: detail(&answer.body),
                had_credentials: self.host.credentials(&self.name)?.is_some(),
            }),
            Err(Refused::SpeaksTls) => Err(RegistryError::Protocol(
                "its token server has an address without encryption, and wants encryption"
                    .to_owned(),
            )),
        }
    }
}

enum Authorization {
    Basic(String, autoscaleops_core::secret::Secret),
    Bearer(autoscaleops_core::secret::Secret),
}

#[derive(Debug)]
enum Refused {
    Challenged(Box<Answer>),
    SpeaksTls,
    For(RegistryError),
}

impl Call<'_> {
    /// Returns the same call to another address.
    fn at<'b>(&'b self, url: &'b Url) -> Call<'b> {
        Call {
            method: self.method.clone(),
            url,
            accept: self.accept,
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

fn receive(request: RequestBuilder, call: &Call<'_>) -> Result<Answer, Retry<Refused>> {
    let failed = |text: String| Refused::For(RegistryError::Transport(text));
    let response = request.send().map_err(|err| {
        let is_final = err.is_builder() || err.is_redirect();
        let error = failed(chain(&err.without_url()));
        if is_final {
            Retry::Never(error)
        } else {
            Retry::Soon(error)
        }
    })?;
    let url = response.url().clone();
    if call.url.scheme() == "https" && url.scheme() != "https" {
        let host = url.host_str().unwrap_or_default();
        let text = format!("it redirects to {host} without encryption");
        return Err(Retry::Never(Refused::For(RegistryError::Protocol(text))));
    }
    let (status, headers) = (response.status(), response.headers().clone());
    let body = if call.method == Method::HEAD {
        Vec::new()
    } else {
        // What explains an error is short.
        let limit = if status.is_success() {
            call.limit
        } else {
            TOKEN_LIMIT
        };
        body(response, limit, status.is_success())?
    };
    Ok(Answer {
        status,
        headers,
        url,
        body,
    })
}

fn body(response: Response, limit: u64, is_needed: bool) -> Result<Vec<u8>, Retry<Refused>> {
    let mut bytes = Vec::new();
    match response.take(limit + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 <= limit || !is_needed => Ok(bytes),
        Ok(_) => {
            let text = format!("its answer is longer than {limit} bytes");
            Err(Retry::Never(Refused::For(RegistryError::Protocol(text))))
        }
        Err(_) if !is_needed => Ok(bytes),
        Err(err) => {
            let text = format!("its answer broke off: {}", chain(&err));
            Err(Retry::Soon(Refused::For(RegistryError::Transport(text))))
        }
    }
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

fn absent_is_none<T>(result: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(RegistryError::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

fn wrong_digest(reference: &str) -> RegistryError {
    RegistryError::Protocol(format!(
        "what it sent for {} has another digest",
        printable(reference)
    ))
}

fn manifest_kind(answer: &Answer) -> Result<String, RegistryError> {
    let kind = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    if kind.contains("distribution.manifest.v1") {
        return Err(manifest::schema_1());
    }
    Ok(kind.to_owned())
}

fn header_digest(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("docker-content-digest")?.to_str().ok()?.trim();
    let digest: autoscaleops_core::image::Digest = text.parse().ok()?;
    Some(digest.as_str().to_owned())
}

/// Returns what the registry says in the form of the specification, or the beginning of its text.
fn detail(body: &[u8]) -> String {
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

/// Returns whether an address, with or without a port, is this machine.
fn is_loopback(address: &str) -> bool {
    let host = match address.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None if address.matches(':').count() == 1 => address.split(':').next().unwrap_or(address),
        None => address,
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (address, expected) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.9.9.9:80", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("localhost.example:5000", false),
            ("127.0.0.1.example", false),
            ("10.0.0.1:5000", false),
            ("ghcr.io", false),
        ] {
            assert_eq!(is_loopback(address), expected, "{address}");
        }
    }

    #[test]
    fn what_a_registry_says_is_shown_without_control_characters() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no \u001b[31m access"}]}"#;
        let text = detail(body);
        assert!(text.starts_with(": DENIED no "), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert_eq!(detail(b""), "");
    }
}
