//! Running Trivy: what it is given, and what its faults become.

use std::fs;

use autoscaleops_testkit::Stubs;
use serde_json::{Value, json};

use crate::common::{Bench, flaw, report};

/// A Trivy that tells this version, and otherwise runs `body` with `$out` as its output file.
fn trivy(version: &str, body: &str) -> Stubs {
    let script = format!(
        "if [ \"$1\" = version ]; then echo '{{\"Version\":\"{version}\"}}'; exit; fi\n\
         env >\"$0.env\"\npwd >\"$0.pwd\"\nls -A >\"$0.ls\"\n\
         out=; while [ $# -gt 0 ]; do [ \"$1\" = --output ] && out=$2; shift; done\n{body}\n"
    );
    Stubs::new().program("trivy", &script)
}

/// Writes `report` where the script finds it.
fn writes(bench: &Bench, report: &Value) -> String {
    bench.write("canned.json", report.to_string());
    format!("cat '{}' >\"$out\"", bench.path("canned.json").display())
}

fn run(bench: &Bench, stubs: &Stubs, arguments: &[&str]) -> (i32, Value) {
    let output = bench
        .gate()
        .env("PATH", stubs.path())
        .env("TRIVY_SEVERITY", "LOW")
        .env("TRIVY_USERNAME", "robot")
        .env("SECRET_OF_THE_STEP", "x")
        .args(arguments)
        .args(["-o", "json"])
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

/// A report whose scan has only just ended.
fn fresh(vulnerabilities: &Value) -> Value {
    let mut fresh = report(vulnerabilities);
    fresh.as_object_mut().unwrap().remove("CreatedAt");
    fresh
}

#[test]
fn trivy_is_asked_for_everything_and_sees_little() {
    let bench = Bench::new();
    let body = writes(&bench, &fresh(&json!([flaw("CVE-1", "curl", "HIGH")])));
    let stubs = trivy("0.59.1", &body);
    let (code, answer) = run(
        &bench,
        &stubs,
        &[
            "--image",
            "ghcr.io/acme/shop:1.2.3",
            "--trivy-timeout",
            "90s",
        ],
    );
    assert_eq!(
        (code, &answer["outputs"]["high"]),
        (10, &json!(1)),
        "{answer}"
    );
    assert_eq!(answer["details"]["scan"]["trivy_version"], "0.59.1");
    let calls = stubs.calls("trivy");
    assert_eq!(calls[0], "version --format json");
    let call = &calls[1];
    for flag in [
        "image --format json --exit-code 0 --show-suppressed --config /",
        "--ignorefile /",
        "--module-dir /",
        "--severity UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL",
        "--scanners vuln,secret",
        "--timeout 90s",
    ] {
        assert!(call.contains(flag), "{flag}: {call}");
    }
    assert!(
        call.ends_with(" ghcr.io/acme/shop:1.2.3") && !call.contains("ignore-unfixed"),
        "{call}"
    );
    let said = |name: &str| fs::read_to_string(stubs.directory().join(name)).unwrap();
    assert_eq!(said("trivy.ls"), "", "it runs in an empty folder");
    let environment = said("trivy.env");
    assert!(environment.contains("TRIVY_USERNAME=robot"));
    assert!(
        !environment.contains("TRIVY_SEVERITY") && !environment.contains("SECRET_OF_THE_STEP"),
        "{environment}"
    );
    let folder = said("trivy.pwd");
    assert!(
        !std::path::Path::new(folder.trim()).exists(),
        "its folder is gone"
    );
}

#[test]
fn without_trivy_or_a_finished_scan_the_answer_is_unavailable() {
    let bench = Bench::new();
    let old = report(&json!([]));
    for (version, body, kind) in [
        (
            "0.59.1",
            "echo 'FATAL no space left' >&2; exit 1".to_owned(),
            "program_failed",
        ),
        ("0.59.1", "exit 0".to_owned(), "trivy_failed"),
        ("0.59.1", "kill -9 $$".to_owned(), "program_failed"),
        ("0.69.5", "exit 0".to_owned(), "malicious_trivy"),
        ("0.59.1", writes(&bench, &old), "trivy_failed"),
    ] {
        let stubs = trivy(version, &body);
        let (code, answer) = run(&bench, &stubs, &["--image", "ghcr.io/acme/shop:1.2.3"]);
        assert_eq!(
            (code, &answer["error"]["kind"]),
            (3, &json!(kind)),
            "{body}: {answer}"
        );
        assert_eq!(answer["outputs"]["result"], "error");
        assert_eq!(
            stubs.calls("trivy").len(),
            if kind == "malicious_trivy" { 1 } else { 2 }
        );
    }
    let truncated = trivy("0.59.1", "printf '{\"SchemaVersion\":2,' >\"$out\"");
    assert_eq!(run(&bench, &truncated, &["--image", "shop"]).0, 2);
    let (code, answer) = run(
        &bench,
        &Stubs::new(),
        &["--image", "shop", "--trivy", "/nowhere/trivy"],
    );
    assert_eq!(
        (code, &answer["error"]["kind"]),
        (3, &json!("trivy_missing"))
    );
}

#[test]
fn a_scan_that_takes_too_long_is_ended() {
    let bench = Bench::new();
    // Trivy's own limit ends it first; a Trivy that does not keep it is ended thirty seconds later,
    // which no test waits for.
    let stubs = trivy("0.59.1", "echo 'context deadline exceeded' >&2; exit 1");
    let (code, answer) = run(
        &bench,
        &stubs,
        &["--image", "shop", "--trivy-timeout", "1s"],
    );
    assert_eq!(
        (code, &answer["error"]["kind"]),
        (3, &json!("timeout")),
        "{answer}"
    );
    let error = answer["error"].to_string();
    assert!(
        error.contains("within 1s") && error.contains("--trivy-timeout"),
        "{answer}"
    );
}

#[test]
fn a_container_is_pinned_and_gets_neither_socket_nor_rights() {
    let bench = Bench::new();
    let digest = format!("sha256:{}", "a".repeat(64));
    let image = format!("ghcr.io/aquasecurity/trivy@{digest}");
    let scan = fresh(&json!([]));
    bench.write("canned.json", scan.to_string());
    let script = format!(
        "case \"$*\" in *' version '*) echo '{{\"Version\":\"0.72.0\"}}'; exit;; esac\n\
         for it; do case $it in *:/gate:rw) cp '{}' \"${{it%:/gate:rw}}/out/report.json\";; esac; done",
        bench.path("canned.json").display()
    );
    let stubs = Stubs::new().program("docker", &script);
    // Only the stub and the shell's own programs: no Trivy.
    let path = std::env::join_paths([
        stubs.directory(),
        std::path::Path::new("/usr/bin"),
        std::path::Path::new("/bin"),
    ])
    .unwrap();
    if autoscaleops_core::process::find("/usr/bin/trivy").is_some() {
        return;
    }
    bench.write("image.tar", "not a tar");
    bench.write("config.json", r#"{"auths":{"ghcr.io":{"auth":"eDp5"}}}"#);
    let output = bench
        .gate()
        .env("PATH", &path)
        .env("DOCKER_CONFIG", bench.path(""))
        .env("TRIVY_PASSWORD", "hunter2")
        .args([
            "--input",
            "image.tar",
            "--trivy-image",
            &image,
            "-o",
            "json",
        ])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{answer}");
    let call = &stubs.calls("docker")[1];
    for part in [
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--read-only",
        ":/image.tar:ro",
        "/config.json:/docker/config.json:ro",
        "--env TRIVY_PASSWORD",
        &format!("--entrypoint trivy {image} image"),
    ] {
        assert!(call.contains(part), "{part}: {call}");
    }
    assert!(
        !call.contains("docker.sock")
            && !call.contains("--privileged")
            && !call.contains("hunter2"),
        "{call}"
    );
    bench
        .gate()
        .env("PATH", &path)
        .args(["--image", "shop", "--trivy-image", "aquasec/trivy:0.69.1"])
        .assert()
        .code(2)
        .stderr_eq("error: [..]not pinned by a digest[..]\n...\n");
    bench
        .gate()
        .env("PATH", &path)
        .args(["--image", "shop"])
        .assert()
        .code(3);
}
