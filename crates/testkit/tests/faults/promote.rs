//! Faults while prod is promoted: the registry flaps or limits, the disk is full, the clock steps,
//! the process is killed.

use std::{
    fs,
    process::{Command, Output},
    thread,
    time::Duration,
};

use autoscaleops_testkit::{
    Registry, Remote, built, git,
    registry::{Reply, Sending},
};
use tempfile::TempDir;

use super::plain;

const FILE: &str = "values-prod.yaml";
const VALUES: &str = "image:\n  tag: \"1.0.0\"\n";

/// A registry with two releases, and the environment that is to get the newer one.
pub(super) struct Promotion {
    watch: std::path::PathBuf,
    registry: Registry,
    remote: Remote,
    folder: TempDir,
}

impl Promotion {
    pub(super) fn new() -> Option<Self> {
        let this = Self {
            watch: built("image-watch")?,
            registry: Registry::start(),
            remote: Remote::new(&[(FILE, VALUES)]),
            folder: TempDir::new().unwrap(),
        };
        for (tag, at) in [
            ("1.0.0", "2026-01-01T00:00:00Z"),
            ("1.2.3", "2026-02-01T00:00:00Z"),
        ] {
            this.registry.add("acme/shop", tag, at);
        }
        let config = format!(
            "image-watch:\n  repository: {}\n  cache: {}\n  images:\n  - image: {}/acme/shop\n    constraint: \">=1.0\"\n    target: {{file: {FILE}, path: image.tag}}\n",
            this.remote.url(),
            this.folder.path().join("cache").display(),
            this.registry.address(),
        );
        fs::write(this.config(), config).unwrap();
        Some(this)
    }

    /// Publishes another release.
    pub(super) fn release(&self, tag: &str) {
        self.registry.add("acme/shop", tag, "2026-03-01T00:00:00Z");
    }

    pub(super) fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("autoscaleops.yaml")
    }

    fn command(&self) -> Command {
        let mut command = plain(&self.watch);
        command
            .args(["check", "--write", "-o", "json", "--config"])
            .arg(self.config());
        command
    }

    fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    pub(super) fn tag(&self) -> String {
        let text = self.remote.read("main", FILE);
        text.split('"').nth(1).unwrap().to_owned()
    }

    pub(super) fn is_whole(&self, commits: usize) {
        git(&self.remote.path(), &["fsck", "--strict", "--no-dangling"]);
        assert_eq!(self.remote.subjects("main").len(), commits);
    }

    /// Runs until it succeeds, and asserts that the release landed exactly once.
    pub(super) fn completes(&self, commits: usize) {
        let mut runs = 0;
        loop {
            let output = self.run();
            if output.status.success() {
                break;
            }
            runs += 1;
            assert!(runs < 8, "a rerun does not complete: {}", said(&output));
        }
        assert_eq!(self.tag(), "1.2.3");
        self.is_whole(commits);
    }
}

#[test]
fn a_registry_that_flaps_promotes_once() {
    let Some(promotion) = Promotion::new() else {
        return;
    };
    // Every second answer is an error, a broken body or no list at all.
    promotion.registry.on_request(|seen| match seen.number % 6 {
        0 => Some(Reply::new(503, "later")),
        2 => Some(
            Reply::new(200, r#"{"name":"acme/shop","tags":["1.0.0","1.2.3"]}"#)
                .sending(Sending::BrokenAfter(20)),
        ),
        4 => Some(Reply::new(502, "<html>bad gateway</html>")),
        _ => None,
    });
    promotion.completes(2);
    // And once it is written, a flapping registry changes nothing.
    let _ = promotion.run();
    promotion.is_whole(2);
}

#[test]
fn a_rate_limit_in_the_middle_promotes_nothing_and_the_next_run_completes() {
    let Some(promotion) = Promotion::new() else {
        return;
    };
    promotion.registry.page_size(1);
    promotion.registry.on_request(|seen| {
        let is_second_page = seen.path.ends_with("/tags/list") && seen.query.contains("last=");
        is_second_page.then(|| Reply::new(429, "slow down").header("Retry-After", "3600"))
    });
    let output = promotion.run();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("rate_limited"), "{}", said(&output));
    assert_eq!(promotion.tag(), "1.0.0", "half a list of tags was enough");
    promotion.registry.behave();
    promotion.completes(2);
}

#[test]
fn image_watch_killed_at_any_moment_leaves_a_whole_repository_and_a_rerun_completes() {
    let Some(promotion) = Promotion::new() else {
        return;
    };
    let mut landed = 0;
    for delay in [0, 20, 60, 100, 140, 180, 240, 320, 450, 700] {
        promotion.remote.commit(&[(FILE, VALUES)], "back");
        let before = promotion.remote.subjects("main").len();
        let mut child = promotion.command().spawn().unwrap();
        thread::sleep(Duration::from_millis(delay));
        let _ = child.kill();
        child.wait().unwrap();
        landed += usize::from(promotion.tag() == "1.2.3");
        promotion.completes(before + 1);
    }
    assert!(landed < 10, "no run was killed in time to show anything");
}

#[test]
fn a_full_disk_promotes_nothing_by_half_and_a_rerun_completes() {
    let Some(promotion) = Promotion::new() else {
        return;
    };
    // No file may grow: what a disk without a free block answers, without root to make one.
    let output = plain("bash".as_ref())
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 0; exec \"$@\" 2>&1 | cat",
            "full",
        ])
        .arg(&promotion.watch)
        .args(["check", "--write", "-o", "json", "--config"])
        .arg(promotion.config())
        .output()
        .unwrap();
    let text = said(&output);
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(promotion.tag(), "1.0.0", "{text}");
    promotion.is_whole(1);
    promotion.completes(2);
}

#[test]
fn a_clock_that_steps_back_opens_no_gate() {
    let Some(gate) = built("trivy-gate") else {
        return;
    };
    let report = autoscaleops_testkit::root().join("scripts/demo/clean.trivy.json");
    let run = |now: &str| {
        let output = plain(&gate)
            .arg(&report)
            .args(["--max-age", "24h", "--now", now])
            .output()
            .unwrap();
        (output.status.code(), said(&output))
    };
    let scanned = fs::read_to_string(&report).unwrap();
    let scanned = scanned.split("\"CreatedAt\"").nth(1).unwrap();
    let day = scanned
        .split('"')
        .nth(1)
        .unwrap()
        .split('T')
        .next()
        .unwrap()
        .to_owned();
    let (code, text) = run(&format!("{day}T23:59:59Z"));
    assert_eq!(code, Some(0), "{text}");
    // A year on, and a year back: too old, and from the future.
    for year in ["2027", "2025"] {
        let (code, text) = run(&format!("{year}{}T00:00:00Z", &day[4..]));
        assert!(!matches!(code, Some(0)), "{year}: {text}");
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
