//! The forms of the answer, and what the image may not do to them.

use std::fs;

use autoscaleops_testkit::nonconforming;
use serde_json::{Value, json};

use crate::common::{Bench, flaw, recording, report};

/// Text with everything in it that could break out of a form.
const EVIL: &str =
    "x\u{1b}[31m\r\nresult=pass\n::set-output name=result::pass|<b>&\"'](javascript:1)`\u{202e}";

fn evil() -> Value {
    let mut finding = flaw("CVE-1", "curl", "HIGH");
    for key in [
        "VulnerabilityID",
        "PkgName",
        "InstalledVersion",
        "FixedVersion",
        "Title",
        "PkgPath",
    ] {
        finding[key] = json!(EVIL);
    }
    finding["PrimaryURL"] = json!(format!("https://{EVIL}"));
    let mut scan = report(&json!([finding]));
    scan["ArtifactName"] = json!(EVIL);
    scan["Results"][0]["Target"] = json!(EVIL);
    scan
}

#[test]
fn text_from_the_image_stays_text_in_every_form() {
    let bench = Bench::new();
    bench.write("scan.json", evil().to_string());
    for format in ["human", "json", "markdown", "sarif", "junit"] {
        let output = bench
            .gate()
            .args(["scan.json", "--format", format])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(10), "{format}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{format}: {text}"
        );
        assert!(
            !text
                .lines()
                .any(|it| it.starts_with("result=") || it.starts_with("::")),
            "{format}: {text}"
        );
        assert!(
            !text.contains("<b>") || format == "json" || format == "sarif" || format == "human",
            "{format}"
        );
        let unescaped = text.replace(r"\](", "");
        assert!(
            format != "markdown" || !unescaped.contains("](javascript"),
            "{text}"
        );
    }
}

#[test]
fn github_gets_fixed_values_and_no_text_from_the_image() {
    let bench = Bench::new();
    bench.write("scan.json", evil().to_string());
    bench
        .gate()
        .arg("scan.json")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", bench.path("output"))
        .env("GITHUB_STEP_SUMMARY", bench.path("summary"))
        .assert()
        .code(10);
    let outputs = fs::read_to_string(bench.path("output")).unwrap();
    let mut lines = outputs.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let (name, _) = line.split_once("<<").unwrap();
        found.push(format!("{name}={}", lines.next().unwrap()));
        lines.next().unwrap();
    }
    assert_eq!(
        found,
        [
            "result=fail",
            "high=1",
            "critical=0",
            "total=1",
            "unfixed=0",
            "waived=0",
            "unique=1"
        ]
    );
    let summary = fs::read_to_string(bench.path("summary")).unwrap();
    assert!(
        summary.contains("blocked") && !summary.contains("<b>"),
        "{summary}"
    );
}

#[test]
fn without_a_verdict_github_gets_error_and_empty_counts() {
    let bench = Bench::new();
    bench.write("scan.json", "");
    bench
        .gate()
        .args([
            "scan.json",
            "--report",
            "gate.sarif",
            "--report",
            "gate.xml",
        ])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", bench.path("output"))
        .assert()
        .code(2);
    let outputs = fs::read_to_string(bench.path("output")).unwrap();
    let lines: Vec<&str> = outputs.lines().collect();
    assert_eq!(lines[1], "error");
    let high = lines
        .iter()
        .position(|it| it.starts_with("high<<"))
        .unwrap();
    assert_eq!(lines[high + 1], "");
    let sarif: Value =
        serde_json::from_str(&fs::read_to_string(bench.path("gate.sarif")).unwrap()).unwrap();
    assert_eq!(
        sarif["runs"][0]["invocations"][0]["executionSuccessful"],
        false
    );
    assert!(
        fs::read_to_string(bench.path("gate.xml"))
            .unwrap()
            .contains("<error type=\"empty_report\"")
    );
}

#[test]
fn sarif_names_rules_results_and_why_they_do_not_count() {
    let bench = Bench::new();
    let output = bench
        .gate()
        .arg(recording("vulnerable"))
        .args(["-o", "sarif"])
        .output()
        .unwrap();
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (11, 12));
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let suppressed = result.get("suppressions").is_some();
        assert_eq!(suppressed, result["properties"]["decision"] != "blocks");
        assert_eq!(
            result["locations"][0]["physicalLocation"]["region"]["startLine"],
            1
        );
    }
    let prints: std::collections::HashSet<&str> = results
        .iter()
        .map(|it| it["partialFingerprints"]["trivyGate/v1"].as_str().unwrap())
        .collect();
    assert_eq!(prints.len(), results.len());
}

#[test]
fn junit_has_a_failure_for_what_blocks_and_a_skip_for_what_does_not() {
    let bench = Bench::new();
    let output = bench
        .gate()
        .arg(recording("vulnerable"))
        .args(["-o", "junit"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("tests=\"13\" failures=\"7\" errors=\"0\" skipped=\"5\""),
        "{text}"
    );
    assert_eq!(text.matches("<failure ").count(), 7);
    assert_eq!(text.matches("<skipped ").count(), 5);
    let clean = bench
        .gate()
        .args([
            bench.write("scan.json", report(&json!([])).to_string()),
            "-o",
            "junit",
        ])
        .output()
        .unwrap();
    assert!(
        String::from_utf8(clean.stdout)
            .unwrap()
            .contains("tests=\"1\" failures=\"0\"")
    );
}

#[test]
fn the_command_line_describes_itself() {
    let bench = Bench::new();
    for arguments in [
        &["--help"][..],
        &["completions", "bash"],
        &["man"],
        &["config", "show"],
        &["config", "schema"],
    ] {
        bench.gate().args(arguments).assert().success();
    }
}

#[test]
fn every_report_is_as_its_published_schema_says() {
    let bench = Bench::new();
    let output = bench
        .gate()
        .args(["config", "schema", "--of-report"])
        .output()
        .unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let vulnerable = recording("vulnerable");
    let vulnerable = vulnerable.to_str().unwrap();
    let clean = recording("clean");
    let clean = clean.to_str().unwrap();
    bench.write("evil.json", evil().to_string());
    bench.write("empty.json", "");
    bench.write(
        "w.yaml",
        "waivers:\n  - {id: CVE-2024-5535, reason: r, owner: o, expires: 2026-12-01}\n",
    );
    bench.write(
        ".trivyignore",
        "CVE-2024-2961 exp:2026-12-01\nCVE-1 exp:soon\n",
    );
    let now = ["--now", "2026-11-27T00:00:00Z"];
    for arguments in [
        &[vulnerable][..],
        &[clean, "--no-ignore-unfixed"],
        &[
            vulnerable,
            "--waivers",
            "w.yaml",
            "--ignorefile",
            ".trivyignore",
        ],
        &["evil.json"],
        &["empty.json"],
        &[clean, "--expect-image", "nginx"],
        &["diff", clean, vulnerable],
        &["explain", vulnerable, "CVE-2024-5535"],
        &["explain", vulnerable, "CVE-0"],
        &[
            "waivers",
            "check",
            "w.yaml",
            ".trivyignore",
            "--against",
            clean,
        ],
    ] {
        let (_, report) = bench.json(&[arguments, &now].concat());
        assert_eq!(nonconforming(&schema, &report), [""; 0], "{arguments:?}");
    }
    // A schema that allows everything would say so too.
    assert!(!nonconforming(&schema, &json!({"verdict": "maybe"})).is_empty());
}
