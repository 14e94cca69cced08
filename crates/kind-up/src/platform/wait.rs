//! Waiting for what a cluster does by itself: its API, its nodes, the Applications and all that they
//! bring.

use std::time::{Duration, Instant};

use autoscaleops_core::{
    Failure,
    cluster::{self, ClusterArgs},
    stop, text,
};
use serde_json::{Value, json};

use super::apply;
use crate::{cluster::Cluster, details::Application, up::is_hopeless};

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

/// How long an Application may look hopeless: what it misses may come with another one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until every Application is synced and healthy, those included that others bring.
///
/// # Errors
///
/// Fails when the time is over, naming each that is not, and early on one that will never be.
pub(crate) fn wait_for_applications(
    to: &ClusterArgs,
    left: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    cluster::block_on(async {
        let cluster = Cluster::connect(to).await?;
        let started = Instant::now();
        let mut hopeless_since: Option<Instant> = None;
        let mut calm = 0;
        loop {
            let found = cluster.applications().await?;
            let pending: Vec<String> = found
                .iter()
                .filter(|it| !it.is_settled())
                .map(describe)
                .collect();
            // A child appears a moment after its parent is healthy, so one look is not enough.
            calm = if pending.is_empty() && !found.is_empty() {
                calm + 1
            } else {
                0
            };
            if calm >= 2 {
                return Ok(());
            }
            let missing = if pending.is_empty() {
                "Applications".to_owned()
            } else {
                pending.join("; ")
            };
            say(&format!("waiting for {missing}"));
            hopeless_since = match hopeless_since {
                _ if !found.iter().any(is_hopeless) => None,
                since => since.or_else(|| Some(Instant::now())),
            };
            if hopeless_since.is_some_and(|it| it.elapsed() >= PATIENCE.min(left / 2)) {
                let message = format!("an Application will not become healthy: {missing}");
                anyhow::bail!(Failure::unavailable("application", message).hint(
                    "mend it in Git; `kubectl -n argocd describe application NAME` says more"
                ));
            }
            if stop::requested() {
                anyhow::bail!("interrupted while waiting for {missing}");
            }
            if started.elapsed() >= left {
                anyhow::bail!(
                    Failure::undecided("timeout", format!("not healthy in time: {missing}")).hint(
                        "run again: what is there is kept; or give more time with `--timeout`"
                    )
                );
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })?
}

fn describe(application: &Application) -> String {
    let Application {
        name,
        sync,
        health,
        cause,
        ..
    } = application;
    if cause.is_empty() {
        format!("{name} ({sync}, {health})")
    } else {
        format!(
            "{name} ({sync}, {health}: {})",
            text::shorten(&text::printable(cause), 200)
        )
    }
}
