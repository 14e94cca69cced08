//! What the API says of an autoscaler and all around it, at one moment.

use std::time::Duration;

use autoscaleops_core::{Failure, cluster::Cluster};
use autoscaleops_hpa::{Moment, kubernetes::moment};
use kube::Client;
use serde::Deserialize as _;
use serde_json::Value;

use crate::live::{self, pages, seen::Hpa, server::Server};

/// Something that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen<T> {
    /// It is there.
    Known(T),
    /// It is not there; what the API said.
    Absent(String),
    /// We may not look: the verb and the resource.
    Forbidden(String),
    /// The API could not say; code and message.
    Failed(u16, String),
}

impl<T> Seen<T> {
    /// Returns it, where it is there.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Returns why it could not be looked at. What is not there was looked at.
    pub fn missing(&self) -> Option<String> {
        match self {
            Self::Known(_) | Self::Absent(_) => None,
            Self::Forbidden(right) => Some(format!("no permission: {right}")),
            Self::Failed(code, text) => Some(format!("{code} {text}")),
        }
    }
}

impl<T> Seen<T> {
    fn of(answer: Result<T, kube::Error>, right: &str) -> Self {
        match answer {
            Ok(value) => Self::Known(value),
            Err(kube::Error::Api(status)) => match status.code {
                404 => Self::Absent(status.message.clone()),
                401 | 403 => Self::Forbidden(right.to_owned()),
                code => Self::Failed(code, status.message.clone()),
            },
            Err(other) => Self::Failed(0, other.to_string()),
        }
    }
}

/// What became of waiting for the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It wrote a status.
    Answered,
    /// It wrote none for so long.
    InVain(Duration),
}

/// One autoscaler and all around it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// `namespace/name`.
    pub name: String,
    /// When, by the server's clock.
    pub now: Moment,
    /// The minor version of the server.
    pub minor: Option<u32>,
    /// When the autoscaler was made.
    pub created: Option<Moment>,
    /// The autoscaler.
    pub hpa: Hpa,
    /// The other autoscalers of the namespace.
    pub others: Vec<Hpa>,
    /// The target.
    pub target: Seen<Value>,
    /// The names of all objects of the target's kind that could be meant.
    pub candidates: Vec<String>,
    /// The pods of the namespace.
    pub pods: Seen<Vec<Value>>,
    /// Whether resource metrics are served.
    pub metrics_api: Seen<Value>,
    /// The registration of the resource metrics.
    pub api_service: Seen<Value>,
    /// The usage of the pods.
    pub usages: Seen<Vec<Value>>,
    /// The path of the API that a custom or external metric comes from, and whether it is served.
    pub adapter: Option<(&'static str, Seen<Value>)>,
    /// The vertical autoscalers of the namespace.
    pub verticals: Seen<Vec<Value>>,
    /// The events about autoscalers.
    pub events: Seen<Vec<Value>>,
    /// The sign of life of the controller manager.
    pub lease: Seen<Value>,
    /// What became of waiting for the controller, where that was needed.
    pub waited: Option<Waited>,
}

/// Returns the autoscalers of a namespace as they are, with their metadata.
///
/// # Errors
///
/// Fails when they cannot be read.
pub async fn autoscalers(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers");
    pages::list(&cluster.client, &path, &[])
        .await
        .map_err(|err| live::explain(&err, cluster, "the autoscalers"))
}

/// Looks at one autoscaler, or at all of a namespace.
///
/// # Errors
///
/// Fails when the autoscalers themselves cannot be read.
pub async fn take(
    cluster: &Cluster,
    namespace: &str,
    name: Option<&str>,
) -> anyhow::Result<Vec<Snapshot>> {
    let client = &cluster.client;
    let server = live::server(client).await.unwrap_or_default();
    let raw = autoscalers(cluster, namespace).await?;
    let all: Vec<(Hpa, Option<Moment>)> = raw
        .iter()
        .filter_map(|value| {
            let created = value["metadata"]["creationTimestamp"].as_str();
            Some((Hpa::deserialize(value).ok()?, created.and_then(moment)))
        })
        .collect();
    let chosen: Vec<&(Hpa, Option<Moment>)> = all
        .iter()
        .filter(|(hpa, _)| name.is_none() || hpa.metadata.name.as_deref() == name)
        .collect();
    if chosen.is_empty() {
        let what = name.map_or("no HorizontalPodAutoscaler".to_owned(), |name| {
            format!("no HorizontalPodAutoscaler `{name}`")
        });
        return Err(Failure::unavailable(
            "not_found",
            format!("there is {what} in namespace `{namespace}`"),
        )
        .hint("kubectl get hpa -A")
        .into());
    }
    let common = common(client, namespace, &server).await;
    let mut snapshots = Vec::new();
    for (hpa, created) in chosen {
        let own = hpa.metadata.name.clone().unwrap_or_default();
        let reference = &hpa.spec["scaleTargetRef"];
        let target = match live::target(client, namespace, reference).await {
            Ok(Some(target)) => Seen::Known(serde_json::to_value(target)?),
            Ok(None) => Seen::Absent("404".to_owned()),
            Err(err) => Seen::of(Err(err), "get the target"),
        };
        let candidates = match (&target, kind_path(reference, namespace)) {
            (Seen::Absent(_), Some(path)) => names(client, &path).await,
            _ => Vec::new(),
        };
        let adapter = match adapter_path(hpa) {
            Some(path) => {
                let answer = pages::get(client, path).await;
                Some((path, Seen::of(answer, "get custom and external metrics")))
            }
            None => None,
        };
        snapshots.push(Snapshot {
            name: format!("{namespace}/{own}"),
            created: *created,
            hpa: hpa.clone(),
            others: all
                .iter()
                .filter(|(other, _)| other.metadata.name.as_deref() != Some(&own))
                .map(|(other, _)| other.clone())
                .collect(),
            target,
            candidates,
            adapter,
            ..common.clone()
        });
    }
    Ok(snapshots)
}

/// What all autoscalers of a namespace have around them.
async fn common(client: &Client, namespace: &str, server: &Server) -> Snapshot {
    let metrics = "/apis/metrics.k8s.io/v1beta1";
    let list = async |path: String, query: &[(&str, &str)], right: &str| {
        Seen::of(pages::list(client, &path, query).await, right)
    };
    let get = async |path: &str, right: &str| Seen::of(pages::get(client, path).await, right);
    let of_autoscalers = [(
        "fieldSelector",
        "involvedObject.kind=HorizontalPodAutoscaler",
    )];
    Snapshot {
        name: String::new(),
        now: server.now(),
        minor: server.minor,
        created: None,
        hpa: Hpa::default(),
        others: Vec::new(),
        target: Seen::Absent(String::new()),
        candidates: Vec::new(),
        pods: list(
            format!("/api/v1/namespaces/{namespace}/pods"),
            &[],
            "list pods",
        )
        .await,
        metrics_api: get(metrics, "get metrics.k8s.io").await,
        api_service: get(
            "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io",
            "get apiservices.apiregistration.k8s.io",
        )
        .await,
        usages: list(
            format!("{metrics}/namespaces/{namespace}/pods"),
            &[],
            "list pods.metrics.k8s.io",
        )
        .await,
        adapter: None,
        verticals: list(
            format!("/apis/autoscaling.k8s.io/v1/namespaces/{namespace}/verticalpodautoscalers"),
            &[],
            "list verticalpodautoscalers.autoscaling.k8s.io",
        )
        .await,
        events: list(
            format!("/api/v1/namespaces/{namespace}/events"),
            &of_autoscalers,
            "list events",
        )
        .await,
        lease: get(
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager",
            "get leases.coordination.k8s.io",
        )
        .await,
        waited: None,
    }
}

/// The API behind a custom or external metric that the controller cannot read.
fn adapter_path(hpa: &Hpa) -> Option<&'static str> {
    let active = hpa.status.as_ref()?.condition("ScalingActive")?;
    match active.reason.as_str() {
        _ if active.holds => None,
        "FailedGetPodsMetric" | "FailedGetObjectMetric" => Some("/apis/custom.metrics.k8s.io"),
        "FailedGetExternalMetric" => Some("/apis/external.metrics.k8s.io"),
        _ => None,
    }
}

/// The list of the target's kind, for the usual kinds.
fn kind_path(reference: &Value, namespace: &str) -> Option<String> {
    let plural = match reference["kind"].as_str()? {
        "Deployment" => "deployments",
        "StatefulSet" => "statefulsets",
        "ReplicaSet" => "replicasets",
        _ => return None,
    };
    Some(format!("/apis/apps/v1/namespaces/{namespace}/{plural}"))
}

async fn names(client: &Client, path: &str) -> Vec<String> {
    let items = pages::list(client, path, &[]).await.unwrap_or_default();
    let names = items.iter().map(|item| item["metadata"]["name"].as_str());
    names.flatten().map(str::to_owned).collect()
}
