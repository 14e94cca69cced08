//! A small registry on loopback: answers pulls as the OCI distribution specification says, keeps a
//! log of what it was asked, and fails on purpose where a test wants that.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

mod answers;
mod wire;

pub use wire::{Reply, Seen, Sending};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A running registry. It ends when this is dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    state: Arc<State>,
}

type Hook = Box<dyn Fn(&Seen) -> Option<Reply> + Send>;

#[derive(Default)]
struct State {
    repositories: Mutex<BTreeMap<String, Repository>>,
    log: Mutex<Vec<String>>,
    hook: Mutex<Option<Hook>>,
    guard: Mutex<Guard>,
    page_size: Mutex<Option<usize>>,
    number: AtomicU64,
    tokens: AtomicU64,
    is_over: AtomicBool,
    /// How long each answer takes.
    pause: Mutex<Duration>,
    /// Requests that are being answered, and the most that were at one time.
    at_once: Mutex<(usize, usize)>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Repository {
    tags: BTreeMap<String, String>,
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
}

/// Who may read.
#[derive(Clone, Debug, Default)]
enum Guard {
    #[default]
    Open,
    Basic(String),
    Token {
        /// The `Basic` credentials that the token server wants, if any.
        credentials: Option<String>,
        life: u64,
    },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the SHA-256 digest of some bytes, as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Registry {
    /// Starts an empty registry at a free port.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    /// Starts an empty registry at this address.
    pub fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let state = Arc::clone(&shared);
                thread::spawn(move || wire::serve(&state, &stream, address));
            }
        });
        Self { address, state }
    }

    /// Returns the address as it stands in names of images: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Adds an image with a build date, and returns its digest.
    pub fn add(&self, repository: &str, tag: &str, created: &str) -> String {
        self.add_for(repository, tag, created, "linux/amd64")
    }

    /// Adds an image for a platform, and returns its digest.
    pub fn add_for(&self, repository: &str, tag: &str, created: &str, platform: &str) -> String {
        let mut repositories = lock(&self.state.repositories);
        let repository = repositories.entry(repository.to_owned()).or_default();
        let digest = repository.image(tag, created, platform);
        repository.tags.insert(tag.to_owned(), digest.clone());
        digest
    }

    /// Adds an index with an image for each platform, each with its date, and an attestation, as
    /// build tools write it. Returns the digest of the index.
    pub fn add_index(&self, repository: &str, tag: &str, images: &[(&str, &str)]) -> String {
        let mut repositories = lock(&self.state.repositories);
        let repository = repositories.entry(repository.to_owned()).or_default();
        let mut entries = Vec::new();
        for (platform, created) in images {
            let digest = repository.image(tag, created, platform);
            entries.push(json!({"mediaType": IMAGE, "digest": digest, "size": 1, "platform": platform_json(platform)}));
        }
        entries.push(json!({
            "mediaType": IMAGE, "digest": digest(b"attestation"), "size": 1,
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }));
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let digest = repository.keep(INDEX, &index);
        repository.tags.insert(tag.to_owned(), digest.clone());
        digest
    }

    /// Removes a tag.
    pub fn remove(&self, repository: &str, tag: &str) {
        if let Some(repository) = lock(&self.state.repositories).get_mut(repository) {
            repository.tags.remove(tag);
        }
    }

    /// Lets only this user in, by name and password.
    pub fn require_basic(&self, credentials: &str) {
        *lock(&self.state.guard) = Guard::Basic(credentials.to_owned());
    }

    /// Lets only those in who fetch a token, which lives so many seconds. With `credentials`
    /// (`name:password`) the token server asks for them.
    pub fn require_token(&self, credentials: Option<&str>, life: u64) {
        *lock(&self.state.guard) = Guard::Token {
            credentials: credentials.map(str::to_owned),
            life,
        };
    }

    /// Gives out tags in pages of this size.
    pub fn page_size(&self, size: usize) {
        *lock(&self.state.page_size) = Some(size);
    }

    /// Asks `hook` first for every request; what it answers is sent instead.
    pub fn on_request(&self, hook: impl Fn(&Seen) -> Option<Reply> + Send + 'static) {
        *lock(&self.state.hook) = Some(Box::new(hook));
    }

    /// Takes so long for each answer.
    pub fn pause(&self, pause: Duration) {
        *lock(&self.state.pause) = pause;
    }

    /// Returns how many requests were answered at one time at most.
    pub fn most_at_once(&self) -> usize {
        lock(&self.state.at_once).1
    }

    /// Answers as it should again.
    pub fn behave(&self) {
        *lock(&self.state.hook) = None;
    }

    /// Returns the requests since the last call, as `GET /v2/acme/shop/tags/list?n=1000`.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.state.log))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
    }
}

impl Repository {
    fn keep(&mut self, kind: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let digest = digest(&bytes);
        self.manifests
            .insert(digest.clone(), (kind.to_owned(), bytes));
        digest
    }

    fn image(&mut self, tag: &str, created: &str, platform: &str) -> String {
        let mut config = platform_json(platform);
        if !created.is_empty() {
            config["created"] = created.into();
        }
        // Two tags are two images, even when they were built at the same time.
        config["config"] = json!({"Labels": {"tag": tag}});
        let config = config.to_string().into_bytes();
        let config_digest = digest(&config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE, "layers": [],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
        });
        self.blobs.insert(config_digest, config);
        self.keep(IMAGE, &manifest)
    }
}

fn platform_json(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut value = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        value["variant"] = variant.into();
    }
    value
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::{answers::basic, *};

    fn get(registry: &Registry, path: &str) -> String {
        let mut stream = TcpStream::connect(registry.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn tags_come_in_pages_and_manifests_by_tag() {
        let registry = Registry::start();
        registry.page_size(2);
        for tag in ["1.0", "1.1", "1.2"] {
            registry.add("acme/shop", tag, "2026-01-01T00:00:00Z");
        }
        let first = get(&registry, "/v2/acme/shop/tags/list");
        assert!(
            first.contains(r#"["1.0","1.1"]"#) && first.contains("rel=\"next\""),
            "{first}"
        );
        let second = get(&registry, "/v2/acme/shop/tags/list?last=1.1&n=2");
        assert!(
            second.contains(r#"["1.2"]"#) && !second.contains("rel="),
            "{second}"
        );
        let manifest = get(&registry, "/v2/acme/shop/manifests/1.2");
        assert!(
            manifest.contains("Docker-Content-Digest: sha256:"),
            "{manifest}"
        );
        assert_eq!(registry.take_log().len(), 3);
    }

    #[test]
    fn credentials_are_encoded_as_browsers_do() {
        assert_eq!(
            basic("Aladdin:open sesame"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert_eq!(basic("a:bc"), "Basic YTpiYw==");
        assert_eq!(basic("a:bcd"), "Basic YTpiY2Q=");
    }

    #[test]
    fn a_stranger_is_challenged() {
        let registry = Registry::start();
        registry.require_token(None, 60);
        let refused = get(&registry, "/v2/acme/shop/tags/list");
        assert!(
            refused.contains(&format!("realm=\"http://{}/token\"", registry.address())),
            "{refused}"
        );
        assert!(get(&registry, "/token?scope=x").contains("token-0"));
    }
}
