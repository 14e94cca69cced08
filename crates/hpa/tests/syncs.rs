//! Whole syncs of Kubernetes' `horizontal_test.go`, as data: see `data/README.md`.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use autoscaleops_hpa::{
    Behavior, Condition, Container, Controller, Inputs, Metric, MetricError, MetricKind, Moment,
    Phase, Pod, Policy, PolicyKind, Readiness, Reading, Ready, Recommendation, Sample, Samples,
    Scale, ScalingRules, Selection, Spec, State, Status, Target, Usages,
    kubernetes::resource_reading,
};
use serde_json::Value;

/// Long before now, as Go's zero time is.
const LONG_AGO: Moment = Moment::seconds(-2_000_000_000);
const NOW: Moment = Moment(0);

fn int(case: &Value, name: &str) -> i32 {
    let number = case[name].as_i64();
    i32::try_from(number.unwrap_or_else(|| panic!("{name} of {case}"))).unwrap()
}

fn list<'a>(case: &'a Value, name: &str) -> &'a [Value] {
    case[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The settings of upstream's tests.
fn controller(case: &Value) -> Controller {
    Controller {
        // The last version before the condition `ScaledToZero`, unless a gate is closed.
        minor: case["minor"]
            .as_u64()
            .map_or(35, |minor| u32::try_from(minor).unwrap()),
        cpu_initialization_s: 120,
        initial_readiness_delay_s: 10,
        scale_up_limit_factor: 8.0,
        ..Controller::default()
    }
}

fn rules(value: &Value, default: ScalingRules) -> ScalingRules {
    let policies = list(value, "policies").iter().map(|policy| {
        let kind = match policy["type"].as_str().unwrap() {
            "Pods" => PolicyKind::Pods,
            _ => PolicyKind::Percent,
        };
        Policy::new(kind, int(policy, "value"), int(policy, "period_s"))
    });
    let policies: Vec<Policy> = policies.collect();
    ScalingRules {
        stabilization_s: match value["window_s"].as_i64() {
            Some(window) => Some(i32::try_from(window).unwrap()),
            None => default.stabilization_s,
        },
        tolerance: value["tolerance"].as_f64(),
        policies: if policies.is_empty() {
            default.policies
        } else {
            policies
        },
        select: default.select,
    }
}

fn spec(case: &Value) -> Spec {
    let has_behavior = case["scale_up"].is_object() || case["scale_down"].is_object();
    Spec {
        min_replicas: int(case, "min"),
        max_replicas: int(case, "max"),
        metrics: list(case, "metrics").iter().map(metric).collect(),
        behavior: has_behavior.then(|| Behavior {
            scale_up: rules(&case["scale_up"], ScalingRules::default_up()),
            scale_down: rules(&case["scale_down"], ScalingRules::default_down()),
        }),
    }
}

fn metric(value: &Value) -> Metric {
    let amount = value["target"].as_i64().unwrap_or(1);
    let name = "qps".to_owned();
    let object = || MetricKind::Object {
        name: "qps".to_owned(),
        object_kind: "Deployment".to_owned(),
        object_name: "some-deployment".to_owned(),
    };
    let external = || MetricKind::External {
        name: "qps".to_owned(),
        selector: String::new(),
    };
    let (kind, target) = match value["kind"].as_str().unwrap() {
        "cpu" => (
            MetricKind::Resource {
                name: "cpu".to_owned(),
                container: value["container"].as_str().map(str::to_owned),
            },
            Target::Utilization(i32::try_from(amount).unwrap()),
        ),
        "pods" => (MetricKind::Pods { name }, Target::AverageValue(amount)),
        "object" => (object(), Target::Value(amount)),
        "object average" => (object(), Target::AverageValue(amount)),
        "external average" => (external(), Target::AverageValue(amount)),
        // A type that nobody knows has no place in a spec here; its reading says so.
        _ => (external(), Target::Value(amount)),
    };
    Metric { kind, target }
}

fn letter(case: &Value, name: &str, index: usize) -> Option<char> {
    case[name].as_str()?.chars().nth(index)
}

fn pods(case: &Value) -> Vec<Pod> {
    let number = match case["requests"].as_array() {
        Some(requests) => requests.len(),
        None => usize::try_from(int(case, "status")).unwrap(),
    };
    (0..number)
        .map(|index| {
            let started = match letter(case, "start", index) {
                Some('h') => NOW,
                Some('c') => Moment::seconds(-180),
                _ => LONG_AGO,
            };
            let request = case["requests"][index].as_i64().unwrap_or(1_000);
            let container = |name: &str| Container {
                name: name.to_owned(),
                requests: vec![("cpu".to_owned(), request / 2)],
            };
            Pod {
                name: format!("test-pod-{index}"),
                phase: match letter(case, "phase", index) {
                    Some('F') => Phase::Failed,
                    _ => Phase::Running,
                },
                is_deleted: letter(case, "deleted", index) == Some('T'),
                started: Some(started),
                ready: Some(Ready {
                    status: match letter(case, "ready", index) {
                        Some('F') => Readiness::False,
                        _ => Readiness::True,
                    },
                    since: started,
                }),
                containers: vec![container("container1"), container("container2")],
                requests: Vec::new(),
            }
        })
        .collect()
}

fn reading(
    case: &Value,
    value: &Value,
    metric: &Metric,
    pods: &[Pod],
) -> Result<Reading, MetricError> {
    let kind = value["kind"].as_str().unwrap();
    if kind == "CheddarCheese" {
        return Err(MetricError::UnknownType(kind.to_owned()));
    }
    if value["fails"] == true {
        let why = "something went wrong".to_owned();
        return Err(MetricError::Unavailable(why));
    }
    let levels: Vec<i64> = list(case, "levels")
        .iter()
        .map(|level| level.as_i64().unwrap())
        .collect();
    match &metric.kind {
        MetricKind::Resource { name, container } => {
            let usages: Vec<Usages> = levels
                .iter()
                .enumerate()
                .map(|(index, milli)| {
                    let container = |name: &str| Container {
                        name: name.to_owned(),
                        requests: vec![("cpu".to_owned(), milli / 2)],
                    };
                    Usages {
                        pod: format!("test-pod-{index}"),
                        at: NOW,
                        window_ms: 60_000,
                        containers: vec![container("container1"), container("container2")],
                    }
                })
                .collect();
            resource_reading(pods, &usages, name, container.as_deref())
        }
        MetricKind::Pods { .. } => {
            let samples: Vec<(String, Sample)> = levels
                .iter()
                .enumerate()
                .map(|(index, milli)| {
                    let sample = Sample {
                        milli: *milli,
                        at: NOW,
                        window_ms: 60_000,
                    };
                    (format!("test-pod-{index}"), sample)
                })
                .collect();
            let named = samples
                .iter()
                .map(|(name, sample)| (name.as_str(), *sample));
            Ok(Reading::Samples(Samples::of(pods, named)))
        }
        _ => Ok(Reading::Value(levels.iter().sum())),
    }
}

fn state(case: &Value) -> State {
    State {
        recommendations: case["recommendations"].as_array().map(|past| {
            past.iter()
                .map(|past| Recommendation {
                    replicas: int(past, "replicas"),
                    at: Moment::seconds(past["at_s"].as_i64().unwrap()),
                })
                .collect()
        }),
        current_replicas: int(case, "spec"),
        desired_replicas: int(case, "spec"),
        last_scale: case["last_scale_s"].as_i64().map(Moment::seconds),
        ..State::default()
    }
}

fn shown(condition: &Condition) -> String {
    let status = match condition.status {
        Status::True => "True",
        Status::False => "False",
    };
    format!("{status} {}", condition.reason)
}

#[test]
fn whole_syncs_agree_with_upstream() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/syncs.json")).unwrap();
    for case in cases {
        let (spec, pods, before) = (spec(&case), pods(&case), state(&case));
        let readings: Vec<_> = list(&case, "metrics")
            .iter()
            .zip(&spec.metrics)
            .map(|(value, metric)| reading(&case, value, metric, &pods))
            .collect();
        let selection = match case["selection"].as_str() {
            Some("missing") => Selection::Missing,
            Some("invalid") => Selection::Invalid("unable to parse requirement".to_owned()),
            Some("ambiguous") => Selection::Ambiguous("pods by several selected".to_owned()),
            _ => Selection::Valid,
        };
        let scale = Scale {
            spec_replicas: int(&case, "spec"),
            status_replicas: int(&case, "status"),
        };
        let inputs = Inputs {
            scale: if case["scale_fails"] == true {
                Err("something went wrong")
            } else {
                Ok(scale)
            },
            selection: &selection,
            pods: &pods,
            readings: &readings,
        };
        let mut outcome = controller(&case).reconcile(before.clone(), &spec, &inputs, NOW);
        if case["update_fails"] == true {
            assert!(outcome.decision.rescales, "{case}");
            outcome = outcome.refused(&before, "something went wrong", NOW);
        }
        let (after, decision) = (outcome.state, outcome.decision);
        assert_eq!(decision.desired, int(&case, "desired"), "{case}");
        assert_eq!(after.desired_replicas, int(&case, "desired"), "{case}");
        assert_eq!(
            decision.rescales,
            int(&case, "spec") != int(&case, "desired"),
            "{case}"
        );
        let expected: BTreeMap<&str, &str> = case["conditions"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str().unwrap()))
            .collect();
        let conditions: Vec<(&str, String)> = after
            .conditions
            .iter()
            .map(|(name, condition)| (name, shown(condition)))
            .collect();
        let conditions: BTreeMap<&str, &str> = conditions
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        assert_eq!(conditions, expected, "{case}");
        if let Some(expected) = case["utilization"].as_i64() {
            let status = decision.metrics.first().unwrap().as_ref().unwrap();
            assert_eq!(status.utilization.map(i64::from), Some(expected), "{case}");
        }
        if let Some(expected) = case.get("event") {
            let events: Vec<&str> = decision
                .events
                .iter()
                .map(|event| event.message.as_str())
                .collect();
            let wanted: Vec<&str> = expected.as_str().into_iter().collect();
            assert_eq!(events, wanted, "{case}");
        }
    }
}
