//! The workflows that are not about the workload: release, ci and e2e-kind, run by act with programs of one line in the
//! place of the compiler's.

use std::{collections::BTreeSet, fs};

use autoscaleops_testkit::{command, peer};
use serde_json::Value;

use crate::bench::Bench;

const TARGETS: [&str; 4] = [
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "x86_64-unknown-linux-gnu",
];
const TAG: &str = "refs/tags/cli-v0.1.0";

#[test]
fn a_release_has_every_archive_its_sums_its_parts_and_an_image() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    let run = bench.start("release", "push", TAG);
    run.ends("build=success image=success publish=success");
    let folder = bench.told("release");
    let archives = TARGETS.map(|target| format!("autoscaleops-0.1.0-{target}.tar.gz"));

    // The sums are of all that is there, and true.
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let summed: BTreeSet<&str> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(_, name)| name)
        .collect();
    let expected = archives.iter().map(String::as_str);
    assert_eq!(
        summed,
        expected.chain(["sbom.cdx.json"]).collect(),
        "{sums}"
    );
    if let Some(shasum) = peer("shasum") {
        command(shasum)
            .args(["--algorithm", "256", "--check", "SHA256SUMS"])
            .current_dir(&folder)
            .assert()
            .success();
    }

    // One folder in each archive: six programs, their pages and completions, nothing else.
    for archive in &archives {
        let output = command("/bin/tar")
            .arg("-tzf")
            .arg(folder.join(archive))
            .output();
        let listed = String::from_utf8(output.unwrap().stdout).unwrap();
        let top = archive.strip_suffix(".tar.gz").unwrap();
        assert!(
            listed
                .lines()
                .all(|path| path.starts_with(&format!("{top}/")))
        );
        assert_eq!(listed.lines().count(), 2 + 6 * 5, "{listed}");
        assert!(run.attested.contains(archive.as_str()), "{}", run.attested);
    }
    assert!(
        run.attested.contains("ghcr.io/acme/autoscaleops@sha256:"),
        "{}",
        run.attested
    );

    // The parts list names our crates and theirs.
    let parts: Value =
        serde_json::from_slice(&fs::read(folder.join("sbom.cdx.json")).unwrap()).unwrap();
    let names: BTreeSet<&str> = parts["components"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|part| part["name"].as_str())
        .collect();
    assert!(
        names.contains("clap") && names.contains("trivy-gate"),
        "{names:?}"
    );

    // Each platform's image has the programs of its own archive, and authorities to trust.
    let pushed = fs::read_to_string(bench.told("pushed")).unwrap();
    for platform in ["amd64", "arm64"] {
        assert!(
            pushed.contains(&format!(
                "ghcr.io/acme/autoscaleops:0.1.0 linux/{platform} target/image/{platform}/k6-run"
            )),
            "{pushed}"
        );
    }
    assert!(
        pushed.contains("target/image/ca-certificates.crt"),
        "{pushed}"
    );

    // Shown to the world last of all, when everything was there.
    let calls = bench.calls_of_gh();
    let place = |words: &str| {
        calls
            .find(words)
            .unwrap_or_else(|| panic!("no {words} in {calls}"))
    };
    assert!(place("release create cli-v0.1.0 --draft") < place("release upload cli-v0.1.0"));
    assert!(place("release upload cli-v0.1.0") < place("release edit cli-v0.1.0 --draft=false"));

    // What is published stays as it is.
    bench.tell("draft", "false\n");
    let again = bench.start("release", "push", TAG);
    again.ends("build=success image=success publish=failure");
    again.says("is published already; a version is given once");
}

#[test]
fn a_release_of_another_version_than_the_manifest_s_is_refused() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    let run = bench.start("release", "push", "refs/tags/cli-v9.9.9");
    run.ends("build=failure");
    run.says("the workspace is at 0.1.0, so this is no release 9.9.9");
    assert!(!bench.told("release").exists());
}

#[test]
fn the_one_required_check_is_red_when_another_is() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    let green = bench.start("ci", "push", "refs/heads/main");
    green.ends("test=success build=success container=success ci-ok=success");
    bench.tell("broken", "");
    let red = bench.start("ci", "push", "refs/heads/main");
    red.ends("test=failure build=success container=success ci-ok=failure");
}

#[test]
fn the_night_s_run_keeps_what_it_saw_when_it_fails_too() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.tell("broken", "");
    let run = bench.start("e2e-kind", "schedule", "refs/heads/main");
    run.ends("kind=failure");
    let kept = fs::read_to_string(bench.told("artifacts/e2e-kind/e2e/report.html")).unwrap();
    assert_eq!(kept, "scripts/e2e.sh kind\n");
}
