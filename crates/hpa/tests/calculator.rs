//! The tables of Kubernetes' `replica_calculator_test.go`, as data: see `data/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, which says how many cases it ran"
)]

use autoscaleops_hpa::{
    Container, Controller, Group, Metric, MetricKind, Moment, Phase, Pod, Readiness, Reading,
    Ready, Sample, Samples, Spec, Target, Tolerances, Usages, kubernetes::resource_reading,
};
use serde_json::Value;

/// Long before now, as Go's zero time is.
const LONG_AGO: Moment = Moment::seconds(-2_000_000_000);

fn cases(text: &str) -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    println!("{} cases", cases.len());
    cases
}

/// The settings of upstream's tests.
fn controller() -> Controller {
    Controller {
        cpu_initialization_s: 120,
        initial_readiness_delay_s: 10,
        ..Controller::default()
    }
}

fn letter(case: &Value, name: &str, index: usize) -> Option<char> {
    case[name].as_str()?.chars().nth(index)
}

fn pods(case: &Value) -> Vec<Pod> {
    let current = usize::try_from(case["current"].as_i64().unwrap()).unwrap();
    let number = current.max(case["phase"].as_str().map_or(0, str::len));
    (0..number)
        .map(|index| {
            let started = match letter(case, "start", index) {
                Some('h') => Moment(0),
                Some('c') => Moment::seconds(-180),
                _ => LONG_AGO,
            };
            let request = case["requests"][index].as_i64();
            let container = |name: &str| Container {
                name: name.to_owned(),
                requests: request
                    .map(|milli| ("cpu".to_owned(), milli))
                    .into_iter()
                    .collect(),
            };
            Pod {
                name: format!("test-pod-{index}"),
                phase: match letter(case, "phase", index) {
                    Some('P') => Phase::Pending,
                    Some('F') => Phase::Failed,
                    _ => Phase::Running,
                },
                is_deleted: letter(case, "deleted", index) == Some('1'),
                started: Some(started),
                ready: Some(Ready {
                    status: match letter(case, "ready", index) {
                        Some('F') => Readiness::False,
                        _ => Readiness::True,
                    },
                    since: LONG_AGO,
                }),
                containers: vec![container("container1"), container("container2")],
                requests: Vec::new(),
            }
        })
        .collect()
}

fn usages(case: &Value) -> Vec<Usages> {
    let levels = case["levels"].as_array().unwrap();
    let usage = |(index, level): (usize, &Value)| {
        let name = case["names"][index].as_str();
        let containers = level.as_array().unwrap().iter().enumerate();
        Usages {
            pod: name.map_or(format!("test-pod-{index}"), str::to_owned),
            at: LONG_AGO,
            window_ms: 60_000,
            containers: containers
                .map(|(number, milli)| Container {
                    name: format!("container{}", number + 1),
                    requests: vec![("cpu".to_owned(), milli.as_i64().unwrap())],
                })
                .collect(),
        }
    };
    levels.iter().enumerate().map(usage).collect()
}

fn metric(case: &Value) -> Metric {
    let target = case["target"].as_i64().unwrap();
    let name = "qps".to_owned();
    let (object_kind, object_name) = ("Deployment".to_owned(), "some-deployment".to_owned());
    let selector = String::new();
    let (kind, target) = match case["kind"].as_str().unwrap() {
        "resource" => (
            MetricKind::Resource {
                name: "cpu".to_owned(),
                container: case["container"].as_str().map(str::to_owned),
            },
            Target::Utilization(i32::try_from(target).unwrap()),
        ),
        "pods" => (MetricKind::Pods { name }, Target::AverageValue(target)),
        kind => (
            if kind.starts_with("object") {
                MetricKind::Object {
                    name,
                    object_kind,
                    object_name,
                }
            } else {
                MetricKind::External { name, selector }
            },
            if kind.ends_with("average") {
                Target::AverageValue(target)
            } else {
                Target::Value(target)
            },
        ),
    };
    Metric { kind, target }
}

#[test]
fn what_a_metric_asks_for_agrees_with_upstream() {
    for case in cases(include_str!("data/calculator.json")) {
        let mut controller = controller();
        if let Some([down, up]) = case["tolerances"].as_array().map(Vec::as_slice) {
            controller.tolerances = Tolerances {
                down: down.as_f64().unwrap(),
                up: up.as_f64().unwrap(),
            };
        }
        let (pods, metric) = (pods(&case), metric(&case));
        let values = || {
            case["levels"]
                .as_array()
                .unwrap()
                .iter()
                .map(|level| level.as_i64().unwrap())
        };
        let reading = match &metric.kind {
            MetricKind::Resource { name, container } => {
                resource_reading(&pods, &usages(&case), name, container.as_deref())
            }
            MetricKind::Pods { .. } => {
                let named: Vec<(String, Sample)> = values()
                    .enumerate()
                    .map(|(index, milli)| {
                        let sample = Sample {
                            milli,
                            at: LONG_AGO,
                            window_ms: 60_000,
                        };
                        (format!("test-pod-{index}"), sample)
                    })
                    .collect();
                let named = named.iter().map(|(name, sample)| (name.as_str(), *sample));
                Ok(Reading::Samples(Samples::of(&pods, named)))
            }
            _ => Ok(Reading::Value(values().fold(0, i64::saturating_add))),
        };
        let spec = Spec {
            min_replicas: 1,
            max_replicas: i32::MAX,
            metrics: vec![metric.clone()],
            behavior: None,
        };
        let current = i32::try_from(case["current"].as_i64().unwrap()).unwrap();
        let answer = reading.and_then(|reading| {
            controller.propose(&spec, &metric, &reading, &pods, current, Moment(0))
        });
        match (answer, case["error"].as_str()) {
            (Ok(proposal), None) => {
                assert_eq!(
                    i64::from(proposal.replicas),
                    case["replicas"].as_i64().unwrap(),
                    "{case}"
                );
                assert_eq!(proposal.value_milli, case["value"].as_i64(), "{case}");
                assert_eq!(
                    proposal.utilization.map(i64::from),
                    case["utilization"].as_i64(),
                    "{case}"
                );
            }
            (Err(error), Some(expected)) => {
                assert!(error.to_string().contains(expected), "{error} for {case}");
            }
            (answer, _) => panic!("{answer:?} for {case}"),
        }
    }
}

#[test]
fn which_pods_count_agrees_with_upstream() {
    for case in cases(include_str!("data/groups.json")) {
        let moment = |value: &Value| value.as_i64().map(Moment::seconds);
        let pod = Pod {
            phase: serde_json::from_value(case["phase"].clone()).unwrap(),
            is_deleted: case["deleted"] == true,
            started: moment(&case["start_s"]),
            ready: moment(&case["since_s"]).map(|since| Ready {
                status: serde_json::from_value(case["status"].clone()).unwrap(),
                since,
            }),
            ..Pod::default()
        };
        let sample = case["sample"].as_array().map(|sample| Sample {
            milli: 1,
            at: Moment::seconds(sample[0].as_i64().unwrap()),
            window_ms: sample[1].as_i64().unwrap() * 1_000,
        });
        let is_cpu = case["cpu"] == true;
        let group = Group::of(&pod, sample.as_ref(), is_cpu, &controller(), Moment(0));
        assert_eq!(
            format!("{group:?}"),
            case["group"].as_str().unwrap(),
            "{case}"
        );
    }
}

#[test]
fn what_a_pod_requests_agrees_with_upstream() {
    for case in cases(include_str!("data/requests.json")) {
        let entry = |name: &Value, milli: &Value| {
            let requests = match milli.as_i64() {
                Some(milli) => serde_json::json!({"requests": {"cpu": format!("{milli}m")}}),
                None => serde_json::json!({}),
            };
            serde_json::json!({"name": name, "resources": requests})
        };
        let list = |name: &str| case[name].as_array().cloned().unwrap_or_default();
        let containers: Vec<Value> = list("containers")
            .iter()
            .map(|container| entry(&container[0], &container[1]))
            .collect();
        let init: Vec<Value> = list("init")
            .iter()
            .map(|container| {
                let mut entry = entry(&container[0], &container[1]);
                if container[2] == true {
                    entry["restartPolicy"] = "Always".into();
                }
                entry
            })
            .collect();
        let mut pod = serde_json::json!({
            "metadata": {"name": "test-pod"},
            "spec": {"containers": containers, "initContainers": init},
            "status": {"phase": "Running"},
        });
        if let Some(milli) = case["pod"].as_i64() {
            pod["spec"]["resources"] =
                serde_json::json!({"requests": {"cpu": format!("{milli}m")}});
        }
        let pods = [autoscaleops_hpa::kubernetes::pod(&pod)];
        // Ten per cent of the request: the ratio tells the request, and a failure its sentence.
        let request = case["expected"].as_i64().unwrap_or(100);
        let sample = Sample {
            milli: request / 10,
            at: LONG_AGO,
            window_ms: 60_000,
        };
        let metric = Metric {
            kind: MetricKind::Resource {
                name: "cpu".to_owned(),
                container: case["container"].as_str().map(str::to_owned),
            },
            target: Target::Utilization(100),
        };
        let spec = Spec {
            min_replicas: 1,
            max_replicas: 9,
            metrics: vec![metric.clone()],
            behavior: None,
        };
        let pods = pods.map(|pod| Pod {
            started: Some(LONG_AGO),
            ready: Some(Ready::default()),
            ..pod
        });
        let reading = Reading::Samples(Samples::of(&pods, [("test-pod", sample)]));
        let answer = controller().propose(&spec, &metric, &reading, &pods, 1, Moment(0));
        match (answer, case["error"].as_str()) {
            (Ok(proposal), None) => assert_eq!(proposal.utilization, Some(10), "{case}"),
            (Err(error), Some(expected)) => assert_eq!(error.to_string(), expected, "{case}"),
            (answer, _) => panic!("{answer:?} for {case}"),
        }
    }
}
