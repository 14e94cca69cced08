//! The algorithm of the `HorizontalPodAutoscaler` of Kubernetes, `autoscaling/v2`, as a pure function.
//!
//! There is no clock and no I/O here: [`Controller::reconcile`] takes the state of one autoscaler,
//! its [`Spec`], what the cluster shows ([`Inputs`]) and the time, and returns the next state, the
//! [`Decision`] and a [`Trace`] of how it came about. The arithmetic is the controller's own, with
//! its integer divisions and its floating point: where a result looks odd, it is odd there too.
//!
//! In reading order: [`spec`] (what was asked for), [`pod`] (what runs), [`metric`] (how many
//! replicas one metric asks for), [`normalize`] (what the windows and policies leave of it), and
//! [`reconcile`], the order in which a sync does all that.

pub mod condition;
pub mod kubernetes;
pub mod manifest;
pub mod metric;
pub mod moment;
pub mod normalize;
pub mod outcome;
pub mod pod;
pub mod quantity;
pub mod reconcile;
pub mod spec;
pub mod state;

pub use crate::{
    condition::{Condition, Conditions, Status},
    kubernetes::Usages,
    manifest::ManifestError,
    metric::{MetricError, Proposal, Reading, Sample, Samples},
    moment::Moment,
    normalize::{Limit, Stabilized},
    outcome::{Decision, Event, MetricStatus, Outcome, Trace},
    pod::{Container, Group, Phase, Pod, Readiness, Ready},
    reconcile::{Inputs, Scale, Selection},
    spec::{
        Behavior, Controller, Metric, MetricKind, Policy, PolicyKind, ScalingRules, SelectPolicy,
        Spec, Target, Tolerances,
    },
    state::{Recommendation, ScaleEvent, State},
};
