//! What all virtual users of a run share.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use serde_json::Value;

use super::{modules::Modules, vu::read};
use crate::{http, metrics::Collector};

/// How much a message of a script weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// Why a run ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A script called `exec.test.abort`.
    Script(String),
    /// A threshold with `abortOnFail` was missed.
    Threshold,
    /// A signal.
    Signal,
}

/// What a script is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is loaded: no requests yet.
    Init,
    /// It runs a function of the script.
    Run,
}

/// Where a script's messages go.
pub type Console = Box<dyn Fn(Level, &str) + Send + Sync>;

/// What all virtual users of a run share.
pub struct Shared {
    /// The modules, compiled once.
    pub modules: Modules,
    /// The environment that scripts see.
    pub env: BTreeMap<String, String>,
    /// The metrics. Set when the options are known; before, only the registry is used.
    pub collector: RwLock<Option<Arc<Collector>>>,
    /// The metrics that scripts make while they are loaded.
    pub registry: crate::metrics::Registry,
    /// Where requests go.
    pub http: RwLock<Option<Arc<http::Shared>>>,
    /// The options as scripts may read them.
    pub options: RwLock<Value>,
    /// Defaults of requests.
    pub defaults: RwLock<Defaults>,
    /// Where messages go.
    pub console: Console,
    /// The folder that `open` starts from.
    pub folder: PathBuf,
    /// Arrays that are made once, each element as JSON.
    pub arrays: Mutex<Vec<(String, Arc<Vec<String>>)>>,
    /// Files that were opened.
    pub files: Mutex<HashMap<PathBuf, Arc<Vec<u8>>>>,
    /// When the run began.
    pub started: RwLock<Instant>,
    /// Whether everything is to stop now.
    pub stopping: AtomicBool,
    /// Why.
    pub reason: Mutex<Option<StopReason>>,
    /// Whether the script marked the run as failed, and how it put it.
    pub marked_failed: Mutex<Option<String>>,
    /// Iterations that ended by themselves.
    pub completed: AtomicU64,
    /// Iterations that were stopped.
    pub interrupted: AtomicU64,
    /// Iterations that ended with an exception.
    pub thrown: AtomicU64,
    /// The first exception.
    pub first_thrown: Mutex<Option<String>>,
    /// `WebSockets` whose handshake was answered as one.
    pub sockets_opened: AtomicU64,
    /// Virtual users that are running an iteration's scenario.
    pub active: AtomicU64,
    /// Virtual users that exist.
    pub initialized: AtomicU64,
    /// What `setup` returned, as JSON.
    pub setup_data: RwLock<Option<String>>,
    /// When the next request may begin, in nanoseconds from the start, where the rate is limited.
    pub next_slot: AtomicU64,
    /// Bytes that one runtime may use.
    pub memory_limit: usize,
}

/// Defaults of requests, from the options.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "they are k6's own names and meanings, written down in its documentation"
)]
pub struct Defaults {
    pub max_redirects: u32,
    pub discard_bodies: bool,
    pub throw: bool,
    pub batch: usize,
    pub batch_per_host: usize,
    pub cookies_reset: bool,
    pub reuse_between_iterations: bool,
    pub system_tags: u32,
    pub tags: Vec<(String, String)>,
    pub rps: Option<f64>,
}

impl Shared {
    /// Waits until another request may begin, where their rate is limited.
    pub(crate) async fn wait_for_slot(&self, per_second: f64) {
        let step = (1e9 / per_second) as u64;
        let now = read(&self.started).elapsed().as_nanos() as u64;
        let taken = self
            .next_slot
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |next| {
                Some(next.max(now) + step)
            });
        let slot = taken.unwrap_or(0).max(now);
        if slot > now {
            tokio::time::sleep(std::time::Duration::from_nanos(slot - now)).await;
        }
    }

    /// Stops everything. The first reason stands.
    pub fn stop(&self, reason: StopReason) {
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Returns whether everything is to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
