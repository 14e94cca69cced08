//! Two thousand made-up results, each with its own findings and rules to ignore them: kept as Trivy
//! keeps them. Fifty share a report and a run of Trivy.

use std::{fs, io::Cursor};

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::{Value, json};
use tempfile::TempDir;
use trivy_gate::Settings;

use crate::oracle::{Kept, Oracle, Question, in_parallel, kept_by_gate};

const CASES: usize = 2_000;
const CASES_A_REPORT: usize = 50;

/// One result, and the rules about it.
#[derive(Clone, Debug)]
struct Case {
    vulnerabilities: Vec<Value>,
    secrets: Vec<Value>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    id: String,
    path: Option<&'static str>,
    purl: Option<String>,
    expires: Option<&'static str>,
}

fn vulnerability() -> impl Strategy<Value = Value> {
    let statuses = [
        "fixed",
        "affected",
        "will_not_fix",
        "end_of_life",
        "fix_deferred",
        "under_investigation",
        "not_affected",
        "",
    ];
    (
        0..12u8,
        0..4u8,
        0..3u8,
        prop::sample::select(&["", "1.1", "3", "10", "2.6.9, 3.1.0"][..]),
        prop::sample::select(statuses.to_vec()),
        prop::sample::select(&["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"][..]),
        prop::sample::select(&["", "app/a/METADATA", "opt/b.jar"][..]),
    )
        .prop_map(|(id, package, version, fixed, status, severity, path)| {
            // Without a fixed version Trivy never says `fixed`.
            let status = if fixed.is_empty() && status == "fixed" {
                "affected"
            } else {
                status
            };
            let mut finding = json!({
                "VulnerabilityID": format!("CVE-2026-{id}"),
                "PkgID": format!("pkg{package}@{version}.0"),
                "PkgName": format!("pkg{package}"),
                "PkgIdentifier": {"PURL": format!("pkg:npm/pkg{package}@{version}.0")},
                "InstalledVersion": format!("{version}.0"),
                "Severity": severity,
                "Title": "made \u{1b} up",
            });
            for (key, value) in [
                ("FixedVersion", fixed),
                ("Status", status),
                ("PkgPath", path),
            ] {
                if !value.is_empty() {
                    finding[key] = json!(value);
                }
            }
            finding
        })
}

fn secret() -> impl Strategy<Value = Value> {
    (0..3u8, prop::sample::select(&["CRITICAL", "HIGH", "LOW"][..]), 1..9u8).prop_map(|(rule, severity, line)| {
        json!({"RuleID": format!("rule-{rule}"), "Category": "x", "Severity": severity, "Title": "t",
               "StartLine": line, "EndLine": line, "Code": {"Lines": null}, "Match": "***"})
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (
        0..12u8,
        prop::option::of(prop::sample::select(
            &[
                "**",
                "app/**",
                "*/a/*",
                "opt/{a,b}.jar",
                "case-*",
                "[!a]pt/?.jar",
                "nothing",
            ][..],
        )),
        prop::option::of((0..4u8, prop::option::of(0..3u8))),
        prop::option::of(prop::sample::select(
            &["2020-01-01", "2099-12-31", "2099-1-1"][..],
        )),
    )
        .prop_map(|(id, path, purl, expires)| Rule {
            id: format!("CVE-2026-{id}"),
            path,
            purl: purl.map(|(package, version)| match version {
                Some(version) => format!("pkg:npm/pkg{package}@{version}.0"),
                None => format!("pkg:npm/pkg{package}"),
            }),
            expires,
        })
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec(vulnerability(), 0..9),
        prop::collection::vec(secret(), 0..3),
        prop::collection::vec(rule(), 0..2),
    )
        .prop_map(|(vulnerabilities, secrets, rules)| Case {
            vulnerabilities,
            secrets,
            rules,
        })
}

/// Fifty cases in one report; rules hold for all of them, as the ignore file is one.
struct Batch {
    report: Vec<u8>,
    ignorefile: String,
    is_yaml: bool,
    severities: &'static str,
    only_fixable: bool,
}

fn batch(number: usize, cases: &[Case]) -> Batch {
    let results: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let mut result = json!({"Target": format!("case-{number}-{index}"), "Class": "lang-pkgs", "Type": "npm"});
            if !case.vulnerabilities.is_empty() {
                result["Vulnerabilities"] = json!(case.vulnerabilities);
            }
            if !case.secrets.is_empty() {
                result["Secrets"] = json!(case.secrets);
            }
            result
        })
        .collect();
    let report = json!({
        "SchemaVersion": 2, "CreatedAt": "2026-11-23T12:00:00Z", "ArtifactName": "made-up", "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12"}}, "Results": results,
    });
    let is_yaml = !number.is_multiple_of(3);
    // A few rules of the batch: all of them together would ignore everything.
    let rules: Vec<&Rule> = cases
        .iter()
        .flat_map(|it| &it.rules)
        .take(number % 6)
        .collect();
    let ignorefile = if is_yaml { yaml(&rules) } else { plain(&rules) };
    Batch {
        report: if number.is_multiple_of(2) {
            report.to_string()
        } else {
            serde_json::to_string_pretty(&report).unwrap()
        }
        .into_bytes(),
        ignorefile,
        is_yaml,
        severities: [
            "HIGH,CRITICAL",
            "CRITICAL",
            "UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL",
            "LOW,UNKNOWN",
        ][number % 4],
        only_fixable: number % 5 < 3,
    }
}

fn yaml(rules: &[&Rule]) -> String {
    let mut text = String::from("vulnerabilities:\n");
    for rule in rules {
        text.push_str(&format!("  - id: {}\n", rule.id));
        if let Some(path) = rule.path {
            text.push_str(&format!("    paths: ['{path}']\n"));
        }
        if let Some(purl) = &rule.purl {
            text.push_str(&format!("    purls: ['{purl}']\n"));
        }
        if let Some(expires) = rule.expires {
            text.push_str(&format!("    expired_at: {expires}\n"));
        }
    }
    text
}

fn plain(rules: &[&Rule]) -> String {
    let mut text = String::from("# made up\r\n\nrule-1\n");
    for rule in rules {
        let expires = rule
            .expires
            .map_or(String::new(), |it| format!(" exp:{it}"));
        text.push_str(&format!("{}{expires}  # why\n", rule.id));
    }
    text
}

#[test]
fn two_thousand_made_up_results_are_kept_as_trivy_keeps_them() {
    let Some(oracle) = Oracle::find() else { return };
    // The same cases on every run: a failure can be met again.
    let mut runner = TestRunner::deterministic();
    let cases: Vec<Case> = (0..CASES)
        .map(|_| case().new_tree(&mut runner).unwrap().current())
        .collect();
    let batches: Vec<Batch> = cases
        .chunks(CASES_A_REPORT)
        .enumerate()
        .map(|(number, cases)| batch(number, cases))
        .collect();
    let compared = in_parallel(batches, |batch| compare(&oracle, &batch));
    let kept: usize = compared.iter().sum();
    assert!(kept > 2_000, "the cases keep something: {kept}");
}

/// Compares the two lists of one batch, and returns how long they are.
fn compare(oracle: &Oracle, batch: &Batch) -> usize {
    let folder = TempDir::new().unwrap();
    let ignorefile = folder.path().join(if batch.is_yaml {
        "ignore.yaml"
    } else {
        ".trivyignore"
    });
    fs::write(&ignorefile, &batch.ignorefile).unwrap();
    let theirs: Kept = oracle
        .convert(
            &batch.report,
            Question {
                severities: batch.severities,
                only_fixable: batch.only_fixable,
                ignorefile: Some(&ignorefile),
            },
        )
        .unwrap();
    let severities: Vec<trivy_gate::Severity> = batch
        .severities
        .split(',')
        .map(|it| it.parse().unwrap())
        .collect();
    let settings = Settings {
        severities: severities.clone(),
        secret_severities: severities,
        ignore_unfixed: batch.only_fixable,
        ignorefiles: vec![ignorefile],
        max_listed: 100_000,
        ..Settings::default()
    };
    let report = trivy_gate::judge(
        Cursor::new(batch.report.clone()),
        &settings,
        jiff::Timestamp::now(),
    )
    .unwrap();
    let ours = kept_by_gate(&report.details);
    assert_eq!(
        ours, theirs,
        "severities {} fixable {}\n{}",
        batch.severities, batch.only_fixable, batch.ignorefile
    );
    ours.len()
}
