//! Waiting for what a cluster does by itself: its API and its nodes.

use std::time::{Duration, Instant};

use autoscaleops_core::{
    Failure,
    cluster::{self, ClusterArgs},
    stop,
};
use serde_json::{Value, json};

use super::apply;
use crate::cluster::Cluster;

/// Waits until the API server answers and every node is ready.
///
/// # Errors
///
/// Fails when the time is over.
pub(crate) fn wait_for_api(to: &ClusterArgs, left: Duration) -> anyhow::Result<()> {
    cluster::block_on(async {
        let cluster = Cluster::connect(to).await?;
        let started = Instant::now();
        while !cluster.is_ready().await {
            if stop::requested() {
                anyhow::bail!("interrupted while waiting for {}", cluster.address);
            }
            if started.elapsed() >= left {
                return Err(Failure::undecided(
                    "timeout",
                    format!("{} is not ready", cluster.address),
                )
                .hint("`docker logs` of the control plane says why; `kind-up down` and `kind-up up` make the cluster anew")
                .into());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    })?
}

/// Waits until the cluster has `count` nodes and all are ready.
///
/// # Errors
///
/// Fails when the time is over, naming the nodes.
pub(crate) fn wait_for_nodes(
    to: &ClusterArgs,
    count: usize,
    left: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    cluster::block_on(async {
        let cluster = Cluster::connect(to).await?;
        let started = Instant::now();
        loop {
            if let Ok(nodes) = cluster.list("v1", "Node").await
                && nodes.len() >= count
            {
                let named: Vec<Value> = nodes
                    .into_iter()
                    .map(|it| json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": it["metadata"]["name"]}}))
                    .collect();
                let left = left.saturating_sub(started.elapsed());
                return apply::wait(&cluster, &named, "default", left, say).await;
            }
            if started.elapsed() >= left {
                anyhow::bail!(Failure::undecided(
                    "timeout",
                    format!("fewer than {count} nodes joined")
                ));
            }
            if stop::requested() {
                anyhow::bail!("interrupted while waiting for nodes");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })?
}

/// Refuses a cluster that kind did not make, before anything is written to it.
///
/// # Errors
///
/// Fails when a node was not made by kind, or there is none.
pub(crate) fn assert_kind(to: &ClusterArgs) -> anyhow::Result<()> {
    cluster::block_on(async {
        let cluster = Cluster::connect(to).await?;
        let nodes = cluster.list("v1", "Node").await?;
        let stranger = nodes.iter().find(|it| {
            let id = it["spec"]["providerID"].as_str().unwrap_or_default();
            !id.is_empty() && !id.starts_with("kind://")
        });
        match stranger {
            None => Ok(()),
            Some(node) => Err(Failure::unavailable(
                "wrong_cluster",
                format!("{} has the node {}, which kind did not make", cluster.address, node["metadata"]["name"]),
            )
            .hint("nothing was written; use `--provider existing --context NAME` where you mean this cluster")
            .into()),
        }
    })?
}

/// The secret by which kind's nodes join. Its token is the same in every kind cluster.
const JOIN_TOKEN: &str = "bootstrap-token-abcdef";

/// Takes away the token by which nodes join, once all have: whoever reaches the API server could
/// join one more with it, for a day.
///
/// # Errors
///
/// Fails when the API does not answer, or refuses.
pub(crate) fn close_joining(to: &ClusterArgs) -> anyhow::Result<bool> {
    cluster::block_on(async {
        let cluster = Cluster::connect(to).await?;
        let token = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": JOIN_TOKEN}});
        cluster.delete(&token, "kube-system").await
    })?
}
