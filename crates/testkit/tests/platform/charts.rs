//! The workload's chart, rendered by the real Helm.

use serde_json::{Value, json};

use crate::files::{Rendered, environment, golden, helm, list, refused};

const CHART: &str = "charts/demo-app";

#[test]
fn both_environments_render_as_recorded() {
    for name in ["dev", "prod"] {
        let values = format!("{CHART}/values-{name}.yaml");
        let tag = format!("{CHART}/tests/golden/{name}-values.yaml");
        let Some(rendered) = helm(CHART, "demo-app", name, &[&values, &tag]) else {
            return;
        };
        let rendered = rendered.unwrap_or_else(|error| panic!("{name}: {error}"));
        golden(&rendered.text, &format!("{CHART}/tests/golden/{name}.yaml"));
    }
}

#[test]
fn every_input_that_cannot_be_meant_is_refused_with_its_place() {
    refused(CHART, &format!("{CHART}/tests/reject"));
}

#[test]
fn the_other_branches_of_the_templates_render_too() {
    for file in list(&format!("{CHART}/ci"), &["-values.yaml"]) {
        let Some(rendered) = helm(CHART, "demo-app", "x", &[&file]) else {
            return;
        };
        let rendered = rendered.unwrap_or_else(|error| panic!("{file}: {error}"));
        let deployment = rendered.one("Deployment");
        if file.contains("hpa-off") {
            assert_eq!(deployment["spec"]["replicas"], 4);
            assert_eq!(rendered.all("HorizontalPodAutoscaler").count(), 0);
            assert_eq!(rendered.all("NetworkPolicy").count(), 0);
        } else {
            let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
            let image = image.as_str().unwrap();
            assert!(
                image.starts_with("registry.example.org:5000/team/demo-app:2.10.0@sha256:0123")
            );
            assert_eq!(
                rendered.one("Service")["spec"]["ports"][0].get("nodePort"),
                None
            );
        }
    }
}

#[test]
fn the_replicas_are_left_to_the_autoscaler_which_has_the_settings_of_the_article() {
    for (name, bounds, port) in [("dev", (1, 3), 30007), ("prod", (2, 6), 30011)] {
        let Some(rendered) = environment(name) else {
            return;
        };
        let deployment = rendered.one("Deployment");
        assert_eq!(deployment["spec"].get("replicas"), None, "{name}");
        let hpa = &rendered.one("HorizontalPodAutoscaler")["spec"];
        assert_eq!(
            (&hpa["minReplicas"], &hpa["maxReplicas"]),
            (&json!(bounds.0), &json!(bounds.1))
        );
        assert_eq!(
            hpa["metrics"][0]["resource"]["target"]["averageUtilization"],
            50
        );
        let down = &hpa["behavior"]["scaleDown"];
        assert_eq!(down["stabilizationWindowSeconds"], 60);
        assert_eq!(
            down["policies"],
            json!([{ "type": "Percent", "value": 50, "periodSeconds": 15 }])
        );
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            container["resources"]["requests"],
            json!({ "cpu": "100m", "memory": "128Mi" })
        );
        assert_eq!(
            container["resources"]["limits"],
            json!({ "cpu": "500m", "memory": "256Mi" })
        );
        assert_eq!(
            rendered.one("Service")["spec"]["ports"][0]["nodePort"],
            port
        );
    }
}

#[test]
fn whatever_selects_pods_selects_these_and_no_others() {
    let Some(rendered) = environment("prod") else {
        return;
    };
    let deployment = rendered.one("Deployment");
    let pods = &deployment["spec"]["template"]["metadata"]["labels"];
    let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0];
    let selectors = [
        &deployment["spec"]["selector"]["matchLabels"],
        &rendered.one("Service")["spec"]["selector"],
        &rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &rendered.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        &spread["labelSelector"]["matchLabels"],
    ];
    let test_pod = &rendered.one("Pod")["metadata"]["labels"];
    for selector in selectors {
        assert!(selects(selector, pods), "{selector} of {pods}");
        assert!(
            !selects(selector, test_pod),
            "{selector} takes the test pod"
        );
        assert!(
            selector.get("app.kubernetes.io/version").is_none(),
            "a selector cannot change"
        );
    }
    let target = &rendered.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"];
    assert_eq!(target["name"], deployment["metadata"]["name"]);
    let service = rendered.one("Service");
    let monitor = &rendered.one("ServiceMonitor")["spec"];
    assert!(selects(
        &monitor["selector"]["matchLabels"],
        &service["metadata"]["labels"]
    ));
    assert_eq!(
        monitor["endpoints"][0]["port"],
        service["spec"]["ports"][0]["name"]
    );
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().unwrap();
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
}

#[test]
fn every_pod_keeps_the_restricted_standard() {
    let Some(rendered) = environment("prod") else {
        return;
    };
    let deployment = &rendered.one("Deployment")["spec"]["template"]["spec"];
    for pod in [deployment, &rendered.one("Pod")["spec"]] {
        assert_eq!(pod["automountServiceAccountToken"], false);
        let security = &pod["containers"][0]["securityContext"];
        assert_eq!(security["runAsNonRoot"], true);
        // A name would not do: the kubelet cannot tell that it is not root.
        assert_eq!(security["runAsUser"], 10001);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    }
}

#[test]
fn the_time_to_end_is_longer_than_draining_and_finishing() {
    let Some(rendered) = environment("prod") else {
        return;
    };
    let pod = &rendered.one("Deployment")["spec"]["template"]["spec"];
    let drain: u64 = variable(&rendered, "DRAIN_MS").parse().unwrap();
    // The application's own default for requests under way.
    let finish = 10_000;
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap() * 1000;
    assert!(grace > drain + finish, "{grace} ms for {drain} + {finish}");
}

#[test]
fn the_application_tells_the_tag_that_git_holds() {
    for (name, pattern) in [
        ("dev", r"^dev-\d{14}-[0-9a-f]{7}$"),
        ("prod", r"^\d+\.\d+\.\d+$"),
    ] {
        let Some(rendered) = environment(name) else {
            return;
        };
        let version = variable(&rendered, "APP_VERSION");
        assert!(
            regex::Regex::new(pattern).unwrap().is_match(&version),
            "{version}"
        );
    }
}

fn variable(rendered: &Rendered, name: &str) -> String {
    let pod = &rendered.one("Deployment")["spec"]["template"]["spec"];
    let variables = pod["containers"][0]["env"].as_array().unwrap();
    let variable = variables
        .iter()
        .find(|variable| variable["name"] == name)
        .unwrap();
    variable["value"].as_str().unwrap().to_owned()
}
