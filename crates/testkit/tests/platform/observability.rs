//! The dashboards and rules as they reach the cluster.

use std::fs;

use serde_json::Value;

use crate::files::{golden, helm, read, refused, root};

const CHART: &str = "charts/observability";

#[test]
fn the_chart_renders_as_recorded() {
    let Some(rendered) = helm(CHART, "observability", "monitoring", &[]) else {
        return;
    };
    let rendered = rendered.unwrap_or_else(|error| panic!("{error}"));
    // Without the dashboards, which are compared whole below.
    let text: String = rendered
        .text
        .split("\n---\n")
        .filter(|document| !document.contains("kind: ConfigMap"))
        .collect::<Vec<_>>()
        .join("\n---\n");
    golden(&text, &format!("{CHART}/tests/golden/default.yaml"));
}

#[test]
fn what_is_tested_is_what_is_deployed() {
    let Some(rendered) = helm(CHART, "observability", "monitoring", &[]) else {
        return;
    };
    let rendered = rendered.unwrap_or_else(|error| panic!("{error}"));
    for name in ["recording", "alerts"] {
        let tested: Value =
            serde_yaml::from_str(&read(&format!("{CHART}/rules/{name}.yaml"))).unwrap();
        let deployed = rendered
            .all("PrometheusRule")
            .find(|rule| rule["metadata"]["name"] == format!("autoscaleops-{name}"));
        assert_eq!(deployed.unwrap()["spec"], tested, "{name}");
    }
    let mut boards = 0;
    for map in rendered.all("ConfigMap") {
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
        for (file, text) in map["data"].as_object().unwrap() {
            let text = text.as_str().unwrap();
            let tested =
                fs::read_to_string(root().join(CHART).join("dashboards").join(file)).unwrap();
            assert_eq!(text, tested.trim_end(), "{file}");
            // A ConfigMap takes no more than a mebibyte.
            assert!(text.len() < 900_000, "{file}");
            boards += 1;
        }
    }
    assert_eq!(boards, 2);
}

#[test]
fn an_application_of_another_name_has_its_own_rules() {
    let values = format!("{CHART}/tests/flask-values.yaml");
    let Some(rendered) = helm(CHART, "observability", "monitoring", &[&values]) else {
        return;
    };
    let rendered = rendered.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        rendered
            .text
            .contains("flask_http_request_duration_seconds_count{namespace=~\"staging\"")
    );
    assert!(rendered.text.contains("job=\"shop\""));
    assert!(!rendered.text.contains("dev|prod"));
    assert!(!rendered.text.contains(" app_http_"));
}

#[test]
fn every_input_that_cannot_be_meant_is_refused_with_its_place() {
    refused(CHART, &format!("{CHART}/tests/reject"));
}
