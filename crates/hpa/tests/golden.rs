//! The two trajectories of the article as golden traces, sync by sync.
#![expect(clippy::unwrap_used, reason = "a test")]

use autoscaleops_hpa::{
    Controller, Inputs, Moment, Reading, Scale, Selection, Spec, State, manifest::spec_of,
};
use serde_json::json;

/// The autoscaler of the article: only `scaleDown` is written down.
fn spec(min: i32, max: i32, with_policy: bool) -> Spec {
    let mut down = json!({"stabilizationWindowSeconds": 60});
    if with_policy {
        down["policies"] = json!([{"type": "Percent", "value": 50, "periodSeconds": 15}]);
    }
    spec_of(&json!({
        "minReplicas": min,
        "maxReplicas": max,
        "metrics": [{
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
        }],
        "behavior": {"scaleDown": down},
    }))
    .unwrap()
}

struct Step {
    recommended: i32,
    replicas: i32,
    able: String,
    limited: String,
}

/// Plays utilizations as the controller sees them, one a sync, 15.01 s apart.
fn play(spec: &Spec, utilization: &[i32]) -> Vec<Step> {
    let controller = Controller::default();
    let mut state = State::default();
    let mut replicas = spec.min_replicas;
    let mut steps = Vec::new();
    for (sync, &percent) in (0_i64..).zip(utilization) {
        let readings = [Ok(Reading::Utilization {
            percent,
            ready: replicas,
        })];
        let inputs = Inputs {
            scale: Ok(Scale {
                spec_replicas: replicas,
                status_replicas: replicas,
            }),
            selection: &Selection::Valid,
            pods: &[],
            readings: &readings,
        };
        let outcome = controller.reconcile(state, spec, &inputs, Moment(sync * 15_010));
        state = outcome.state;
        replicas = outcome.decision.desired;
        let reason = |condition: &Option<autoscaleops_hpa::Condition>| {
            condition.as_ref().unwrap().reason.to_string()
        };
        steps.push(Step {
            recommended: outcome.trace.recommended.unwrap(),
            replicas,
            able: reason(&state.conditions.able_to_scale),
            limited: reason(&state.conditions.scaling_limited),
        });
    }
    steps
}

fn replicas(steps: &[Step]) -> Vec<i32> {
    steps.iter().map(|step| step.replicas).collect()
}

#[test]
fn dev_goes_from_one_to_three_and_straight_back_to_one() {
    let load = [2, 2, 370, 123, 123, 123, 123, 123, 2, 2, 2, 2, 2];
    let steps = play(&spec(1, 3, true), &load);
    assert_eq!(replicas(&steps), [1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 1]);
    assert_eq!(steps[2].recommended, 8);
    assert_eq!(steps[2].limited, "TooManyReplicas");
    for step in &steps[8..11] {
        assert_eq!(step.recommended, 1);
        assert_eq!(step.able, "ScaleDownStabilized");
    }
    assert_eq!(steps[11].able, "SucceededRescale");
}

#[test]
fn dev_stops_at_two_when_one_sample_lies_between_and_the_policy_has_no_part_in_it() {
    let load = [2, 2, 370, 123, 123, 123, 123, 123, 25, 2, 2, 2, 2, 2];
    let with = play(&spec(1, 3, true), &load);
    assert_eq!(replicas(&with), [1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 1, 1]);
    assert_eq!(with[8].recommended, 2);
    let without = play(&spec(1, 3, false), &load);
    assert_eq!(replicas(&with), replicas(&without));
}

#[test]
fn prod_goes_from_two_to_six_and_down_by_the_policy() {
    let load = [2, 2, 185, 62, 62, 62, 62, 62, 2, 2, 2, 2, 2, 2];
    let steps = play(&spec(2, 6, true), &load);
    assert_eq!(replicas(&steps), [2, 2, 6, 6, 6, 6, 6, 6, 6, 6, 6, 3, 2, 2]);
    assert_eq!(steps[0].able, "ScaleDownStabilized");
    assert_eq!(steps[2].limited, "TooManyReplicas");
    assert_eq!(steps[11].limited, "ScaleDownLimit");
    assert_eq!(steps[12].limited, "TooFewReplicas");
    assert_eq!(steps[13].limited, "TooFewReplicas");
}

#[test]
fn prod_without_the_policy_drops_at_once() {
    let load = [2, 2, 185, 62, 62, 62, 62, 62, 2, 2, 2, 2, 2];
    let steps = play(&spec(2, 6, false), &load);
    assert_eq!(replicas(&steps), [2, 2, 6, 6, 6, 6, 6, 6, 6, 6, 6, 2, 2]);
}

#[test]
fn the_articles_own_numbers_explain_the_two() {
    let load = [12, 67, 67, 34, 28, 8, 8, 8, 8, 8, 8];
    let steps = play(&spec(1, 3, true), &load);
    let wished: Vec<i32> = steps.iter().map(|step| step.recommended).collect();
    // 67 % of one replica asks for two, of two for three; 28 % of three for two: that is the 2.
    assert_eq!(wished[1..5], [2, 3, 3, 2]);
    assert_eq!(replicas(&steps), [1, 2, 3, 3, 3, 3, 3, 2, 1, 1, 1]);
}
