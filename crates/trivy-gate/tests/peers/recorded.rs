//! Every recorded report: the same findings kept as by Trivy, or refused by both.

use std::{fs, io::Cursor};

use autoscaleops_testkit::shared;
use trivy_gate::Settings;

use crate::oracle::{Oracle, Question, in_parallel, kept_by_gate};

fn settings(only_fixable: bool, severities: &str) -> Settings {
    let severities: Vec<trivy_gate::Severity> = severities
        .split(',')
        .map(|it| it.parse().unwrap())
        .collect();
    Settings {
        severities: severities.clone(),
        secret_severities: severities.clone(),
        misconfiguration_severities: severities.clone(),
        license_severities: severities,
        ignore_unfixed: only_fixable,
        // The evidence is not the question here.
        allow_empty: true,
        artifact_types: [
            "container_image",
            "filesystem",
            "repository",
            "cyclonedx",
            "spdx",
            "vm",
            "aws_account",
            "",
        ]
        .map(str::to_owned)
        .to_vec(),
        max_listed: 100_000,
        ..Settings::default()
    }
}

#[test]
fn every_recorded_report_is_kept_as_trivy_keeps_it_or_refused_by_both() {
    let (Some(oracle), Some(folder)) = (Oracle::find(), shared("data/trivy-reports")) else {
        return;
    };
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort();
    let asked = [
        ("HIGH,CRITICAL", true),
        ("UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL", false),
        ("CRITICAL", false),
    ];
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    let outcomes = in_parallel(paths, |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let mut problems = Vec::new();
        let mut compared = 0;
        for (severities, only_fixable) in asked {
            let question = Question {
                severities,
                only_fixable,
                ignorefile: None,
            };
            let theirs = oracle.convert(&bytes, question);
            let ours = trivy_gate::judge(
                Cursor::new(bytes.clone()),
                &settings(only_fixable, severities),
                now,
            );
            match (theirs, ours) {
                (None, Err(_)) => {}
                (None, Ok(_)) => {
                    problems.push(format!("{name}: Trivy refuses it, trivy-gate does not"));
                }
                (Some(_), Err(failure)) => {
                    problems.push(format!("{name}: refused: {}: {failure}", failure.kind()));
                }
                (Some(theirs), Ok(report)) => {
                    compared += 1;
                    let ours = kept_by_gate(&report.details);
                    if ours != theirs {
                        problems.push(format!(
                            "{name} {severities}: ours {ours:#?} theirs {theirs:#?}"
                        ));
                    }
                }
            }
        }
        (compared, problems)
    });
    let compared: usize = outcomes.iter().map(|it| it.0).sum();
    let problems: Vec<String> = outcomes.into_iter().flat_map(|it| it.1).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(compared > 200, "{compared} comparisons");
}
