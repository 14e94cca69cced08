//! What stands in a cluster: nodes, Applications, and the passwords that were asked for.

use autoscaleops_core::{
    cluster::{self, ClusterArgs},
    secret::Secret,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    api::{Api, ApiError},
    install::{self, Application, NAMESPACE},
    ready::{self, State},
};

/// A node and whether it can take pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
    /// The version of its kubelet.
    pub version: String,
}

/// What stands in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Status {
    /// Every node.
    pub nodes: Vec<Node>,
    /// Every Application of Argo CD.
    pub applications: Vec<Application>,
}

impl Status {
    /// Returns whether every node and every Application is ready, and there is at least one node.
    pub fn is_ready(&self) -> bool {
        !self.nodes.is_empty()
            && self.nodes.iter().all(|it| it.ready)
            && self.applications.iter().all(|it| it.ready)
    }
}

/// Looks at the cluster.
///
/// # Errors
///
/// Fails when it does not answer.
pub fn status(access: &ClusterArgs) -> anyhow::Result<Status> {
    cluster::block_on(async {
        let api = Api::connect(access).await?;
        let list = api.get("/api/v1/nodes").await?;
        let nodes = list["items"].as_array().cloned().unwrap_or_default();
        let nodes = nodes.into_iter().map(|mut it| {
            it["kind"] = Value::from("Node");
            Node {
                name: text(&it["metadata"]["name"]),
                ready: ready::state(&it) == State::Ready,
                version: text(&it["status"]["nodeInfo"]["kubeletVersion"]),
            }
        });
        Ok(Status {
            nodes: nodes.collect(),
            applications: install::applications(&api).await?,
        })
    })?
}

/// A user and a password, or why there is none.
#[derive(Clone, Debug)]
pub struct Login {
    /// What it opens.
    pub what: &'static str,
    /// The user.
    pub user: String,
    /// The password; `None` while the cluster has none.
    pub password: Option<Secret>,
}

/// Returns the logins of Argo CD and Grafana.
///
/// # Errors
///
/// Fails when the cluster does not answer, or does not let us read.
pub fn logins(access: &ClusterArgs) -> anyhow::Result<Vec<Login>> {
    cluster::block_on(async {
        let api = Api::connect(access).await?;
        let argocd = format!("/api/v1/namespaces/{NAMESPACE}/secrets/argocd-initial-admin-secret");
        let grafana = "/api/v1/namespaces/monitoring/secrets/monitoring-grafana";
        Ok(vec![
            login(&api, "Argo CD", &argocd, None, "password").await?,
            login(
                &api,
                "Grafana",
                grafana,
                Some("admin-user"),
                "admin-password",
            )
            .await?,
        ])
    })?
}

async fn login(
    api: &Api,
    what: &'static str,
    path: &str,
    user: Option<&str>,
    password: &str,
) -> Result<Login, ApiError> {
    let secret = match api.get(path).await {
        Err(ApiError::NotFound) => Value::Null,
        other => other?,
    };
    let value = |key: &str| decode(secret["data"][key].as_str()?);
    Ok(Login {
        what,
        user: user.and_then(value).unwrap_or_else(|| "admin".to_owned()),
        password: value(password).map(Secret::new),
    })
}

fn decode(text: &str) -> Option<String> {
    use base64::Engine as _;

    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?;
    String::from_utf8(bytes).ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
