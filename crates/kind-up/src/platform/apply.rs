//! Applies objects in their order, and waits for them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use autoscaleops_core::{Failure, failure, stop};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{
    manifest::{self, Stage},
    ready::{self, State},
};
use crate::cluster::{Cluster, UNKNOWN_KIND};

/// How many objects are applied at once.
const AT_ONCE: usize = 8;
/// A definition may be established before discovery shows it.
const DISCOVERY: Duration = Duration::from_secs(30);
/// An image that cannot be pulled now may be pulled a minute later.
const PATIENCE: Duration = Duration::from_secs(60);

/// Applies those of `objects` that belong to `stages`, several at once, stage after stage.
///
/// # Errors
///
/// Fails on the first object that the server refuses, and on a field that another manager owns,
/// naming both; `force` takes such fields over.
pub(crate) async fn apply(
    cluster: &Cluster,
    objects: &[Value],
    namespace: &str,
    stages: &[Stage],
    force: bool,
) -> anyhow::Result<()> {
    for stage in stages {
        stream::iter(objects.iter().filter(|it| manifest::stage(it) == *stage))
            .map(|it| apply_one(cluster, it, namespace, force))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
    }
    Ok(())
}

async fn apply_one(
    cluster: &Cluster,
    object: &Value,
    namespace: &str,
    force: bool,
) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        match cluster.apply(object, namespace, force).await {
            Ok(_) => return Ok(()),
            Err(err) if is_unknown(&err) && started.elapsed() < DISCOVERY && !stop::requested() => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(err) => return Err(err),
        }
    }
}

fn is_unknown(err: &anyhow::Error) -> bool {
    failure::of(err).is_some_and(|it| it.kind() == UNKNOWN_KIND)
}

/// Waits until all of `objects` are ready, asking once a second.
///
/// # Errors
///
/// Fails when `timeout` is over, naming what is not ready and why; at once on what will never be;
/// and when a stop is asked for.
pub(crate) async fn wait(
    cluster: &Cluster,
    objects: &[Value],
    namespace: &str,
    timeout: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut broken_since: BTreeMap<String, Instant> = BTreeMap::new();
    let mut said = String::new();
    loop {
        let mut waiting = Vec::new();
        for object in objects {
            let name = manifest::name(object);
            let state = match cluster.find(object, namespace).await {
                Ok(Some(found)) => ready::state(&found),
                Ok(None) => State::Waiting("not there yet".to_owned()),
                Err(err) => State::Waiting(err.to_string()),
            };
            match state {
                State::Ready => {
                    broken_since.remove(&name);
                }
                State::Waiting(why) => {
                    broken_since.remove(&name);
                    waiting.push(format!("{name}: {why}"));
                }
                State::Broken(why) => {
                    let since = *broken_since
                        .entry(name.clone())
                        .or_insert_with(Instant::now);
                    if since.elapsed() >= PATIENCE.min(timeout / 2) {
                        return Err(never(&name, &why));
                    }
                    waiting.push(format!("{name}: {why}"));
                }
            }
        }
        if let Some((pod, why)) = broken_pod(cluster, namespace, &mut broken_since, timeout).await {
            return Err(never(&pod, &why));
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let now = waiting.join("; ");
        if now != said {
            say(&format!("waiting for {now}"));
            said = now;
        }
        if stop::requested() {
            anyhow::bail!("interrupted while waiting for {said}");
        }
        if started.elapsed() >= timeout {
            return Err(
                Failure::undecided("timeout", format!("not ready in time: {said}"))
                    .hint("run again: what is there is kept; or give more time with `--timeout`")
                    .into(),
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn never(name: &str, why: &str) -> anyhow::Error {
    let (kind, hint) = crate::kind::doctor::advice(why);
    let kind = if kind == "program_failed" {
        "broken"
    } else {
        kind
    };
    Failure::unavailable(
        kind.to_owned(),
        format!("{name} will not become ready: {why}"),
    )
    .hint(if kind == "broken" {
        "look at it with `kubectl describe`, mend it, run again"
    } else {
        hint
    })
    .into()
}

/// Returns a pod of the namespace that has been beyond hope for long enough, with its reason.
async fn broken_pod(
    cluster: &Cluster,
    namespace: &str,
    broken_since: &mut BTreeMap<String, Instant>,
    timeout: Duration,
) -> Option<(String, String)> {
    for pod in cluster.list("v1", "Pod").await.ok()? {
        if pod["metadata"]["namespace"] != namespace {
            continue;
        }
        let name = manifest::name(&pod);
        match ready::state(&pod) {
            State::Broken(why) => {
                let since = *broken_since
                    .entry(name.clone())
                    .or_insert_with(Instant::now);
                if since.elapsed() >= PATIENCE.min(timeout / 2) {
                    return Some((name, why));
                }
            }
            _ => {
                broken_since.remove(&name);
            }
        }
    }
    None
}
