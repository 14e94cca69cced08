//! Applications of Argo CD: how they are, why one is not well, and the wait until all are.

use std::time::{Duration, Instant};

use autoscaleops_core::{stop, text::printable, text::shorten};
use serde_json::Value;

use crate::{
    cluster::{Cluster, conditions, text},
    details::Application,
    platform::ready,
};

/// How long an API that does not answer is asked again.
const SILENCE: Duration = Duration::from_secs(30);

/// How the wait for the applications ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// All are synced and healthy, or nobody waited.
    #[default]
    Settled,
    /// One will not become so by itself.
    Hopeless,
    /// The time was over, or a stop was asked for.
    Late,
}

/// How a wait is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    /// How long between two looks.
    pub(crate) look: Duration,
    /// How long one may look hopeless: what it misses may come with another one.
    pub(crate) patience: Duration,
    /// Whether one was applied, so that none at all is too few.
    pub(crate) expects_some: bool,
}

/// Waits until every application is synced and healthy, those included that others bring.
///
/// # Errors
///
/// Fails when the API does not answer for long.
pub(crate) async fn settle(
    cluster: &Cluster,
    wait: Wait,
    left: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<(End, Vec<Application>)> {
    let started = Instant::now();
    let (mut hopeless_since, mut silent_since) = (None::<Instant>, None::<Instant>);
    let mut calm = 0;
    loop {
        let found = match look(cluster).await {
            Ok(found) => found,
            Err(err) => {
                let since = *silent_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= SILENCE.min(left / 2) || stop::requested() {
                    return Err(err);
                }
                say(&format!("waiting for an answer: {err}"));
                tokio::time::sleep(wait.look).await;
                continue;
            }
        };
        silent_since = None;
        let waiting: Vec<&Application> = found.iter().filter(|it| !it.is_settled()).collect();
        // A child appears a moment after its parent is healthy, so one look is not enough.
        calm = if waiting.is_empty() { calm + 1 } else { 0 };
        let needed = match (wait.expects_some, found.is_empty()) {
            (true, true) => u32::MAX,
            (false, true) => 1,
            (_, false) => 2,
        };
        if calm >= needed {
            return Ok((End::Settled, found));
        }
        say(&format!("waiting for {}", listed(&waiting)));
        hopeless_since = match hopeless_since {
            _ if !waiting.iter().any(|it| it.hopeless) => None,
            since => since.or_else(|| Some(Instant::now())),
        };
        if hopeless_since.is_some_and(|it| it.elapsed() >= wait.patience.min(left / 2)) {
            return Ok((End::Hopeless, found));
        }
        if started.elapsed() >= left || stop::requested() {
            return Ok((End::Late, found));
        }
        tokio::time::sleep(wait.look).await;
    }
}

fn listed(applications: &[&Application]) -> String {
    if applications.is_empty() {
        return "Applications".to_owned();
    }
    let texts: Vec<String> = applications
        .iter()
        .take(4)
        .map(|it| {
            let cause = if it.cause.is_empty() {
                String::new()
            } else {
                format!(": {}", shorten(&printable(&it.cause), 120))
            };
            format!("{} ({}, {}{cause})", it.name, it.sync, it.health)
        })
        .collect();
    let more = applications.len().saturating_sub(texts.len());
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    texts.join("; ") + &rest
}

/// Returns the applications by name. One that is not well has its reason: its own, else that of its
/// resources, else that of its pods, which tell it long before Argo CD does.
///
/// # Errors
///
/// Fails when the API does not answer.
pub(crate) async fn look(cluster: &Cluster) -> anyhow::Result<Vec<Application>> {
    let values = cluster.list("argoproj.io/v1alpha1", "Application").await?;
    let mut found: Vec<Application> = values.iter().map(application).collect();
    let unexplained = |it: &Application| !it.is_settled() && it.cause.is_empty();
    if found.iter().any(unexplained) {
        // Who may not read every pod learns less, and nothing wrong.
        let pods = cluster.list("v1", "Pod").await.unwrap_or_default();
        for (application, value) in found.iter_mut().zip(&values) {
            if unexplained(application) {
                explain(application, value, &pods);
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Returns what matters of an application.
pub(crate) fn application(value: &Value) -> Application {
    let or = |text: String, other: &str| {
        if text.is_empty() {
            other.to_owned()
        } else {
            text
        }
    };
    let condition = conditions(value).find(|it| text(it, "/type").ends_with("Error"));
    let mut cause = condition
        .map(|it| format!("{}: {}", text(it, "/type"), text(it, "/message")))
        .unwrap_or_default();
    let mut hopeless = condition.is_some_and(|it| {
        matches!(
            text(it, "/type").as_str(),
            "ComparisonError" | "InvalidSpecError"
        )
    });
    let phase = text(value, "/status/operationState/phase");
    let health = or(text(value, "/status/health/status"), "Unknown");
    if cause.is_empty() && matches!(phase.as_str(), "Failed" | "Error") {
        // Argo CD has tried as often as it does.
        hopeless = true;
        cause = format!(
            "sync failed: {}",
            text(value, "/status/operationState/message")
        );
    }
    if cause.is_empty() && health != "Healthy" {
        cause = degraded(value).unwrap_or_default();
    }
    Application {
        name: text(value, "/metadata/name"),
        sync: or(text(value, "/status/sync/status"), "Unknown"),
        hopeless: hopeless || health == "Degraded",
        health,
        revision: text(value, "/status/sync/revision"),
        cause,
    }
}

fn resources(application: &Value) -> impl Iterator<Item = &Value> {
    application
        .pointer("/status/resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Returns what Argo CD says of the first resource that is degraded.
fn degraded(application: &Value) -> Option<String> {
    let resource = resources(application).find(|it| text(it, "/health/status") == "Degraded")?;
    let message = text(resource, "/health/message");
    let name = format!("{} {}", text(resource, "/kind"), text(resource, "/name"));
    Some(if message.is_empty() {
        format!("{name} is degraded")
    } else {
        format!("{name}: {message}")
    })
}

/// Looks for the reason of an application among the pods of its workloads.
fn explain(application: &mut Application, value: &Value, pods: &[Value]) {
    let workloads: Vec<(String, String)> = resources(value)
        .filter(|it| ["apps", "batch"].contains(&text(it, "/group").as_str()))
        .map(|it| (text(it, "/namespace"), format!("{}-", text(it, "/name"))))
        .collect();
    let causes = pods.iter().filter_map(|pod| {
        let (namespace, name) = (
            text(pod, "/metadata/namespace"),
            text(pod, "/metadata/name"),
        );
        let is_its = workloads
            .iter()
            .any(|(of, start)| *of == namespace && name.starts_with(start));
        let state = is_its.then(|| ready::state(pod))?;
        let (broken, why) = ready::cause(&state)?;
        Some((broken, format!("Pod {name}: {why}")))
    });
    // The worst first: what will never be before what may.
    if let Some((broken, cause)) = causes.max_by_key(|it| it.0) {
        application.hopeless |= broken;
        application.cause = cause;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_application_that_cannot_compare_says_why() {
        let value = json!({"metadata": {"name": "a"}, "status": {"conditions": [{"type": "ComparisonError", "message": "no such path"}]}});
        let found = application(&value);
        assert_eq!(found.cause, "ComparisonError: no such path");
        assert!(found.hopeless);
        assert_eq!(
            (found.sync.as_str(), found.is_settled()),
            ("Unknown", false)
        );
    }

    #[test]
    fn the_pods_of_an_application_say_why_it_does_not_get_on() {
        let value = json!({"metadata": {"name": "a"}, "status": {"sync": {"status": "Synced"}, "health": {"status": "Progressing"},
            "resources": [{"group": "apps", "kind": "Deployment", "namespace": "dev", "name": "shop"}]}});
        let pod = |namespace: &str, name: &str, reason: &str| {
            json!({"kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "status": {"phase": "Pending",
                "containerStatuses": [{"restartCount": 4, "state": {"waiting": {"reason": reason, "message": "m"}}}]}})
        };
        let cause = |pods: &[Value]| {
            let mut found = application(&value);
            explain(&mut found, &value, pods);
            (found.cause, found.hopeless)
        };
        let none = (String::new(), false);
        assert_eq!(
            cause(&[pod("prod", "shop-1-a", "ImagePullBackOff")]),
            none,
            "another namespace"
        );
        assert_eq!(
            cause(&[pod("dev", "shopping-1-a", "ImagePullBackOff")]),
            none
        );
        assert_eq!(cause(&[pod("dev", "shop-1-a", "ContainerCreating")]), none);
        assert_eq!(
            cause(&[
                pod("dev", "shop-1-a", "CrashLoopBackOff"),
                pod("dev", "shop-1-b", "CreateContainerConfigError")
            ]),
            ("Pod shop-1-a: CrashLoopBackOff: m".to_owned(), true)
        );
        assert_eq!(
            cause(&[pod("dev", "shop-1-b", "CreateContainerConfigError")]),
            (
                "Pod shop-1-b: CreateContainerConfigError: m".to_owned(),
                false
            )
        );
    }

    #[test]
    fn what_is_degraded_is_named() {
        let value = json!({"metadata": {"name": "a"}, "status": {"sync": {"status": "Synced"}, "health": {"status": "Degraded"},
            "resources": [{"kind": "Service", "name": "shop", "health": {"status": "Degraded", "message": "cannot listen"}}]}});
        let found = application(&value);
        assert_eq!(
            (found.cause.as_str(), found.hopeless),
            ("Service shop: cannot listen", true)
        );
    }
}
