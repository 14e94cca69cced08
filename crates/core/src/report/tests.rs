//! What every reader of a report relies on.

use anyhow::anyhow;
use serde_json::json;

use super::*;

fn sample() -> Report<Value> {
    Report::new(Verdict::Fail, "one critical", json!({"counted": 3}))
        .subject(Subject {
            kind: "image".to_owned(),
            name: "ghcr.io/acme/shop".to_owned(),
            tag: Some("1.2.3".to_owned()),
            digest: None,
        })
        .output("result", "fail")
        .output("critical", 1)
        .finding(Finding::new(Level::Error, "CVE-1", "fix it"))
}

#[test]
fn the_envelope_is_the_one_that_the_contract_shows() {
    let mut report = sample();
    report.stamp(
        "trivy-gate",
        "0.1.0",
        "2026-11-23T09:00:00Z".parse().unwrap(),
    );
    report.duration_ms = 41;
    assert_eq!(
        report.to_json().unwrap(),
        concat!(
            r#"{"schema":"autoscaleops/report/v1","tool":"trivy-gate","version":"0.1.0","verdict":"fail","#,
            r#""summary":"one critical","subject":{"kind":"image","name":"ghcr.io/acme/shop","tag":"1.2.3"},"#,
            r#""outputs":{"result":"fail","critical":1},"findings":[{"level":"error","id":"CVE-1","message":"fix it"}],"#,
            r#""details":{"counted":3},"started_at":"2026-11-23T09:00:00Z","duration_ms":41}"#
        )
    );
}

#[test]
fn a_reader_ignores_what_it_does_not_know_and_refuses_another_major_version() {
    let mut value = serde_json::to_value(sample()).unwrap();
    value["new_field"] = json!([1]);
    assert_eq!(
        Report::parse(&value.to_string()).unwrap().verdict,
        Verdict::Fail
    );
    value["schema"] = json!("autoscaleops/report/v2");
    let refusal = Report::parse(&value.to_string()).unwrap_err();
    assert!(refusal.to_string().contains("report/v2"), "{refusal}");
    assert_eq!(refusal.code(), exit::USAGE);
    for line in [
        "",
        "[]",
        "{}",
        r#"{"schema":1}"#,
        r#"{"schema":"autoscaleops/report/v1"}"#,
    ] {
        assert!(Report::parse(line).is_err(), "{line}");
    }
}

#[test]
fn an_error_is_a_report_with_the_code_that_the_tool_ends_with() {
    let error = anyhow!("connection refused")
        .context(Failure::unavailable("push_refused", "cannot push").hint("check the remote"));
    let report = Report::of_error(&error);
    assert_eq!(report.verdict, Verdict::Error);
    assert_eq!(report.exit_code(), exit::UNAVAILABLE);
    let info = report.error.unwrap();
    assert_eq!(
        (info.kind.as_str(), info.hint.as_deref()),
        ("push_refused", Some("check the remote"))
    );
    assert_eq!(info.causes, ["connection refused"]);
}

#[test]
fn lines_of_a_pipe_arrive_one_by_one() {
    let line = sample().to_json().unwrap();
    let input = format!("{line}\n\n{line}\nnonsense\n");
    let read: Vec<bool> = read_lines(input.as_bytes()).map(|it| it.is_ok()).collect();
    assert_eq!(read, [true, true, false]);
}

#[test]
fn only_pass_opens_a_gate() {
    let codes = [
        Verdict::Pass,
        Verdict::Fail,
        Verdict::Undecided,
        Verdict::Error,
    ]
    .map(Verdict::exit_code);
    assert_eq!(codes, [0, 10, 11, 1]);
}
