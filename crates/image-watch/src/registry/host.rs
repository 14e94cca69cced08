//! One registry: its address, what it may be asked, and what is known of it.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use autoscaleops_core::{http, retry::Policy};
use reqwest::Url;

use super::{
    RegistryError, Repository,
    challenge::Challenge,
    credentials::{self, Credentials},
    token::Token,
};

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
    pub(super) settings: HostSettings,
    /// For servers without encryption.
    plain: OnceLock<http::Client>,
    /// For all others.
    encrypted: OnceLock<http::Client>,
    pub(super) policy: Policy,
    pub(super) base: Mutex<Url>,
    pub(super) credentials: OnceLock<Option<Credentials>>,
    pub(super) challenge: Mutex<Option<Challenge>>,
    pub(super) tokens: Mutex<HashMap<String, Token>>,
    pub(super) running: Mutex<usize>,
    pub(super) freed: Condvar,
    pub(super) requests: AtomicU64,
    pub(super) spent: AtomicU64,
    pub(super) pulls_left: AtomicU64,
    pub(super) head_tells: AtomicBool,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
        let this = Self {
            settings,
            plain: OnceLock::new(),
            encrypted: OnceLock::new(),
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
        };
        // Whatever is wrong with the CA file is told before anybody is asked.
        this.client(scheme)?;
        Ok(this)
    }

    /// Returns the client for addresses of this scheme. Reading the system's certificates is left
    /// until somebody speaks TLS.
    pub(super) fn client(&self, scheme: &str) -> anyhow::Result<&http::Client> {
        let (slot, trust) = match scheme {
            "http" => (&self.plain, http::Trust::Nobody),
            _ => (&self.encrypted, http::Trust::System),
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = http::Client::new(&http::Settings {
            timeout: self.settings.timeout,
            retry: self.policy,
            trust,
            ca_file: self.settings.ca_file.clone(),
            ..http::Settings::default()
        })?;
        Ok(slot.get_or_init(|| client))
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

    pub(super) fn base(&self) -> Url {
        lock(&self.base).clone()
    }

    pub(super) fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base().origin()
    }

    /// Waits until fewer requests run than may.
    pub(super) fn permit(&self) -> Permit<'_> {
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

    pub(super) fn credentials(
        &self,
        repository: &str,
    ) -> Result<Option<&Credentials>, RegistryError> {
        if let Some(found) = self.credentials.get() {
            return Ok(found.as_ref());
        }
        let explicit = self.settings.credentials.as_deref();
        let found = credentials::find(explicit, &self.settings.name, repository)?;
        Ok(self.credentials.get_or_init(|| found).as_ref())
    }
}

pub(super) struct Permit<'a>(&'a Host);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *lock(&self.0.running) -= 1;
        self.0.freed.notify_one();
    }
}

/// Returns whether an address, with or without a port, is this machine.
pub(super) fn is_loopback(address: &str) -> bool {
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
}
