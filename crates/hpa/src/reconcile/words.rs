//! The controller's words: of events, conditions and metrics.

use super::Selection;
use crate::{
    metric::{MetricError, Proposal},
    outcome::{Event, MetricStatus},
    spec::{Metric, MetricKind, Target},
};

pub(super) fn warning(reason: &'static str, message: String) -> Event {
    Event {
        is_warning: true,
        reason,
        message,
    }
}

pub(super) fn selection_problem(selection: &Selection) -> Option<(&'static str, String)> {
    match selection {
        Selection::Valid => None,
        Selection::Missing => Some((
            "InvalidSelector",
            "the HPA target's scale is missing a selector".to_owned(),
        )),
        Selection::Invalid(why) => Some((
            "InvalidSelector",
            format!(
                "couldn't convert selector into a corresponding internal selector object: {why}"
            ),
        )),
        Selection::Ambiguous(why) => Some(("AmbiguousSelector", why.clone())),
    }
}

pub(super) fn limit_message(reason: &str) -> &'static str {
    match reason {
        "TooManyReplicas" => "the desired replica count is more than the maximum replica count",
        "TooFewReplicas" => "the desired replica count is less than the minimum replica count",
        "ScaleUpLimit" => {
            "the desired replica count is increasing faster than the maximum scale rate"
        }
        "ScaleDownLimit" => {
            "the desired replica count is decreasing faster than the maximum scale rate"
        }
        _ => "the desired count is within the acceptable range",
    }
}

/// The metric as the controller's sentences name it.
pub(super) fn describe(metric: &Metric) -> String {
    match (&metric.kind, metric.target) {
        (MetricKind::Resource { name, .. }, Target::Utilization(_)) => {
            format!("{name} resource utilization (percentage of request)")
        }
        (MetricKind::Resource { name, .. }, _) => format!("{name} resource"),
        (MetricKind::Pods { name }, _) => format!("pods metric {name}"),
        (
            MetricKind::Object {
                name, object_kind, ..
            },
            _,
        ) => format!("{object_kind} metric {name}"),
        (MetricKind::External { name, selector }, _) => {
            format!("external metric {name}({selector})")
        }
    }
}

/// The controller's reason and sentence for a metric that failed.
pub(super) fn failure(metric: &Metric, error: &MetricError) -> (&'static str, String) {
    if let MetricError::UnknownType(_) = error {
        return ("InvalidMetricSourceType", error.to_string());
    }
    let message = match (&metric.kind, metric.target) {
        (MetricKind::Resource { name, .. }, Target::Utilization(_)) => {
            format!("failed to get {name} utilization: {error}")
        }
        (MetricKind::Resource { name, .. }, _) => format!("failed to get {name} usage: {error}"),
        (MetricKind::Pods { .. }, _) => format!("failed to get pods metric value: {error}"),
        (MetricKind::Object { .. }, _) => format!("failed to get object metric value: {error}"),
        (MetricKind::External { name, .. }, _) => {
            format!("failed to get {name} external metric: {error}")
        }
    };
    (metric.kind.failure_reason(), message)
}

pub(super) fn status_of(metric: &Metric, proposal: &Proposal) -> MetricStatus {
    let is_total = matches!(metric.target, Target::Value(_));
    MetricStatus {
        utilization: proposal.utilization,
        average_milli: proposal.value_milli.filter(|_| !is_total),
        total_milli: proposal.value_milli.filter(|_| is_total),
    }
}
