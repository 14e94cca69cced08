//! What is followed around each autoscaler: its target, the pods of the target, their measured
//! usage, and the events of its namespace.

use std::collections::BTreeMap;

use autoscaleops_core::cluster::Cluster;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    seen::Hpa,
    watches::{self, Message, Task, Turn},
};

/// Of how many autoscalers the surroundings are followed: each takes three connections.
const MOST_FOLLOWED: usize = 50;

/// All that is followed around autoscalers.
pub(super) struct Around {
    client: Client,
    sender: mpsc::Sender<Message>,
    followed: BTreeMap<String, Followed>,
    turns: u64,
    /// By how much the server's clock is ahead of ours, in milliseconds.
    skew_ms: i64,
    /// The namespaces whose events are followed.
    namespaces: BTreeMap<String, Task>,
}

/// What is followed around one autoscaler.
struct Followed {
    /// The `scaleTargetRef`.
    reference: String,
    turn: Turn,
    kind: Option<ApiResource>,
    selector: Option<String>,
    tasks: Vec<Task>,
}

impl Around {
    /// Returns that nothing is followed yet; what is seen goes to `sender`.
    pub(super) fn new(cluster: &Cluster, sender: mpsc::Sender<Message>, skew_ms: i64) -> Self {
        Self {
            skew_ms,
            client: cluster.client.clone(),
            sender,
            followed: BTreeMap::new(),
            turns: 0,
            namespaces: BTreeMap::new(),
        }
    }

    /// Follows nothing of an autoscaler any more.
    pub(super) fn forget(&mut self, name: &str) {
        self.followed.remove(name);
    }

    /// Returns whether a message is of what is followed now.
    pub(super) fn is_current(&self, turn: &Turn) -> bool {
        let followed = self.followed.get(&turn.hpa);
        followed.is_some_and(|followed| followed.turn == *turn)
    }

    /// Returns the target's resource as roles name it.
    pub(super) fn plural(&self, turn: &Turn) -> String {
        let followed = self.followed.get(&turn.hpa);
        let kind = followed.and_then(|followed| followed.kind.as_ref());
        kind.map_or("the target".to_owned(), |kind| kind.plural.clone())
    }

    /// Begins to watch the target of an autoscaler, and the events of its namespace.
    pub(super) async fn follow_target(&mut self, name: &str, hpa: &Hpa) {
        let reference = &hpa.spec["scaleTargetRef"];
        let text = |field: &str| reference[field].as_str().unwrap_or_default().to_owned();
        let key = format!("{} {} {}", text("apiVersion"), text("kind"), text("name"));
        let before = self.followed.get(name);
        if before.is_some_and(|followed| followed.reference == key) {
            return;
        }
        if before.is_none() && self.followed.len() >= MOST_FOLLOWED {
            tracing::warn!(
                "the target of {name} is not followed: {MOST_FOLLOWED} others are; name fewer"
            );
            return;
        }
        self.turns += 1;
        let turn = Turn {
            hpa: name.to_owned(),
            number: self.turns,
        };
        let namespace = hpa.namespace().unwrap_or_default();
        let client = &self.client;
        let kind = resource(client, &text("apiVersion"), &text("kind")).await;
        let task = kind.as_ref().map(|kind| {
            watches::target(
                client,
                &namespace,
                kind,
                &text("name"),
                turn.clone(),
                self.sender.clone(),
            )
        });
        let followed = Followed {
            reference: key,
            turn,
            kind,
            selector: None,
            tasks: task.into_iter().collect(),
        };
        // The tasks of the former target end here.
        self.followed.insert(name.to_owned(), followed);
        if !self.namespaces.contains_key(&namespace) {
            let task = watches::events(client, &namespace, self.skew_ms, self.sender.clone());
            self.namespaces.insert(namespace, task);
        }
    }

    /// Begins to watch the pods of a target and to measure them, when its selector is a new one.
    pub(super) async fn follow_pods(&mut self, turn: &Turn, selector: Option<String>) {
        let Some(followed) = self.followed.get_mut(&turn.hpa) else {
            return;
        };
        let (client, namespace) = (&self.client, turn.hpa.split('/').next().unwrap_or_default());
        let selector = match (selector, &followed.kind) {
            (Some(selector), _) => selector,
            (None, Some(kind)) if followed.selector.is_none() => {
                let name = followed.reference.split(' ').next_back();
                let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
                let scale = api.get_scale(name.unwrap_or_default()).await;
                let selector = scale.ok().and_then(|scale| scale.status?.selector);
                selector.unwrap_or_default()
            }
            _ => return,
        };
        if followed.selector.as_deref() == Some(selector.as_str()) {
            return;
        }
        followed.selector = Some(selector.clone());
        // The watch of the target itself is the first task, and goes on.
        followed.tasks.truncate(1);
        if selector.is_empty() {
            return;
        }
        let sender = || self.sender.clone();
        let pods = watches::pods(client, namespace, &selector, turn.clone(), sender());
        followed.tasks.push(pods);
        let client = client.clone();
        let usages = watches::usages(client, namespace, &selector, turn.clone(), sender());
        followed.tasks.push(usages);
    }
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
