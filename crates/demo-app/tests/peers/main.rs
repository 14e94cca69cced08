//! The load scripts, run by the real k6 against the real application.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts the binary itself"
)]

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
};

use autoscaleops_testkit::{Background, command, free_port, peer, root};
use serde_json::Value;

fn application() -> (Background, SocketAddr) {
    Background::start_until(
        Command::new(env!("CARGO_BIN_EXE_demo-app")).args([
            "--listen",
            "127.0.0.1:0",
            "--load-ms",
            "2",
        ]),
        |line| line.rsplit_once("http://")?.1.parse().ok(),
    )
}

/// Runs a script with settings that make it short.
fn k6(
    program: &Path,
    script: &str,
    address: SocketAddr,
    settings: &[&str],
    summary: &Path,
) -> Output {
    let mut k6 = command(program)
        .current_dir(root())
        .args([
            "run",
            "--quiet",
            "--no-usage-report",
            "--address",
            "127.0.0.1:0",
        ])
        .args(["--env", &format!("BASE_URL=http://{address}/")])
        // What is tested is the scripts, not the speed of this machine.
        .args(["--env", "PATIENCE=100"])
        .arg(format!("--summary-export={}", summary.display()));
    for setting in settings {
        k6 = k6.args(["--env", setting]);
    }
    k6.arg(format!("scripts/k6/{script}.js")).output().unwrap()
}

#[test]
fn every_script_passes_against_a_good_service() {
    let Some(program) = peer("k6") else { return };
    let (_app, address) = application();
    let folder = tempfile::tempdir().unwrap();
    // Each script with the fewest iterations that a run this short must have.
    for (script, settings, least) in [
        ("smoke", vec![], 10),
        ("autoscale", vec!["DURATION=2s", "PAUSE=0.1"], 20),
        ("ramp", vec!["STEP=1", "PAUSE=0.1"], 10),
        ("spike", vec!["CALM=1", "SPIKE=1", "RATE=20"], 15),
        ("soak", vec!["DURATION=2s"], 5),
        ("breakpoint", vec!["CLIMB=2", "RATE=20"], 5),
    ] {
        let file = folder.path().join(script);
        let output = k6(&program, script, address, &settings, &file);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{script}: {said}");
        let summary: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let iterations = summary["metrics"]["iterations"]["count"].as_u64().unwrap();
        assert!(iterations >= least, "{script}: {iterations} iterations");
        assert_eq!(
            summary["metrics"]["checks"]
                .get("fails")
                .unwrap_or(&Value::from(0)),
            0,
            "{script}"
        );
    }
}

#[test]
fn a_service_that_is_down_fails_every_script_before_it_starts() {
    let Some(program) = peer("k6") else { return };
    let folder = tempfile::tempdir().unwrap();
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    for script in ["smoke", "autoscale", "ramp", "spike", "soak", "breakpoint"] {
        let output = k6(&program, script, nobody, &[], &folder.path().join(script));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(107), "{script}: {said}");
        assert!(
            said.contains("is the service up, and BASE_URL right?"),
            "{script}: {said}"
        );
    }
}

#[test]
fn a_setting_that_is_no_number_is_named() {
    let Some(program) = peer("k6") else { return };
    let folder = tempfile::tempdir().unwrap();
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let output = k6(
        &program,
        "autoscale",
        nobody,
        &["VUS=ten"],
        &folder.path().join("summary"),
    );
    assert_eq!(output.status.code(), Some(107));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("VUS wants a whole number above 0, not ten"),
        "{said}"
    );
}
