//! The tables of Kubernetes' own tests, as data: see `data/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, which says how many cases it ran"
)]

use autoscaleops_hpa::{
    Behavior, Moment, Policy, PolicyKind, Recommendation, ScaleEvent, ScalingRules, SelectPolicy,
    State,
    normalize::{limit, stabilize},
};
use serde_json::Value;

fn cases(text: &str) -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    println!("{} cases", cases.len());
    cases
}

fn int(case: &Value, name: &str) -> i32 {
    i32::try_from(
        case[name]
            .as_i64()
            .unwrap_or_else(|| panic!("{name} of {case}")),
    )
    .unwrap()
}

fn rules(value: &Value, default: ScalingRules) -> ScalingRules {
    if value.is_null() {
        return default;
    }
    let policies: Vec<Policy> = value["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| {
            let kind = match policy["type"].as_str().unwrap() {
                "Pods" => PolicyKind::Pods,
                _ => PolicyKind::Percent,
            };
            Policy::new(kind, int(policy, "value"), int(policy, "period_s"))
        })
        .collect();
    ScalingRules {
        stabilization_s: Some(int(value, "window_s")),
        select: SelectPolicy::Max,
        policies: if policies.is_empty() {
            default.policies
        } else {
            policies
        },
        tolerance: None,
    }
}

/// Changes spread evenly over the last 120 seconds.
fn events(value: &Value) -> Vec<ScaleEvent> {
    let changes = value.as_array().unwrap();
    let mut events = Vec::new();
    for (index, change) in (0_u16..).zip(changes) {
        let segment = 120.0 / f64::from(u16::try_from(changes.len()).unwrap());
        let ago = 120.0 - segment * f64::from(index + 1) + segment / 2.0;
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
        let ago = ago as i64;
        events.push(ScaleEvent {
            change: i32::try_from(change.as_i64().unwrap()).unwrap(),
            at: Moment::seconds(-ago),
            is_outdated: false,
        });
    }
    events
}

#[test]
fn policies_and_bounds_agree_with_upstream() {
    for case in cases(include_str!("data/rate_limits.json")) {
        let behavior = Behavior {
            scale_up: rules(&case["scale_up"], ScalingRules::default_up()),
            scale_down: rules(&case["scale_down"], ScalingRules::default_down()),
        };
        let state = State {
            scale_ups: events(&case["scale_up_events"]),
            scale_downs: events(&case["scale_down_events"]),
            ..State::default()
        };
        let limit = limit(
            &state,
            &behavior,
            int(&case, "current"),
            int(&case, "prenormalized_desired"),
            (int(&case, "min"), int(&case, "max")),
            Moment(0),
        );
        assert_eq!(limit.replicas, int(&case, "expected_replicas"), "{case}");
        assert_eq!(limit.reason, case["expected_limit_reason"], "{case}");
    }
}

#[test]
fn windows_agree_with_upstream() {
    for case in cases(include_str!("data/stabilization.json")) {
        let mut recommendations: Vec<Recommendation> = case["recommendations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|past| Recommendation {
                replicas: int(past, "replicas"),
                at: Moment::seconds(past["at_s"].as_i64().unwrap()),
            })
            .collect();
        let stabilized = stabilize(
            &mut recommendations,
            int(&case, "current"),
            int(&case, "desired"),
            int(&case, "up_window_s"),
            int(&case, "down_window_s"),
            Moment(0),
        );
        assert_eq!(
            stabilized.replicas,
            int(&case, "expected_replicas"),
            "{case}"
        );
        if let Some(expected) = case["expected_stored"].as_array() {
            let stored: Vec<i64> = recommendations
                .iter()
                .map(|past| i64::from(past.replicas))
                .collect();
            assert_eq!(Value::from(stored), Value::from(expected.clone()), "{case}");
        }
    }
}
