//! What holds for every autoscaler and every load: no decision leaves the bounds or breaks a
//! policy, and a direction that is switched off is never taken.

use autoscaleops_hpa::{
    Behavior, Controller, Inputs, Metric, MetricKind, Moment, Policy, PolicyKind, Reading, Scale,
    ScalingRules, SelectPolicy, Selection, Spec, State, Target,
    normalize::{down_limit, up_limit},
};
use proptest::prelude::*;

fn policy() -> impl Strategy<Value = Policy> {
    let kind = prop_oneof![Just(PolicyKind::Pods), Just(PolicyKind::Percent)];
    (kind, 1..150_i32, 1..180_i32)
        .prop_map(|(kind, value, period)| Policy::new(kind, value, period))
}

fn rules() -> impl Strategy<Value = ScalingRules> {
    let select = prop_oneof![
        Just(SelectPolicy::Max),
        Just(SelectPolicy::Min),
        Just(SelectPolicy::Disabled)
    ];
    (0..400_i32, select, prop::collection::vec(policy(), 1..4)).prop_map(
        |(window, select, policies)| ScalingRules {
            stabilization_s: Some(window),
            select,
            policies,
            tolerance: None,
        },
    )
}

fn spec() -> impl Strategy<Value = Spec> {
    let behavior =
        prop::option::of(
            (rules(), rules()).prop_map(|(scale_up, scale_down)| Behavior {
                scale_up,
                scale_down,
            }),
        );
    (1..10_i32, 0..40_i32, 10..120_i32, behavior).prop_map(|(min, more, target, behavior)| Spec {
        min_replicas: min,
        max_replicas: min + more,
        metrics: vec![Metric {
            kind: MetricKind::Resource {
                name: "cpu".to_owned(),
                container: None,
            },
            target: Target::Utilization(target),
        }],
        behavior,
    })
}

proptest! {
    #[test]
    fn no_decision_leaves_the_bounds_or_breaks_a_policy(
        spec in spec(),
        loads in prop::collection::vec(0..2_000_i32, 1..60),
        start in 1..60_i32,
        period in 5_000..40_000_i64,
        minor in 29..38_u32,
    ) {
        let controller = Controller::of_version(minor);
        let mut state = State::default();
        let mut replicas = start;
        for (sync, percent) in (0_i64..).zip(loads) {
            let now = Moment(sync * period);
            let before = state.clone();
            let readings = [Ok(Reading::Utilization { percent, ready: replicas })];
            let inputs = Inputs {
                scale: Ok(Scale { spec_replicas: replicas, status_replicas: replicas }),
                selection: &Selection::Valid,
                pods: &[],
                readings: &readings,
            };
            let outcome = controller.reconcile(state, &spec, &inputs, now);
            let desired = outcome.decision.desired;
            prop_assert!((spec.min_replicas..=spec.max_replicas).contains(&desired));
            // A size outside the bounds is set right at once, past all policies.
            let within = (spec.min_replicas..=spec.max_replicas).contains(&replicas);
            if let (Some(behavior), true) = (&spec.behavior, within) {
                let (ups, downs) = (&before.scale_ups, &before.scale_downs);
                let most = up_limit(replicas, ups, downs, &behavior.scale_up, now).max(replicas);
                let least = down_limit(replicas, ups, downs, &behavior.scale_down, now).min(replicas);
                prop_assert!(desired <= most && desired >= least, "{least} <= {desired} <= {most}");
                if behavior.scale_up.select == SelectPolicy::Disabled {
                    prop_assert!(desired <= replicas);
                }
                if behavior.scale_down.select == SelectPolicy::Disabled {
                    prop_assert!(desired >= replicas);
                }
            }
            prop_assert_eq!(outcome.decision.rescales, desired != replicas);
            replicas = desired;
            state = outcome.state;
        }
    }

    #[test]
    fn a_quiet_autoscaler_comes_to_rest_at_its_minimum(spec in spec(), start in 1..60_i32) {
        let mut spec = spec;
        if let Some(behavior) = &mut spec.behavior {
            behavior.scale_down.select = SelectPolicy::Max;
            behavior.scale_down.policies.push(Policy::new(PolicyKind::Pods, 1, 1));
        }
        let controller = Controller::default();
        let (mut state, mut replicas) = (State::default(), start);
        for sync in 0_i64..200 {
            let readings = [Ok(Reading::Utilization { percent: 0, ready: replicas })];
            let inputs = Inputs {
                scale: Ok(Scale { spec_replicas: replicas, status_replicas: replicas }),
                selection: &Selection::Valid,
                pods: &[],
                readings: &readings,
            };
            let outcome = controller.reconcile(state, &spec, &inputs, Moment(sync * 15_010));
            (state, replicas) = (outcome.state, outcome.decision.desired);
        }
        prop_assert_eq!(replicas, spec.min_replicas);
    }
}

#[test]
fn percentages_are_rounded_as_floating_point_has_it() {
    let up = |start: i32, percent: i32| {
        let rules = ScalingRules {
            policies: vec![Policy::new(PolicyKind::Percent, percent, 15)],
            ..ScalingRules::default_up()
        };
        up_limit(start, &[], &[], &rules, Moment(0))
    };
    let down = |start: i32, percent: i32| {
        let rules = ScalingRules {
            policies: vec![Policy::new(PolicyKind::Percent, percent, 15)],
            ..ScalingRules::default_down()
        };
        down_limit(start, &[], &[], &rules, Moment(0))
    };
    assert_eq!(up(100, 10), 111);
    assert_eq!(up(100, 9), 110);
    assert_eq!(down(10, 90), 0);
    assert_eq!(down(90, 30), 62);
    let halves: Vec<i32> = (1..=8).map(|start| down(start, 50)).collect();
    assert_eq!(halves, [0, 1, 1, 2, 2, 3, 3, 4]);
}
