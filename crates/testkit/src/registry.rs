//! A small registry on loopback: answers pulls as the OCI distribution specification says, keeps a
//! log of what it was asked, and fails on purpose where a test wants that.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
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

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A running registry. It ends when this is dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    state: Arc<State>,
}

/// A request as the registry saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query, empty where there is none.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How many requests came before it.
    pub number: u64,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers besides the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How the body is sent.
    pub sending: Sending,
}

/// How a body is sent.
#[derive(Clone, Copy, Debug)]
pub enum Sending {
    /// As it should be.
    Whole,
    /// Announced as a whole, and broken off after so many bytes.
    BrokenAfter(usize),
    /// Byte by byte with so long a pause before each.
    Slow(Duration),
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

impl Reply {
    /// Returns an answer with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            sending: Sending::Whole,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Says how the body is sent.
    #[must_use]
    pub fn sending(mut self, sending: Sending) -> Self {
        self.sending = sending;
        self
    }
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
                thread::spawn(move || serve(&state, &stream, address));
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

fn serve(state: &State, stream: &TcpStream, address: SocketAddr) {
    drop(stream.set_nodelay(true));
    let Ok(clone) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(clone);
    while let Some(seen) = read(&mut reader, state) {
        if state.is_over.load(Ordering::SeqCst) {
            return;
        }
        let target = match seen.query.as_str() {
            "" => seen.path.clone(),
            query => format!("{}?{query}", seen.path),
        };
        lock(&state.log).push(format!("{} {target}", seen.method));
        let hooked = lock(&state.hook).as_ref().and_then(|hook| hook(&seen));
        let reply = hooked.unwrap_or_else(|| answer(state, &seen, address));
        let is_whole = matches!(reply.sending, Sending::Whole);
        if send(stream, &seen, &reply).is_err() || !is_whole {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>, state: &State) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|it| *it > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut seen = Seen {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        number: state.number.fetch_add(1, Ordering::SeqCst),
        ..Seen::default()
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|it| *it > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => seen.authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = body;
    Some(seen)
}

fn send(mut stream: &TcpStream, seen: &Seen, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", reply.body.len());
    let mut bytes = head.into_bytes();
    if seen.method == "HEAD" {
        return stream.write_all(&bytes);
    }
    match reply.sending {
        Sending::Whole => {
            bytes.extend_from_slice(&reply.body);
            stream.write_all(&bytes)
        }
        Sending::BrokenAfter(length) => {
            bytes.extend_from_slice(&reply.body[..length.min(reply.body.len())]);
            stream.write_all(&bytes)?;
            stream.shutdown(std::net::Shutdown::Both)
        }
        Sending::Slow(pause) => {
            stream.write_all(&bytes)?;
            for byte in &reply.body {
                thread::sleep(pause);
                stream.write_all(&[*byte])?;
            }
            Ok(())
        }
    }
}

fn refusal(status: u16, code: &str) -> Reply {
    let body = json!({"errors": [{"code": code, "message": code.to_lowercase()}]});
    Reply::new(status, body.to_string()).header("Content-Type", "application/json")
}

fn answer(state: &State, seen: &Seen, address: SocketAddr) -> Reply {
    if seen.path == "/token" {
        return token(state, seen);
    }
    if let Some(refused) = refuse(state, seen, address) {
        return refused;
    }
    if let Some(rest) = seen.path.strip_prefix("/v2/") {
        return pull(state, seen, rest);
    }
    refusal(404, "NOT_FOUND")
}

fn token(state: &State, seen: &Seen) -> Reply {
    let Guard::Token { credentials, life } = lock(&state.guard).clone() else {
        return refusal(404, "NOT_FOUND");
    };
    let is_refresh = seen.method == "POST";
    let is_let_in = match &credentials {
        None => true,
        Some(_) if is_refresh => {
            String::from_utf8_lossy(&seen.body).contains("refresh_token=refresh-me")
        }
        Some(credentials) => seen.authorization.as_deref() == Some(basic(credentials).as_str()),
    };
    if !is_let_in {
        return refusal(401, "UNAUTHORIZED");
    }
    let number = state.tokens.fetch_add(1, Ordering::SeqCst);
    let name = if is_refresh { "access_token" } else { "token" };
    let body = json!({name: format!("token-{number}"), "expires_in": life});
    Reply::new(200, body.to_string()).header("Content-Type", "application/json")
}

fn refuse(state: &State, seen: &Seen, address: SocketAddr) -> Option<Reply> {
    let authorization = seen.authorization.as_deref();
    let challenge = match lock(&state.guard).clone() {
        Guard::Open => return None,
        Guard::Basic(credentials) if authorization == Some(basic(&credentials).as_str()) => {
            return None;
        }
        Guard::Basic(_) => "Basic realm=\"registry\"".to_owned(),
        Guard::Token { .. } => {
            let newest = state.tokens.load(Ordering::SeqCst).checked_sub(1);
            if newest.is_some_and(|it| authorization == Some(format!("Bearer token-{it}").as_str()))
            {
                return None;
            }
            format!("Bearer realm=\"http://{address}/token\",service=\"registry\"")
        }
    };
    Some(refusal(401, "UNAUTHORIZED").header("WWW-Authenticate", challenge))
}

fn pull(state: &State, seen: &Seen, rest: &str) -> Reply {
    let repositories = lock(&state.repositories);
    if let Some(name) = rest.strip_suffix("/tags/list") {
        let Some(repository) = repositories.get(name) else {
            return refusal(404, "NAME_UNKNOWN");
        };
        let size = lock(&state.page_size).unwrap_or(usize::MAX);
        return page(name, repository, &seen.query, size);
    }
    if let Some((name, reference)) = rest.split_once("/manifests/") {
        let Some(repository) = repositories.get(name) else {
            return refusal(404, "NAME_UNKNOWN");
        };
        let digest = repository
            .tags
            .get(reference)
            .map_or(reference, String::as_str);
        return match repository.manifests.get(digest) {
            Some((kind, bytes)) => Reply::new(200, bytes.clone())
                .header("Content-Type", kind.clone())
                .header("Docker-Content-Digest", digest),
            None => refusal(404, "MANIFEST_UNKNOWN"),
        };
    }
    if let Some((name, digest)) = rest.split_once("/blobs/") {
        return match repositories.get(name).and_then(|it| it.blobs.get(digest)) {
            Some(bytes) => Reply::new(200, bytes.clone()),
            None => refusal(404, "BLOB_UNKNOWN"),
        };
    }
    refusal(404, "NOT_FOUND")
}

fn page(name: &str, repository: &Repository, query: &str, size: usize) -> Reply {
    let last = query
        .split('&')
        .find_map(|it| it.strip_prefix("last="))
        .unwrap_or_default();
    let mut rest = repository.tags.keys().filter(|it| it.as_str() > last);
    let tags: Vec<&String> = rest.by_ref().take(size).collect();
    let body = json!({"name": name, "tags": tags});
    let reply = Reply::new(200, body.to_string()).header("Content-Type", "application/json");
    match (rest.next(), tags.last()) {
        (Some(_), Some(last)) => {
            let next = format!("</v2/{name}/tags/list?last={last}&n={size}>; rel=\"next\"");
            reply.header("Link", next)
        }
        _ => reply,
    }
}

/// Returns `name:password` as the `Authorization` header carries it.
fn basic(credentials: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "Basic ".to_owned();
    for chunk in credentials.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            text.push(if place <= chunk.len() {
                char::from(LETTERS[bits >> (18 - 6 * place) & 63])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
