//! How many replicas one metric asks for.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    moment::Moment,
    pod::{Group, Pod},
    spec::{Behavior, Controller, Metric, MetricKind, Target, Tolerances},
};

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

/// The pods of one metric in their groups, and the values that count.
struct Pass<'a> {
    question: &'a Question<'a>,
    /// For each pod the value that counts, filled in by the second pass.
    values: Vec<Option<i64>>,
    others: Vec<i64>,
    groups: Vec<Group>,
    proposal: Proposal,
}

impl<'a> Pass<'a> {
    fn new(
        question: &'a Question<'a>,
        samples: &Samples,
        is_cpu: bool,
    ) -> Result<Self, MetricError> {
        if question.pods.is_empty() {
            return Err(MetricError::NoPods);
        }
        let mut pass = Self {
            question,
            values: Vec::with_capacity(question.pods.len()),
            others: samples.others.iter().map(|sample| sample.milli).collect(),
            groups: Vec::with_capacity(question.pods.len()),
            proposal: Proposal::default(),
        };
        for (index, pod) in question.pods.iter().enumerate() {
            let sample = samples.by_pod.get(index).and_then(Option::as_ref);
            let group = Group::of(pod, sample, is_cpu, question.controller, question.now);
            let number = match group {
                Group::Ready => &mut pass.proposal.ready,
                Group::Unready => &mut pass.proposal.unready,
                Group::Missing => &mut pass.proposal.missing,
                Group::Ignored => &mut pass.proposal.ignored,
            };
            *number = number.saturating_add(1);
            let counts = group == Group::Ready;
            pass.values
                .push(sample.filter(|_| counts).map(|sample| sample.milli));
            pass.groups.push(group);
        }
        if pass.len() == 0 {
            return Err(MetricError::NoSamples);
        }
        Ok(pass)
    }

    /// How many values there are, those of unknown pods among them.
    fn len(&self) -> usize {
        self.values.iter().flatten().count() + self.others.len()
    }

    fn fill(&mut self, group: Group, value: impl Fn(usize) -> i64) {
        for (index, (place, _)) in self
            .values
            .iter_mut()
            .zip(&self.groups)
            .enumerate()
            .filter(|(_, (_, of))| **of == group)
        {
            *place = Some(value(index));
        }
    }

    fn utilization(
        &mut self,
        requests: &[i64],
        target: i32,
        tolerances: Tolerances,
    ) -> Result<Proposal, MetricError> {
        let (ratio, percent, average) = self.utilization_ratio(requests, target)?;
        self.proposal.utilization = Some(percent);
        self.proposal.value_milli = Some(average);
        self.proposal.ratio = ratio;
        if let Some(done) = self.first_pass(ratio, tolerances) {
            return Ok(done);
        }
        if ratio < 1.0 {
            let assumed = i64::from(target.max(100));
            self.fill(Group::Missing, |index| {
                requests
                    .get(index)
                    .copied()
                    .unwrap_or(0)
                    .wrapping_mul(assumed)
                    / 100
            });
        } else if ratio > 1.0 {
            self.fill(Group::Missing, |_| 0);
        }
        if ratio > 1.0 {
            self.fill(Group::Unready, |_| 0);
        }
        let (second, _, _) = self.utilization_ratio(requests, target)?;
        Ok(self.second_pass(ratio, second, tolerances))
    }

    /// Ratio, percent and average over the pods that have both a value and a request.
    fn utilization_ratio(
        &self,
        requests: &[i64],
        target: i32,
    ) -> Result<(f64, i32, i64), MetricError> {
        let (mut used, mut requested, mut number) = (0_i64, 0_i64, 0_i64);
        for (value, request) in self.values.iter().zip(requests) {
            if let Some(value) = value {
                used = used.wrapping_add(*value);
                requested = requested.wrapping_add(*request);
                number += 1;
            }
        }
        if requested == 0 {
            return Err(MetricError::NoMatch);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the controller's own conversion"
        )]
        let percent = (used.wrapping_mul(100) / requested) as i32;
        let ratio = f64::from(percent) / f64::from(target);
        Ok((ratio, percent, used / number))
    }

    fn average(&mut self, target: i64, tolerances: Tolerances) -> Proposal {
        let (ratio, average) = self.average_ratio(target);
        self.proposal.value_milli = Some(average);
        self.proposal.ratio = ratio;
        if let Some(done) = self.first_pass(ratio, tolerances) {
            return done;
        }
        if ratio < 1.0 {
            self.fill(Group::Missing, |_| target);
        } else if ratio > 1.0 {
            self.fill(Group::Missing, |_| 0);
            self.fill(Group::Unready, |_| 0);
        }
        let (second, _) = self.average_ratio(target);
        self.second_pass(ratio, second, tolerances)
    }

    fn average_ratio(&self, target: i64) -> (f64, i64) {
        let values = self.values.iter().flatten().chain(&self.others);
        let sum = values.fold(0_i64, |sum, value| sum.wrapping_add(*value));
        let number = i64::try_from(self.len()).unwrap_or(i64::MAX).max(1);
        let average = sum / number;
        (float(average) / float(target), average)
    }

    /// The answer when there is nothing to assume.
    fn first_pass(&mut self, ratio: f64, tolerances: Tolerances) -> Option<Proposal> {
        let grows_with_unready = self.proposal.unready > 0 && ratio > 1.0;
        if grows_with_unready || self.proposal.missing > 0 {
            return None;
        }
        let mut proposal = self.proposal.clone();
        if self.question.controller.is_within(tolerances, ratio) {
            proposal.replicas = self.question.current;
            proposal.is_within_tolerance = true;
        } else {
            proposal.replicas = ceil(ratio * f64::from(proposal.ready));
        }
        Some(proposal)
    }

    /// The answer with assumptions: they may dampen a change, but not turn it round.
    fn second_pass(&self, ratio: f64, second: f64, tolerances: Tolerances) -> Proposal {
        let current = self.question.current;
        let mut proposal = self.proposal.clone();
        proposal.second_ratio = Some(second);
        proposal.replicas = current;
        if self.question.controller.is_within(tolerances, second) {
            proposal.is_within_tolerance = true;
            return proposal;
        }
        if (ratio < 1.0 && second > 1.0) || (ratio > 1.0 && second < 1.0) {
            return proposal;
        }
        let replicas = ceil(second * f64::from(count(self.len())));
        let turns_round =
            (second < 1.0 && replicas > current) || (second > 1.0 && replicas < current);
        if !turns_round {
            proposal.replicas = replicas;
        }
        proposal
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
