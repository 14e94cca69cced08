//! One table of ports: what the cluster maps to the machine is what the charts open, and what the
//! documents say.

use std::collections::BTreeMap;

use autoscaleops_testkit::{built, command};
use regex::Regex;
use serde_json::Value;

use crate::files::{apps, environment, list, read, root, yaml};

#[test]
fn the_cluster_maps_the_ports_that_the_charts_open() {
    let Some(opened) = opened() else { return };
    let Some(kind_up) = built("kind-up") else {
        return;
    };
    let output = command(kind_up)
        .current_dir(root().join("charts"))
        .args(["config", "show", "-o", "json"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ports = report["details"]["values"]["ports"].as_array().unwrap();
    let mapped: BTreeMap<String, u64> = ports
        .iter()
        .map(|port| {
            let name = port["name"].as_str().unwrap().to_owned();
            (name, port["port"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(mapped, opened);
}

#[test]
fn the_documents_name_no_other_ports() {
    let Some(opened) = opened() else { return };
    let port = Regex::new(r"localhost:(3\d{4})").unwrap();
    for file in list("docs", &[".md"])
        .into_iter()
        .chain(list("scripts/k6", &[".js"]))
    {
        for found in port.captures_iter(&read(&file)) {
            let number: u64 = found[1].parse().unwrap();
            assert!(
                opened.values().any(|known| *known == number),
                "{file}: {number}"
            );
        }
    }
}

/// Returns each node port that our manifests open, by the name of what answers there.
fn opened() -> Option<BTreeMap<String, u64>> {
    let port = |service: &Value| service["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
    let platform = apps(&[])?;
    let monitoring = platform
        .all("Application")
        .find(|app| app["metadata"]["name"] == "monitoring")
        .unwrap();
    let values = &monitoring["spec"]["source"]["helm"]["valuesObject"];
    let of_values = |name: &str| values[name]["service"]["nodePort"].as_u64().unwrap();
    Some(BTreeMap::from([
        ("dev".to_owned(), port(environment("dev")?.one("Service"))),
        ("prod".to_owned(), port(environment("prod")?.one("Service"))),
        (
            "argocd".to_owned(),
            port(&yaml("argocd/bootstrap/argocd-server-nodeport.yaml")),
        ),
        ("grafana".to_owned(), of_values("grafana")),
        ("prometheus".to_owned(), of_values("prometheus")),
    ]))
}

#[test]
fn the_workflow_installs_the_kind_that_the_bring_up_recommends() {
    let pins: toml::Table = toml::from_str(&read("argocd/bootstrap/versions.toml")).unwrap();
    let kind = pins["kind"]["recommended"].as_str().unwrap();
    let workflow = read(".github/workflows/e2e-kind.yml");
    assert!(
        workflow.contains(&format!("version: v{kind}\n")),
        "e2e-kind.yml: kind is not v{kind}"
    );
}
