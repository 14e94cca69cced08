//! The parts of the API's objects that are looked at.

use std::borrow::Cow;

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::Deserialize;
use serde_json::Value;

use crate::recording::Condition;

/// An autoscaler of `autoscaling/v2`, read leniently: what is absent is absent.
#[derive(Clone, Debug, Deserialize)]
pub struct Hpa {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its spec as it is.
    #[serde(default)]
    pub spec: Value,
    /// Its status.
    #[serde(default)]
    pub status: Option<HpaStatus>,
}

/// The status of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HpaStatus {
    /// The target's size at the last sync.
    pub current_replicas: i32,
    /// What was asked for.
    pub desired_replicas: i32,
    /// One place for each metric of the spec, `{"type": ""}` for a failed one.
    pub current_metrics: Option<Vec<Value>>,
    /// The conditions.
    pub conditions: Option<Vec<HpaCondition>>,
}

/// A condition of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct HpaCondition {
    /// `AbleToScale`, `ScalingActive` or `ScalingLimited`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`.
    pub status: String,
    /// The word for programs.
    pub reason: String,
    /// The sentence for people.
    pub message: String,
}

impl HpaStatus {
    /// Returns the condition of that name.
    pub fn condition(&self, kind: &str) -> Option<Condition> {
        self.conditions
            .iter()
            .flatten()
            .find(|condition| condition.kind == kind)
            .map(|condition| Condition {
                holds: condition.status == "True",
                reason: condition.reason.clone(),
                message: condition.message.clone(),
            })
    }

    /// Returns the current values of the metric at `index`, whatever its type.
    pub fn current_metric(&self, index: usize) -> Option<&Value> {
        let slot = self.current_metrics.as_ref()?.get(index)?;
        let kind = slot.get("type")?.as_str()?;
        let mut field = kind.to_owned();
        field.get_mut(0..1)?.make_ascii_lowercase();
        slot.get(&field)?.get("current")
    }
}

impl Resource for Hpa {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "HorizontalPodAutoscaler".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "autoscaling".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v2".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "horizontalpodautoscalers".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What is looked at of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// `spec.replicas`.
    pub spec: Option<i32>,
    /// `status.readyReplicas`.
    pub ready: i32,
    /// `status.replicas`.
    pub status: i32,
}

impl Target {
    /// Reads any object with replicas.
    pub fn of(value: &Value) -> Self {
        let int = |pointer: &str| {
            value
                .pointer(pointer)
                .and_then(Value::as_i64)
                .and_then(|number| i32::try_from(number).ok())
        };
        Self {
            spec: int("/spec/replicas"),
            ready: int("/status/readyReplicas").unwrap_or(0),
            status: int("/status/replicas").unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_filled_autoscalers_are_read() {
        for status in [
            json!(null),
            json!({}),
            json!({"currentMetrics": null}),
            json!({"currentMetrics": []}),
            json!({"currentMetrics": [{"type": ""}], "conditions": null}),
        ] {
            let value =
                json!({"metadata": {"name": "web"}, "spec": {"maxReplicas": 3}, "status": status});
            let hpa: Hpa = serde_json::from_value(value).unwrap();
            let status = hpa.status.unwrap_or_default();
            assert_eq!(status.current_metric(0), None);
            assert_eq!(status.condition("AbleToScale"), None);
        }
    }

    #[test]
    fn a_metric_is_found_whatever_its_type() {
        let status: HpaStatus = serde_json::from_value(json!({"currentMetrics": [
            {"type": "ContainerResource", "containerResource": {"current": {"averageUtilization": 7}}},
        ]}))
        .unwrap();
        assert_eq!(status.current_metric(0).unwrap()["averageUtilization"], 7);
    }
}
