//! Pods as the algorithm sees them, and which of them count.

use serde::{Deserialize, Serialize};

use crate::{metric::Sample, moment::Moment, spec::Controller};

/// What a pod is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Not all containers were started yet.
    Pending,
    /// Bound to a node, and at least one container runs.
    #[default]
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, at least one badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// The status of a pod's `Ready` condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// It serves.
    #[default]
    True,
    /// It does not serve.
    False,
    /// Nobody knows.
    Unknown,
}

/// A pod's `Ready` condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Its status.
    pub status: Readiness,
    /// When the status last changed.
    pub since: Moment,
}

/// A container, or an init container that restarts always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name within the pod.
    pub name: String,
    /// Its requests by resource, in thousandths.
    pub requests: Vec<(String, i64)>,
}

/// One pod that the target's selector matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub phase: Phase,
    /// Whether it is being deleted.
    pub is_deleted: bool,
    /// When the kubelet took it up.
    pub started: Option<Moment>,
    /// Its `Ready` condition.
    pub ready: Option<Ready>,
    /// Its containers, restartable init containers among them.
    pub containers: Vec<Container>,
    /// Requests of the pod as a whole, in thousandths, where set.
    pub requests: Vec<(String, i64)>,
}

impl Pod {
    /// Returns whether the pod runs and is ready.
    pub fn is_serving(&self) -> bool {
        self.phase == Phase::Running
            && self
                .ready
                .is_some_and(|ready| ready.status == Readiness::True)
    }

    /// Returns the request for `resource` in thousandths, of one container or of the pod.
    ///
    /// # Errors
    ///
    /// Fails with the name of the first container that has no such request.
    pub fn request(&self, resource: &str, container: Option<&str>) -> Result<i64, String> {
        if let Some(name) = container {
            // A pod without that container has no request for it, and takes no part.
            return match self.containers.iter().find(|item| item.name == name) {
                Some(item) => find(&item.requests, resource).ok_or_else(|| name.to_owned()),
                None => Ok(0),
            };
        }
        if let Some(request) = find(&self.requests, resource) {
            return Ok(request);
        }
        let mut sum = 0_i64;
        for item in &self.containers {
            let request = find(&item.requests, resource).ok_or_else(|| item.name.clone())?;
            sum = sum.saturating_add(request);
        }
        Ok(sum)
    }

    /// Returns whether a CPU sample of this pod is to be left out.
    fn is_unready(&self, sample: &Sample, controller: &Controller, now: Moment) -> bool {
        let (Some(ready), Some(started)) = (self.ready, self.started) else {
            return true;
        };
        let is_false = ready.status == Readiness::False;
        if started.seconds_after(controller.cpu_initialization_s) > now {
            // Until the pod has settled, a sample counts when its whole window was ready.
            is_false || sample.at < Moment(ready.since.0.saturating_add(sample.window_ms))
        } else {
            // Later, only a pod that never became ready is left out.
            is_false && started.seconds_after(controller.initial_readiness_delay_s) > ready.since
        }
    }
}

fn find(requests: &[(String, i64)], resource: &str) -> Option<i64> {
    requests
        .iter()
        .find(|(name, _)| name == resource)
        .map(|&(_, milli)| milli)
}

/// How a pod takes part in one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// It counts, with its sample.
    Ready,
    /// It is starting up: its sample is dropped.
    Unready,
    /// It has no sample.
    Missing,
    /// It is going or gone: its sample is dropped.
    Ignored,
}

impl Group {
    /// Returns how `pod` takes part in a metric, `is_cpu` being the resource with readiness rules.
    pub fn of(
        pod: &Pod,
        sample: Option<&Sample>,
        is_cpu: bool,
        controller: &Controller,
        now: Moment,
    ) -> Self {
        if pod.is_deleted || pod.phase == Phase::Failed {
            return Self::Ignored;
        }
        if pod.phase == Phase::Pending {
            return Self::Unready;
        }
        match sample {
            None => Self::Missing,
            Some(sample) if is_cpu && pod.is_unready(sample, controller, now) => Self::Unready,
            Some(_) => Self::Ready,
        }
    }
}
