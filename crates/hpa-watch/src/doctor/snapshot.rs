//! What the API says of an autoscaler and all around it, at one moment.

use autoscaleops_core::{Failure, cluster::Cluster};
use autoscaleops_hpa::Moment;
use http::Request;
use jiff::Timestamp;
use kube::{Api, Client, api::ListParams};
use serde_json::Value;

use crate::live::{self, seen::Hpa};

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
}

/// One autoscaler and all around it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// `namespace/name`.
    pub name: String,
    /// When.
    pub now: Moment,
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
}

/// Looks at one autoscaler, or at all of a namespace.
///
/// # Errors
///
/// Fails when the autoscalers themselves cannot be read.
pub async fn take(
    cluster: &Cluster,
    namespace: Option<&str>,
    name: Option<&str>,
) -> anyhow::Result<Vec<Snapshot>> {
    let client = &cluster.client;
    let namespace = namespace.unwrap_or(&cluster.namespace);
    let api: Api<Hpa> = Api::namespaced(client.clone(), namespace);
    let all = api
        .list(&ListParams::default())
        .await
        .map_err(|err| live::explain(&err, cluster, "the autoscalers"))?
        .items;
    let chosen: Vec<&Hpa> = all
        .iter()
        .filter(|hpa| name.is_none() || hpa.metadata.name.as_deref() == name)
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
    let group = "/apis/metrics.k8s.io/v1beta1";
    let pods = list(
        client,
        &format!("/api/v1/namespaces/{namespace}/pods"),
        "list pods",
    )
    .await;
    let metrics_api = get(client, group, "get metrics.k8s.io").await;
    let usages = list(
        client,
        &format!("{group}/namespaces/{namespace}/pods"),
        "list pods.metrics.k8s.io",
    )
    .await;
    let api_service = get(
        client,
        "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io",
        "get apiservices.apiregistration.k8s.io",
    )
    .await;
    let mut snapshots = Vec::new();
    for hpa in chosen {
        let own = hpa.metadata.name.clone().unwrap_or_default();
        let reference = &hpa.spec["scaleTargetRef"];
        let target = match live::target(client, namespace, reference).await {
            Ok(Some(target)) => Seen::Known(serde_json::to_value(target)?),
            Ok(None) => Seen::Absent("404".to_owned()),
            Err(err) => seen(&err, "get the target"),
        };
        let candidates = match (&target, kind_path(reference, namespace)) {
            (Seen::Absent(_), Some(path)) => match list(client, &path, "list").await {
                Seen::Known(items) => items
                    .iter()
                    .filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned))
                    .collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        snapshots.push(Snapshot {
            name: format!("{namespace}/{own}"),
            now: Moment(Timestamp::now().as_millisecond()),
            hpa: hpa.clone(),
            others: all
                .iter()
                .filter(|other| other.metadata.name.as_deref() != Some(&own))
                .cloned()
                .collect(),
            target,
            candidates,
            pods: pods.clone(),
            metrics_api: metrics_api.clone(),
            api_service: api_service.clone(),
            usages: usages.clone(),
        });
    }
    Ok(snapshots)
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

async fn get(client: &Client, path: &str, right: &str) -> Seen<Value> {
    let Ok(request) = Request::get(path).body(Vec::new()) else {
        return Seen::Failed(0, format!("`{path}` is no path"));
    };
    match client.request::<Value>(request).await {
        Ok(value) => Seen::Known(value),
        Err(err) => seen(&err, right),
    }
}

async fn list(client: &Client, path: &str, right: &str) -> Seen<Vec<Value>> {
    match get(client, path, right).await {
        Seen::Known(mut value) => match value.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Seen::Known(items),
            _ => Seen::Known(Vec::new()),
        },
        Seen::Absent(text) => Seen::Absent(text),
        Seen::Forbidden(text) => Seen::Forbidden(text),
        Seen::Failed(code, text) => Seen::Failed(code, text),
    }
}

fn seen<T>(err: &kube::Error, right: &str) -> Seen<T> {
    match err {
        kube::Error::Api(status) => match status.code {
            404 => Seen::Absent(status.message.clone()),
            401 | 403 => Seen::Forbidden(right.to_owned()),
            code => Seen::Failed(code, status.message.clone()),
        },
        other => Seen::Failed(0, other.to_string()),
    }
}
