//! Follows autoscalers, their targets and their events as they change.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use autoscaleops_core::{
    Failure,
    cluster::{self, Cluster, ClusterArgs},
    stop,
};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event as ClusterEvent;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt as _, watcher},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::recording::{Entry, Line, SCHEMA};

pub mod seen;
pub mod tracker;
mod trouble;

use self::{
    seen::{Hpa, Target},
    tracker::Tracker,
};

pub use self::trouble::explain;

/// How often time is looked at while nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// How many objects are listed at once.
const PAGE: u32 = 100;
/// How many messages wait to be heard.
const WAITING: usize = 64;
/// How long a server that says to be busy is asked again at the beginning.
const PATIENCE: Duration = Duration::from_secs(15);
/// A pause before a watch is built anew.
const AGAIN: Duration = Duration::from_millis(500);

/// Which autoscalers.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Their names; all of the namespace where empty.
    pub names: Vec<String>,
    /// The namespace, that of the context where absent.
    pub namespace: Option<String>,
    /// All namespaces.
    pub all: bool,
    /// Whether their targets and events are followed too.
    pub targets: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Go,
    /// Stop.
    Stop,
}

/// What a watch says.
enum Message {
    /// An autoscaler as it is now, by `namespace/name`.
    Hpa(String, Box<Hpa>),
    /// An autoscaler is gone.
    Gone(String),
    /// The list is complete; these are all.
    Listed(BTreeSet<String>),
    /// The target of an autoscaler as it is now.
    Target(String, Target),
    /// An event of the cluster.
    Event(Box<ClusterEvent>),
    /// A watch is lost, and why.
    Lost(&'static str, watcher::Error),
    /// It works again.
    Back(&'static str),
}

/// Follows until `on_line` says stop, the time is over or a stop is asked for. `on_line` hears each
/// line. Returns why it ended: `done`, `time` or `stopped`.
///
/// # Errors
///
/// Fails when the cluster cannot be reached or refuses at the beginning, and when a named
/// autoscaler does not exist.
pub fn follow(
    args: &ClusterArgs,
    selection: &Selection,
    timeout: Option<Duration>,
    mut on_line: impl FnMut(Line) -> Next,
) -> anyhow::Result<&'static str> {
    follow_with(args, selection, timeout, |line| match line {
        Some(line) => on_line(line),
        None => Next::Go,
    })
}

/// The same; the handler also hears `None` several times a second.
///
/// # Errors
///
/// As [`follow`].
pub fn follow_with(
    args: &ClusterArgs,
    selection: &Selection,
    timeout: Option<Duration>,
    handler: impl FnMut(Option<Line>) -> Next,
) -> anyhow::Result<&'static str> {
    cluster::block_on(async {
        let cluster = cluster::connect(args).await?;
        Follower::begin(&cluster, selection, handler)
            .await?
            .run(timeout)
            .await
    })?
}

/// The state of following.
struct Follower<'a, H> {
    cluster: &'a Cluster,
    selection: &'a Selection,
    handler: H,
    sender: mpsc::Sender<Message>,
    messages: mpsc::Receiver<Message>,
    tracker: Tracker,
    /// The targets that are followed, by autoscaler.
    targets: BTreeMap<String, String>,
    namespaces: BTreeSet<String>,
    /// Since when which watch is lost.
    lost: BTreeMap<&'static str, Instant>,
    has_listed: bool,
    events: BTreeMap<String, i32>,
    stopped: bool,
}

impl<'a, H: FnMut(Option<Line>) -> Next> Follower<'a, H> {
    async fn begin(
        cluster: &'a Cluster,
        selection: &'a Selection,
        mut handler: H,
    ) -> Result<Self, Failure> {
        let client = &cluster.client;
        // The first call tells whether there is a cluster at all.
        let version = match version(client).await {
            Ok(version) => Some(version),
            Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403 | 404) => None,
            Err(err) => return Err(explain(&err, cluster, "the version")),
        };
        let minor = version.as_ref().and_then(|version| {
            let digits: String = version
                .minor
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            digits.parse().ok()
        });
        let api: Api<Hpa> = if selection.all {
            Api::all(client.clone())
        } else {
            Api::namespaced(
                client.clone(),
                selection.namespace.as_deref().unwrap_or(&cluster.namespace),
            )
        };
        // Small pages, and few messages on their way: of thousands of objects few are held at once.
        let mut config = watcher::Config::default().page_size(PAGE);
        if let [name] = selection.names.as_slice() {
            config = config.fields(&format!("metadata.name={name}"));
        }
        let (sender, messages) = mpsc::channel(WAITING);
        let names = selection.names.clone();
        watch(
            api,
            config,
            sender.clone(),
            "autoscalers",
            hpa_messages(names),
        );
        let start = Line {
            at: Timestamp::now(),
            entry: Entry::Start {
                schema: SCHEMA.to_owned(),
                version: autoscaleops_core::cli::VERSION.to_owned(),
                server: version.map(|version| version.git_version),
            },
        };
        let stopped = handler(Some(start)) == Next::Stop;
        Ok(Self {
            cluster,
            selection,
            handler,
            sender,
            messages,
            tracker: Tracker::new(selection.targets, minor),
            targets: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            lost: BTreeMap::new(),
            has_listed: false,
            events: BTreeMap::new(),
            stopped,
        })
    }

    async fn run(mut self, timeout: Option<Duration>) -> anyhow::Result<&'static str> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            if self.stopped {
                return Ok("done");
            }
            if stop::requested() {
                return Ok("stopped");
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok("time");
            }
            tokio::select! {
                message = self.messages.recv() => {
                    if let Some(message) = message {
                        self.take(message).await?;
                    }
                }
                _ = ticks.tick() => {
                    let mut lines = Vec::new();
                    self.tracker.tick(Timestamp::now(), &mut lines);
                    self.tell(lines);
                    if (self.handler)(None) == Next::Stop {
                        self.stopped = true;
                    }
                }
            }
        }
    }

    fn tell(&mut self, lines: Vec<Line>) {
        for line in lines {
            if (self.handler)(Some(line)) == Next::Stop {
                self.stopped = true;
            }
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), Failure> {
        let at = Timestamp::now();
        let mut lines = Vec::new();
        match message {
            Message::Hpa(name, hpa) => {
                if self.selection.targets {
                    self.follow_target(&name, &hpa).await;
                }
                self.tracker.see(&name, *hpa, at, &mut lines);
            }
            Message::Gone(name) => self.tracker.forget(&name, at, &mut lines),
            Message::Listed(all) => {
                let gone: Vec<String> = self
                    .tracker
                    .names()
                    .filter(|name| !all.contains(*name))
                    .map(str::to_owned)
                    .collect();
                for name in gone {
                    self.tracker.forget(&name, at, &mut lines);
                }
                if !self.has_listed {
                    self.has_listed = true;
                    self.check_names(&all)?;
                }
            }
            Message::Target(name, target) => {
                self.tracker.see_target(&name, target, at, &mut lines);
            }
            Message::Event(event) => lines.extend(self.event(&event, at)),
            Message::Lost(what, err) => {
                let since = self.lost.entry(what).or_insert_with(Instant::now);
                let is_patient = is_passing(&err) && since.elapsed() < PATIENCE;
                if what == "autoscalers" && !self.has_listed && !is_patient {
                    let watcher::Error::InitialListFailed(err) = err else {
                        return Err(Failure::unavailable("cluster", err.to_string()));
                    };
                    return Err(explain(&err, self.cluster, "the autoscalers"));
                }
                tracing::info!("the watch of {what} is lost: {err}");
                if what == "targets" {
                    self.tracker.give_up_targets(at, &mut lines);
                }
            }
            Message::Back(what) => {
                if let Some(since) = self.lost.remove(what) {
                    let lasted = since.elapsed().as_millis();
                    lines.push(Line {
                        at,
                        entry: Entry::Gap {
                            what: what.to_owned(),
                            lasted_ms: u64::try_from(lasted).unwrap_or(u64::MAX),
                        },
                    });
                }
            }
        }
        self.tell(lines);
        Ok(())
    }

    fn check_names(&self, all: &BTreeSet<String>) -> Result<(), Failure> {
        for name in &self.selection.names {
            if !all
                .iter()
                .any(|known| known.split('/').next_back() == Some(name))
            {
                let namespace = self
                    .selection
                    .namespace
                    .as_deref()
                    .unwrap_or(&self.cluster.namespace);
                return Err(Failure::unavailable(
                    "not_found",
                    format!(
                        "there is no HorizontalPodAutoscaler `{name}` in namespace `{namespace}`"
                    ),
                )
                .hint("kubectl get hpa -A"));
            }
        }
        Ok(())
    }

    /// Begins to watch the target of an autoscaler, and the events of its namespace.
    async fn follow_target(&mut self, name: &str, hpa: &Hpa) {
        let reference = &hpa.spec["scaleTargetRef"];
        let text = |field: &str| reference[field].as_str().unwrap_or_default().to_owned();
        let key = format!("{} {} {}", text("apiVersion"), text("kind"), text("name"));
        if self.targets.get(name) == Some(&key) {
            return;
        }
        self.targets.insert(name.to_owned(), key);
        let namespace = hpa.namespace().unwrap_or_default();
        let client = &self.cluster.client;
        if let Some(kind) = resource(client, &text("apiVersion"), &text("kind")).await {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &kind);
            let config =
                watcher::Config::default().fields(&format!("metadata.name={}", text("name")));
            let name = name.to_owned();
            watch(api, config, self.sender.clone(), "targets", move |event| {
                let (watcher::Event::Apply(target) | watcher::Event::InitApply(target)) = event
                else {
                    return None;
                };
                Some(Message::Target(name.clone(), Target::of(&target.data)))
            });
        }
        if self.namespaces.insert(namespace.clone()) {
            let api: Api<ClusterEvent> = Api::namespaced(client.clone(), &namespace);
            let config =
                watcher::Config::default().fields("involvedObject.kind=HorizontalPodAutoscaler");
            let begin = Timestamp::now();
            watch(
                api,
                config,
                self.sender.clone(),
                "events",
                move |event| match event {
                    // What lies before the beginning is not part of the recording.
                    watcher::Event::InitApply(event) if last_seen(&event) < Some(begin) => None,
                    watcher::Event::Apply(event) | watcher::Event::InitApply(event) => {
                        Some(Message::Event(Box::new(event)))
                    }
                    _ => None,
                },
            );
        }
    }

    /// An event that is new, or happened once more.
    fn event(&mut self, event: &ClusterEvent, at: Timestamp) -> Option<Line> {
        let object = &event.involved_object;
        let hpa = format!(
            "{}/{}",
            object.namespace.as_deref().unwrap_or_default(),
            object.name.as_deref().unwrap_or_default()
        );
        if !self.tracker.names().any(|name| name == hpa) {
            return None;
        }
        let count = event.count.unwrap_or(1);
        let key = event
            .metadata
            .uid
            .clone()
            .unwrap_or_else(|| event.name_any());
        if self.events.insert(key, count) == Some(count) {
            return None;
        }
        Some(Line {
            at,
            entry: Entry::Event {
                hpa,
                kind: event.type_.clone().unwrap_or_default(),
                reason: event.reason.clone().unwrap_or_default(),
                message: event.message.clone().unwrap_or_default(),
                count,
            },
        })
    }
}

/// Asks for the server's version, a few times while it says to be busy.
async fn version(
    client: &Client,
) -> Result<k8s_openapi::apimachinery::pkg::version::Info, kube::Error> {
    for _ in 0..3 {
        match client.apiserver_version().await {
            Err(kube::Error::Api(status)) if is_busy(status.code) => {
                tokio::time::sleep(AGAIN).await;
            }
            answer => return answer,
        }
    }
    client.apiserver_version().await
}

fn is_busy(code: u16) -> bool {
    matches!(code, 429 | 500 | 502 | 503 | 504)
}

fn is_passing(err: &watcher::Error) -> bool {
    matches!(err, watcher::Error::InitialListFailed(kube::Error::Api(status)) if is_busy(status.code))
}

fn last_seen(event: &ClusterEvent) -> Option<Timestamp> {
    let time = event
        .last_timestamp
        .as_ref()
        .or(event.first_timestamp.as_ref());
    time.map(|time| time.0)
}

/// Turns what the watch of autoscalers says into messages, the complete list among them.
fn hpa_messages(
    names: Vec<String>,
) -> impl FnMut(watcher::Event<Hpa>) -> Option<Message> + Send + 'static {
    let mut listed = BTreeSet::new();
    move |event| {
        let key = |hpa: &Hpa| format!("{}/{}", hpa.namespace().unwrap_or_default(), hpa.name_any());
        let is_meant = |hpa: &Hpa| {
            names.is_empty()
                || hpa
                    .metadata
                    .name
                    .as_ref()
                    .is_some_and(|name| names.contains(name))
        };
        match event {
            watcher::Event::Init => {
                listed.clear();
                None
            }
            watcher::Event::InitApply(hpa) if is_meant(&hpa) => {
                let key = key(&hpa);
                listed.insert(key.clone());
                Some(Message::Hpa(key, Box::new(hpa)))
            }
            watcher::Event::Apply(hpa) if is_meant(&hpa) => {
                Some(Message::Hpa(key(&hpa), Box::new(hpa)))
            }
            watcher::Event::Delete(hpa) if is_meant(&hpa) => Some(Message::Gone(key(&hpa))),
            watcher::Event::InitDone => Some(Message::Listed(std::mem::take(&mut listed))),
            _ => None,
        }
    }
}

/// Watches in a task of its own until nobody listens any more.
fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
    sender: mpsc::Sender<Message>,
    what: &'static str,
    mut message: impl FnMut(watcher::Event<K>) -> Option<Message> + Send + 'static,
) where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let stream = watcher(api.clone(), config.clone()).default_backoff();
            let mut stream = Box::pin(stream);
            let mut is_lost = false;
            while let Some(item) = stream.next().await {
                let sent = match item {
                    Ok(event) => {
                        if is_lost {
                            is_lost = false;
                            let _ = sender.send(Message::Back(what)).await;
                        }
                        match message(event) {
                            Some(message) => sender.send(message).await,
                            None => Ok(()),
                        }
                    }
                    Err(err) => {
                        is_lost = true;
                        // The watcher would ask for the same lost version for ever.
                        let is_stuck = matches!(
                            &err,
                            watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 410
                        );
                        let sent = sender.send(Message::Lost(what, err)).await;
                        if is_stuck {
                            break;
                        }
                        sent
                    }
                };
                if sent.is_err() {
                    return;
                }
            }
            if sender.is_closed() {
                return;
            }
            tokio::time::sleep(AGAIN).await;
            // A watch that is built anew begins with a list: it is back when that is there.
            let _ = sender.send(Message::Back(what)).await;
        }
    });
}

/// The resource behind a kind: the common ones are known, the cluster is asked for others.
async fn resource(client: &Client, api_version: &str, kind: &str) -> Option<ApiResource> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let known = GroupVersionKind::gvk(group, version, kind);
    if group == "apps" && matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet") {
        return Some(ApiResource::from_gvk(&known));
    }
    match kube::discovery::pinned_kind(client, &known).await {
        Ok((resource, _)) => Some(resource),
        Err(err) => {
            tracing::info!("the kind {kind} of {api_version} is not known to the cluster: {err}");
            None
        }
    }
}

/// Returns a target of any kind, once.
///
/// # Errors
///
/// Fails as the API does.
pub async fn target(
    client: &Client,
    namespace: &str,
    reference: &Value,
) -> Result<Option<DynamicObject>, kube::Error> {
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let Some(kind) = resource(client, text("apiVersion"), text("kind")).await else {
        return Ok(None);
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    api.get_opt(text("name")).await
}
