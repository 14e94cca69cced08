//! Results in other forms, compared and examined.

use std::path::{Path, PathBuf};

use autoscaleops_testkit::tool;
use serde_json::{Value, json};

/// Runs the program and returns its exit code, standard output and standard error.
fn k6_run(arguments: &[&str]) -> (i32, String, String) {
    let output = tool!("k6-run")
        .args(arguments.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A report as a run writes it, with 60 seconds in which the latency goes up and down by `swing`.
fn report(folder: &Path, name: &str, p95: f64, swing: f64) -> PathBuf {
    let timeline: Vec<Value> = (0..60)
        .map(|it| {
            let value = if it % 6 < 3 { p95 - swing } else { p95 + swing };
            json!({"at": it + 1, "vus": 5, "requests": 100.0, "failed": 0.0, "latency_ms": value / 2.0, "p95_ms": value})
        })
        .collect();
    let values = json!({"avg": p95 / 2.0, "med": p95 / 2.0, "p(90)": p95, "p(95)": p95});
    let text = json!({
        "schema": "autoscaleops/report/v1", "tool": "k6-run", "version": "0.1.0", "verdict": "pass",
        "summary": "6,000 requests", "subject": {"kind": "load-test", "name": "load.js"},
        "details": {
            "engine": "native", "script": "load.js", "duration_ms": 60000.0, "iterations": 6000,
            "vus_max": 5, "started_at": "2026-11-23T09:00:05Z", "timeline": timeline,
            "thresholds": [{"metric": "http_req_duration", "condition": "p(95)<500", "value": p95, "samples": 6000, "ok": true}],
            "checks": [{"group": "::shop", "name": "is paid", "passes": 6000, "fails": 0}],
            "metrics": {
                "http_reqs": {"type": "counter", "contains": "default", "samples": 6000, "values": {"count": 6000, "rate": 100.0}},
                "http_req_failed": {"type": "rate", "contains": "default", "samples": 6000, "values": {"rate": 0.0, "passes": 0, "fails": 6000}},
                "http_req_duration": {"type": "trend", "contains": "time", "samples": 6000, "values": values},
            },
        },
        "started_at": "2026-11-23T09:00:04Z", "duration_ms": 61000,
    });
    let path = folder.join(name);
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

#[test]
fn a_comparison_is_a_table_a_gate_and_a_comment_for_a_pull_request() {
    let folder = tempfile::tempdir().unwrap();
    let base = report(folder.path(), "base.json", 100.0, 1.0);
    let head = report(folder.path(), "head.json", 140.0, 1.0);
    let (base, head) = (base.display().to_string(), head.display().to_string());
    let (code, out, _) = k6_run(&["compare", &base, &base]);
    assert_eq!(code, 0, "{out}");
    let markdown = folder.path().join("out.md");
    let report = format!("--report={}", markdown.display());
    let (code, out, _) = k6_run(&["compare", &base, &head, &report]);
    assert_eq!(code, 10, "{out}");
    for word in [
        "worse",
        "http_req_duration p(95)",
        "100 ms",
        "140 ms",
        "+40.0 %",
        "±10.0 %",
    ] {
        assert!(out.contains(word), "{word} is not in {out}");
    }
    assert!(out.lines().all(|it| it.chars().count() <= 200), "{out}");
    let comment = std::fs::read_to_string(markdown).unwrap();
    assert!(
        comment.contains("| ❌ | http\\_req\\_duration p(95) | 100 ms | 140 ms |"),
        "{comment}"
    );
    // The report of a comparison keeps its verdict in every form.
    let (code, out, _) = k6_run(&["compare", &base, &head, "-o", "json"]);
    assert_eq!(code, 10);
    let kept = folder.path().join("compared.json");
    std::fs::write(&kept, out).unwrap();
    let kept = kept.display().to_string();
    for (form, word) in [
        ("--html", "Against"),
        ("--junit", "regression: "),
        ("--md", "❌ k6-run: fail"),
    ] {
        let (code, out, _) = k6_run(&["report", &kept, form]);
        assert_eq!(code, 10, "{out}");
        assert!(out.contains(word), "{word} is not in {out}");
    }
}

#[test]
fn a_folder_is_several_runs_and_noise_is_no_regression() {
    let folder = tempfile::tempdir().unwrap();
    let side = |name: &str, values: [f64; 3]| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        for (place, value) in values.into_iter().enumerate() {
            report(&path, &format!("{place}.json"), value, 1.0);
        }
        path.display().to_string()
    };
    let base = side("base", [100.0, 101.0, 99.0]);
    let slower = side("slower", [140.0, 141.0, 139.0]);
    let wild = side("wild", [90.0, 140.0, 200.0]);
    assert_eq!(k6_run(&["compare", &base, &slower]).0, 10);
    let (code, out, _) = k6_run(&["compare", &base, &wild]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("unclear"), "{out}");
    let none = folder.path().join("none");
    std::fs::create_dir(&none).unwrap();
    assert_eq!(
        k6_run(&["compare", &base, &none.display().to_string()]).0,
        2
    );
    assert_eq!(k6_run(&["compare", &base, &base, "--tolerance=NaN"]).0, 2);
}

#[test]
fn what_is_no_result_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (text, word) in [
        ("{}", "neither a report of k6-run nor a summary"),
        ("{\"metrics\": {,}}", "is not JSON"),
        (
            "{\"tool\": \"tag-bump\", \"details\": {}}",
            "it is one of tag-bump",
        ),
        ("", "is not JSON"),
    ] {
        let path = folder.path().join("x.json");
        std::fs::write(&path, text).unwrap();
        let (code, _, err) = k6_run(&["report", &path.display().to_string(), "--md"]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(word), "{err}");
    }
}

#[test]
fn a_page_shows_load_and_replicas_on_one_axis() {
    let folder = tempfile::tempdir().unwrap();
    let result = report(folder.path(), "result.json", 100.0, 1.0);
    let recording = folder.path().join("scaling.jsonl");
    let point = |at: &str, spec: u64| {
        format!(
            "{{\"at\":\"2026-11-23T{at}Z\",\"type\":\"point\",\"hpa\":\"dev/shop\",\"min\":1,\"max\":3,\"spec\":{spec},\"ready\":{spec}}}\n"
        )
    };
    let lines = [
        point("09:00:00", 1),
        point("09:00:35", 3),
        point("09:03:00", 1),
    ];
    std::fs::write(&recording, lines.concat()).unwrap();
    let (result, recording) = (
        result.display().to_string(),
        recording.display().to_string(),
    );
    let (code, out, _) = k6_run(&["report", &result, "--html", "--hpa-recording", &recording]);
    assert_eq!(code, 0);
    for word in [
        "Requests a second",
        "Duration of requests",
        "Failed a second",
        "Virtual users",
        "Replicas of dev/shop (1 to 3)",
    ] {
        assert!(out.contains(word), "{word} is not there");
    }
    assert_eq!(out.matches("class=\"axis\"").count(), 1);
    // The recording began 5 s before the run and is 180 s long.
    assert!(out.contains("M0.0 66.7H194.4V0.0"), "{out}");
    assert!(!out.contains("<script"), "{out}");
}

#[test]
fn doctor_finds_options_on_their_lines_and_names_what_nobody_knows() {
    let (_folder, path) = super::script(
        "if (!__ENV.NEEDED) throw new Error('NEEDED is missing');\nexport const options = {\n  localIPs: '127.0.0.1',\n  thresold: {},\n};\nexport default function () {}\n",
    );
    let path = path.display().to_string();
    let doctor = |more: &[&str]| {
        let arguments = [&["doctor", "-o", "json", &path], more].concat();
        let (code, out, _) = k6_run(&arguments);
        assert_eq!(code, 0, "{out}");
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let known = doctor(&["-e", "NEEDED=1"]);
    assert_eq!(known["outputs"]["engine"], "k6");
    assert_eq!(known["findings"][0]["location"]["line"], 3, "{known}");
    assert_eq!(known["findings"][1]["id"], "unknown-option", "{known}");
    assert_eq!(known["findings"][1]["location"]["line"], 4, "{known}");
    assert_eq!(doctor(&[])["findings"][0]["id"], "not-loaded");
    let flagged = doctor(&["-e", "NEEDED=1", "--out", "influxdb=http://x"]);
    assert_eq!(
        flagged["details"]["notes"][0], "--out influxdb",
        "{flagged}"
    );
}
