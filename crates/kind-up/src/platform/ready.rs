//! Whether an object is what it should become, is on the way, or never will be. Pure.

use autoscaleops_core::text;
use serde_json::Value;

/// How far an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is what it should be.
    Ready,
    /// It may become so. Says what is missing.
    Waiting(String),
    /// It will not become so by itself. Says why.
    Broken(String),
}

/// Returns why a pod is not ready, where its state says more than that it has just been started, and
/// whether it is for good.
pub(crate) fn cause(state: &State) -> Option<(bool, &str)> {
    match state {
        State::Ready => None,
        State::Broken(why) => Some((true, why)),
        State::Waiting(why) => {
            let starting = [
                "ContainersNotReady",
                "ContainersNotInitialized",
                "no condition",
            ];
            let is_news = !why.is_empty() && !starting.iter().any(|it| why.starts_with(it));
            is_news.then_some((false, why.as_str()))
        }
    }
}

/// Restarts after which a container counts as one that will never stay up.
const RESTARTS: u64 = 3;

/// Judges an object by its kind. Kinds without a state are ready at once.
pub(crate) fn state(object: &Value) -> State {
    match object["kind"].as_str().unwrap_or_default() {
        "Node" => by_condition(object, "Ready"),
        "CustomResourceDefinition" => by_condition(object, "Established"),
        "Deployment" => deployment(object),
        "StatefulSet" => stateful_set(object),
        "Pod" => pod(object),
        _ => State::Ready,
    }
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|it| it["type"] == kind)
}

fn by_condition(object: &Value, kind: &str) -> State {
    match condition(object, kind) {
        Some(condition) if condition["status"] == "True" => State::Ready,
        Some(condition) => State::Waiting(words(&condition["reason"], &condition["message"])),
        None => State::Waiting(format!("no condition {kind} yet")),
    }
}

fn is_observed(object: &Value) -> bool {
    object["status"]["observedGeneration"].as_i64() >= object["metadata"]["generation"].as_i64()
}

fn deployment(object: &Value) -> State {
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    let count = |field: &str| object["status"][field].as_u64().unwrap_or(0);
    if !is_observed(object) {
        return State::Waiting("not yet seen by its controller".to_owned());
    }
    if count("updatedReplicas") == wanted
        && count("availableReplicas") >= wanted
        && count("replicas") == wanted
    {
        return State::Ready;
    }
    match condition(object, "Progressing") {
        Some(it) if it["reason"] == "ProgressDeadlineExceeded" => {
            State::Broken(words(&it["reason"], &it["message"]))
        }
        _ => State::Waiting(format!(
            "{} of {wanted} available",
            count("availableReplicas")
        )),
    }
}

fn stateful_set(object: &Value) -> State {
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    let ready = object["status"]["readyReplicas"].as_u64().unwrap_or(0);
    let updated = object["status"]["updatedReplicas"]
        .as_u64()
        .unwrap_or(ready);
    if is_observed(object) && ready >= wanted && updated >= wanted {
        State::Ready
    } else {
        State::Waiting(format!("{ready} of {wanted} ready"))
    }
}

fn pod(object: &Value) -> State {
    let status = &object["status"];
    if let Some(it) = condition(object, "PodScheduled")
        && it["reason"] == "Unschedulable"
    {
        return State::Waiting(words(&it["reason"], &it["message"]));
    }
    let lists = ["initContainerStatuses", "containerStatuses"];
    let containers = lists
        .iter()
        .flat_map(|it| status[it].as_array().into_iter().flatten());
    for container in containers {
        let waiting = &container["state"]["waiting"];
        let why = words(&waiting["reason"], &waiting["message"]);
        match waiting["reason"].as_str().unwrap_or_default() {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "ErrImageNeverPull"
            | "InvalidImageName"
            | "RunContainerError"
            | "CreateContainerError" => {
                return State::Broken(why);
            }
            "CrashLoopBackOff" if container["restartCount"].as_u64().unwrap_or(0) >= RESTARTS => {
                return State::Broken(why);
            }
            "ContainerCreating" | "PodInitializing" | "" => {}
            _ => return State::Waiting(why),
        }
    }
    match status["phase"].as_str() {
        Some("Succeeded") => State::Ready,
        Some("Failed") => State::Broken(words(&status["reason"], &status["message"])),
        _ => by_condition(object, "Ready"),
    }
}

fn words(reason: &Value, message: &Value) -> String {
    let texts: Vec<&str> = [reason, message]
        .iter()
        .filter_map(|it| it.as_str())
        .filter(|it| !it.is_empty())
        .collect();
    text::shorten(&text::printable(&texts.join(": ")), 300)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(object: &Value, part: &str) {
        match state(object) {
            State::Waiting(why) => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    fn broken(object: &Value, part: &str) {
        match state(object) {
            State::Broken(why) => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_deployment_is_ready_when_the_new_replicas_are_available_and_the_old_ones_gone() {
        let deployment = |observed: u64, replicas: u64, updated: u64, available: u64| {
            json!({"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 2},
                   "status": {"observedGeneration": observed, "replicas": replicas,
                              "updatedReplicas": updated, "availableReplicas": available}})
        };
        assert_eq!(state(&deployment(2, 2, 2, 2)), State::Ready);
        waiting(&deployment(1, 2, 2, 2), "not yet seen");
        waiting(&deployment(2, 2, 2, 1), "1 of 2");
        waiting(&deployment(2, 3, 2, 2), "2 of 2");
        let none =
            json!({"kind": "Deployment", "metadata": {}, "spec": {"replicas": 0}, "status": {}});
        assert_eq!(state(&none), State::Ready);
    }

    #[test]
    fn a_pod_that_will_never_run_is_told_from_one_that_is_starting() {
        let pod = |reason: &str, restarts: u64| {
            json!({"kind": "Pod", "status": {"phase": "Pending", "containerStatuses": [
                {"restartCount": restarts, "state": {"waiting": {"reason": reason, "message": "back-off\nx"}}}]}})
        };
        broken(&pod("ImagePullBackOff", 0), "back-off x");
        broken(&pod("CrashLoopBackOff", 3), "CrashLoopBackOff");
        waiting(&pod("CrashLoopBackOff", 2), "CrashLoopBackOff");
        broken(&pod("ErrImagePull", 0), "ErrImagePull");
        waiting(&pod("ContainerCreating", 0), "no condition Ready");
        waiting(
            &json!({"kind": "Pod", "status": {"conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"}]}}),
            "Insufficient cpu",
        );
        let ready = json!({"kind": "Pod", "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(state(&ready), State::Ready);
    }

    #[test]
    fn nodes_definitions_and_stateful_sets_follow_their_own_signs() {
        let node = json!({"kind": "Node", "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady"}]}});
        waiting(&node, "KubeletNotReady");
        let crd = json!({"kind": "CustomResourceDefinition", "status": {"conditions": [{"type": "Established", "status": "True"}]}});
        assert_eq!(state(&crd), State::Ready);
        let set = json!({"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 1},
                         "status": {"observedGeneration": 1, "readyReplicas": 0}});
        waiting(&set, "0 of 1");
        assert_eq!(state(&json!({"kind": "ConfigMap"})), State::Ready);
    }
}
