//! The passwords of what stands in a cluster, for who asks for them.

use autoscaleops_core::{
    cluster::{self, ClusterArgs},
    secret::Secret,
};
use serde_json::{Value, json};

use super::install::NAMESPACE;
use crate::cluster::Cluster;

/// A user and a password, or why there is none.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    /// What it opens.
    pub(crate) what: &'static str,
    /// The user.
    pub(crate) user: String,
    /// The password; `None` while the cluster has none.
    pub(crate) password: Option<Secret>,
}

/// Returns the logins of Argo CD and Grafana.
///
/// # Errors
///
/// Fails when the cluster does not answer, or does not let us read.
pub(crate) fn logins(access: &ClusterArgs) -> anyhow::Result<Vec<Login>> {
    cluster::block_on(async {
        let cluster = Cluster::connect(access).await?;
        let argocd = ("Argo CD", NAMESPACE, "argocd-initial-admin-secret");
        let grafana = ("Grafana", "monitoring", "monitoring-grafana");
        Ok(vec![
            login(&cluster, argocd, None, "password").await?,
            login(&cluster, grafana, Some("admin-user"), "admin-password").await?,
        ])
    })?
}

async fn login(
    cluster: &Cluster,
    (what, namespace, name): (&'static str, &str, &str),
    user: Option<&str>,
    password: &str,
) -> anyhow::Result<Login> {
    let like = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
    let secret = cluster.find(&like, namespace).await?.unwrap_or(Value::Null);
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
