//! Applies objects in their order, and waits for them.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use autoscaleops_core::{Failure, failure, stop, text};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::ready::{self, State};
use crate::{
    cluster::{Applied, Cluster, UNKNOWN_KIND},
    kind::advice::{UNKNOWN, advice},
    manifest::{self, Stage},
};

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
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for stage in stages {
        let of_stage = objects.iter().filter(|it| manifest::stage(it) == *stage);
        let applied: Vec<Applied> = stream::iter(of_stage)
            .map(|it| apply_one(cluster, it, namespace, force))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for it in applied {
            tally.note(it);
        }
    }
    Ok(tally)
}

/// How many objects were applied, and how many of them were not so already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    applied: usize,
    changed: usize,
}

impl Tally {
    /// Counts one object.
    pub(crate) fn note(&mut self, applied: Applied) {
        self.applied += 1;
        self.changed += usize::from(applied != Applied::Unchanged);
    }

    /// Counts those of `other` too.
    pub(crate) fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.changed += other.changed;
    }

    /// Returns whether anything changed.
    pub(crate) fn has_changed(self) -> bool {
        self.changed > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = text::count(self.applied as u128, "object");
        match self.changed {
            0 if self.applied > 0 => write!(f, "{objects}, none changed"),
            0 => write!(f, "{objects}"),
            changed => write!(f, "{objects}, {changed} changed"),
        }
    }
}

async fn apply_one(
    cluster: &Cluster,
    object: &Value,
    namespace: &str,
    force: bool,
) -> anyhow::Result<Applied> {
    let started = Instant::now();
    loop {
        match cluster.apply(object, namespace, force).await {
            Ok(applied) => return Ok(applied),
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

/// How long each thing has been beyond hope without a moment of being ready.
#[derive(Default)]
struct Broken(BTreeMap<String, Instant>);

impl Broken {
    /// Notes how `name` is. Returns why it will never be ready, once it has been so for `patience`;
    /// else what is missing.
    ///
    /// A container that fails is waiting, running and failing in turn; only being ready ends that.
    fn note(
        &mut self,
        name: &str,
        state: State,
        patience: Duration,
    ) -> Result<Option<String>, String> {
        match state {
            State::Ready => {
                self.0.remove(name);
                Ok(None)
            }
            State::Waiting(why) => Ok(Some(why)),
            State::Broken(why) => {
                let since = *self.0.entry(name.to_owned()).or_insert_with(Instant::now);
                if since.elapsed() >= patience {
                    Err(why)
                } else {
                    Ok(Some(why))
                }
            }
        }
    }
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
    let patience = PATIENCE.min(timeout / 2);
    let mut broken = Broken::default();
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
            match broken.note(&name, state, patience) {
                Ok(None) => {}
                Ok(Some(why)) => waiting.push(format!("{name}: {why}")),
                Err(why) => return Err(never(&name, &why)),
            }
        }
        // Before an object shows it, its pods do: an image, a crash, no room on any node.
        for (name, state) in pods(cluster, namespace).await {
            let is_news = !waiting.is_empty() && ready::cause(&state).is_some();
            match broken.note(&name, state, patience) {
                Ok(Some(why)) if is_news => waiting.push(format!("{name}: {why}")),
                Ok(_) => {}
                Err(why) => return Err(never(&name, &why)),
            }
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
            let (kind, hint) = match advice(&said) {
                (UNKNOWN, _) => (
                    "timeout",
                    "run again: what is there is kept; or give more time with `--timeout`",
                ),
                known => known,
            };
            return Err(
                Failure::undecided(kind, format!("not ready in time: {said}"))
                    .hint(hint)
                    .into(),
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn never(name: &str, why: &str) -> anyhow::Error {
    let (kind, hint) = match advice(why) {
        (UNKNOWN, _) => (
            "broken",
            "look at it with `kubectl describe`, mend it, run again",
        ),
        known => known,
    };
    Failure::unavailable(kind, format!("{name} will not become ready: {why}"))
        .hint(hint)
        .into()
}

/// Returns how the pods of the namespace are.
async fn pods(cluster: &Cluster, namespace: &str) -> Vec<(String, State)> {
    let pods = cluster.list("v1", "Pod").await.unwrap_or_default();
    pods.iter()
        .filter(|it| it["metadata"]["namespace"] == namespace)
        .map(|it| (manifest::name(it), ready::state(it)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_fails_and_waits_in_turn_is_given_up_and_one_that_was_ready_is_not() {
        let mut broken = Broken::default();
        let none = Duration::ZERO;
        let long = Duration::from_secs(60);
        let failing = || State::Broken("CrashLoopBackOff".to_owned());
        let waiting = || State::Waiting("starting".to_owned());
        assert_eq!(
            broken.note("a", failing(), long),
            Ok(Some("CrashLoopBackOff".to_owned()))
        );
        let since = broken.0["a"];
        assert_eq!(
            broken.note("a", waiting(), none),
            Ok(Some("starting".to_owned()))
        );
        assert_eq!(
            broken.0.get("a"),
            Some(&since),
            "waiting is not being ready"
        );
        assert_eq!(
            broken.note("a", failing(), none),
            Err("CrashLoopBackOff".to_owned())
        );
        assert_eq!(broken.note("a", State::Ready, none), Ok(None));
        assert!(broken.0.is_empty());
    }
}
