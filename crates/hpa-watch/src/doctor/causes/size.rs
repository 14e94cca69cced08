//! Causes at the size: bounds, windows, policies and tolerance hold it, or the cluster cannot give
//! what is asked for.

use autoscaleops_hpa::{
    MetricKind, Pod, PolicyKind, Proposal, ScalingRules, SelectPolicy, Spec, Target, kubernetes,
    normalize::{down_limit, up_limit},
};

use super::Case;
use crate::{doctor::Weight, live::shadow::band};

/// What the metrics ask for now.
pub(super) struct Now {
    pub(super) proposal: Proposal,
    /// `spec.replicas` of the target.
    pub(super) current: i32,
    /// The target utilization in percent.
    pub(super) target: i32,
    /// The utilization that the controller last saw.
    pub(super) seen: Option<i32>,
}

impl Case<'_> {
    /// What the algorithm makes of what is seen now, for the first utilization metric.
    pub(super) fn proposal(&self) -> Option<Now> {
        let spec = self.spec.as_ref()?;
        let current = self.snapshot.target.known()?["spec"]["replicas"].as_i64()?;
        let current = i32::try_from(current).ok()?;
        let pods: Vec<Pod> = self.pods.iter().map(|(pod, _)| pod.clone()).collect();
        let (index, name, container) =
            spec.metrics
                .iter()
                .enumerate()
                .find_map(|(index, metric)| match (&metric.kind, metric.target) {
                    (MetricKind::Resource { name, container }, Target::Utilization(_)) => {
                        Some((index, name, container.as_deref()))
                    }
                    _ => None,
                })?;
        let reading = kubernetes::resource_reading(&pods, &self.usages, name, container).ok()?;
        let metric = spec.metrics.get(index)?;
        let proposal = self
            .controller
            .propose(spec, metric, &reading, &pods, current, self.snapshot.now)
            .ok()?;
        let Target::Utilization(target) = metric.target else {
            return None;
        };
        let seen = self.status.current_metric(index);
        let seen = seen.and_then(|value| value["averageUtilization"].as_i64());
        Some(Now {
            proposal,
            current,
            target,
            seen: seen.and_then(|percent| i32::try_from(percent).ok()),
        })
    }

    pub(super) fn bounds(&mut self) {
        let Some(spec) = self.spec.clone() else {
            return;
        };
        let limited = self
            .condition("ScalingLimited")
            .filter(|limited| limited.holds);
        let now = self.proposal();
        let wish = now.as_ref().map(|now| now.proposal.replicas);
        if let Some(limited) = &limited {
            let evidence = format!("ScalingLimited=True {}", limited.reason);
            match (limited.reason.as_str(), wish) {
                ("TooManyReplicas", Some(wish)) if wish <= spec.max_replicas => {
                    let text = [
                        "it is at its maximum".to_owned(),
                        format!("{evidence}; the metrics now ask for {wish}"),
                        "the maximum is reached and suffices".to_owned(),
                        String::new(),
                    ];
                    self.add(Weight::Info, "at_maximum_satisfied", text);
                }
                ("TooManyReplicas", wish) => {
                    let more = wish.map_or("more".to_owned(), |wish| wish.to_string());
                    let text = [
                        "the load is high and the replicas do not rise".to_owned(),
                        format!(
                            "{evidence}; maxReplicas {}, the metrics ask for {more}",
                            spec.max_replicas
                        ),
                        "maxReplicas is reached".to_owned(),
                        "raise maxReplicas, and check that the nodes have room".to_owned(),
                    ];
                    self.add(Weight::Warning, "at_maximum", text);
                }
                ("TooFewReplicas", _) => {
                    let text = [
                        "it is at its minimum".to_owned(),
                        evidence,
                        "normal while there is little to do: less was asked for than minReplicas"
                            .to_owned(),
                        String::new(),
                    ];
                    self.add(Weight::Info, "idle_at_minimum", text);
                }
                ("ScaleDownLimit" | "ScaleUpLimit", _) => self.rate_limited(&spec, &limited.reason),
                _ => {}
            }
        }
        let Some(now) = now else {
            return;
        };
        let (proposal, current, target) = (now.proposal, now.current, now.target);
        if proposal.is_within_tolerance && (proposal.ratio - 1.0).abs() > f64::EPSILON {
            let seen = proposal.utilization.unwrap_or_default();
            let band = band(&self.controller, &spec, target);
            let band = band.map_or(String::new(), |band| {
                format!(": it acts below {}% and above {}%", band.low, band.high)
            });
            let text = [
                "the metric is off its target and nothing changes".to_owned(),
                format!("{seen}% of {target}%, ratio {:.2}", proposal.ratio),
                format!("within the tolerance{band}"),
                "lower the tolerance (spec.behavior.*.tolerance, Kubernetes 1.35 and later) or the target".to_owned(),
            ];
            self.add(Weight::Info, "within_tolerance", text);
        }
        if let Some(second) = proposal.second_ratio
            && proposal.ratio > 1.0
            && proposal.replicas <= current
        {
            let text = [
                "the load is high and the replicas do not rise".to_owned(),
                format!(
                    "{} pods unready, {} without a sample; ratio {:.2}, with them {second:.2}",
                    proposal.unready, proposal.missing, proposal.ratio
                ),
                "pods that are starting count as idle, which dampens the growth".to_owned(),
                "wait for readiness; shorten the start or the readiness delay".to_owned(),
            ];
            self.add(Weight::Warning, "damped_by_unready", text);
        }
    }

    pub(super) fn held(&mut self) {
        let Some(spec) = self.spec.clone() else {
            return;
        };
        if let Some(able) = self.condition("AbleToScale")
            && able.holds
            && able.reason.ends_with("Stabilized")
        {
            let controller = &self.controller;
            let window = match &spec.behavior {
                Some(behavior) if able.reason == "ScaleUpStabilized" => {
                    controller.windows(behavior).0
                }
                Some(behavior) => controller.windows(behavior).1,
                None => controller.downscale_stabilization_s,
            };
            let text = [
                "the load has changed and the replicas have not".to_owned(),
                format!("AbleToScale {}: {}", able.reason, able.message),
                format!(
                    "a recommendation of the last {window} s holds the size; the window is a rolling one, not a delay"
                ),
                format!(
                    "at most {window} s more, if the load stays; `hpa-watch watch` counts down"
                ),
            ];
            self.add(Weight::Info, "stabilized", text);
        }
        let Some(behavior) = &spec.behavior else {
            return;
        };
        for (name, rules) in [("up", &behavior.scale_up), ("down", &behavior.scale_down)] {
            if rules.select == SelectPolicy::Disabled {
                let text = [
                    format!("it never scales {name}"),
                    format!("spec.behavior: selectPolicy Disabled on the way {name}"),
                    "this direction is switched off".to_owned(),
                    "remove selectPolicy, if that is not wanted".to_owned(),
                ];
                self.add(Weight::Warning, "direction_disabled", text);
            }
        }
        self.memory(&spec);
    }

    /// Memory that asks for most, and does not fall after a load.
    fn memory(&mut self, spec: &Spec) {
        let is_memory = |index: usize| {
            spec.metrics
                .get(index)
                .is_some_and(|metric| metric.kind.name() == "memory")
        };
        let ratio = |index: usize| -> Option<f64> {
            let Target::Utilization(target) = spec.metrics.get(index)?.target else {
                return None;
            };
            let value = self.status.current_metric(index)?["averageUtilization"].as_f64()?;
            Some(value / f64::from(target))
        };
        let greatest = (0..spec.metrics.len())
            .filter_map(|index| Some((index, ratio(index)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, ratio)) = greatest
            && is_memory(index)
            && ratio > 0.9
            && self.status.current_replicas > spec.min_replicas
        {
            let text = [
                "it does not shrink after the load".to_owned(),
                format!(
                    "memory is at {:.0}% of its target and asks for most",
                    ratio * 100.0
                ),
                "most programs keep memory after a load, so the metric does not fall".to_owned(),
                "scale on cpu or on requests instead".to_owned(),
            ];
            self.add(Weight::Warning, "memory_winner", text);
        }
    }

    fn rate_limited(&mut self, spec: &Spec, reason: &str) {
        let Some(behavior) = &spec.behavior else {
            return;
        };
        let (now, is_up) = (self.snapshot.now, reason == "ScaleUpLimit");
        let rules = if is_up {
            &behavior.scale_up
        } else {
            &behavior.scale_down
        };
        let current = self.status.desired_replicas;
        let next = if is_up {
            up_limit(current, &[], &[], rules, now)
        } else {
            down_limit(current, &[], &[], rules, now)
        };
        let longest = rules.longest_period_s();
        let text = [
            "it moves slowly".to_owned(),
            format!("ScalingLimited=True {reason}; {}", in_words(rules)),
            format!(
                "a policy of spec.behavior limits the change: from {current} it may go to {next}, once the last change is {longest} s old"
            ),
            "allow more in the policy, if that is not wanted".to_owned(),
        ];
        self.add(Weight::Info, "rate_limited", text);
    }

    /// The autoscaler asks, and the cluster cannot give.
    pub(super) fn capacity(&mut self) {
        let Some(target) = self.snapshot.target.known() else {
            return;
        };
        let wanted = target["spec"]["replicas"].as_i64().unwrap_or(0);
        let ready = target["status"]["readyReplicas"].as_i64().unwrap_or(0);
        if ready >= wanted {
            return;
        }
        let mut reasons: Vec<String> = Vec::new();
        for (pod, raw) in &self.pods {
            let conditions = raw["status"]["conditions"].as_array();
            let unscheduled = conditions.into_iter().flatten().find(|condition| {
                condition["type"] == "PodScheduled" && condition["status"] == "False"
            });
            let waiting = raw["status"]["containerStatuses"]
                .as_array()
                .into_iter()
                .flatten()
                .find_map(|status| status["state"]["waiting"]["reason"].as_str());
            if let Some(condition) = unscheduled {
                let message = condition["message"].as_str().unwrap_or_default();
                reasons.push(format!("{}: {message}", pod.name));
            } else if let Some(reason) = waiting.filter(|reason| *reason != "ContainerCreating") {
                reasons.push(format!("{}: {reason}", pod.name));
            }
        }
        let refused = target["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|item| item["type"] == "ReplicaFailure" && item["status"] == "True");
        if let Some(item) = refused {
            reasons.push(item["message"].as_str().unwrap_or_default().to_owned());
        }
        if reasons.is_empty() {
            return;
        }
        let text = [
            "more replicas are wanted than become ready".to_owned(),
            format!("{ready} of {wanted} ready; {}", reasons.join("; ")),
            "the cluster cannot start them: this is not the autoscaler".to_owned(),
            "make room on the nodes, raise the quota, or repair the image".to_owned(),
        ];
        self.add(Weight::Error, "capacity", text);
    }
}

/// The policies of a direction, such as `50 % in 15 s`.
fn in_words(rules: &ScalingRules) -> String {
    let policies: Vec<String> = rules
        .policies
        .iter()
        .map(|policy| {
            let unit = match policy.kind {
                PolicyKind::Pods => "pods",
                PolicyKind::Percent => "%",
            };
            format!("{} {unit} in {} s", policy.value, policy.period_s)
        })
        .collect();
    let which = match rules.select {
        SelectPolicy::Min => "the least of ",
        SelectPolicy::Max if policies.len() > 1 => "the most of ",
        _ => "",
    };
    format!("{which}{}", policies.join(", "))
}
