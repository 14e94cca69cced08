//! Pods and their measured usage from the JSON forms of the Kubernetes APIs. Lenient: what cannot
//! be read is absent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    metric::{MetricError, Reading, Sample, Samples},
    moment::Moment,
    pod::{Container, Phase, Pod, Readiness, Ready},
    quantity::parse_milli,
};

/// Returns an RFC 3339 time as milliseconds of the Unix epoch.
pub fn moment(text: &str) -> Option<Moment> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    Some(Moment(timestamp.as_millisecond()))
}

/// Returns a length of time as Go prints it, such as `15.1s` or `1m0s`, in milliseconds.
pub fn go_duration_ms(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let unit = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        sum += number
            * match unit {
                "h" => 3_600_000.0,
                "m" => 60_000.0,
                "s" => 1_000.0,
                "ms" => 1.0,
                "us" | "µs" => 0.001,
                "ns" => 0.000_001,
                _ => return None,
            };
        rest = tail;
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    Some(sum.round() as i64)
}

/// Reads a pod of the core API.
pub fn pod(value: &Value) -> Pod {
    let metadata = &value["metadata"];
    let (spec, status) = (&value["spec"], &value["status"]);
    let list = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let mut containers: Vec<Container> = list(&spec["containers"]).iter().map(container).collect();
    containers.extend(
        list(&spec["initContainers"])
            .iter()
            .filter(|item| item["restartPolicy"] == "Always")
            .map(container),
    );
    let time = |value: &Value| value.as_str().and_then(moment);
    Pod {
        name: metadata["name"].as_str().unwrap_or_default().to_owned(),
        phase: match status["phase"].as_str() {
            Some("Running") => Phase::Running,
            Some("Succeeded") => Phase::Succeeded,
            Some("Failed") => Phase::Failed,
            Some("Unknown") => Phase::Unknown,
            _ => Phase::Pending,
        },
        is_deleted: metadata["deletionTimestamp"].is_string(),
        started: time(&status["startTime"]),
        ready: list(&status["conditions"])
            .iter()
            .find(|condition| condition["type"] == "Ready")
            .map(|condition| Ready {
                status: match condition["status"].as_str() {
                    Some("True") => Readiness::True,
                    Some("False") => Readiness::False,
                    _ => Readiness::Unknown,
                },
                since: time(&condition["lastTransitionTime"]).unwrap_or_default(),
            }),
        containers,
        requests: amounts(&spec["resources"]["requests"]),
    }
}

fn container(item: &Value) -> Container {
    Container {
        name: item["name"].as_str().unwrap_or_default().to_owned(),
        requests: amounts(&item["resources"]["requests"]),
    }
}

fn amounts(value: &Value) -> Vec<(String, i64)> {
    let Value::Object(map) = value else {
        return Vec::new();
    };
    map.iter()
        .filter_map(|(name, amount)| {
            let milli = match amount {
                Value::String(text) => parse_milli(text)?,
                Value::Number(number) => parse_milli(&number.to_string())?,
                _ => return None,
            };
            Some((name.clone(), milli))
        })
        .collect()
}

/// The measured usage of one pod: an item of `PodMetrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usages {
    /// The pod.
    pub pod: String,
    /// When it was measured.
    pub at: Moment,
    /// Over how many milliseconds before that.
    pub window_ms: i64,
    /// The usage of each container, in thousandths.
    pub containers: Vec<Container>,
}

impl Usages {
    /// Reads an item of `metrics.k8s.io`.
    pub fn of(value: &Value) -> Self {
        let containers = value["containers"].as_array().map(Vec::as_slice);
        Self {
            pod: value["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            at: value["timestamp"]
                .as_str()
                .and_then(moment)
                .unwrap_or_default(),
            window_ms: value["window"]
                .as_str()
                .and_then(go_duration_ms)
                .unwrap_or_default(),
            containers: containers
                .unwrap_or_default()
                .iter()
                .map(|item| Container {
                    name: item["name"].as_str().unwrap_or_default().to_owned(),
                    requests: amounts(&item["usage"]),
                })
                .collect(),
        }
    }

    /// Returns the pod's sample of `resource`: of one container, or the sum of all, which there is
    /// only when every container has a value.
    pub fn sample(&self, resource: &str, container: Option<&str>) -> Option<Sample> {
        let of = |item: &Container| {
            item.requests
                .iter()
                .find(|(name, _)| name == resource)
                .map(|&(_, milli)| milli)
        };
        let milli = match container {
            Some(name) => of(self.containers.iter().find(|item| item.name == name)?)?,
            None => self
                .containers
                .iter()
                .try_fold(0_i64, |sum, item| Some(sum.saturating_add(of(item)?)))?,
        };
        Some(Sample {
            milli,
            at: self.at,
            window_ms: self.window_ms,
        })
    }
}

/// Returns the reading of a resource metric from the usage of the pods.
///
/// # Errors
///
/// Fails as the controller does when the API returned nothing.
pub fn resource_reading(
    pods: &[Pod],
    usages: &[Usages],
    resource: &str,
    container: Option<&str>,
) -> Result<Reading, MetricError> {
    if usages.is_empty() {
        return Err(MetricError::Unavailable(format!(
            "unable to get metrics for resource {resource}: no metrics returned from resource metrics API"
        )));
    }
    let named = usages
        .iter()
        .filter_map(|usage| Some((usage.pod.as_str(), usage.sample(resource, container)?)));
    Ok(Reading::Samples(Samples::of(pods, named)))
}
