//! One plain sentence for why a size is what it is.

use std::time::Duration;

use autoscaleops_core::time::Span;
use autoscaleops_hpa::{Decision, MetricError, Moment, Spec, Target, Trace};

/// The reason of a sync in one word, as the controller's conditions have it.
pub fn reason(trace: &Trace, decision: &Decision) -> &'static str {
    let Some(recommended) = trace.recommended else {
        return if decision.rescales {
            "OutsideBounds"
        } else if trace.metrics.is_empty() {
            "ScalingDisabled"
        } else {
            "NoMetric"
        };
    };
    match (&trace.stabilized, &trace.limit) {
        (_, Some(limit)) if limit.reason != "DesiredWithinRange" => limit.reason,
        (Some(held), _) if held.replicas != recommended => {
            if held.is_up {
                "ScaleUpStabilized"
            } else {
                "ScaleDownStabilized"
            }
        }
        _ if decision.rescales => "DesiredWithinRange",
        _ if is_within_tolerance(trace) => "WithinTolerance",
        _ => "ReadyForNewScale",
    }
}

fn is_within_tolerance(trace: &Trace) -> bool {
    let winner = trace.winner.and_then(|index| trace.metrics.get(index));
    matches!(winner, Some(Ok(proposal)) if proposal.is_within_tolerance)
}

/// Why the size is what it is after a sync at `now`, as one sentence.
pub fn sentence(spec: &Spec, trace: &Trace, decision: &Decision, now: Moment) -> String {
    let (current, desired) = (decision.current, decision.desired);
    let Some(recommended) = trace.recommended else {
        return without_metrics(spec, trace, decision);
    };
    let metric = metric(spec, trace);
    let moved = if decision.rescales {
        format!("{current} → {desired}: ")
    } else {
        format!("holding {current}: ")
    };
    let reason = reason(trace, decision);
    let rest = match reason {
        "ScaleDownStabilized" | "ScaleUpStabilized" => {
            let held = trace
                .stabilized
                .and_then(|held| Some((held, held.held_by?)));
            match held {
                Some((held, by)) => {
                    let until = by.at.seconds_after(held.window_s);
                    let left = Duration::from_secs(
                        (until - now)
                            .as_millis()
                            .div_ceil(1_000)
                            .try_into()
                            .unwrap_or(0),
                    );
                    format!(
                        "{metric} asks for {recommended}, but a recommendation of {} stays in the {} window for {} more",
                        by.replicas,
                        Span::seconds(u64::try_from(held.window_s).unwrap_or(0)),
                        Span(left)
                    )
                }
                None => format!("{metric} asks for {recommended}, the window holds it back"),
            }
        }
        "TooManyReplicas" => format!(
            "{metric} asks for {recommended}, the maximum is {}",
            spec.max_replicas
        ),
        "TooFewReplicas" => format!(
            "{metric} asks for {recommended}, the minimum is {}",
            spec.min_replicas
        ),
        "ScaleUpLimit" | "ScaleDownLimit" => {
            format!("{metric} asks for {recommended}, a policy allows {desired} for now")
        }
        "WithinTolerance" => format!("{metric} is within the tolerance of its target"),
        _ => format!("{metric} asks for {recommended}"),
    };
    moved + &rest
}

fn without_metrics(spec: &Spec, trace: &Trace, decision: &Decision) -> String {
    let (current, desired) = (decision.current, decision.desired);
    if decision.rescales {
        let bound = if desired == spec.max_replicas {
            "maximum"
        } else {
            "minimum"
        };
        return format!("{current} → {desired}: outside the bounds, set to the {bound}");
    }
    let error = trace
        .metrics
        .iter()
        .find_map(|metric| metric.as_ref().err());
    match error {
        Some(MetricError::Unavailable(_)) | None if current == 0 => {
            "paused: the target has 0 replicas".to_owned()
        }
        Some(error) => format!("holding {current}: no metric, {error}"),
        None => format!("holding {current}: no metric was read"),
    }
}

/// The metric that won, with its value and its target.
fn metric(spec: &Spec, trace: &Trace) -> String {
    let Some((metric, Ok(proposal))) = trace
        .winner
        .and_then(|index| Some((spec.metrics.get(index)?, trace.metrics.get(index)?.as_ref())))
    else {
        return "the metric".to_owned();
    };
    let name = metric.kind.name();
    match (metric.target, proposal.utilization, proposal.value_milli) {
        (Target::Utilization(target), Some(value), _) => format!("{name} at {value}% of {target}%"),
        (Target::AverageValue(target) | Target::Value(target), _, Some(value)) => format!(
            "{name} at {} of {}",
            autoscaleops_hpa::quantity::format_milli(value),
            autoscaleops_hpa::quantity::format_milli(target)
        ),
        _ => name.to_owned(),
    }
}
