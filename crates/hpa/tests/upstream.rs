//! The tables of Kubernetes' own tests, as data: see `data/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, which says how many cases it ran"
)]

use std::collections::BTreeSet;

use autoscaleops_hpa::{
    Behavior, Moment, Policy, PolicyKind, Recommendation, ScaleEvent, ScalingRules, SelectPolicy,
    State,
    normalize::{down_limit, limit, limit_legacy, stabilize, stabilize_legacy, up_limit},
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
        select: match value["select"].as_str() {
            Some("Min") => SelectPolicy::Min,
            _ => SelectPolicy::Max,
        },
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

#[test]
fn the_older_window_and_bounds_agree_with_upstream() {
    for case in cases(include_str!("data/legacy.json")) {
        if let Some(past) = case["recommendations"].as_array() {
            let mut recommendations: Vec<Recommendation> = past
                .iter()
                .map(|past| Recommendation {
                    replicas: int(past, "replicas"),
                    at: Moment::seconds(past["at_s"].as_i64().unwrap()),
                })
                .collect();
            let desired = int(&case, "desired");
            let stabilized =
                stabilize_legacy(&mut recommendations, desired, desired, 300, Moment(0));
            assert_eq!(
                stabilized.replicas,
                int(&case, "expected_replicas"),
                "{case}"
            );
            let stored = u64::try_from(recommendations.len()).unwrap();
            assert_eq!(Some(stored), case["expected_stored"].as_u64(), "{case}");
            continue;
        }
        // Upstream's tests raise the factor so that it is out of their way.
        let bounds = (int(&case, "min"), int(&case, "max"));
        let limit = limit_legacy(int(&case, "current"), int(&case, "desired"), bounds, 8.0);
        assert_eq!(limit.replicas, int(&case, "expected_replicas"), "{case}");
        assert_eq!(limit.reason, case["expected_limit_reason"], "{case}");
    }
}

#[test]
fn the_least_of_several_policies_agrees_with_upstream() {
    for case in cases(include_str!("data/policy_limits.json")) {
        let (way, current) = (case["way"].as_str().unwrap(), int(&case, "current"));
        let rules = ScalingRules {
            select: SelectPolicy::Min,
            ..rules(&case["rules"], ScalingRules::default_up())
        };
        let size = match way {
            "up" => up_limit(current, &[], &[], &rules, Moment(0)),
            _ => down_limit(current, &[], &[], &rules, Moment(0)),
        };
        assert_eq!(size, int(&case, "expected"), "{case}");
    }
}

#[test]
fn which_changes_are_remembered_agrees_with_upstream() {
    for case in cases(include_str!("data/scale_events.json")) {
        let before: Vec<ScaleEvent> = case["before"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| ScaleEvent {
                change: int(event, "change"),
                at: Moment::seconds(event["at_s"].as_i64().unwrap()),
                is_outdated: false,
            })
            .collect();
        // What a policy subtracts from the size of now is what changed within its period.
        let one_a_minute = ScalingRules {
            policies: vec![Policy::new(PolicyKind::Pods, 1, 60)],
            ..ScalingRules::default_up()
        };
        let most = up_limit(100, &before, &[], &one_a_minute, Moment(0));
        assert_eq!(101 - most, int(&case, "expected_within_60_s"), "{case}");
        let is_up = case["way"] == "up";
        let mut state = State::default();
        let events = if is_up {
            &mut state.scale_ups
        } else {
            &mut state.scale_downs
        };
        *events = before;
        let change = int(&case, "change") * if is_up { 1 } else { -1 };
        // Without a behavior nothing is remembered, and nothing that was is touched.
        if !case["rules"].is_null() {
            let up = rules(&case["rules"], ScalingRules::default_up());
            state.store_scale_event(10, 10 + change, &up, &up, Moment(0));
        }
        let events = if is_up {
            &state.scale_ups
        } else {
            &state.scale_downs
        };
        let stored: Vec<Value> = events
            .iter()
            .map(|event| serde_json::json!({"change": event.change, "outdated": event.is_outdated}))
            .collect();
        assert_eq!(Value::from(stored), case["expected"], "{case}");
    }
}

#[test]
fn every_case_has_the_name_of_its_test_and_none_is_there_twice() {
    let files = [
        include_str!("data/calculator.json"),
        include_str!("data/groups.json"),
        include_str!("data/legacy.json"),
        include_str!("data/policy_limits.json"),
        include_str!("data/rate_limits.json"),
        include_str!("data/requests.json"),
        include_str!("data/scale_events.json"),
        include_str!("data/stabilization.json"),
        include_str!("data/syncs.json"),
    ];
    let all: Vec<Value> = files.into_iter().flat_map(cases).collect();
    let mut seen = BTreeSet::new();
    for case in &all {
        let name = case["test"].as_str().unwrap();
        assert!(name.starts_with("Test"), "{name}");
        // Some names stand in both of upstream's files: the rest of the case tells them apart.
        assert!(seen.insert(case.to_string()), "{name} is there twice");
    }
    assert_eq!(all.len(), 270);
}
