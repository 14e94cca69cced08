//! `diff`, `explain` and `waivers check`.

use serde_json::{Value, json};

use crate::common::{Bench, flaw, report};

fn diff(bench: &Bench, old: &Value, new: &Value, more: &[&str]) -> (i32, Value) {
    bench.write("old.json", old.to_string());
    bench.write("new.json", new.to_string());
    bench.json(&[&["diff", "old.json", "new.json"], more].concat())
}

#[test]
fn only_what_is_new_counts() {
    let bench = Bench::new();
    let mut bumped = flaw("CVE-1", "curl", "HIGH");
    bumped["InstalledVersion"] = json!("1.0.5");
    let old = report(&json!([
        flaw("CVE-1", "curl", "HIGH"),
        flaw("CVE-9", "tar", "HIGH")
    ]));
    let mut new = report(&json!([bumped.clone()]));
    new["ArtifactName"] = json!("ghcr.io/acme/shop:1.2.4");
    new["Results"][0]["Target"] = json!("ghcr.io/acme/shop:1.2.4 (debian 12.9)");
    let (code, answer) = diff(&bench, &old, &new, &[]);
    assert_eq!(code, 0, "{answer}");
    let comparison = &answer["details"]["comparison"];
    assert_eq!(
        (
            &comparison["new"],
            &comparison["persisting"],
            &comparison["gone"]
        ),
        (&json!(0), &json!(1), &json!(1))
    );
    new["Results"][0]["Vulnerabilities"] = json!([
        bumped,
        flaw("CVE-2", "curl", "HIGH"),
        flaw("CVE-1", "libcurl", "HIGH")
    ]);
    let (code, answer) = diff(&bench, &old, &new, &[]);
    assert_eq!((code, &answer["outputs"]["high"]), (10, &json!(2)));
}

#[test]
fn a_raised_severity_and_a_fix_that_appeared_are_new() {
    let bench = Bench::new();
    let new = report(&json!([flaw("CVE-1", "curl", "HIGH")]));
    assert_eq!(
        diff(
            &bench,
            &report(&json!([flaw("CVE-1", "curl", "MEDIUM")])),
            &new,
            &[]
        )
        .0,
        10
    );
    assert_eq!(
        diff(
            &bench,
            &report(&json!([flaw("CVE-1", "curl", "CRITICAL")])),
            &new,
            &[]
        )
        .0,
        0
    );
    let mut unfixed = flaw("CVE-1", "curl", "HIGH");
    unfixed["FixedVersion"] = json!("");
    unfixed["Status"] = json!("affected");
    assert_eq!(diff(&bench, &report(&json!([unfixed])), &new, &[]).0, 10);
}

#[test]
fn what_became_known_as_exploited_since_is_new() {
    let bench = Bench::new();
    for (severity, added, wanted) in [
        ("HIGH", "2026-11-24", 10),
        ("HIGH", "2026-11-23", 10),
        ("HIGH", "2026-11-20", 0),
        ("LOW", "2026-11-24", 10),
        ("LOW", "2026-11-20", 0),
    ] {
        let catalogue = json!({"dateReleased": "2026-11-24", "vulnerabilities": [{"cveID": "CVE-1", "dateAdded": added}]});
        bench.write("kev.json", catalogue.to_string());
        let scan = report(&json!([flaw("CVE-1", "curl", severity)]));
        let (code, answer) = diff(&bench, &scan, &scan, &["--kev", "kev.json"]);
        assert_eq!(code, wanted, "{severity}, {added}: {answer}");
    }
}

#[test]
fn without_an_earlier_report_everything_is_new_and_a_foreign_one_decides_nothing() {
    let bench = Bench::new();
    let new = report(&json!([flaw("CVE-1", "curl", "HIGH")]));
    bench.write("new.json", new.to_string());
    assert_eq!(bench.json(&["diff", "missing.json", "new.json"]).0, 10);
    bench.write("broken.json", "{");
    assert_eq!(bench.json(&["diff", "broken.json", "new.json"]).0, 2);
    let mut other = new.clone();
    other["ArtifactName"] = json!("ghcr.io/acme/other:1");
    assert_eq!(diff(&bench, &other, &new, &[]).0, 11);
    assert_eq!(diff(&bench, &other, &new, &["--force"]).0, 0);
    let mut system = new.clone();
    system["Metadata"]["OS"]["Family"] = json!("alpine");
    assert_eq!(diff(&bench, &system, &new, &[]).0, 11);
}

#[test]
fn a_finding_is_explained_whatever_becomes_of_it() {
    let bench = Bench::new();
    let scan = report(&json!([
        flaw("CVE-1", "curl", "HIGH"),
        flaw("CVE-1", "tar", "LOW"),
        flaw("CVE-2", "tar", "LOW")
    ]));
    bench.write("scan.json", scan.to_string());
    let (code, answer) = bench.json(&["explain", "scan.json", "CVE-1"]);
    assert_eq!(
        (code, &answer["summary"]),
        (10, &json!("CVE-1 blocks, in 1 of 2 places"))
    );
    let (code, answer) = bench.json(&["explain", "scan.json", "CVE-2"]);
    assert_eq!(
        (code, &answer["details"]["listed"][0]["because"]),
        (0, &json!("LOW does not block"))
    );
    assert_eq!(bench.json(&["explain", "scan.json", "CVE-3"]).0, 11);
}

const WAIVERS: &str = "\
waivers:
  - {id: CVE-1, reason: not reachable, owner: team-shop, expires: 2026-12-31}
  - {id: CVE-2, reason: not used, owner: team-shop, expires: 2026-12-31}
  - {id: CVE-3, reason: soon fixed, owner: team-shop, expires: 2026-11-30}
  - {id: CVE-4, reason: was fixed, owner: team-shop, expires: 2026-11-01}
";
const NOW: &[&str] = &["--now", "2026-11-24T00:00:00Z"];

#[test]
fn waived_findings_pass_and_waivers_that_do_nothing_are_told() {
    let bench = Bench::new();
    bench.write("waivers.yaml", WAIVERS);
    let scan = report(&json!([
        flaw("CVE-1", "curl", "HIGH"),
        flaw("CVE-3", "tar", "HIGH")
    ]));
    let judge =
        |more: &[&str]| bench.judge(&scan, &[NOW, &["--waivers", "waivers.yaml"], more].concat());
    let (code, answer) = judge(&[]);
    assert_eq!(
        (code, &answer["outputs"]["waived"]),
        (0, &json!(2)),
        "{answer}"
    );
    let states: Vec<&str> = answer["details"]["waivers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["used", "unused", "expiring", "expired"]);
    assert_eq!(
        answer["findings"][0]["location"],
        json!({"path": "waivers.yaml", "line": 3, "column": 0})
    );
    assert_eq!(judge(&["--fail-on-unused-waivers"]).0, 10);
    assert_eq!(judge(&["--max-waived", "1"]).0, 10);
    let expired = report(&json!([flaw("CVE-4", "curl", "HIGH")]));
    let (code, answer) = bench.judge(&expired, &[NOW, &["--waivers", "waivers.yaml"]].concat());
    let because = answer["details"]["listed"][0]["because"].as_str().unwrap();
    assert_eq!(
        (code, because),
        (
            10,
            "HIGH with a fix; the waiver in waivers.yaml line 5 has expired"
        )
    );
}

#[test]
fn waiver_files_are_checked_by_themselves_and_against_a_report() {
    let bench = Bench::new();
    bench.write("waivers.yaml", WAIVERS);
    bench.write(".trivyignore", "CVE-1\nCVE-5 exp:2099-1-1\n");
    bench.write(
        "scan.json",
        report(&json!([
            flaw("CVE-1", "curl", "HIGH"),
            flaw("CVE-3", "tar", "HIGH")
        ]))
        .to_string(),
    );
    let check = |arguments: &[&str]| bench.json(&[&["waivers", "check"], arguments, NOW].concat());
    let (code, answer) = check(&["waivers.yaml"]);
    assert_eq!(
        (code, &answer["summary"]),
        (10, &json!("4 waivers in 1 file: 1 expired, 1 ending soon"))
    );
    let (code, answer) = check(&["waivers.yaml", "--against", "scan.json"]);
    assert_eq!(
        (code, &answer["outputs"]["unused"]),
        (10, &json!(1)),
        "{answer}"
    );
    let (code, answer) = check(&[".trivyignore"]);
    assert_eq!(
        (code, &answer["details"]["reasons"]),
        (10, &json!(["1 unreadable"]))
    );
    bench.write("good.yaml", "vulnerabilities:\n  - id: CVE-1\n");
    assert_eq!(check(&["good.yaml", "--against", "scan.json"]).0, 0);
    bench.write("typo.yaml", "vulnerabilites:\n  - id: CVE-1\n");
    bench
        .gate()
        .args(["waivers", "check", "typo.yaml"])
        .assert()
        .code(2)
        .stderr_eq("error: typo.yaml:1:1: [..]unknown field `vulnerabilites`[..]\n...\n");
}
