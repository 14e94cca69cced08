//! How many replicas one metric asks for.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    moment::Moment,
    pod::Pod,
    spec::{Behavior, Controller, Metric, MetricKind, Target, Tolerances},
};

mod pass;

use self::pass::Pass;

/// One measured value of one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The value in thousandths.
    pub milli: i64,
    /// When it was measured.
    pub at: Moment,
    /// Over how many milliseconds before that.
    pub window_ms: i64,
}

/// The samples of one metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// One place for each pod of the inputs, in their order.
    pub by_pod: Vec<Option<Sample>>,
    /// Samples of pods that are not among the inputs.
    pub others: Vec<Sample>,
}

impl Samples {
    /// Brings named samples into the order of `pods`.
    pub fn of<'a>(pods: &[Pod], named: impl IntoIterator<Item = (&'a str, Sample)>) -> Self {
        let mut samples = Self {
            by_pod: vec![None; pods.len()],
            others: Vec::new(),
        };
        for (name, sample) in named {
            let place = pods
                .iter()
                .position(|pod| pod.name == name)
                .and_then(|index| samples.by_pod.get_mut(index));
            match place {
                Some(place) => *place = Some(sample),
                None => samples.others.push(sample),
            }
        }
        samples
    }
}

/// What is known of one metric at a sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reading {
    /// A sample per pod.
    Samples(Samples),
    /// One value in thousandths: an object's, or the sum of external series.
    Value(i64),
    /// The utilization that the controller saw, in percent, where the pods behind it are not
    /// known, and how many pods it was taken from.
    Utilization {
        /// In percent of the request.
        percent: i32,
        /// The pods, all ready and with a sample.
        ready: i32,
    },
}

/// Why a metric gives no number.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum MetricError {
    /// The metrics API did not answer, or not with this metric.
    #[error("{0}")]
    Unavailable(String),
    /// The selector matches no pod.
    #[error("no pods returned by selector while calculating replica count")]
    NoPods,
    /// No pod that counts has a sample.
    #[error("did not receive metrics for targeted pods (pods might be unready)")]
    NoSamples,
    /// The samples are of other pods.
    #[error("no metrics returned matched known pods")]
    NoMatch,
    /// A container has no request for the resource.
    #[error("missing request for {resource} in container {container} of Pod {pod}")]
    MissingRequest {
        /// The resource.
        resource: String,
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
    /// No such container in a pod.
    #[error("container {container} not found in Pod {pod}")]
    NoContainer {
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
    /// No controller knows this type of metric; the API server lets none pass.
    #[error("unknown metric source type \"{0}\"")]
    UnknownType(String),
    /// The reading does not suit the metric's kind and target.
    #[error("the value read does not suit a metric of type {0}")]
    Unsuited(String),
}

/// What one metric asks for, and how it came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The replicas it asks for.
    pub replicas: i32,
    /// The average utilization in percent, for a Utilization target.
    pub utilization: Option<i32>,
    /// The average (or total, for a Value target) in thousandths.
    pub value_milli: Option<i64>,
    /// Value over target, from the pods that count.
    pub ratio: f64,
    /// The same with assumptions for missing and unready pods, where those were needed.
    pub second_ratio: Option<f64>,
    /// Pods that count.
    pub ready: i32,
    /// Pods left out as starting up.
    pub unready: i32,
    /// Pods without a sample.
    pub missing: i32,
    /// Pods that are going or gone.
    pub ignored: i32,
    /// Whether the tolerance is why nothing changes.
    pub is_within_tolerance: bool,
}

/// What a metric is computed from.
pub(crate) struct Question<'a> {
    pub(crate) controller: &'a Controller,
    pub(crate) behavior: Option<&'a Behavior>,
    pub(crate) pods: &'a [Pod],
    /// `spec.replicas` of the target.
    pub(crate) current: i32,
    /// `status.replicas` of the target.
    pub(crate) status_replicas: i32,
    pub(crate) now: Moment,
}

impl Question<'_> {
    /// Returns what `metric` asks for.
    pub(crate) fn propose(
        &self,
        metric: &Metric,
        reading: &Reading,
    ) -> Result<Proposal, MetricError> {
        let tolerances = self.controller.tolerances_of(self.behavior);
        match (&metric.kind, metric.target, reading) {
            (
                MetricKind::Resource { .. },
                Target::Utilization(target),
                &Reading::Utilization { percent, ready },
            ) => Ok(self.by_utilization(percent, ready, target, tolerances)),
            (
                MetricKind::Resource { name, container },
                Target::Utilization(target),
                Reading::Samples(samples),
            ) => {
                let mut pass = Pass::new(self, samples, name == "cpu")?;
                let requests = self.requests(name, container.as_deref())?;
                pass.utilization(&requests, target, tolerances)
            }
            (
                MetricKind::Resource { name, .. },
                Target::AverageValue(target),
                Reading::Samples(samples),
            ) => Ok(Pass::new(self, samples, name == "cpu")?.average(target, tolerances)),
            (MetricKind::Pods { .. }, Target::AverageValue(target), Reading::Samples(samples)) => {
                Ok(Pass::new(self, samples, false)?.average(target, tolerances))
            }
            (
                MetricKind::Object { .. } | MetricKind::External { .. },
                Target::Value(target),
                &Reading::Value(value),
            ) => self.by_total(value, target, tolerances),
            (
                MetricKind::Object { .. } | MetricKind::External { .. },
                Target::AverageValue(target),
                &Reading::Value(value),
            ) => Ok(self.by_total_per_pod(value, target, tolerances)),
            _ => Err(MetricError::Unsuited(metric.kind.type_name().to_owned())),
        }
    }

    fn by_utilization(
        &self,
        percent: i32,
        ready: i32,
        target: i32,
        tolerances: Tolerances,
    ) -> Proposal {
        let ratio = f64::from(percent) / f64::from(target);
        let is_within = self.controller.is_within(tolerances, ratio);
        Proposal {
            replicas: if is_within {
                self.current
            } else {
                ceil(ratio * f64::from(ready))
            },
            utilization: Some(percent),
            ratio,
            ready,
            is_within_tolerance: is_within,
            ..Proposal::default()
        }
    }

    fn by_total(
        &self,
        value: i64,
        target: i64,
        tolerances: Tolerances,
    ) -> Result<Proposal, MetricError> {
        let ratio = float(value) / float(target);
        let mut proposal = Proposal {
            value_milli: Some(value),
            ratio,
            ..Proposal::default()
        };
        if self.current == 0 {
            proposal.replicas = ceil(ratio);
        } else if self.controller.is_within(tolerances, ratio) {
            proposal.replicas = self.current;
            proposal.is_within_tolerance = true;
        } else {
            if self.pods.is_empty() {
                return Err(MetricError::Unavailable(format!(
                    "unable to calculate ready pods: {}",
                    MetricError::NoPods
                )));
            }
            proposal.ready = count(self.pods.iter().filter(|pod| pod.is_serving()).count());
            proposal.replicas = ceil(ratio * f64::from(proposal.ready));
        }
        Ok(proposal)
    }

    fn by_total_per_pod(&self, value: i64, target: i64, tolerances: Tolerances) -> Proposal {
        let pods = f64::from(self.status_replicas);
        let ratio = float(value) / (float(target) * pods);
        let is_within = self.controller.is_within(tolerances, ratio);
        Proposal {
            replicas: if is_within {
                self.status_replicas
            } else {
                ceil(float(value) / float(target))
            },
            value_milli: Some(ceil_long(float(value) / pods)),
            ratio,
            is_within_tolerance: is_within,
            ..Proposal::default()
        }
    }

    /// The requests of all pods, those that do not count among them: one container without a
    /// request spoils the metric.
    fn requests(&self, resource: &str, container: Option<&str>) -> Result<Vec<i64>, MetricError> {
        self.pods
            .iter()
            .map(|pod| {
                if let Some(container) = container
                    && !pod.containers.iter().any(|item| item.name == container)
                {
                    return Err(MetricError::NoContainer {
                        container: container.to_owned(),
                        pod: pod.name.clone(),
                    });
                }
                pod.request(resource, container)
                    .map_err(|container| MetricError::MissingRequest {
                        resource: resource.to_owned(),
                        container,
                        pod: pod.name.clone(),
                    })
            })
            .collect()
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the controller's own conversion"
)]
fn float(value: i64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, as the controller does"
)]
fn ceil(value: f64) -> i32 {
    value.ceil() as i32
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn ceil_long(value: f64) -> i64 {
    value.ceil() as i64
}
