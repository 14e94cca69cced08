//! The clock steps: programs run under libfaketime, whose file moves the clock of one that runs already.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use autoscaleops_testkit::{Background, built, peer, root, wait_until};
use tempfile::TempDir;

use super::{cluster::Rehearsal, plain, promote::Promotion};

/// A clock for the programs of one test.
struct Clock {
    folder: TempDir,
    library: String,
}

impl Clock {
    /// `None`, and written down as skipped, where libfaketime is missing.
    fn new() -> Option<Self> {
        let faketime = peer("faketime")?;
        let output = Command::new(faketime)
            .args(["-f", "+0s", "printenv", "LD_PRELOAD"])
            .output()
            .unwrap();
        let clock = Self {
            folder: TempDir::new().unwrap(),
            library: String::from_utf8(output.stdout).unwrap().trim().to_owned(),
        };
        clock.set("+0s");
        Some(clock)
    }

    /// Sets the clock of every program that has it: `@2026-12-31 00:00:00`, or by `+1y`, `-1y`.
    fn set(&self, to: &str) {
        let file = self.file();
        let new = file.with_extension("new");
        fs::write(&new, format!("{to}\n")).unwrap();
        fs::rename(new, file).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    fn give<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            // Only the clock on the wall steps; the one that counts goes on.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "UTC")
    }
}

#[test]
fn a_waiver_ends_by_the_clock_that_stands() {
    let (Some(gate), Some(clock)) = (built("trivy-gate"), Clock::new()) else {
        return;
    };
    let report = root().join("scripts/demo/vulnerable.trivy.json");
    let found = plain(&gate)
        .arg(&report)
        .args(["-o", "json"])
        .output()
        .unwrap();
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let waivers = clock.folder.path().join("waivers.yaml");
    let mut text = "waivers:\n".to_owned();
    let mut known = Vec::new();
    for finding in found["findings"].as_array().unwrap() {
        let id = finding["id"].as_str().unwrap();
        if !known.contains(&id) {
            known.push(id);
            text.push_str(&format!(
                "- id: {id}\n  reason: a test\n  owner: a@example.org\n  expires: 2026-12-31\n"
            ));
        }
    }
    fs::write(&waivers, text).unwrap();
    let judge = |now: &str| {
        clock.set(now);
        let mut command = plain(&gate);
        clock
            .give(&mut command)
            .arg(&report)
            .arg("--waivers")
            .arg(&waivers);
        let output = command.output().unwrap();
        (output.status.code(), said(&output))
    };
    let (code, text) = judge("@2026-12-30 23:59:00");
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = judge("@2026-12-31 00:00:01");
    assert_eq!(code, Some(10), "{text}");
    // And back again: what was over is over by the clock alone, nothing remembers.
    let (code, text) = judge("@2026-12-30 23:59:00");
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_daemon_goes_on_whatever_the_clock_does_and_promotes_once() {
    let (Some(promotion), Some(clock)) = (Promotion::new(), Clock::new()) else {
        return;
    };
    let mut command = plain(&built("image-watch").unwrap());
    clock
        .give(&mut command)
        .args([
            "run",
            "--write",
            "--interval",
            "1s",
            "-o",
            "json",
            "--config",
        ])
        .arg(promotion.config());
    let (mut daemon, ()) = Background::start_until(&mut command, |line| {
        line.contains("\"candidate\":\"1.2.3\"").then_some(())
    });
    let landed = |tag: &str| {
        wait_until(tag, Duration::from_secs(60), || promotion.tag() == tag);
    };
    landed("1.2.3");
    for (step, tag) in [("-1y", "1.3.0"), ("+1y", "1.4.0"), ("+0s", "1.5.0")] {
        clock.set(step);
        promotion.release(tag);
        landed(tag);
    }
    assert_eq!(daemon.terminate().code(), Some(143));
    promotion.is_whole(5);
}

#[test]
fn a_clock_that_steps_back_while_it_is_recorded_passes_nothing() {
    let (Some(watch), Some(cluster), Some(clock)) =
        (built("hpa-watch"), Rehearsal::new(), Clock::new())
    else {
        return;
    };
    cluster.bring_up();
    let folder = clock.folder.path();
    let mut command = plain(&watch);
    clock
        .give(&mut command)
        .env("KUBECONFIG", cluster.kubeconfig())
        .current_dir(folder)
        .args([
            "record",
            "-o",
            "scaling.jsonl",
            "-n",
            "dev",
            "shop",
            "--settle",
            "1s",
        ])
        .args(["--timeout", "1s", "--", "sh", "-c"])
        .arg("until [ -e stepped ]; do sleep 0.1; done; sleep 2");
    let mut recorder = Background::start(&mut command);
    let recording = folder.join("scaling.jsonl");
    wait_until("the command starts", Duration::from_secs(30), || {
        fs::read_to_string(&recording).is_ok_and(|it| it.contains("command_started"))
    });
    clock.set("-1y");
    fs::write(folder.join("stepped"), "").unwrap();
    let status = recorder.wait();
    assert_eq!(status.code(), Some(0), "a recording is no verdict");
    let (code, text) = assert_on(&watch, folder);
    assert_eq!(code, Some(11), "{text}");
    assert!(text.contains("set back by"), "{text}");
}

/// Asserts what is true of the recording from its beginning, so that only the clock is against it.
fn assert_on(watch: &Path, folder: &Path) -> (Option<i32>, String) {
    let output = plain(watch)
        .current_dir(folder)
        .args([
            "assert",
            "shop",
            "-n",
            "dev",
            "--no-ci",
            "--from",
            "scaling.jsonl",
        ])
        .args(["--out", ">=1 within 1m", "--measure", "spec"])
        .output()
        .unwrap();
    (output.status.code(), said(&output))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
