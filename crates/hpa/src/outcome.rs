//! What a sync gives: what to do, what to remember, and why.

use serde::{Deserialize, Serialize};

use crate::{
    condition::{Status, set},
    metric::{MetricError, Proposal},
    moment::Moment,
    normalize::{Limit, Stabilized},
    state::State,
};

/// The current value of one metric, as it goes into the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricStatus {
    /// Average utilization in percent.
    pub utilization: Option<i32>,
    /// Average in thousandths.
    pub average_milli: Option<i64>,
    /// Total in thousandths.
    pub total_milli: Option<i64>,
}

/// An event that the controller would write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Whether it is a warning.
    pub is_warning: bool,
    /// The word for programs.
    pub reason: &'static str,
    /// The sentence for people.
    pub message: String,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The target's size at the start of the sync.
    pub current: i32,
    /// The target's size after it.
    pub desired: i32,
    /// Whether the scale is to be written.
    pub rescales: bool,
    /// The metrics of the status, one place for each of the spec; a failed one is nothing.
    pub metrics: Vec<Option<MetricStatus>>,
    /// Whether the status changes `desiredReplicas`; without metrics it keeps the old one.
    pub has_desired: bool,
    /// The events to be written.
    pub events: Vec<Event>,
}

/// How a decision came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// What each metric asked for; empty when the metrics were not looked at.
    pub metrics: Vec<Result<Proposal, MetricError>>,
    /// The greatest wish, before windows, policies and bounds.
    pub recommended: Option<i32>,
    /// Which metric it came from.
    pub winner: Option<usize>,
    /// What the windows made of it.
    pub stabilized: Option<Stabilized>,
    /// What policies and bounds made of that.
    pub limit: Option<Limit>,
}

/// All that a sync gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What to remember until the next sync.
    pub state: State,
    /// What to do.
    pub decision: Decision,
    /// Why.
    pub trace: Trace,
}

impl Outcome {
    /// Returns what is left of a sync whose write of the scale was refused: the target keeps its
    /// size, and no change is remembered. `before` is the state that the sync began with.
    #[must_use]
    pub fn refused(mut self, before: &State, why: &str, now: Moment) -> Self {
        let wanted = self.decision.desired;
        let able = &mut self.state.conditions.able_to_scale;
        let message = format!("the HPA controller was unable to update the target scale: {why}");
        set(able, Status::False, "FailedUpdateScale", message, now);
        self.state.scale_ups.clone_from(&before.scale_ups);
        self.state.scale_downs.clone_from(&before.scale_downs);
        let zero = &before.conditions.scaled_to_zero;
        self.state.conditions.scaled_to_zero.clone_from(zero);
        self.state.desired_replicas = before.desired_replicas;
        self.state.last_scale = before.last_scale;
        self.decision.desired = self.decision.current;
        self.decision.rescales = false;
        self.decision.has_desired = false;
        self.decision
            .events
            .retain(|event| event.reason != "SuccessfulRescale");
        self.decision.events.push(Event {
            is_warning: true,
            reason: "FailedRescale",
            message: format!("New size: {wanted}; error: {why}"),
        });
        self
    }
}
