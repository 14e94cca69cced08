//! An embedded stand-in for a cluster, in one process, for machines without Docker.
//!
//! It speaks enough of the Kubernetes API for kubectl and our tools, runs pods as processes of this
//! machine, measures them, scales them with the real algorithm, opens node ports on loopback, and
//! applies what a Git branch says. It is no cluster: no containers, no isolation, no other nodes.
//!
//! In reading order: [`serve`] starts everything; `server` and `api` answer requests with `objects`
//! on the `store`; `cluster` runs the controllers (`workloads`, `endpoints`, `garbage`), `kubelet`
//! the pods, `proxy` the node ports, `autoscale` the autoscalers and `sync` the applications.

use std::{
    fs::{File, OpenOptions},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use autoscaleops_core::stop;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

mod admission;
mod api;
mod autoscale;
mod base64;
mod cluster;
mod config;
mod discovery;
mod endpoints;
mod environment;
mod error;
mod fields;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod garbage;
mod kubelet;
mod lists;
mod logs;
mod metrics;
mod objects;
mod patch;
mod probe;
mod process;
mod protobuf;
mod proxy;
pub mod render;
mod resource;
mod selector;
mod server;
mod store;
mod sync;
mod table;
mod value;
mod watch;
mod workloads;

pub use crate::config::{Config, Program};

/// The name of the one node.
pub const NODE: &str = "rehearsal";

/// Where a running stand-in is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The number of its process.
    pub pid: u32,
    /// Where its API listens.
    pub address: SocketAddr,
    /// The version of the program.
    pub version: String,
}

/// Files of which one at least is in every folder of a cluster.
const MARKS: [&str; 3] = ["up.lock", "lock", "journal.jsonl"];

/// The files of a stand-in.
#[derive(Debug, Clone)]
pub struct State {
    folder: PathBuf,
}

impl State {
    /// Names the folder of a stand-in.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns where the kubeconfig lies.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Returns where the log of the process lies.
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// Returns where the configuration lies.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    /// Makes the folder, for its owner alone.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be made.
    pub fn create(&self) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
    }

    /// Returns whether the folder is that of a cluster, and not merely one that nobody uses yet.
    ///
    /// # Errors
    ///
    /// Fails on a folder that is somebody else's: files are in it, and none is a mark of ours.
    pub fn is_claimed(&self) -> io::Result<bool> {
        let mut entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(err) => return Err(err),
        };
        if MARKS.iter().any(|it| self.folder.join(it).exists()) {
            return Ok(true);
        }
        match entries.next() {
            None => Ok(false),
            Some(_) => Err(io::Error::other(format!(
                "`{}` holds other files; name a folder for the state alone",
                self.folder.display()
            ))),
        }
    }

    /// Removes the folder with all that is in it, when it is that of a cluster.
    ///
    /// # Errors
    ///
    /// Fails when it is somebody else's, or cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        if !self.is_claimed()? {
            return Ok(());
        }
        match std::fs::remove_dir_all(&self.folder) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
            _ => Ok(()),
        }
    }

    /// Returns the stand-in that runs here, or `None` when none does.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read.
    pub fn running(&self) -> io::Result<Option<Server>> {
        let path = self.folder.join("lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => return Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(err) => return Err(err.into()),
        }
        // Locked and not written yet: it is starting.
        let Ok(text) = std::fs::read(self.folder.join("server.json")) else {
            return Ok(None);
        };
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Ends the processes that a stand-in which is gone left behind.
    pub fn end_orphans(&self) {
        kubelet::end_orphans(&self.folder);
    }
}

/// Runs a stand-in in this process until it is asked to stop.
///
/// # Errors
///
/// Fails when another one runs in the same folder, or the folder or the port cannot be used.
pub fn serve(state: &State, context: &str) -> anyhow::Result<()> {
    state
        .create()
        .context("cannot make the folder of the stand-in")?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(state.folder.join("lock"))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("another stand-in runs in `{}`", state.folder.display()))?;
    let _ = std::fs::remove_file(state.folder.join("server.json"));
    // Out of the session of the terminal that it was started from.
    let _ = rustix::process::setsid();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(run(state, context));
    let _ = std::fs::remove_file(state.folder.join("server.json"));
    drop(lock);
    result
}

fn read_config(state: &State) -> anyhow::Result<Config> {
    match std::fs::read(state.config()) {
        Ok(text) => {
            serde_json::from_slice(&text).context("cannot read the configuration of the stand-in")
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
        Err(err) => Err(err.into()),
    }
}

async fn listen(state: &State, config: &Config) -> anyhow::Result<TcpListener> {
    let kept = std::fs::read_to_string(state.folder.join("port"))
        .ok()
        .and_then(|it| it.trim().parse().ok());
    let wanted = if config.api_port == 0 {
        kept.unwrap_or(0)
    } else {
        config.api_port
    };
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await {
        Ok(listener) => listener,
        // Somebody else took the port meanwhile; the kubeconfig is written anew anyway.
        Err(_) if config.api_port == 0 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        Err(err) => {
            return Err(err).with_context(|| format!("cannot listen on 127.0.0.1:{wanted}"));
        }
    };
    let port = listener.local_addr()?.port();
    autoscaleops_core::file::replace_private(
        &state.folder.join("port"),
        port.to_string().as_bytes(),
    )?;
    Ok(listener)
}

async fn run(state: &State, context: &str) -> anyhow::Result<()> {
    let config = read_config(state)?;
    let keys = server::Keys::of(&state.folder)?;
    let listener = listen(state, &config).await?;
    let address = listener.local_addr()?;
    let store = store::Store::open(Some(&state.folder), config.history.max(16))
        .context("cannot read the journal of the stand-in")?;
    let cluster = Arc::new(cluster::Cluster::new(
        store,
        config,
        state.folder.clone(),
        address,
    ));
    let kubeconfig = kubeconfig(context, address, &keys);
    autoscaleops_core::file::replace_private(&state.kubeconfig(), kubeconfig.as_bytes())?;
    let tasks = [
        tokio::spawn(cluster::control(Arc::clone(&cluster))),
        tokio::spawn(proxy::run(Arc::clone(&cluster))),
        tokio::spawn(autoscale::run(Arc::clone(&cluster))),
        tokio::spawn(sync::run(Arc::clone(&cluster))),
    ];
    let pods = tokio::spawn(kubelet::Kubelet::new(Arc::clone(&cluster)).run());
    let api = tokio::spawn(server::run(Arc::clone(&cluster), listener, keys));
    let server = Server {
        pid: std::process::id(),
        address,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let text = serde_json::to_vec(&server)?;
    autoscaleops_core::file::replace_private(&state.folder.join("server.json"), &text)?;
    let mut changed = modified(state);
    while !stop::requested()
        && !api.is_finished()
        && !tasks.iter().any(tokio::task::JoinHandle::is_finished)
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = modified(state);
        if now != changed {
            changed = now;
            match read_config(state) {
                Ok(config) => *api::lock(&cluster.config) = config,
                Err(err) => tracing::warn!("the new configuration is not used: {err:#}"),
            }
        }
    }
    cluster.stop();
    for task in &tasks {
        task.abort();
    }
    pods.await.context("the task that runs the pods failed")?;
    if api.is_finished() {
        return api.await?;
    }
    api.abort();
    if stop::requested() {
        Ok(())
    } else {
        anyhow::bail!(
            "a task of the stand-in ended; see `{}`",
            state.log().display()
        )
    }
}

fn modified(state: &State) -> Option<std::time::SystemTime> {
    std::fs::metadata(state.config()).ok()?.modified().ok()
}

fn kubeconfig(context: &str, address: SocketAddr, keys: &server::Keys) -> String {
    let authority = base64::base64(keys.authority.as_bytes());
    format!(
        "# The embedded stand-in of kind-up. It is no cluster.\n\
         apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
         clusters:\n- name: {context}\n  cluster:\n    server: https://{address}\n    certificate-authority-data: {authority}\n\
         users:\n- name: {context}\n  user:\n    token: {token}\n\
         contexts:\n- name: {context}\n  context:\n    cluster: {context}\n    user: {context}\n",
        token = keys.token,
    )
}
