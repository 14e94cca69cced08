//! The parts of the API's objects that are looked at.

use std::{borrow::Cow, collections::BTreeMap};

use autoscaleops_hpa::{Pod, kubernetes};
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::recording::Condition;

/// An autoscaler of `autoscaling/v2`, read leniently: what is absent is absent.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Hpa {
    /// Its name, namespace, version and labels.
    #[serde(deserialize_with = "few")]
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

/// A pod as the algorithm sees it.
#[derive(Clone, Debug, Default)]
pub struct SeenPod {
    /// Its name, namespace and version.
    pub metadata: ObjectMeta,
    /// What counts.
    pub pod: Pod,
}

impl<'de> Deserialize<'de> for SeenPod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let metadata = few(&value["metadata"]).map_err(serde::de::Error::custom)?;
        Ok(Self {
            metadata,
            pod: kubernetes::pod(&value),
        })
    }
}

/// Reads of the metadata what is used. The greatest part of a real object's, who wrote which field,
/// is skipped without being kept.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Few {
        name: Option<String>,
        namespace: Option<String>,
        resource_version: Option<String>,
        labels: Option<BTreeMap<String, String>>,
    }
    let few = Few::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: few.name,
        namespace: few.namespace,
        resource_version: few.resource_version,
        labels: few.labels,
        ..ObjectMeta::default()
    })
}

/// Makes a type one of the API's, so that it can be listed and watched.
macro_rules! resource {
    ($type:ty, $kind:literal, $group:literal, $version:literal, $plural:literal) => {
        impl Resource for $type {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> Cow<'_, str> {
                $group.into()
            }

            fn version((): &()) -> Cow<'_, str> {
                $version.into()
            }

            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

resource!(
    Hpa,
    "HorizontalPodAutoscaler",
    "autoscaling",
    "v2",
    "horizontalpodautoscalers"
);
resource!(SeenPod, "Pod", "", "v1", "pods");

/// What is looked at of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// `spec.replicas`.
    pub spec: Option<i32>,
    /// `status.readyReplicas`; nothing where its kind has no such thing.
    pub ready: Option<i32>,
    /// `status.replicas`.
    pub status: i32,
}

impl Target {
    /// Reads any object with replicas. The usual kinds leave `readyReplicas` out while it is 0.
    pub fn of(value: &Value, is_usual: bool) -> Self {
        let int = |pointer: &str| {
            value
                .pointer(pointer)
                .and_then(Value::as_i64)
                .and_then(|number| i32::try_from(number).ok())
        };
        Self {
            spec: int("/spec/replicas"),
            ready: int("/status/readyReplicas").or(is_usual.then_some(0)),
            status: int("/status/replicas").unwrap_or(0),
        }
    }
}

/// Returns a label selector as a query has it, where the object has a usable one.
pub fn selector(value: &Value) -> Option<String> {
    let selector = value.pointer("/spec/selector")?;
    let mut parts: Vec<String> = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
        .collect();
    for expression in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let key = expression["key"].as_str()?;
        let values: Vec<&str> = expression["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let values = values.join(",");
        parts.push(match expression["operator"].as_str()? {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
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

    #[test]
    fn a_selector_becomes_a_query() {
        let value = json!({"spec": {"selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        }}});
        assert_eq!(selector(&value).unwrap(), "app=web,tier in (a,b),!old");
        assert_eq!(selector(&json!({"spec": {"selector": {}}})), None);
        assert_eq!(selector(&json!({"spec": {}})), None);
    }

    #[test]
    fn who_wrote_which_field_is_not_kept() {
        let value = json!({"metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7",
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}], "annotations": null}});
        let hpa: Hpa = serde_json::from_value(value).unwrap();
        assert_eq!(hpa.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(hpa.metadata.managed_fields, None);
    }
}
