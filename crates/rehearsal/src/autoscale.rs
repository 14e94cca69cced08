//! Runs the autoscaler's algorithm on what was measured, and writes scale, status and events.

use std::{collections::BTreeMap, sync::Arc};

use autoscaleops_hpa::{
    Controller, Inputs, MetricError, MetricKind, MetricStatus, Moment, Pod, Reading, Scale,
    Selection, State, Target, Usages,
    kubernetes::{self, resource_reading},
    manifest::Manifest,
    quantity::format_milli,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::{lock, set_scale},
    cluster::Cluster,
    objects::{self, Write},
    resource::Resource,
    selector,
    store::{Store, Stored},
    value::{number, object, set, stamp, text},
};

const AUTOSCALERS: &str = "horizontalpodautoscalers.autoscaling";
const BY: &str = "horizontal-pod-autoscaler";

/// Looks at every autoscaler once a period, until the task is dropped.
pub(crate) async fn run(cluster: Arc<Cluster>) {
    let mut states: BTreeMap<String, State> = BTreeMap::new();
    loop {
        let period = lock(&cluster.config).sync_period.0;
        tokio::time::sleep(period.max(std::time::Duration::from_millis(100))).await;
        let listed = lock(&cluster.store).list(AUTOSCALERS, None);
        states.retain(|uid, _| listed.iter().any(|it| it.uid == *uid));
        for stored in listed {
            let state = states.remove(&stored.uid).unwrap_or_default();
            states.insert(stored.uid.clone(), sync(&cluster, &stored, state));
        }
    }
}

/// The target of an autoscaler as it is now.
struct Found {
    resource: Arc<Resource>,
    value: Value,
}

fn find(store: &Store, namespace: &str, manifest: &Manifest) -> Result<Found, String> {
    let target = &manifest.target;
    let resource = store
        .registry()
        .of_kind(&target.api_version, &target.kind)
        .filter(|it| it.scale.is_some())
        .ok_or_else(|| {
            format!(
                "no matches for kind \"{}\" in group \"{}\"",
                target.kind, target.api_version
            )
        })?;
    let found = store
        .get(&resource.key(), namespace, &target.name)
        .ok_or_else(|| format!("{} \"{}\" not found", resource.key(), target.name))?;
    Ok(Found {
        value: found.value(),
        resource,
    })
}

/// The settings of the controller, the newest version of Kubernetes that the algorithm knows.
fn controller(cluster: &Cluster) -> Controller {
    let config = lock(&cluster.config);
    let seconds = |it: std::time::Duration| i32::try_from(it.as_secs()).unwrap_or(i32::MAX);
    Controller {
        cpu_initialization_s: seconds(config.cpu_initialization_period.0),
        initial_readiness_delay_s: seconds(config.initial_readiness_delay.0),
        ..Controller::of_version(Controller::NEWEST)
    }
}

fn readings(
    manifest: &Manifest,
    pods: &[Pod],
    usages: &[Usages],
) -> Vec<Result<Reading, MetricError>> {
    let reading = |kind: &MetricKind| match kind {
        MetricKind::Resource { name, container } => {
            resource_reading(pods, usages, name, container.as_deref())
        }
        other => {
            let why = format!(
                "the stand-in measures CPU and memory only, not {}",
                other.type_name()
            );
            Err(MetricError::Unavailable(why))
        }
    };
    manifest
        .spec
        .metrics
        .iter()
        .map(|it| reading(&it.kind))
        .collect()
}

fn sync(cluster: &Cluster, stored: &Stored, state: State) -> State {
    let value = stored.value();
    let now = Timestamp::now();
    let manifest = match Manifest::of(&value) {
        Ok(manifest) => manifest,
        Err(err) => {
            let mut store = lock(&cluster.store);
            objects::event(
                &mut store,
                &value,
                "Warning",
                "InvalidSpec",
                &err.to_string(),
                BY,
            );
            return state;
        }
    };
    let controller = controller(cluster);
    let mut store = lock(&cluster.store);
    let target = find(&store, &stored.namespace, &manifest);
    let (scale, pods, selection) = match &target {
        Ok(target) => read(&store, &stored.namespace, target),
        Err(_) => (
            Scale {
                spec_replicas: 0,
                status_replicas: 0,
            },
            Vec::new(),
            Selection::Valid,
        ),
    };
    let why = target.as_ref().err().cloned().unwrap_or_default();
    let usages: Vec<Usages> = {
        let usage = lock(&cluster.usage);
        let by_pod = |pod: &Stored| Some(usages_of(&pod.name, usage.get(&pod.uid)?));
        pods.iter().filter_map(|it| by_pod(it)).collect()
    };
    let pods: Vec<_> = pods.iter().map(|it| kubernetes::pod(&it.value())).collect();
    let readings = readings(&manifest, &pods, &usages);
    let inputs = Inputs {
        scale: if target.is_ok() {
            Ok(scale)
        } else {
            Err(why.as_str())
        },
        selection: &selection,
        pods: &pods,
        readings: &readings,
    };
    let mut outcome =
        controller.reconcile(state, &manifest.spec, &inputs, Moment(now.as_millisecond()));
    if outcome.decision.rescales
        && let Ok(target) = &target
    {
        let desired = i64::from(outcome.decision.desired);
        if let Err(err) = set_scale(
            &mut store,
            &target.resource,
            &stored.namespace,
            &manifest.target.name,
            desired,
            Write::by(BY),
        ) {
            objects::event(
                &mut store,
                &value,
                "Warning",
                "FailedRescale",
                &err.message,
                BY,
            );
        }
    }
    for event in &outcome.decision.events {
        let kind = if event.is_warning {
            "Warning"
        } else {
            "Normal"
        };
        objects::event(&mut store, &value, kind, event.reason, &event.message, BY);
    }
    outcome.state.current_replicas = outcome.decision.current;
    write_status(
        &mut store,
        stored,
        &manifest,
        &outcome.state,
        &outcome.decision,
    );
    outcome.state
}

fn read(store: &Store, namespace: &str, target: &Found) -> (Scale, Vec<Arc<Stored>>, Selection) {
    let places = target.resource.scale.as_ref();
    let count = |pointer: Option<&String>| {
        let found = pointer
            .and_then(|it| number(&target.value, it))
            .unwrap_or(0);
        i32::try_from(found).unwrap_or(i32::MAX)
    };
    let scale = Scale {
        spec_replicas: count(places.map(|it| &it.spec)),
        status_replicas: count(places.map(|it| &it.status)),
    };
    let wanted = places.and_then(|it| target.value.pointer(&it.selector));
    let mut pods = store.list("pods", Some(namespace));
    let selection = match wanted {
        None => Selection::Missing,
        Some(Value::String(text)) => match selector::Selector::parse(text, "") {
            Ok(selector) => {
                pods.retain(|it| selector.matches(it));
                Selection::Valid
            }
            Err(err) => Selection::Invalid(err.message),
        },
        Some(object) => {
            pods.retain(|it| selector::matches_object(object, &it.labels));
            Selection::Valid
        }
    };
    (scale, pods, selection)
}

fn usages_of(pod: &str, containers: &BTreeMap<String, crate::metrics::Usage>) -> Usages {
    let first = containers.values().next();
    Usages {
        pod: pod.to_owned(),
        at: Moment(first.map_or(0, |it| it.at.as_millisecond())),
        window_ms: first.map_or(0, |it| i64::try_from(it.window.as_millis()).unwrap_or(0)),
        containers: containers
            .iter()
            .map(|(name, used)| autoscaleops_hpa::Container {
                name: name.clone(),
                requests: vec![
                    ("cpu".to_owned(), (used.cpu_nano + 999_999) / 1_000_000),
                    ("memory".to_owned(), used.memory.saturating_mul(1000)),
                ],
            })
            .collect(),
    }
}

fn write_status(
    store: &mut Store,
    stored: &Stored,
    manifest: &Manifest,
    state: &State,
    decision: &autoscaleops_hpa::Decision,
) {
    let Some(live) = store.get(AUTOSCALERS, &stored.namespace, &stored.name) else {
        return;
    };
    let mut value = live.value();
    let before = value.get("status").cloned().unwrap_or(Value::Null);
    let current: Vec<Value> = manifest
        .spec
        .metrics
        .iter()
        .zip(&decision.metrics)
        .filter_map(|(metric, status)| {
            Some(metric_status(&metric.kind, metric.target, status.as_ref()?))
        })
        .collect();
    let conditions: Vec<Value> = state
        .conditions
        .iter()
        .map(|(name, it)| {
            json!({"type": name, "status": it.status.as_str(), "lastTransitionTime": time(it.since), "reason": it.reason, "message": it.message})
        })
        .collect();
    let desired = if decision.has_desired {
        json!(decision.desired)
    } else {
        before
            .get("desiredReplicas")
            .cloned()
            .unwrap_or_else(|| json!(0))
    };
    let mut status = json!({
        "observedGeneration": number(&value, "/metadata/generation"),
        "currentReplicas": decision.current, "desiredReplicas": desired, "conditions": conditions,
    });
    if !current.is_empty() {
        set(&mut status, &[], "currentMetrics", current);
    }
    let scaled = decision
        .rescales
        .then(crate::value::now)
        .or_else(|| Some(text(&before, "/lastScaleTime").to_owned()).filter(|it| !it.is_empty()));
    if let Some(scaled) = scaled {
        set(&mut status, &[], "lastScaleTime", scaled);
    }
    if status != before {
        object(&mut value, &[]).insert("status".to_owned(), status);
        if let Err(err) = store.put(AUTOSCALERS, value) {
            tracing::warn!("cannot write an autoscaler: {err}");
        }
    }
}

fn time(moment: Moment) -> String {
    Timestamp::from_millisecond(moment.0).map_or_else(|_| String::new(), stamp)
}

fn metric_status(kind: &MetricKind, target: Target, status: &MetricStatus) -> Value {
    let mut current = json!({});
    if let Some(percent) = status
        .utilization
        .filter(|_| matches!(target, Target::Utilization(_)))
    {
        set(&mut current, &[], "averageUtilization", percent);
    }
    if let Some(milli) = status.average_milli {
        set(&mut current, &[], "averageValue", format_milli(milli));
    }
    if let Some(milli) = status.total_milli {
        set(&mut current, &[], "value", format_milli(milli));
    }
    match kind {
        MetricKind::Resource {
            name,
            container: None,
        } => json!({"type": "Resource", "resource": {"name": name, "current": current}}),
        MetricKind::Resource {
            name,
            container: Some(container),
        } => {
            json!({"type": "ContainerResource", "containerResource": {"name": name, "container": container, "current": current}})
        }
        other => json!({"type": other.type_name()}),
    }
}
