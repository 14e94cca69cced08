//! Applies objects in their order, and waits for them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use autoscaleops_core::{Failure, stop};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{
    api::{Api, ApiError, MANAGER},
    manifest::{self, Stage},
    ready::{self, State},
};

/// Whose fields may be taken over: those of people who applied the same manifest by hand, and ours.
const YIELDING: [&str; 4] = [
    "kubectl-client-side-apply",
    "kubectl",
    "before-first-apply",
    MANAGER,
];
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
pub async fn apply(
    api: &Api,
    objects: &[Value],
    namespace: &str,
    stages: &[Stage],
    force: bool,
) -> anyhow::Result<()> {
    for stage in stages {
        stream::iter(objects.iter().filter(|it| manifest::stage(it) == *stage))
            .map(|it| apply_one(api, it, namespace, force))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
    }
    Ok(())
}

async fn apply_one(api: &Api, object: &Value, namespace: &str, force: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut force = force;
    loop {
        match api.apply(object, namespace, force).await {
            Ok(_) => return Ok(()),
            Err(ApiError::Conflict(fields)) if !force && yields(&fields) => force = true,
            Err(ApiError::UnknownKind { .. })
                if started.elapsed() < DISCOVERY && !stop::requested() =>
            {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(err) => return Err(refused(object, err)),
        }
    }
}

fn yields(fields: &[(String, String)]) -> bool {
    fields
        .iter()
        .all(|(manager, _)| YIELDING.contains(&manager.as_str()))
}

fn refused(object: &Value, err: ApiError) -> anyhow::Error {
    let (kind, hint) = match &err {
        ApiError::Conflict(_) => (
            "conflict",
            "let the other manager have them, or take them over with `--force-conflicts`",
        ),
        ApiError::UnknownKind { .. } => (
            "unknown_kind",
            "the definition of this kind is not in the cluster",
        ),
        _ => (
            "refused",
            "the cause is the API server's own; run again to complete what was begun",
        ),
    };
    let failure =
        Failure::unavailable(kind, format!("cannot apply {}", manifest::name(object))).hint(hint);
    anyhow::Error::new(err).context(failure)
}

/// Waits until all of `objects` are ready, asking once a second.
///
/// # Errors
///
/// Fails when `timeout` is over, naming what is not ready and why; at once on what will never be;
/// and when a stop is asked for.
pub async fn wait(
    api: &Api,
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
            let state = match api.get_object(object, namespace).await {
                Ok(found) => ready::state(&with_kind(found, object)),
                Err(ApiError::NotFound | ApiError::UnknownKind { .. }) => {
                    State::Waiting("not there yet".to_owned())
                }
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
        if let Some((pod, why)) = broken_pod(api, namespace, &mut broken_since, timeout).await {
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

/// Members of a list and objects alike are judged by kind, which members of a list do not carry.
fn with_kind(mut found: Value, like: &Value) -> Value {
    if found["kind"].is_null() {
        found["kind"] = like["kind"].clone();
    }
    found
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
    api: &Api,
    namespace: &str,
    broken_since: &mut BTreeMap<String, Instant>,
    timeout: Duration,
) -> Option<(String, String)> {
    let list = api
        .get(&format!("/api/v1/namespaces/{namespace}/pods"))
        .await
        .ok()?;
    for pod in list["items"].as_array()? {
        let mut pod = pod.clone();
        pod["kind"] = Value::from("Pod");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_hands_are_overruled() {
        let field = |manager: &str| (manager.to_owned(), ".spec.replicas".to_owned());
        assert!(yields(&[
            field("kubectl-client-side-apply"),
            field("kind-up")
        ]));
        assert!(!yields(&[field("kubectl"), field("argocd-controller")]));
    }

    #[test]
    fn a_conflict_names_the_field_its_owner_and_the_way_out() {
        let object = serde_json::json!({"kind": "ConfigMap", "metadata": {"name": "argocd-cm"}});
        let err = refused(
            &object,
            ApiError::Conflict(vec![("helm".to_owned(), ".data.url".to_owned())]),
        );
        let text = autoscaleops_core::failure::explain(&err);
        assert_eq!(
            text,
            "error: cannot apply ConfigMap/argocd-cm\n  cause: fields belong to others: .data.url (helm)\n  try:   let the other manager have them, or take them over with `--force-conflicts`"
        );
    }
}
