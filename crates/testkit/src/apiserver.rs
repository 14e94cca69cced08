//! A small Kubernetes API server on loopback: lists, watches and discovery of the kinds that
//! hpa-watch reads, over plain HTTP or TLS, with faults where a test wants them. It runs no
//! controllers: objects change when a test changes them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

mod answer;
mod discovery;
mod http;
pub mod objects;
mod tls;

/// How many changes are remembered for watches that begin in the past.
const REMEMBERED: usize = 100_000;

/// A running API server. It ends when this is dropped.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    authority: Option<String>,
    client: Option<(String, String)>,
    shared: Arc<Shared>,
}

/// What the connections share.
#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

/// One change of an object, as it goes to watches.
#[derive(Clone, Debug)]
struct Change {
    version: u64,
    kind: &'static str,
    resource: &'static str,
    object: Arc<Value>,
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    /// By resource, then by `namespace/name`.
    objects: BTreeMap<&'static str, BTreeMap<String, Arc<Value>>>,
    changes: VecDeque<Change>,
    /// Versions up to this one are forgotten.
    compacted: u64,
    /// Increased to cut all watches that are open.
    cuts: u64,
    gone_in_stream: BTreeSet<&'static str>,
    gone_on_request: BTreeSet<&'static str>,
    forbidden: BTreeSet<String>,
    broken: BTreeMap<String, u16>,
    token: Option<String>,
    delay: Duration,
    skew_s: i64,
    requests: Vec<String>,
    is_over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ApiServer {
    /// Starts a server that speaks plain HTTP.
    pub fn start() -> Self {
        Self::serve(None)
    }

    /// Starts a server that speaks TLS, with a certificate for `name`.
    pub fn start_tls(name: &str) -> Self {
        Self::serve(Some(tls::identity(name, false)))
    }

    /// Starts a server that speaks TLS and lets nobody in without a certificate of its authority.
    pub fn start_mutual_tls(name: &str) -> Self {
        Self::serve(Some(tls::identity(name, true)))
    }

    fn serve(identity: Option<tls::Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (authority, client, config) = match identity {
            Some(identity) => (
                Some(identity.authority),
                identity.client,
                Some(identity.config),
            ),
            None => (None, None, None),
        };
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if state.lock().is_over {
                    return;
                }
                let (state, config) = (Arc::clone(&state), config.clone());
                thread::spawn(move || http::converse(&state, stream, config));
            }
        });
        Self {
            address,
            authority,
            client,
            shared,
        }
    }

    /// Returns the address, such as `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Returns the authority's certificate as PEM, where the server speaks TLS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Returns certificate and key of a client that the server knows, as PEM.
    pub fn client(&self) -> Option<(&str, &str)> {
        let (certificate, key) = self.client.as_ref()?;
        Some((certificate, key))
    }

    /// Returns the port on loopback.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lets in only who brings this token.
    pub fn require_token(&self, token: &str) {
        self.shared.lock().token = Some(token.to_owned());
    }

    /// Writes a kubeconfig into `folder` and returns its path.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        self.kubeconfig_with(folder, &json!({}), &json!({"token": "of-a-test"}))
    }

    /// The same, with more fields of the cluster and another user.
    pub fn kubeconfig_with(&self, folder: &Path, cluster: &Value, user: &Value) -> PathBuf {
        let mut entry = json!({"server": self.url()});
        if let Some(pem) = &self.authority {
            let file = folder.join("authority.pem");
            fs::write(&file, pem).unwrap();
            entry["certificate-authority"] = json!(file);
        }
        for (name, value) in cluster.as_object().unwrap() {
            entry[name] = value.clone();
        }
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": entry}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "shop"}}],
        });
        let path = folder.join("kubeconfig");
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// Adds an object, or replaces the one of its name.
    pub fn put(&self, object: Value) {
        let resource = objects::resource_of(&object);
        let mut inner = self.shared.lock();
        inner.put(resource, object);
        drop(inner);
        self.shared.changed.notify_all();
    }

    /// Changes an object.
    pub fn change(&self, kind: &str, key: &str, change: impl FnOnce(&mut Value)) {
        let resource = objects::resource_of_kind(kind);
        let mut inner = self.shared.lock();
        let object = inner.objects.get(resource).and_then(|all| all.get(key));
        let mut object = Value::clone(object.unwrap_or_else(|| panic!("no {kind} {key}")));
        change(&mut object);
        inner.put(resource, object);
        drop(inner);
        self.shared.changed.notify_all();
    }

    /// Removes an object.
    pub fn delete(&self, kind: &str, key: &str) {
        let resource = objects::resource_of_kind(kind);
        let mut inner = self.shared.lock();
        if let Some(object) = inner
            .objects
            .get_mut(resource)
            .and_then(|all| all.remove(key))
        {
            inner.version += 1;
            let version = inner.version;
            inner.remember(Change {
                version,
                kind: "DELETED",
                resource,
                object,
            });
        }
        drop(inner);
        self.shared.changed.notify_all();
    }

    /// Lets every open watch of `kind` say that its version is too old, and then end.
    pub fn say_gone_in_stream(&self, kind: &str) {
        let resource = objects::resource_of_kind(kind);
        let mut inner = self.shared.lock();
        inner.gone_in_stream.insert(resource);
        inner.compacted = inner.version;
        drop(inner);
        self.shared.changed.notify_all();
    }

    /// Cuts the open watches, and answers the next request for a watch of `kind` with 410.
    pub fn say_gone_on_request(&self, kind: &str) {
        let resource = objects::resource_of_kind(kind);
        let mut inner = self.shared.lock();
        inner.gone_on_request.insert(resource);
        inner.compacted = inner.version;
        inner.cuts += 1;
        drop(inner);
        self.shared.changed.notify_all();
    }

    /// Cuts all open watches in the middle.
    pub fn cut(&self) {
        self.shared.lock().cuts += 1;
        self.shared.changed.notify_all();
    }

    /// Answers 403 for a resource, such as `pods`.
    pub fn forbid(&self, resource: &str) {
        self.shared.lock().forbidden.insert(resource.to_owned());
    }

    /// Answers with `status` for every path that begins with `path`; 0 takes that back.
    pub fn break_path(&self, path: &str, status: u16) {
        let mut inner = self.shared.lock();
        if status == 0 {
            inner.broken.remove(path);
        } else {
            inner.broken.insert(path.to_owned(), status);
        }
    }

    /// Waits before every answer.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Sets the server's clock off by so many seconds, as its `Date` header shows it.
    pub fn skew(&self, seconds: i64) {
        self.shared.lock().skew_s = seconds;
    }

    /// Returns the requests so far, method and target.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.is_over = true;
        inner.cuts += 1;
        drop(inner);
        self.shared.changed.notify_all();
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Inner {
    fn put(&mut self, resource: &'static str, mut object: Value) {
        self.version += 1;
        let version = self.version;
        let key = objects::key(&object);
        let all = self.objects.entry(resource).or_default();
        let kind = if all.contains_key(&key) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert("resourceVersion".to_owned(), json!(version.to_string()));
        metadata
            .entry("uid")
            .or_insert_with(|| json!(format!("00000000-0000-4000-8000-{version:012}")));
        metadata
            .entry("creationTimestamp")
            .or_insert_with(|| json!("2026-11-23T09:00:00Z"));
        let object = Arc::new(object);
        all.insert(key, Arc::clone(&object));
        self.remember(Change {
            version,
            kind,
            resource,
            object,
        });
    }

    fn remember(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > REMEMBERED
            && let Some(oldest) = self.changes.pop_front()
        {
            self.compacted = oldest.version;
        }
    }
}
