//! One sync of one autoscaler, in the controller's order.

use serde::{Deserialize, Serialize};

use crate::{
    condition::{Conditions, Status, set},
    metric::{MetricError, Proposal, Question, Reading},
    moment::Moment,
    normalize::{limit, limit_legacy, stabilize, stabilize_legacy},
    outcome::{Decision, Event, Outcome, Trace},
    pod::Pod,
    spec::{Behavior, Controller, Metric, Spec},
    state::{Recommendation, State},
};

mod words;

use self::words::{describe, failure, limit_message, selection_problem, status_of, warning};

/// The target's scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// `spec.replicas`: how many are wanted.
    pub spec_replicas: i32,
    /// `status.replicas`: how many there are.
    pub status_replicas: i32,
}

/// What became of the target's selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// It is one.
    #[default]
    Valid,
    /// The target has none.
    Missing,
    /// It cannot be read, and why.
    Invalid(String),
    /// Other autoscalers select the same pods, as a sentence.
    Ambiguous(String),
}

/// What the cluster shows at a sync.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The target's scale, or why it cannot be read.
    pub scale: Result<Scale, &'a str>,
    /// The target's selector.
    pub selection: &'a Selection,
    /// The pods that it selects.
    pub pods: &'a [Pod],
    /// What is known of each metric of the spec, in its order. One that is absent has failed.
    pub readings: &'a [Result<Reading, MetricError>],
}

impl Controller {
    /// Does one sync: takes what was remembered and what the cluster shows, and returns what to do
    /// and what to remember, as if the write of the scale succeeded.
    pub fn reconcile(
        &self,
        mut state: State,
        spec: &Spec,
        inputs: &Inputs<'_>,
        now: Moment,
    ) -> Outcome {
        let mut decision = Decision::default();
        let mut trace = Trace::default();
        let scale = match inputs.scale {
            Ok(scale) => scale,
            Err(why) => {
                set(
                    &mut state.conditions.able_to_scale,
                    Status::False,
                    "FailedGetScale",
                    format!(
                        "the HPA controller was unable to get the target's current scale: {why}"
                    ),
                    now,
                );
                decision
                    .events
                    .push(warning("FailedGetScale", why.to_owned()));
                decision.current = state.current_replicas;
                decision.desired = state.desired_replicas;
                return Outcome {
                    state,
                    decision,
                    trace,
                };
            }
        };
        set(
            &mut state.conditions.able_to_scale,
            Status::True,
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
            now,
        );
        let current = scale.spec_replicas;
        decision.current = current;
        decision.desired = current;
        state.recommendations.get_or_insert_with(|| {
            vec![Recommendation {
                replicas: current,
                at: now,
            }]
        });
        let (min, max) = (spec.min_replicas, spec.max_replicas);
        let mut reason = String::new();
        if current == 0 && !self.wakes_from_zero(&state.conditions, spec) {
            set(
                &mut state.conditions.scaling_active,
                Status::False,
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
                now,
            );
        } else if current > max {
            "Current number of replicas above Spec.MaxReplicas".clone_into(&mut reason);
            decision.desired = max;
        } else if current < min && current != 0 {
            "Current number of replicas below Spec.MinReplicas".clone_into(&mut reason);
            decision.desired = min;
        } else {
            let wish = self.wish(
                &mut state,
                spec,
                inputs,
                scale,
                now,
                &mut decision,
                &mut trace,
            );
            let Some(wish) = wish else {
                state.current_replicas = current;
                decision.desired = current;
                return Outcome {
                    state,
                    decision,
                    trace,
                };
            };
            if wish > current {
                let metric = trace.winner.and_then(|index| spec.metrics.get(index));
                reason = format!("{} above target", metric.map_or_else(String::new, describe));
            } else if wish < current {
                "All metrics below target".clone_into(&mut reason);
            }
            decision.desired = self.normalize(&mut state, spec, current, wish, now, &mut trace);
            if current == 0 && min != 0 {
                decision.desired = decision.desired.max(min);
            }
        }
        decision.rescales = decision.desired != current;
        decision.has_desired = true;
        if decision.rescales {
            self.rescale(&mut state, spec, &mut decision, &reason, now);
        }
        state.current_replicas = current;
        state.desired_replicas = decision.desired;
        Outcome {
            state,
            decision,
            trace,
        }
    }

    /// Returns what one metric asks for, without anything that a sync does with it.
    ///
    /// # Errors
    ///
    /// Fails when the metric gives no number.
    pub fn propose(
        &self,
        spec: &Spec,
        metric: &Metric,
        reading: &Reading,
        pods: &[Pod],
        current: i32,
        now: Moment,
    ) -> Result<Proposal, MetricError> {
        Question {
            controller: self,
            behavior: spec.behavior.as_ref(),
            pods,
            current,
            status_replicas: current,
            now,
        }
        .propose(metric, reading)
    }

    /// Whether metrics are looked at while the target has no replicas.
    fn wakes_from_zero(&self, conditions: &Conditions, spec: &Spec) -> bool {
        if self.minor < 36 {
            return spec.min_replicas == 0;
        }
        let scaled_to_zero = conditions
            .scaled_to_zero
            .as_ref()
            .is_some_and(|condition| condition.status == Status::True);
        scaled_to_zero && (spec.has_object_or_external() || spec.min_replicas != 0)
    }

    /// The greatest wish of the metrics, or nothing when they do not allow to act.
    #[expect(
        clippy::too_many_arguments,
        reason = "one step of a sync, cut out for reading"
    )]
    fn wish(
        &self,
        state: &mut State,
        spec: &Spec,
        inputs: &Inputs<'_>,
        scale: Scale,
        now: Moment,
        decision: &mut Decision,
        trace: &mut Trace,
    ) -> Option<i32> {
        let active = &mut state.conditions.scaling_active;
        if let Some((reason, message)) = selection_problem(inputs.selection) {
            set(active, Status::False, reason, message.clone(), now);
            decision.events.push(warning(reason, message.clone()));
            decision
                .events
                .push(warning("FailedComputeMetricsReplicas", message));
            return None;
        }
        let question = Question {
            controller: self,
            behavior: spec.behavior.as_ref(),
            pods: inputs.pods,
            current: scale.spec_replicas,
            status_replicas: scale.status_replicas,
            now,
        };
        let mut greatest = 0;
        let mut first_invalid = None;
        let mut invalid = 0_usize;
        for (index, metric) in spec.metrics.iter().enumerate() {
            let proposal = match inputs.readings.get(index) {
                Some(Ok(reading)) => question.propose(metric, reading),
                Some(Err(error)) => Err(error.clone()),
                None => Err(MetricError::Unavailable("no value was read".to_owned())),
            };
            match &proposal {
                Ok(proposal) => {
                    if greatest == 0 || proposal.replicas > greatest {
                        greatest = proposal.replicas;
                        trace.winner = Some(index);
                    }
                    decision.metrics.push(Some(status_of(metric, proposal)));
                }
                Err(error) => {
                    invalid += 1;
                    let (reason, message) = failure(metric, error);
                    decision.events.push(warning(reason, message.clone()));
                    first_invalid.get_or_insert((reason, message));
                    decision.metrics.push(None);
                }
            }
            trace.metrics.push(proposal);
        }
        let cannot_act =
            invalid >= spec.metrics.len() || (invalid > 0 && greatest < scale.spec_replicas);
        if cannot_act {
            let (reason, message) = first_invalid.unwrap_or((
                "InvalidMetricSourceType",
                "the spec has no metric".to_owned(),
            ));
            decision.events.push(warning(
                "FailedComputeMetricsReplicas",
                format!(
                    "invalid metrics ({invalid} invalid out of {}), first error is: {message}",
                    spec.metrics.len()
                ),
            ));
            set(
                active,
                Status::False,
                reason,
                format!("the HPA was unable to compute the replica count: {message}"),
                now,
            );
            trace.winner = None;
            return None;
        }
        let winner = trace.winner.and_then(|index| spec.metrics.get(index));
        set(
            active,
            Status::True,
            "ValidMetricFound",
            format!(
                "the HPA was able to successfully calculate a replica count from {}",
                winner.map_or_else(String::new, describe)
            ),
            now,
        );
        let wish = greatest.max(0);
        trace.recommended = Some(wish);
        Some(wish)
    }

    /// What windows, policies and bounds leave of a wish.
    fn normalize(
        &self,
        state: &mut State,
        spec: &Spec,
        current: i32,
        wish: i32,
        now: Moment,
        trace: &mut Trace,
    ) -> i32 {
        let bounds = (spec.min_replicas, spec.max_replicas);
        let mut recommendations = state.recommendations.take().unwrap_or_default();
        let (stabilized, is_held_up) = if let Some(behavior) = &spec.behavior {
            let (up, down) = self.windows(behavior);
            let stabilized = stabilize(&mut recommendations, current, wish, up, down, now);
            (stabilized, stabilized.is_up)
        } else {
            let window = self.downscale_stabilization_s;
            let stabilized = stabilize_legacy(&mut recommendations, current, wish, window, now);
            (stabilized, false)
        };
        state.recommendations = Some(recommendations);
        let able = &mut state.conditions.able_to_scale;
        let (reason, message) = match (stabilized.replicas == wish, is_held_up) {
            (true, _) => ("ReadyForNewScale", "recommended size matches current size"),
            (false, true) => (
                "ScaleUpStabilized",
                "recent recommendations were lower than current one, applying the lowest recent recommendation",
            ),
            (false, false) => (
                "ScaleDownStabilized",
                "recent recommendations were higher than current one, applying the highest recent recommendation",
            ),
        };
        set(able, Status::True, reason, message, now);
        let limited = match &spec.behavior {
            Some(behavior) => limit(state, behavior, current, stabilized.replicas, bounds, now),
            None => limit_legacy(
                current,
                stabilized.replicas,
                bounds,
                self.scale_up_limit_factor,
            ),
        };
        let status = if limited.replicas == stabilized.replicas {
            Status::False
        } else {
            Status::True
        };
        set(
            &mut state.conditions.scaling_limited,
            status,
            limited.reason,
            limit_message(limited.reason),
            now,
        );
        trace.stabilized = Some(stabilized);
        trace.limit = Some(limited);
        limited.replicas
    }

    /// Returns the windows upwards and downwards, in seconds.
    pub fn windows(&self, behavior: &Behavior) -> (i32, i32) {
        (
            behavior.scale_up.stabilization_s.unwrap_or(0),
            behavior
                .scale_down
                .stabilization_s
                .unwrap_or(self.downscale_stabilization_s),
        )
    }

    /// Writes down a change of size.
    fn rescale(
        &self,
        state: &mut State,
        spec: &Spec,
        decision: &mut Decision,
        reason: &str,
        now: Moment,
    ) {
        let (before, after) = (decision.current, decision.desired);
        decision.events.push(Event {
            is_warning: false,
            reason: "SuccessfulRescale",
            message: format!("New size: {after}; reason: {reason}"),
        });
        set(
            &mut state.conditions.able_to_scale,
            Status::True,
            "SucceededRescale",
            format!("the HPA controller was able to update the target scale to {after}"),
            now,
        );
        if let Some(behavior) = &spec.behavior {
            state.store_scale_event(before, after, &behavior.scale_up, &behavior.scale_down, now);
        }
        if self.minor >= 36 {
            let place = &mut state.conditions.scaled_to_zero;
            if after == 0 && spec.min_replicas == 0 && spec.has_object_or_external() {
                let message = "the HPA controller scaled the target to zero";
                set(place, Status::True, "ScaledToZero", message, now);
            } else if place.is_some() {
                let message = "the target is not scaled to zero by the HPA controller";
                set(place, Status::False, "NotScaledToZero", message, now);
            }
        }
        state.last_scale = Some(now);
    }
}
