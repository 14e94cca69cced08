//! The watches and polls behind [`follow`](super::follow): each in a task of its own, all telling
//! one channel.

use std::{collections::BTreeSet, time::Duration};

use autoscaleops_hpa::Usages;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event as ClusterEvent;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ApiResource, DynamicObject},
    runtime::{WatchStreamExt as _, watcher},
};
use serde::de::DeserializeOwned;
use tokio::{sync::mpsc, task::AbortHandle};

use super::{
    pages,
    seen::{Hpa, SeenPod, Target, selector},
    tracker::PodChange,
};

/// How many objects are listed at once. Small pages, and few messages on their way: of thousands of
/// objects few are held at once.
const PAGE: u32 = 100;
/// A pause before a watch is built anew.
const AGAIN: Duration = Duration::from_millis(500);
/// How often the usage of pods is asked for: metrics-server measures as often.
const POLL: Duration = Duration::from_secs(15);
/// How often it is asked for where that was refused.
const REFUSED: Duration = Duration::from_secs(60);

/// One following of what is around an autoscaler. When its target becomes another one, what is still
/// said of the former is not heard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// The autoscaler, `namespace/name`.
    pub(super) hpa: String,
    /// Counts the followings.
    pub(super) number: u64,
}

/// What a watch is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The autoscalers.
    Autoscalers,
    /// The events of a namespace.
    Events(String),
    /// The target of an autoscaler.
    Target(Turn),
    /// The pods of the target.
    Pods(Turn),
}

impl Origin {
    /// Its name in a recording.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Autoscalers => "autoscalers",
            Self::Events(_) => "events",
            Self::Target(_) => "targets",
            Self::Pods(_) => "pods",
        }
    }
}

/// What a watch says.
pub(super) enum Message {
    /// A list of autoscalers begins.
    Listing,
    /// An autoscaler as it is now, by `namespace/name`.
    Hpa(String, Box<Hpa>),
    /// An autoscaler is gone.
    Gone(String),
    /// The list is complete; these are all.
    Listed(BTreeSet<String>),
    /// The target of an autoscaler as it is now with the selector of its pods, or that it is gone.
    Target(Turn, Option<(Target, Option<String>)>),
    /// A change of the target's pods.
    Pods(Turn, PodChange),
    /// The measured usage of the pods, or why there is none.
    Usages(Turn, Result<Vec<Usages>, String>),
    /// An event of the cluster.
    Event(Box<ClusterEvent>),
    /// The cluster has forgotten an event.
    EventGone(String),
    /// A watch is lost, and why.
    Lost(Origin, watcher::Error),
    /// It works again.
    Back(Origin),
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches the autoscalers of `api`, those of `names` where some are named.
pub(super) fn autoscalers(
    api: Api<Hpa>,
    names: Vec<String>,
    sender: mpsc::Sender<Message>,
) -> Task {
    let mut config = watcher::Config::default().page_size(PAGE);
    if let [name] = names.as_slice() {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let mut listed = BTreeSet::new();
    let key = |hpa: &Hpa| format!("{}/{}", hpa.namespace().unwrap_or_default(), hpa.name_any());
    let is_meant = move |hpa: &Hpa| {
        let name = hpa.metadata.name.as_ref();
        names.is_empty() || name.is_some_and(|name| names.contains(name))
    };
    watch(
        api,
        config,
        sender,
        Origin::Autoscalers,
        move |event| match event {
            watcher::Event::Init => {
                listed.clear();
                Some(Message::Listing)
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
        },
    )
}

/// Watches one target.
pub(super) fn target(
    client: &Client,
    namespace: &str,
    kind: &ApiResource,
    name: &str,
    turn: Turn,
    sender: mpsc::Sender<Message>,
) -> Task {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let is_usual = kind.group == "apps";
    let mut is_there = false;
    let origin = Origin::Target(turn.clone());
    watch(api, config, sender, origin, move |event| {
        let said = match event {
            watcher::Event::Init => {
                is_there = false;
                return None;
            }
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                is_there = true;
                Some((Target::of(&object.data, is_usual), selector(&object.data)))
            }
            watcher::Event::InitDone if is_there => return None,
            watcher::Event::Delete(_) | watcher::Event::InitDone => None,
        };
        Some(Message::Target(turn.clone(), said))
    })
}

/// Watches the pods that a selector matches.
pub(super) fn pods(
    client: &Client,
    namespace: &str,
    selector: &str,
    turn: Turn,
    sender: mpsc::Sender<Message>,
) -> Task {
    let api: Api<SeenPod> = Api::namespaced(client.clone(), namespace);
    let config = watcher::Config::default().page_size(PAGE).labels(selector);
    let mut all = Vec::new();
    let origin = Origin::Pods(turn.clone());
    watch(api, config, sender, origin, move |event| {
        let change = match event {
            watcher::Event::Init => {
                all.clear();
                return None;
            }
            watcher::Event::InitApply(seen) => {
                all.push(seen.pod);
                return None;
            }
            watcher::Event::InitDone => PodChange::All(std::mem::take(&mut all)),
            watcher::Event::Apply(seen) => PodChange::Put(seen.pod),
            watcher::Event::Delete(seen) => PodChange::Remove(seen.pod.name),
        };
        Some(Message::Pods(turn.clone(), change))
    })
}

/// Asks for the usage of the pods that a selector matches, again and again: `metrics.k8s.io` cannot
/// be watched.
pub(super) fn usages(
    client: Client,
    namespace: &str,
    selector: &str,
    turn: Turn,
    sender: mpsc::Sender<Message>,
) -> Task {
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods");
    let selector = selector.to_owned();
    let task = tokio::spawn(async move {
        loop {
            let (usages, pause) = match pages::list(&client, &path, &[("labelSelector", &selector)])
                .await
            {
                Ok(items) => (Ok(items.iter().map(Usages::of).collect()), POLL),
                Err(err) => (Err(pages::refusal(&err, "list pods.metrics.k8s.io")), {
                    let is_refused = matches!(&err, kube::Error::Api(status) if status.code < 500);
                    if is_refused { REFUSED } else { POLL }
                }),
            };
            if sender
                .send(Message::Usages(turn.clone(), usages))
                .await
                .is_err()
            {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    });
    Task(task.abort_handle())
}

/// Watches the events of a namespace that are about autoscalers. What lies before the beginning is
/// not told.
pub(super) fn events(
    client: &Client,
    namespace: &str,
    skew_ms: i64,
    sender: mpsc::Sender<Message>,
) -> Task {
    let api: Api<ClusterEvent> = Api::namespaced(client.clone(), namespace);
    let config = watcher::Config::default()
        .page_size(PAGE)
        .fields("involvedObject.kind=HorizontalPodAutoscaler");
    // Events carry the cluster's time.
    let begin = Timestamp::now().as_millisecond().saturating_add(skew_ms);
    let begin = Timestamp::from_millisecond(begin).unwrap_or(Timestamp::UNIX_EPOCH);
    let origin = Origin::Events(namespace.to_owned());
    watch(api, config, sender, origin, move |event| match event {
        watcher::Event::InitApply(event) if last_seen(&event) < Some(begin) => None,
        watcher::Event::Apply(event) | watcher::Event::InitApply(event) => {
            Some(Message::Event(Box::new(event)))
        }
        watcher::Event::Delete(event) => Some(Message::EventGone(identity(&event))),
        _ => None,
    })
}

fn last_seen(event: &ClusterEvent) -> Option<Timestamp> {
    let time = event
        .last_timestamp
        .as_ref()
        .or(event.first_timestamp.as_ref());
    time.map(|time| time.0)
}

/// By what an event is known again.
pub(super) fn identity(event: &ClusterEvent) -> String {
    event
        .metadata
        .uid
        .clone()
        .unwrap_or_else(|| event.name_any())
}

/// Watches in a task of its own until nobody listens any more.
fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
    sender: mpsc::Sender<Message>,
    origin: Origin,
    mut message: impl FnMut(watcher::Event<K>) -> Option<Message> + Send + 'static,
) -> Task
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let task = tokio::spawn(async move {
        loop {
            let stream = watcher(api.clone(), config.clone()).default_backoff();
            let mut stream = Box::pin(stream);
            let mut is_lost = false;
            while let Some(item) = stream.next().await {
                let sent = match item {
                    Ok(event) => {
                        if is_lost {
                            is_lost = false;
                            let _ = sender.send(Message::Back(origin.clone())).await;
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
                        let sent = sender.send(Message::Lost(origin.clone(), err)).await;
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
            let _ = sender.send(Message::Back(origin.clone())).await;
        }
    });
    Task(task.abort_handle())
}
