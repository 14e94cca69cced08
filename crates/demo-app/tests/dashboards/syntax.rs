//! What can be told about the queries without running them.

use std::{collections::BTreeSet, fs};

use autoscaleops_testkit::{command, peer, root};

use crate::queries::{dashboards, inventory, of_dashboards, of_rules};

#[test]
fn promtool_parses_every_query_for_either_kind_of_application() {
    let Some(promtool) = peer("promtool") else {
        return;
    };
    for prefix in ["app", "flask"] {
        let mut rules = "groups:\n  - name: dashboards\n    rules:\n".to_owned();
        for (number, query) in of_dashboards().iter().enumerate() {
            let text = serde_json::to_string(&query.filled(prefix, "2m", "1h")).unwrap();
            rules.push_str(&format!(
                "      - record: panel:{number}\n        expr: {text}\n"
            ));
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queries.yaml");
        fs::write(&file, rules).unwrap();
        command(&promtool)
            .args(["check", "rules"])
            .arg(file)
            .assert()
            .success();
    }
}

#[test]
fn the_rules_keep_what_their_tests_promise() {
    let Some(promtool) = peer("promtool") else {
        return;
    };
    let rules = root().join("charts/observability/rules");
    command(&promtool)
        .current_dir(&rules)
        .args(["check", "rules", "recording.yaml", "alerts.yaml"])
        .assert()
        .success();
    command(&promtool)
        .current_dir(&rules)
        .args([
            "test",
            "rules",
            "tests/recording_test.yaml",
            "tests/alerts_test.yaml",
        ])
        .assert()
        .success();
}

#[test]
fn a_rule_made_worse_fails_its_tests() {
    let Some(promtool) = peer("promtool") else {
        return;
    };
    let rules = root().join("charts/observability/rules");
    for (file, test, from, to) in [
        ("alerts.yaml", "alerts_test.yaml", "for: 5m", "for: 1m"),
        ("alerts.yaml", "alerts_test.yaml", "> 0.05", "> 0.5"),
        (
            "recording.yaml",
            "recording_test.yaml",
            "health|ready",
            "health",
        ),
        (
            "recording.yaml",
            "recording_test.yaml",
            "resource_requests",
            "resource_limits",
        ),
        ("recording.yaml", "recording_test.yaml", ", image!=\"\"", ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tests")).unwrap();
        for name in ["alerts.yaml", "recording.yaml"] {
            let text = fs::read_to_string(rules.join(name)).unwrap();
            let mut worse = text.clone();
            if name == file {
                worse = text.replace(from, to);
                // The container's own filter must go with the image's to matter.
                if to.is_empty() {
                    worse = worse.replace("container!=\"\"", "container!=\"none\"");
                }
                assert_ne!(text, worse, "{from}");
            }
            fs::write(folder.path().join(name), worse).unwrap();
        }
        let copy = folder.path().join("tests").join(test);
        fs::copy(rules.join("tests").join(test), &copy).unwrap();
        command(&promtool)
            .args(["test", "rules"])
            .arg(copy)
            .assert()
            .failure();
    }
}

#[test]
fn dashboards_and_rules_use_only_metrics_that_somebody_exposes() {
    let (rules, recorded) = of_rules();
    let mut known: BTreeSet<String> = inventory()
        .into_iter()
        .flat_map(|(_, names)| names)
        .collect();
    let mut used = BTreeSet::new();
    // In place of app_build_info, for an application with prometheus_flask_exporter.
    known.insert("app_info".to_owned());
    for query in of_dashboards().into_iter().chain(rules) {
        for name in query.metrics() {
            assert!(
                known.contains(&name) || recorded.contains(&name),
                "{}: {name}",
                query.place
            );
            used.insert(name);
        }
    }
    // Used by a variable, not by a query.
    used.insert("kube_pod_info".to_owned());
    for name in known {
        assert!(
            used.contains(&name),
            "{name} is in the inventory and nowhere else"
        );
    }
}

#[test]
fn the_eight_panels_are_there_and_open_on_namespace_and_pod() {
    let (_, board) = dashboards()
        .into_iter()
        .find(|(name, _)| name == "application.json")
        .unwrap();
    let panels = board["panels"].as_array().unwrap();
    let title = |panel: &serde_json::Value| panel["title"].as_str().unwrap().to_owned();
    let titles: Vec<_> = panels.iter().map(title).collect();
    for number in 1..=8 {
        let start = format!("{number} · ");
        assert_eq!(
            titles
                .iter()
                .filter(|title| title.starts_with(&start))
                .count(),
            1,
            "{number}"
        );
    }
    let variables = board["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["datasource", "prefix", "namespace", "pod"]);
    for (_, board) in dashboards() {
        assert!(board["uid"].as_str().unwrap().starts_with("autoscaleops-"));
        let panels = board["panels"].as_array().unwrap();
        let ids: BTreeSet<_> = panels
            .iter()
            .map(|panel| panel["id"].as_u64().unwrap())
            .collect();
        assert_eq!(ids.len(), panels.len(), "ids are used once");
        for panel in panels.iter().filter(|panel| panel["type"] != "row") {
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{}",
                panel["title"]
            );
        }
    }
}
