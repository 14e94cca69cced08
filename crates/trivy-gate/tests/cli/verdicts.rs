//! What blocks, and what does not.

use std::fs;

use serde_json::json;

use crate::common::{Bench, flaw, recording, report};

#[test]
fn a_real_report_with_fixable_flaws_blocks() {
    let bench = Bench::new();
    let path = recording("vulnerable");
    let (code, answer) = bench.json(&[path.to_str().unwrap()]);
    assert_eq!(code, 10);
    assert_eq!(answer["verdict"], "fail");
    assert_eq!(
        answer["outputs"],
        json!({"result": "fail", "high": 5, "critical": 2, "total": 7, "unfixed": 5, "waived": 0, "unique": 6})
    );
    assert_eq!(
        answer["subject"],
        json!({"kind": "image", "name": "ghcr.io/acme/shop", "tag": "dev-1a2b3c4"})
    );
}

#[test]
fn a_real_report_of_the_updated_image_passes_and_lists_what_has_no_fix() {
    let bench = Bench::new();
    let path = recording("clean");
    bench
        .gate()
        .arg(&path)
        .assert()
        .success()
        .stdout_eq(snapbox::str![[r#"
pass  no fixable CRITICAL or HIGH vulnerabilities in ghcr.io/acme/shop:1.2.3

not blocking: 5 unfixed
  CRITICAL  CVE-2019-1010022  libc6 2.36-9+deb12u9        no fix yet: under_investigation
  CRITICAL  CVE-2023-45853    zlib1g 1:1.2.13.dfsg-1      no fix yet: will_not_fix
  HIGH      CVE-2022-3715     bash 5.2.15-2               no fix yet: end_of_life
  HIGH      CVE-2023-31484    perl-base 5.36.0-7+deb12u1  no fix yet: affected
  HIGH      CVE-2023-52425    libexpat1 2.5.0-1           no fix yet: fix_deferred

report of ghcr.io/acme/shop:1.2.3 · on debian 12.8 · scanned 2026-11-24 02:11 UTC
sha256:[..]…

"#]])
        .stderr_eq("");
}

#[test]
fn a_report_can_be_piped_in() {
    let bench = Bench::new();
    let text = fs::read(recording("clean")).unwrap();
    bench.gate().arg("-").stdin(text.clone()).assert().code(0);
    bench.gate().stdin(text).assert().code(0);
}

#[test]
fn severities_unfixed_and_unknown_are_policy() {
    let bench = Bench::new();
    let mut unfixed = flaw("CVE-2", "zlib", "HIGH");
    unfixed["FixedVersion"] = json!("");
    unfixed["Status"] = json!("will_not_fix");
    let all = report(&json!([
        flaw("CVE-1", "bash", "MEDIUM"),
        unfixed,
        flaw("CVE-3", "curl", "")
    ]));
    for (arguments, code) in [
        (&[][..], 0),
        (&["--severities", "medium,high"], 10),
        (&["--severities", "LOW"], 0),
        (&["--no-ignore-unfixed"], 10),
        (&["--ignore-unfixed", "--no-ignore-unfixed"], 10),
        (
            &["--no-ignore-unfixed", "--ignore-statuses", "will_not_fix"],
            0,
        ),
        (&["--fail-on-unknown"], 10),
    ] {
        assert_eq!(bench.judge(&all, arguments).0, code, "{arguments:?}");
    }
}

#[test]
fn budgets_count_findings_or_flaws() {
    let bench = Bench::new();
    let twice = report(&json!([
        flaw("CVE-1", "libssl", "HIGH"),
        flaw("CVE-1", "openssl", "HIGH")
    ]));
    let (code, answer) = bench.judge(&twice, &["--max-high", "1"]);
    assert_eq!(
        (
            code,
            &answer["outputs"]["high"],
            &answer["outputs"]["unique"]
        ),
        (10, &json!(2), &json!(1))
    );
    assert_eq!(bench.judge(&twice, &["--max-high", "2"]).0, 0);
    let (code, answer) = bench.judge(&twice, &["--max-high", "1", "--budget-unit", "cve"]);
    assert_eq!((code, &answer["outputs"]["total"]), (0, &json!(2)));
}

#[test]
fn days_of_grace_count_from_publication_and_not_for_critical() {
    let bench = Bench::new();
    let scan = report(&json!([flaw("CVE-1", "curl", "HIGH")]));
    let at = |now: &'static str, more: &[&'static str]| {
        [&["--grace-days", "7", "--now", now][..], more].concat()
    };
    assert_eq!(bench.judge(&scan, &at("2026-11-24T00:00:00Z", &[])).0, 0);
    assert_eq!(bench.judge(&scan, &at("2026-11-26T23:59:59Z", &[])).0, 0);
    assert_eq!(bench.judge(&scan, &at("2026-11-27T00:00:00Z", &[])).0, 10);
    assert_eq!(
        bench.judge(&scan, &at("2026-11-19T00:00:00Z", &[])).0,
        10,
        "published in the future"
    );
    let critical = report(&json!([flaw("CVE-1", "curl", "CRITICAL")]));
    assert_eq!(
        bench.judge(&critical, &at("2026-11-24T00:00:00Z", &[])).0,
        10
    );
    assert_eq!(
        bench
            .judge(
                &critical,
                &at("2026-11-24T00:00:00Z", &["--grace-critical"])
            )
            .0,
        0
    );
    let mut undated = flaw("CVE-1", "curl", "HIGH");
    undated.as_object_mut().unwrap().remove("PublishedDate");
    assert_eq!(
        bench
            .judge(&report(&json!([undated])), &at("2026-11-24T00:00:00Z", &[]))
            .0,
        10
    );
}

#[test]
fn exploited_flaws_block_at_any_severity_and_without_a_fix() {
    let bench = Bench::new();
    bench.write(
        "kev.json",
        r#"{"dateReleased":"2026-11-20","count":1,"vulnerabilities":[{"cveID":"CVE-1"}]}"#,
    );
    bench.write(
        "epss.csv",
        "#model_version:v1,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\nCVE-2,0.91,0.99\nCVE-3,0.001,0.1\n",
    );
    let mut exploited = flaw("CVE-1", "curl", "LOW");
    exploited["FixedVersion"] = json!("");
    exploited["Status"] = json!("affected");
    let scan = report(&json!([
        exploited,
        flaw("CVE-2", "bash", "LOW"),
        flaw("CVE-3", "tar", "HIGH")
    ]));
    let blocked = |arguments: &[&str]| {
        let (_, answer) = bench.judge(
            &scan,
            &[arguments, &["--now", "2026-11-24T00:00:00Z"]].concat(),
        );
        let listed = answer["details"]["listed"].as_array().unwrap();
        let ids: Vec<String> = listed
            .iter()
            .filter(|it| it["decision"] == "blocks")
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        ids.join(" ")
    };
    assert_eq!(blocked(&[]), "CVE-3");
    assert_eq!(blocked(&["--kev", "kev.json"]), "CVE-3 CVE-1");
    assert_eq!(
        blocked(&["--epss", "epss.csv", "--block-epss", "0.5"]),
        "CVE-3 CVE-2"
    );
    assert_eq!(
        blocked(&["--epss", "epss.csv", "--tolerate-epss", "0.01"]),
        ""
    );
    bench
        .gate()
        .args(["scan.json", "--block-epss", "0.5"])
        .assert()
        .code(2);
    bench
        .gate()
        .args(["scan.json", "--kev", "kev.json", "--max-feed-age", "1h"])
        .assert()
        .code(2);
}

#[test]
fn every_class_has_its_own_threshold() {
    let bench = Bench::new();
    let mut scan = report(&json!([]));
    let result = scan["Results"].as_array_mut().unwrap();
    result.push(json!({"Target": "app/.env", "Class": "secret", "Secrets": [
        {"RuleID": "aws-access-key-id", "Category": "AWS", "Severity": "CRITICAL", "Title": "AWS Access Key ID", "StartLine": 3, "EndLine": 3, "Match": "***"}]}));
    result.push(json!({"Target": "Dockerfile", "Class": "config", "Type": "dockerfile", "Misconfigurations": [
        {"ID": "DS002", "AVDID": "AVD-DS-0002", "Title": "root", "Severity": "HIGH", "Status": "FAIL"},
        {"ID": "DS001", "Severity": "CRITICAL", "Status": "PASS"}]}));
    result.push(json!({"Target": "OS Packages", "Class": "license", "Licenses": [
        {"Severity": "HIGH", "Category": "restricted", "PkgName": "bash", "FilePath": "", "Name": "GPL-3.0", "Confidence": 1, "Link": ""}]}));
    let total = |arguments: &[&str]| bench.judge(&scan, arguments).1["outputs"]["total"].clone();
    assert_eq!(total(&[]), 1);
    assert_eq!(total(&["--secret-severities", "none"]), 0);
    assert_eq!(
        total(&["--misconfiguration-severities", "HIGH,CRITICAL"]),
        2
    );
    assert_eq!(total(&["--license-severities", "HIGH"]), 2);
    bench
        .gate()
        .args([
            "scan.json",
            "--severities",
            "",
            "--secret-severities",
            "none",
        ])
        .assert()
        .code(2);
}

#[test]
fn a_system_that_gets_no_fixes_warns_and_blocks_on_demand() {
    let bench = Bench::new();
    let mut scan = report(&json!([]));
    scan["Metadata"]["OS"]["EOSL"] = json!(true);
    let (code, answer) = bench.judge(&scan, &[]);
    assert_eq!(
        (code, &answer["findings"][0]["level"]),
        (0, &json!("warning"))
    );
    assert_eq!(bench.judge(&scan, &["--fail-on-eol"]).0, 10);
}

#[test]
fn what_trivy_suppressed_is_listed_and_judged_on_demand() {
    let bench = Bench::new();
    let mut scan = report(&json!([]));
    scan["Results"][0]["ExperimentalModifiedFindings"] = json!([{
        "Type": "vulnerability", "Status": "not_affected", "Statement": "not reachable", "Source": "vex.json",
        "Finding": flaw("CVE-1", "curl", "HIGH"),
    }]);
    let (code, answer) = bench.judge(&scan, &[]);
    assert_eq!(
        (code, &answer["details"]["listed"][0]["decision"]),
        (0, &json!("suppressed"))
    );
    assert!(
        answer["details"]["listed"][0]["because"]
            .as_str()
            .unwrap()
            .contains("not reachable")
    );
    assert_eq!(bench.judge(&scan, &["--distrust-suppressed"]).0, 10);
}

#[test]
fn of_duplicates_the_one_that_blocks_wins() {
    let bench = Bench::new();
    let mut older = flaw("CVE-1", "curl", "CRITICAL");
    older["FixedVersion"] = json!("1.0.1");
    let scan = report(&json!([
        older,
        flaw("CVE-1", "curl", "LOW"),
        flaw("CVE-1", "curl", "LOW")
    ]));
    let (code, answer) = bench.judge(&scan, &[]);
    assert_eq!((code, &answer["outputs"]["total"]), (10, &json!(1)));
}

#[test]
fn the_configuration_file_is_read_and_flags_win() {
    let bench = Bench::new();
    bench.write(
        "autoscaleops.yaml",
        "trivy-gate:\n  severities: [low]\n  max_low: 1\n",
    );
    let scan = report(&json!([
        flaw("CVE-1", "curl", "LOW"),
        flaw("CVE-1", "tar", "LOW")
    ]));
    assert_eq!(bench.judge(&scan, &[]).0, 10);
    assert_eq!(bench.judge(&scan, &["--max-low", "2"]).0, 0);
    bench.write("autoscaleops.yaml", "trivy-gate:\n  severites: [low]\n");
    bench
        .gate()
        .arg("scan.json")
        .assert()
        .code(2)
        .stderr_eq("error: [..]severites[..]\n...\n");
}

#[test]
fn the_list_is_bounded_and_the_counts_are_not() {
    let bench = Bench::new();
    let many: Vec<_> = (0..50)
        .map(|it| {
            flaw(
                &format!("CVE-{it}"),
                "curl",
                if it == 49 { "CRITICAL" } else { "HIGH" },
            )
        })
        .collect();
    let (_, answer) = bench.judge(&report(&json!(many)), &["--max-listed", "5"]);
    assert_eq!(answer["outputs"]["total"], 50);
    assert_eq!(answer["details"]["listed"].as_array().unwrap().len(), 5);
    assert_eq!(answer["details"]["unlisted"], 45);
    assert_eq!(answer["details"]["listed"][0]["severity"], "CRITICAL");
}
