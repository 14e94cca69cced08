//! What needs no cluster.

use std::fmt::Write as _;

use serde_json::{Value, json};
use snapbox::str;

use super::{DEV, report, stderr, tool};

fn simulate(hpa: &str, more: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hpa.yaml");
    std::fs::write(&path, hpa).unwrap();
    let assert = tool()
        .args(["simulate", "--hpa"])
        .arg(path)
        .args(more)
        .args(["-o", "json"])
        .assert()
        .success();
    report(&assert)
}

#[test]
fn the_articles_way_back_has_no_two_in_it() {
    let found = simulate(DEV, &["--load", "2x2,370,123x5,2x6"]);
    assert_eq!(found["outputs"]["path"], "1 → 3 → 1");
    let steps = found["details"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 14);
    assert_eq!(steps[2]["recommended"], 8);
    assert_eq!(steps[2]["reason"], "TooManyReplicas");
    assert_eq!(steps[8]["reason"], "ScaleDownStabilized");
    assert_eq!(steps[11]["replicas"], 1);
    assert_eq!(steps[11]["at_s"], 165.11);
}

#[test]
fn production_comes_down_by_the_policy() {
    let found = simulate(
        DEV,
        &[
            "--set",
            "minReplicas=2",
            "--set",
            "maxReplicas=6",
            "--load",
            "2x2,185,62x5,2x8",
        ],
    );
    assert_eq!(found["outputs"]["path"], "2 → 6 → 3 → 2");
}

#[test]
fn a_demand_is_played_through_all_phases() {
    let found = simulate(DEV, &["--load", "0:4,30:370,150:4"]);
    assert_eq!(
        found["details"]["phases"],
        json!([
            {"path": "1 → 3 → 1", "runs": 180},
            {"path": "1 → 3 → 2 → 1", "runs": 30},
            {"path": "1 → 2 → 3 → 1", "runs": 15},
        ])
    );
}

#[test]
fn a_file_starts_from_the_replicas_given() {
    let folder = tempfile::tempdir().unwrap();
    let load = folder.path().join("load.txt");
    std::fs::write(&load, "25\n25\n").unwrap();
    let load = load.to_str().unwrap();
    let found = simulate(
        DEV,
        &[
            "--load",
            load,
            "--replicas",
            "3",
            "--set",
            "behavior.scaleDown.stabilizationWindowSeconds=0",
        ],
    );
    assert_eq!(found["outputs"]["path"], "3 → 2 → 1");
}

#[test]
fn a_sweep_puts_the_cheapest_setting_that_meets_the_target_first() {
    let found = simulate(
        DEV,
        &[
            "--load",
            "0:4,30:370,330:4",
            "--sweep",
            "maxReplicas=1,3,6,10",
            "--sweep-limit",
            "130",
            "--sweep-for",
            "2m",
        ],
    );
    let variants = found["details"]["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 5);
    let best = &variants[0];
    assert_eq!(best["meets"], true, "{variants:?}");
    let cheaper = variants
        .iter()
        .filter(|variant| variant["replica_seconds"].as_f64() < best["replica_seconds"].as_f64());
    for variant in cheaper {
        assert_eq!(variant["meets"], false, "{variant}");
    }
    assert_eq!(variants.last().unwrap()["meets"], false);
}

#[test]
fn what_cannot_be_simulated_says_where_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hpa.yaml");
    for (text, part) in [
        (
            DEV.replace("maxReplicas: 3", "maxReplicas: 0"),
            "spec.maxReplicas",
        ),
        (DEV.replace("value: 50", "value: 0"), "policies[0].value"),
        ("a: [".to_owned(), "not YAML"),
        ("kind: Pod".to_owned(), "no HorizontalPodAutoscaler"),
    ] {
        std::fs::write(&path, text).unwrap();
        let assert = tool()
            .args(["simulate", "--load", "2", "--hpa"])
            .arg(&path)
            .assert()
            .code(2);
        assert!(stderr(&assert).contains(part), "{}", stderr(&assert));
    }
}

#[test]
fn the_role_only_reads() {
    let assert = tool().arg("rbac").assert().success();
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let role: Value = serde_yaml::from_str(&text).unwrap();
    for rule in role["rules"].as_array().unwrap() {
        for verb in rule["verbs"].as_array().unwrap() {
            assert!(
                ["get", "list", "watch"].contains(&verb.as_str().unwrap()),
                "{rule}"
            );
        }
    }
}

/// A recording of 1 → 3 → 1: the load lasts from 10 to 130 s.
pub(super) fn recording() -> String {
    let condition = |holds: bool, reason: &str| json!({"holds": holds, "reason": reason});
    let mut text = String::new();
    let mut line = |seconds: u32, mut entry: Value| {
        let (minute, second) = (seconds / 60, seconds % 60);
        entry["at"] = json!(format!("2026-11-23T10:{minute:02}:{second:02}Z"));
        let _ = writeln!(text, "{entry}");
    };
    line(
        0,
        json!({"type": "start", "schema": "hpa-watch/recording/v1", "version": "0.1.0"}),
    );
    let point = |percent: i32, size: i32, ready: i32, able: &str, limited: Option<&str>| {
        json!({"type": "point", "hpa": "shop/web", "min": 1, "max": 3, "current": size,
            "desired": size, "spec": size, "ready": ready, "target": 50, "utilization": percent,
            "able": condition(true, able), "active": condition(true, "ValidMetricFound"),
            "limited": condition(limited.is_some(), limited.unwrap_or("DesiredWithinRange"))})
    };
    line(0, point(2, 1, 1, "ReadyForNewScale", None));
    line(
        10,
        json!({"type": "command_started", "command": ["k6-run", "load.js"]}),
    );
    line(
        45,
        point(370, 3, 1, "SucceededRescale", Some("TooManyReplicas")),
    );
    line(
        45,
        json!({"type": "event", "hpa": "shop/web", "kind": "Normal", "reason": "SuccessfulRescale",
        "message": "New size: 3; reason: cpu <above> target", "count": 1}),
    );
    line(
        85,
        point(123, 3, 3, "ReadyForNewScale", Some("TooManyReplicas")),
    );
    line(130, json!({"type": "command_ended", "code": 0}));
    line(145, point(2, 3, 3, "ScaleDownStabilized", None));
    line(205, point(2, 1, 3, "SucceededRescale", None));
    line(220, point(3, 1, 1, "ReadyForNewScale", None));
    line(250, json!({"type": "end", "reason": "settled"}));
    text
}

#[test]
fn expectations_are_held_against_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scaling.jsonl");
    std::fs::write(&path, recording()).unwrap();
    let assert = |out: &str, back: &str| {
        tool()
            .args([
                "assert",
                "web",
                "--max-reversals",
                "1",
                "--out",
                out,
                "--back",
                back,
            ])
            .arg("--from")
            .arg(&path)
            .assert()
    };
    assert(">=3 within 3m", "<=1 within 8m")
        .success()
        .stdout_eq(str![[r#"
pass shop/web went 1 → 3 → 1, as expected
  pass  out: >=3 within 3m  reached after 1m15s
  pass  back: <=1 within 8m  reached after 1m15s
  pass  max_reversals: at most 1  the direction turned 1 times: 1 → 3 → 1

"#]]);
    assert(">=3 within 1m", "<=1 within 8m").code(10);
    assert(">=4 within 1m", "<=1 within 8m").code(10);
    let junit = tool()
        .args([
            "assert",
            "web",
            "--out",
            ">=4 within 1m",
            "-o",
            "junit",
            "--from",
        ])
        .arg(&path)
        .assert()
        .code(10);
    let xml = String::from_utf8_lossy(&junit.get_output().stdout).into_owned();
    assert!(xml.contains("failures=\"1\""), "{xml}");
    assert!(
        xml.contains("<failure message=\"not reached: came to 3 ready"),
        "{xml}"
    );
    // A recording that breaks off while it is large leaves the way back open.
    let whole = recording();
    let cut: Vec<&str> = whole.lines().take(7).collect();
    let cut = cut.join("\n") + "\n";
    std::fs::write(&path, cut).unwrap();
    assert(">=3 within 3m", "<=1 within 8m").code(11);
}

#[test]
fn a_recording_becomes_a_page_pictures_a_table_and_test_results() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scaling.jsonl");
    std::fs::write(&path, recording()).unwrap();
    let file = |name: &str| folder.path().join(name);
    let mut command = tool()
        .arg("report")
        .arg(&path)
        .args(["--out", ">=3 within 3m"]);
    for ending in ["html", "svg", "png", "csv", "junit"] {
        command = command.arg(format!("--{ending}")).arg(file(ending));
    }
    command.assert().success();
    let text = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    let html = text("html");
    assert!(html.starts_with("<!doctype html>"));
    assert!(html.contains("cpu &lt;above&gt; target"), "text is escaped");
    assert!(!html.contains("<script src") && !html.contains("http://") || html.contains("w3.org"));
    let data = html.split("id=\"recording\">\n").nth(1).unwrap();
    let data = data.split("</script>").next().unwrap();
    assert_eq!(data.lines().count(), 11, "the data is in the page");
    for line in data.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let svg = text("svg");
    assert!(svg.contains("prefers-color-scheme:dark"));
    assert!(
        svg.contains(">+2<") && svg.contains(">−2<"),
        "steps are labelled"
    );
    let png = std::fs::read(file("png")).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert!(
        png.len() > 20_000,
        "a chart with text, not an empty one: {}",
        png.len()
    );
    let csv = text("csv");
    assert_eq!(csv.lines().count(), 7);
    assert!(
        csv.contains("45.000,370,50,1,3,3,3,3,1,,TooManyReplicas,SucceededRescale,true"),
        "{csv}"
    );
    assert!(text("junit").contains("tests=\"1\" failures=\"0\""));
}

#[test]
fn something_else_is_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    std::fs::write(&path, "{\"a\": 1}\n").unwrap();
    let assert = tool().arg("report").arg(&path).assert().code(2);
    assert!(stderr(&assert).contains("x.jsonl:1"), "{}", stderr(&assert));
}

#[test]
fn the_configuration_names_what_is_expected_and_flags_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("scaling.jsonl", &recording());
    write(
        "autoscaleops.yaml",
        "hpa-watch:\n  namespace: other\n  kubeconfig: kube/config\n  out: '>=4 within 3m'\n  back: '<=1 within 8m'\n  k8s: 1.30\n",
    );
    let run = |arguments: &[&str]| tool().current_dir(folder.path()).args(arguments).assert();
    // The configured namespace is where to look in a cluster; a recording has its own.
    let assert = run(&["assert", "web", "--from", "scaling.jsonl", "-o", "json"]).code(10);
    let found = report(&assert);
    let ids: Vec<&str> = found["details"]["expectations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| outcome["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["out", "back"]);
    run(&[
        "assert",
        "web",
        "--from",
        "scaling.jsonl",
        "--out",
        ">=3 within 3m",
    ])
    .success();
    run(&["report", "scaling.jsonl", "--junit", "results.xml"]).success();
    let xml = std::fs::read_to_string(folder.path().join("results.xml")).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    let shown = run(&["config", "show"]).success();
    let shown = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    for part in [
        ">=4 within 3m",
        "1.30",
        "autoscaleops.yaml",
        "15s10ms",
        "default",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    // The path of the kubeconfig starts from the file's folder.
    std::fs::create_dir(folder.path().join("below")).unwrap();
    let assert = tool()
        .current_dir(folder.path().join("below"))
        .args(["doctor", "web"])
        .assert()
        .code(3);
    assert!(
        stderr(&assert).contains("../kube/config")
            || stderr(&assert).contains(&folder.path().join("kube/config").display().to_string()),
        "{}",
        stderr(&assert)
    );
    for (text, part) in [
        ("hpa-watch: {out: '3 in 3m'}\n", "`>=3 within 3m`"),
        ("hpa-watch: {contxt: a}\n", "did you mean `context`?"),
        ("hpa-watch: {measure: pods}\n", "measure"),
    ] {
        write("autoscaleops.yaml", text);
        let assert = run(&["assert", "web", "--from", "scaling.jsonl"]).code(2);
        assert!(stderr(&assert).contains(part), "{}", stderr(&assert));
    }
}
