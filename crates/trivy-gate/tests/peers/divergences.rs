//! Where trivy-gate differs from Trivy, each of them wanted: Trivy does what stands here, and
//! trivy-gate does not.

use std::{fs, io::Cursor};

use serde_json::{Value, json};
use tempfile::TempDir;
use trivy_gate::Settings;

use crate::oracle::{Kept, Oracle, Question, kept_by_gate};

/// A report with one CRITICAL vulnerability that can be fixed.
fn report() -> Value {
    json!({
        "SchemaVersion": 2, "CreatedAt": "2026-11-23T12:00:00Z", "ArtifactName": "shop", "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12"}},
        "Results": [{"Target": "shop (debian 12)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [{
            "VulnerabilityID": "CVE-1", "PkgName": "curl", "InstalledVersion": "1.0", "FixedVersion": "1.1",
            "Status": "fixed", "Severity": "CRITICAL",
        }]}],
    })
}

/// What both make of a report: how many findings each keeps, or the kind of refusal.
fn both(oracle: &Oracle, text: &str, settings: &Settings) -> (String, String) {
    let question = Question {
        severities: "HIGH,CRITICAL",
        only_fixable: false,
        ignorefile: settings.ignorefiles.first().map(AsRef::as_ref),
    };
    let count = |kept: &Kept| format!("keeps {}", kept.len());
    let theirs = oracle.convert(text.as_bytes(), question);
    let theirs = theirs.map_or_else(|| "refuses".to_owned(), |it| count(&it));
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    let ours = match trivy_gate::judge(Cursor::new(text.to_owned()), settings, now) {
        Ok(report) => count(&kept_by_gate(&report.details)),
        Err(failure) => failure.kind().to_owned(),
    };
    (theirs, ours)
}

#[test]
fn what_trivy_reads_one_way_of_several_is_refused() {
    let Some(oracle) = Oracle::find() else { return };
    let whole = report().to_string();
    let change = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1)
    };
    let severity = "\"Severity\":\"CRITICAL\"";
    for (why, text, theirs, ours) in [
        (
            "a severity in another case is not seen",
            change("CRITICAL", "critical"),
            "keeps 0",
            "keeps 1",
        ),
        (
            "a severity of another scanner is not seen",
            change("CRITICAL", "IMPORTANT"),
            "keeps 0",
            "not_trivy",
        ),
        (
            "the schema is not looked at",
            change("\"SchemaVersion\":2,", ""),
            "keeps 1",
            "unknown_schema",
        ),
        (
            "the schema is not looked at",
            change("\"SchemaVersion\":2", "\"SchemaVersion\":99"),
            "keeps 1",
            "unknown_schema",
        ),
        (
            "keys of another case are read",
            change("\"Results\"", "\"results\""),
            "keeps 1",
            "not_trivy",
        ),
        (
            "the last of two keys is taken",
            change(severity, &format!("{severity},\"Severity\":\"LOW\"")),
            "keeps 0",
            "duplicate_key",
        ),
        (
            "two lists are laid over each other",
            change("\"Results\"", "\"Results\":[],\"Results\""),
            "keeps 1",
            "duplicate_key",
        ),
        (
            "what follows is not looked at",
            format!("{whole}{whole}"),
            "keeps 1",
            "trailing_data",
        ),
        (
            "what follows is not looked at",
            format!("{whole} garbage"),
            "keeps 1",
            "trailing_data",
        ),
        (
            "nothing scanned is nothing found",
            change("\"Results\"", "\"Nothing\""),
            "keeps 0",
            "nothing_scanned",
        ),
        (
            "a finding needs no id",
            change("CVE-1", ""),
            "keeps 1",
            "not_trivy",
        ),
    ] {
        let found = both(&oracle, &text, &Settings::default());
        assert_eq!(found, (theirs.to_owned(), ours.to_owned()), "{why}: {text}");
    }
}

#[test]
fn a_waiver_with_a_typo_or_for_another_package_waives_nothing() {
    let Some(oracle) = Oracle::find() else { return };
    let text = report().to_string();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ignore.yaml");
    for (why, rules, theirs, ours) in [
        (
            "a rule for another package covers a finding without a package URL",
            "vulnerabilities:\n  - id: CVE-1\n    purls: ['pkg:deb/debian/other']\n",
            "keeps 0",
            "keeps 1",
        ),
        (
            "a misspelt end is no end",
            "vulnerabilities:\n  - id: CVE-1\n    expire_at: 2020-01-01\n",
            "keeps 0",
            "waivers",
        ),
        (
            "a misspelt list is no list",
            "vulnerabilites:\n  - id: CVE-1\n",
            "keeps 1",
            "waivers",
        ),
        (
            "an end in quotes is refused, and harmless",
            "vulnerabilities:\n  - id: CVE-1\n    expired_at: '2099-01-01'\n",
            "refuses",
            "keeps 0",
        ),
    ] {
        fs::write(&path, rules).unwrap();
        let settings = Settings {
            ignorefiles: vec![path.clone()],
            ..Settings::default()
        };
        assert_eq!(
            both(&oracle, &text, &settings),
            (theirs.to_owned(), ours.to_owned()),
            "{why}"
        );
    }
}
