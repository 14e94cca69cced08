//! What the doctor says, row by row of what can keep an autoscaler from working.

use std::time::Duration;

use autoscaleops_testkit::{
    ApiServer,
    apiserver::objects::{blind, deployment, hpa, observe, pod, usage},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{live::at_rest, report, tool};

/// A server on which all is well, with two pods that are measured.
fn healthy() -> ApiServer {
    let server = ApiServer::start();
    let mut web = hpa("shop", "web", (1, 3));
    observe(&mut web, 2, 2, 50);
    server.put(web);
    server.put(deployment("shop", "web", 2, 2));
    for name in ["web-1", "web-2"] {
        server.put(pod("shop", "web", name));
        server.put(usage("shop", name, "50m"));
    }
    server
}

fn ask(server: &ApiServer, code: i32) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let assert = tool()
        .args([
            "doctor",
            "web",
            "-n",
            "shop",
            "-o",
            "json",
            "--wait",
            "1s",
            "--kubeconfig",
        ])
        .arg(kubeconfig)
        .assert()
        .code(code);
    report(&assert)
}

fn ids(report: &Value) -> Vec<String> {
    let causes = report["details"]["causes"].as_array().unwrap();
    causes
        .iter()
        .map(|cause| cause["id"].as_str().unwrap().to_owned())
        .collect()
}

fn set(server: &ApiServer, change: impl FnOnce(&mut Value)) {
    server.change("HorizontalPodAutoscaler", "shop/web", change);
}

fn resize(server: &ApiServer, replicas: i32, ready: i32) {
    server.change("Deployment", "shop/web", |web| {
        web["spec"]["replicas"] = json!(replicas);
        web["status"] = json!({"replicas": replicas, "readyReplicas": ready});
    });
}

/// Sets a condition of the autoscaler.
fn condition(server: &ApiServer, kind: &str, status: &str, reason: &str) {
    set(server, |web| {
        let conditions = web["status"]["conditions"].as_array_mut().unwrap();
        conditions.retain(|condition| condition["type"] != kind);
        conditions.push(
            json!({"type": kind, "status": status, "reason": reason, "message": "why",
            "lastTransitionTime": "2026-11-23T09:00:00Z"}),
        );
    });
}

fn first<'a>(report: &'a Value, field: &str) -> &'a str {
    report["details"]["causes"][0][field].as_str().unwrap()
}

#[test]
fn a_healthy_autoscaler_has_no_cause() {
    let report = ask(&healthy(), 0);
    assert_eq!(ids(&report), Vec::<String>::new());
    assert_eq!(report["details"]["not_checked"], json!([]));
    assert_eq!(report["summary"], "nothing keeps shop/web from working");
}

#[test]
fn a_slow_server_is_waited_for() {
    let server = healthy();
    server.delay(Duration::from_millis(400));
    assert_eq!(ids(&ask(&server, 0)), Vec::<String>::new());
}

#[test]
fn a_controller_that_sleeps_is_told_from_one_that_lags() {
    let asleep = healthy();
    for name in ["web-1", "web-2"] {
        asleep.put(usage("shop", name, "90m"));
    }
    let report = ask(&asleep, 10);
    assert_eq!(ids(&report), ["controller_silent"]);
    let evidence = first(&report, "evidence");
    assert!(
        evidence.contains("says 50%, metrics.k8s.io shows 90%"),
        "{evidence}"
    );

    // It wakes up while it is waited for.
    let awake = healthy();
    for name in ["web-1", "web-2"] {
        awake.put(usage("shop", name, "90m"));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            autoscaleops_testkit::wait_until("two looks", Duration::from_secs(30), || {
                let requests = awake.requests();
                let looks = requests
                    .iter()
                    .filter(|line| line.contains("horizontalpodautoscalers"));
                looks.count() >= 2
            });
            set(&awake, |web| observe(web, 2, 3, 88));
        });
        let folder = tempfile::tempdir().unwrap();
        let assert = tool()
            .args([
                "doctor",
                "web",
                "-o",
                "json",
                "--wait",
                "30s",
                "--kubeconfig",
            ])
            .arg(awake.kubeconfig(folder.path()))
            .assert()
            .success();
        assert_eq!(ids(&super::report(&assert)), Vec::<String>::new());
    });

    // One that was never looked at.
    let never = healthy();
    set(&never, |web| {
        web["status"] = json!({});
    });
    let report = ask(&never, 10);
    assert_eq!(ids(&report), ["controller_silent"]);
    set(&never, |web| {
        web["metadata"]["creationTimestamp"] = json!(Timestamp::now().to_string());
    });
    assert_eq!(ids(&ask(&never, 0)), ["new"]);
}

#[test]
fn going_to_and_fro_is_seen_in_the_events() {
    let server = healthy();
    let event = |name: &str, message: &str, first: &str, last: &str, count: i32| {
        json!({"apiVersion": "v1", "kind": "Event", "type": "Normal",
            "metadata": {"namespace": "shop", "name": name}, "reason": "SuccessfulRescale",
            "message": message, "count": count, "firstTimestamp": first, "lastTimestamp": last,
            "involvedObject": {"kind": "HorizontalPodAutoscaler", "namespace": "shop", "name": "web"}})
    };
    let up = "New size: 3; reason: cpu resource utilization (percentage of request) above target";
    let down = "New size: 1; reason: All metrics below target";
    server.put(event(
        "a",
        up,
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:00:00Z",
        1,
    ));
    server.put(event(
        "b",
        down,
        "2026-11-23T09:05:00Z",
        "2026-11-23T09:05:00Z",
        1,
    ));
    assert_eq!(ids(&ask(&server, 0)), Vec::<String>::new());
    server.put(event(
        "a",
        up,
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:20:00Z",
        4,
    ));
    server.put(event(
        "b",
        down,
        "2026-11-23T09:02:00Z",
        "2026-11-23T09:22:00Z",
        4,
    ));
    let report = ask(&server, 0);
    assert_eq!(ids(&report), ["thrash"]);
    assert!(
        first(&report, "evidence").contains("at least 6 times"),
        "{report}"
    );
    // Without the right to read them, that is said.
    server.forbid("events");
    let report = ask(&server, 11);
    assert_eq!(
        report["details"]["not_checked"],
        json!(["whether it thrashes (no permission: list events)"])
    );
}

#[test]
fn where_nothing_can_be_compared_the_lease_of_the_controller_counts() {
    let server = healthy();
    server.forbid("pods.metrics.k8s.io");
    let items = |report: &Value| report["details"]["not_checked"].to_string();
    assert!(items(&ask(&server, 11)).contains("whether the controller reacts at all"));
    server.put(
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "kube-system", "name": "kube-controller-manager"},
        "spec": {"renewTime": Timestamp::now().to_string()}}),
    );
    let left = items(&ask(&server, 11));
    assert!(
        !left.contains("reacts") && left.contains("list pods.metrics.k8s.io"),
        "{left}"
    );
}

#[test]
fn who_else_pulls_at_the_target_is_named() {
    let server = healthy();
    server.put(
        json!({"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler",
        "metadata": {"namespace": "shop", "name": "web-vertical"},
        "spec": {"targetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}}}),
    );
    let mut other = hpa("shop", "web-2", (1, 3));
    other["spec"]["scaleTargetRef"]["name"] = json!("web");
    server.put(other);
    set(&server, |web| {
        web["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "keda-operator"});
    });
    let mut foreign = pod("shop", "web", "web-admin-1");
    foreign["metadata"]["ownerReferences"][0]["name"] = json!("web-admin-77f");
    server.put(foreign);
    server.put(usage("shop", "web-admin-1", "50m"));
    let report = ask(&server, 10);
    assert_eq!(
        ids(&report),
        [
            "same_target",
            "foreign_pods",
            "vertical_autoscaler",
            "owned_by_keda"
        ]
    );
}

#[test]
fn what_holds_the_size_is_named() {
    let server = healthy();
    condition(&server, "AbleToScale", "True", "ScaleDownStabilized");
    let report = ask(&server, 0);
    assert_eq!(ids(&report), ["stabilized"]);
    assert!(first(&report, "cause").contains("last 60 s"));

    let server = healthy();
    condition(&server, "ScalingLimited", "True", "ScaleDownLimit");
    let report = ask(&server, 0);
    assert_eq!(ids(&report), ["rate_limited"]);
    assert!(
        first(&report, "evidence").contains("50 % in 15 s"),
        "{report}"
    );
    assert!(
        first(&report, "cause").contains("from 2 it may go to 1"),
        "{report}"
    );

    let server = healthy();
    for name in ["web-1", "web-2"] {
        server.put(usage("shop", name, "54m"));
    }
    let report = ask(&server, 0);
    assert_eq!(ids(&report), ["within_tolerance"]);
    assert!(
        first(&report, "cause").contains("below 45% and above 55%"),
        "{report}"
    );

    let server = healthy();
    set(&server, |web| {
        web["spec"]["behavior"]["scaleDown"]["selectPolicy"] = json!("Disabled");
    });
    assert_eq!(ids(&ask(&server, 0)), ["direction_disabled"]);

    // Two pods at 120 %, and one that has just begun and counts as idle.
    let server = healthy();
    set(&server, |web| observe(web, 3, 3, 60));
    resize(&server, 3, 3);
    for name in ["web-1", "web-2"] {
        server.put(usage("shop", name, "60m"));
    }
    let mut starting = pod("shop", "web", "web-3");
    starting["status"]["conditions"][0]["status"] = json!("False");
    starting["status"]["startTime"] = json!(Timestamp::now().to_string());
    server.put(starting);
    server.put(usage("shop", "web-3", "0m"));
    assert!(ids(&ask(&server, 0)).contains(&"damped_by_unready".to_owned()));
}

#[test]
fn metrics_that_fail_in_part_or_never_fall_are_named() {
    let memory = json!({"type": "Resource", "resource": {"name": "memory",
        "target": {"type": "Utilization", "averageUtilization": 80}}});
    let server = healthy();
    set(&server, |web| {
        web["spec"]["metrics"]
            .as_array_mut()
            .unwrap()
            .push(memory.clone());
        web["status"]["currentMetrics"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": ""}));
    });
    // Memory has no request either, which is why.
    let report = ask(&server, 10);
    assert_eq!(ids(&report), ["missing_request", "partial_metrics"]);

    for name in ["web-1", "web-2"] {
        server.change("Pod", &format!("shop/{name}"), |pod| {
            pod["spec"]["containers"][0]["resources"]["requests"]["memory"] = json!("20Mi");
        });
    }
    set(&server, |web| {
        web["status"]["currentMetrics"][1] = json!({"type": "Resource", "resource": {"name": "memory",
            "current": {"averageUtilization": 100}}});
    });
    assert_eq!(ids(&ask(&server, 0)), ["memory_winner"]);
}

#[test]
fn custom_metrics_name_the_api_that_serves_them() {
    let server = healthy();
    set(&server, |web| {
        web["spec"]["metrics"] = json!([{"type": "Pods", "pods": {"metric": {"name": "requests"},
            "target": {"type": "AverageValue", "averageValue": "10"}}}]);
        blind(web, "FailedGetPodsMetric", "unable to get metric requests");
    });
    let report = ask(&server, 10);
    assert_eq!(ids(&report), ["metric_missing"]);
    assert!(
        first(&report, "evidence").contains("GET /apis/custom.metrics.k8s.io answers 404"),
        "{report}"
    );
}

#[test]
fn why_there_is_no_sample_is_told_apart() {
    let blinded = |message: &str| {
        let server = healthy();
        set(&server, |web| {
            blind(web, "FailedGetResourceMetric", message);
        });
        server
    };
    let none =
        "unable to get metrics for resource cpu: no metrics returned from resource metrics API";
    let server = blinded(none);
    assert_eq!(ids(&ask(&server, 10)), ["no_samples"]);
    for name in ["web-1", "web-2"] {
        server.change("Pod", &format!("shop/{name}"), |pod| {
            pod["status"]["startTime"] = json!(Timestamp::now().to_string());
        });
    }
    assert_eq!(ids(&ask(&server, 0)), ["no_samples_yet"]);
    for name in ["web-1", "web-2"] {
        server.delete("Pod", &format!("shop/{name}"));
    }
    assert_eq!(ids(&ask(&server, 10)), ["no_pods"]);

    let server = blinded("did not receive metrics for targeted pods (pods might be unready)");
    assert_eq!(ids(&ask(&server, 0)), ["pods_unready"]);

    for (reason, id) in [
        ("AmbiguousSelector", "ambiguous_selector"),
        ("InvalidSelector", "no_selector"),
    ] {
        let server = healthy();
        set(&server, |web| {
            blind(
                web,
                reason,
                "pods by selector app=web are controlled by several",
            );
        });
        assert_eq!(ids(&ask(&server, 10)), [id]);
    }
}

#[test]
fn zero_replicas_are_normal_where_it_went_there_itself() {
    let server = healthy();
    resize(&server, 0, 0);
    set(&server, |web| {
        web["spec"]["minReplicas"] = json!(0);
        web["spec"]["metrics"] = json!([{"type": "External", "external": {"metric": {"name": "queue"},
            "target": {"type": "AverageValue", "averageValue": "10"}}}]);
        web["spec"]["behavior"] =
            json!({"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}});
    });
    condition(&server, "ScalingActive", "False", "ScalingDisabled");
    let found = ids(&ask(&server, 0));
    assert_eq!(found, ["stuck_at_zero"]);
    condition(&server, "ScaledToZero", "True", "ScaledToZero");
    assert_eq!(ids(&ask(&server, 0)), ["scaled_to_zero"]);
    set(&server, |web| {
        web["spec"]["behavior"]["scaleUp"]["policies"][0]["type"] = json!("Percent");
    });
    assert_eq!(ids(&ask(&server, 0)), ["stuck_at_zero"]);
}

#[test]
fn the_clock_of_the_server_counts_and_not_ours() {
    // An hour behind: what the server calls new is old by our clock.
    let server = healthy();
    server.skew(-3_600);
    set(&server, |web| {
        web["status"] = json!({});
        let then = Timestamp::now() - jiff::SignedDuration::from_secs(3_600);
        web["metadata"]["creationTimestamp"] = json!(then.to_string());
    });
    assert_eq!(ids(&ask(&server, 0)), ["new"]);
}

#[test]
fn unknown_metrics_are_explained() {
    let missing = ApiServer::start();
    at_rest(&missing);
    missing.put(pod("shop", "web", "web-1"));
    set(&missing, |web| {
        blind(
            web,
            "FailedGetResourceMetric",
            "the server could not find the requested resource (get pods.metrics.k8s.io)",
        );
    });
    let report = ask(&missing, 10);
    assert_eq!(ids(&report), ["metrics_server_missing"]);
    assert!(
        report["details"]["causes"][0]["fix"]
            .as_str()
            .unwrap()
            .contains("install metrics-server")
    );

    let down = healthy();
    down.break_path("/apis/metrics.k8s.io", 503);
    set(&down, |web| {
        blind(
            web,
            "FailedGetResourceMetric",
            "the server is currently unable to handle the request",
        );
    });
    down.put(json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints", "message": "no endpoints"}]}}));
    let report = ask(&down, 10);
    assert_eq!(ids(&report), ["metrics_server_down"]);
    assert!(
        report["details"]["causes"][0]["evidence"]
            .as_str()
            .unwrap()
            .contains("MissingEndpoints")
    );

    let sidecar = healthy();
    sidecar.change("Pod", "shop/web-2", |pod| {
        pod["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "proxy"}));
    });
    set(&sidecar, |web| {
        blind(
            web,
            "FailedGetResourceMetric",
            "missing request for cpu in container proxy of Pod web-2",
        );
    });
    let report = ask(&sidecar, 10);
    assert_eq!(ids(&report), ["missing_request"]);
    assert!(
        report["details"]["causes"][0]["fix"]
            .as_str()
            .unwrap()
            .contains("on proxy")
    );
}

#[test]
fn a_target_that_is_missing_or_paused_or_fought_over_is_named() {
    let server = healthy();
    set(&server, |web| {
        web["spec"]["scaleTargetRef"]["name"] = json!("wbe");
    });
    let report = ask(&server, 10);
    assert!(ids(&report).contains(&"target_missing".to_owned()));
    assert!(
        report["details"]["causes"][0]["fix"]
            .as_str()
            .unwrap()
            .contains("web"),
        "{report}"
    );

    let paused = healthy();
    resize(&paused, 0, 0);
    assert!(ids(&ask(&paused, 10)).contains(&"paused".to_owned()));

    let fought = healthy();
    fought.change("Deployment", "shop/web", |web| {
        web["metadata"]["managedFields"] = json!([
            {"manager": "argocd-controller", "operation": "Update", "apiVersion": "apps/v1",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1",
             "subresource": "scale", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]);
    });
    let report = ask(&fought, 0);
    assert_eq!(ids(&report), ["replicas_fought"]);
    assert!(
        report["details"]["causes"][0]["evidence"]
            .as_str()
            .unwrap()
            .contains("argocd-controller")
    );
}

#[test]
fn what_may_not_be_read_is_not_called_fine() {
    let server = healthy();
    server.forbid("pods");
    let report = ask(&server, 11);
    let items = report["details"]["not_checked"].to_string();
    assert!(items.contains("no permission: list pods"), "{items}");
    assert!(report["summary"].as_str().unwrap().contains("not checked"));
}

#[test]
fn limits_are_told_apart_from_normal_states() {
    let server = healthy();
    let limited = |reason: &'static str| {
        move |web: &mut Value| {
            web["status"]["conditions"][2] = json!({"type": "ScalingLimited", "status": "True",
                "reason": reason, "message": "", "lastTransitionTime": "2026-11-23T09:00:00Z"});
        }
    };
    set(&server, limited("TooFewReplicas"));
    assert_eq!(ids(&ask(&server, 0)), ["idle_at_minimum"]);
    // Two pods at 50 % of their request: the metrics ask for two, the maximum is three.
    set(&server, limited("TooManyReplicas"));
    assert_eq!(ids(&ask(&server, 0)), ["at_maximum_satisfied"]);
    for name in ["web-1", "web-2"] {
        server.put(usage("shop", name, "400m"));
    }
    set(&server, |web| observe(web, 2, 3, 400));
    set(&server, limited("TooManyReplicas"));
    assert_eq!(ids(&ask(&server, 0)), ["at_maximum"]);
}

#[test]
fn pods_that_cannot_start_are_not_the_autoscalers_fault() {
    let server = healthy();
    resize(&server, 3, 2);
    let mut stuck = pod("shop", "web", "web-3");
    stuck["status"] = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled",
        "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}]});
    server.put(stuck);
    let report = ask(&server, 10);
    assert_eq!(ids(&report), ["capacity"]);
    assert!(
        report["details"]["causes"][0]["evidence"]
            .as_str()
            .unwrap()
            .contains("Insufficient cpu")
    );
}
