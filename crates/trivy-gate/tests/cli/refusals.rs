//! Nothing but a whole, current report of the right image opens the gate.

use serde_json::{Value, json};

use crate::common::{Bench, flaw, report};

/// Runs the gate on `text` and returns its code and the kind of error.
fn refused(bench: &Bench, text: &str) -> (i32, String) {
    bench.write("scan.json", text);
    let (code, answer) = bench.json(&["scan.json"]);
    assert_ne!(answer["verdict"], "pass", "{text}");
    assert_eq!(answer["outputs"]["result"], "error", "{text}");
    assert_eq!(
        answer["outputs"]["total"],
        Value::Null,
        "nothing was counted: {text}"
    );
    (code, answer["error"]["kind"].as_str().unwrap().to_owned())
}

#[test]
fn what_is_not_one_whole_report_is_refused_with_code_2() {
    let bench = Bench::new();
    let whole = report(&json!([flaw("CVE-1", "curl", "LOW")])).to_string();
    for (text, kind) in [
        (String::new(), "empty_report"),
        (" \n".to_owned(), "empty_report"),
        (whole[..whole.len() - 1].to_owned(), "truncated_report"),
        (whole[..whole.len() / 2].to_owned(), "truncated_report"),
        (format!("{whole}{whole}"), "trailing_data"),
        (format!("{whole} x"), "trailing_data"),
        (format!("\u{feff}{whole}"), "not_json"),
        (
            whole.replacen(
                "\"Severity\":\"LOW\"",
                "\"Severity\":\"CRITICAL\",\"Severity\":\"LOW\"",
                1,
            ),
            "duplicate_key",
        ),
        (
            whole.replacen("\"Results\"", "\"Results\":[],\"Results\"", 1),
            "duplicate_key",
        ),
        (
            whole.replacen("\"Severity\"", "\"severity\"", 1),
            "not_trivy",
        ),
        (whole.replacen("\"Results\"", "\"results\"", 1), "not_trivy"),
        (whole.replacen("\"LOW\"", "\"IMPORTANT\"", 1), "not_trivy"),
        (whole.replacen("\"CVE-1\"", "\"\"", 1), "not_trivy"),
        (
            whole.replacen("\"SchemaVersion\":2,", "", 1),
            "unknown_schema",
        ),
        (
            whole.replacen("\"SchemaVersion\":2", "\"SchemaVersion\":99", 1),
            "unknown_schema",
        ),
        (
            whole.replacen("\"SchemaVersion\":2", "\"SchemaVersion\":2.0", 1),
            "not_trivy",
        ),
        ("null".to_owned(), "not_trivy"),
        ("[]".to_owned(), "not_trivy"),
        ("{}".to_owned(), "unknown_schema"),
        ("<testsuites/>".to_owned(), "not_json"),
        ("Total: 3".to_owned(), "not_json"),
        (
            format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)),
            "not_trivy",
        ),
    ] {
        let start: String = text.chars().take(60).collect();
        assert_eq!(refused(&bench, &text), (2, kind.to_owned()), "{start}");
    }
    bench.write("scan.json", b"\xff\xfe{\0}\0");
    assert_eq!(bench.json(&["scan.json"]).0, 2);
    assert_eq!(bench.json(&["missing.json"]).0, 2);
}

#[test]
fn the_reports_of_other_scanners_are_named() {
    let bench = Bench::new();
    for (text, name) in [
        (r#"{"ClusterName":"x","Resources":[]}"#, "trivy k8s"),
        (
            r#"{"apiVersion":"aquasecurity.github.io/v1alpha1","kind":"VulnerabilityReport"}"#,
            "trivy-operator",
        ),
        (r#"{"bomFormat":"CycloneDX","metadata":{}}"#, "CycloneDX"),
        (r#"{"spdxVersion":"SPDX-2.3"}"#, "SPDX"),
        (r#"{"version":"2.1.0","runs":[]}"#, "SARIF"),
        (r#"{"matches":[],"descriptor":{}}"#, "Grype"),
        (r#"{"results":[]}"#, "osv-scanner"),
        (r#"{"scan":{},"vulnerabilities":[]}"#, "GitLab"),
        (r#"[{"Target":"x","Vulnerabilities":null}]"#, "before 0.20"),
    ] {
        bench.write("scan.json", text);
        let (code, answer) = bench.json(&["scan.json"]);
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(code, 2);
        assert!(message.contains(name), "{text}: {message}");
    }
}

#[test]
fn errors_point_at_line_and_column_and_say_what_to_do() {
    let bench = Bench::new();
    bench.write(
        "scan.json",
        "{\n  \"SchemaVersion\": 2,\n  \"ArtifactName\": 7\n}\n",
    );
    bench
        .gate()
        .arg("scan.json")
        .assert()
        .code(2)
        .stdout_eq("error  scan.json:3:19: expected a text, found a number\n")
        .stderr_eq(snapbox::str![[r#"
error: scan.json:3:19: expected a text, found a number
  try:   give the unfiltered output of `trivy image --format json`

"#]]);
}

#[test]
fn a_scan_that_is_no_evidence_is_undecided_with_code_11() {
    let bench = Bench::new();
    let whole = report(&json!([]));
    let mut empty = whole.clone();
    empty["Results"] = json!([]);
    let mut files = whole.clone();
    files["ArtifactType"] = json!("filesystem");
    let mut stolen = whole.clone();
    stolen["Trivy"] = json!({"Version": "0.69.4"});
    let mut undated = whole.clone();
    undated["CreatedAt"] = json!("0001-01-01T00:00:00Z");
    let day: &[&str] = &["--max-age", "24h", "--now", "2026-11-24T00:00:00Z"];
    for (scan, arguments, kind) in [
        (&empty, &[][..], "nothing_scanned"),
        (&files, &[], "wrong_artifact"),
        (&stolen, &[], "malicious_trivy"),
        (
            &whole,
            &["--expect-image", "ghcr.io/acme/shop:1.2.4"],
            "wrong_image",
        ),
        (
            &whole,
            &[
                "--expect-image",
                "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            ],
            "identity_unknown",
        ),
        (&undated, day, "age_unknown"),
        (
            &whole,
            &["--max-age", "1h", "--now", "2026-11-24T00:00:00Z"],
            "stale_report",
        ),
    ] {
        let (code, answer) = bench.judge(scan, arguments);
        assert_eq!(
            (code, &answer["error"]["kind"], &answer["verdict"]),
            (11, &json!(kind), &json!("undecided"))
        );
    }
    assert_eq!(bench.judge(&empty, &["--allow-empty"]).0, 0);
    assert_eq!(
        bench.judge(&files, &["--artifact-types", "filesystem"]).0,
        0
    );
    assert_eq!(
        bench
            .judge(
                &whole,
                &[day, &["--expect-image", "ghcr.io/acme/shop:1.2.3"]].concat()
            )
            .0,
        0
    );
}

#[test]
fn a_report_larger_than_allowed_is_refused() {
    let bench = Bench::new();
    let whole = report(&json!([flaw("CVE-1", "curl", "LOW")]));
    let (code, answer) = bench.judge(&whole, &["--max-report-bytes", "500"]);
    assert_eq!(
        (code, &answer["error"]["kind"]),
        (2, &json!("report_too_large"))
    );
}
