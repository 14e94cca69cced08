//! Faults through the chain: whatever breaks in the middle, nothing is promoted that the gate did
//! not pass, the repository stays whole, and running the same again completes. The table of
//! docs/reliability.md names these tests.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests that start programs"
)]

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use autoscaleops_testkit::{GitHttp, Remote, built, git, home, root};

#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/cluster.rs"]
mod cluster;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/promote.rs"]
mod promote;

const FILE: &str = "values-dev.yaml";
const VALUES: &str = "image:\n  repository: ghcr.io/acme/shop\n  tag: \"dev-0000000\"\n";

struct Chain {
    gate: PathBuf,
    bump: PathBuf,
    remote: Remote,
}

impl Chain {
    /// `None`, and written down as skipped, where the tools are not built.
    fn new() -> Option<Self> {
        let (gate, bump) = (built("trivy-gate")?, built("tag-bump")?);
        Some(Self {
            gate,
            bump,
            remote: Remote::new(&[(FILE, VALUES)]),
        })
    }

    /// What the gate says of one of the recorded reports, as the next tool reads it.
    fn gate(&self, name: &str) -> Vec<u8> {
        let report = root().join(format!("scripts/demo/{name}.trivy.json"));
        let output = plain(&self.gate)
            .arg(report)
            .args(["-o", "json"])
            .output()
            .unwrap();
        assert!(
            !output.stdout.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    fn bump(&self, url: &str) -> Command {
        let mut command = plain(&self.bump);
        command.args([FILE, "--repo", url, "--from", "-", "--push"]);
        command
    }

    /// Gives `report` to tag-bump and lets it push to `url`.
    fn land(&self, url: &str, report: &[u8]) -> Output {
        let mut child = start(&mut self.bump(url));
        feed(&mut child, report);
        child.wait_with_output().unwrap()
    }

    fn tag(&self) -> String {
        let text = self.remote.read("main", FILE);
        text.split('"').nth(1).unwrap().to_owned()
    }

    /// Asserts that the remote is sound and that its history has this many commits.
    fn is_whole(&self, commits: usize) {
        git(&self.remote.path(), &["fsck", "--strict", "--no-dangling"]);
        assert_eq!(self.remote.subjects("main").len(), commits);
        assert!(!self.remote.path().join("refs/heads/main.lock").exists());
    }
}

#[test]
fn a_report_cut_anywhere_promotes_nothing() {
    let Some(chain) = Chain::new() else { return };
    let report = chain.gate("clean");
    let text = report.trim_ascii_end();
    // Every cut within the head, where verdict and subject stand, then a sample of the rest.
    for end in (0..text.len()).filter(|end| end % 97 == 0 || (*end < 400 && end % 9 == 0)) {
        let output = chain.land(&chain.remote.url(), &text[..end]);
        assert!(
            !output.status.success(),
            "a report of {end} bytes opened the gate"
        );
    }
    chain.is_whole(1);
    assert!(chain.land(&chain.remote.url(), &report).status.success());
    assert_eq!(chain.tag(), "1.2.3");
    chain.is_whole(2);
}

#[test]
fn a_closed_gate_a_dead_gate_and_a_garbled_gate_promote_nothing() {
    let Some(chain) = Chain::new() else { return };
    let output = chain.land(&chain.remote.url(), &chain.gate("vulnerable"));
    assert_eq!(
        output.status.code(),
        Some(10),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for report in [
        &b""[..],
        b"\n",
        b"null\n",
        b"{}\n",
        b"pass\n",
        b"\xff\xfe{}\n",
        b"[{\"verdict\":\"pass\"}]\n",
    ] {
        let output = chain.land(&chain.remote.url(), report);
        assert!(
            !output.status.success(),
            "{:?}",
            String::from_utf8_lossy(report)
        );
    }
    chain.is_whole(1);
    assert_eq!(chain.tag(), "dev-0000000");
}

#[test]
fn an_answer_that_cannot_be_written_opens_no_gate() {
    let Some(chain) = Chain::new() else { return };
    let report = root().join("scripts/demo/clean.trivy.json");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = plain(&chain.gate)
        .arg(&report)
        .args(["-o", "json"])
        .stdout(full)
        .status()
        .unwrap();
    assert!(!status.success(), "a full disk under standard output");
    let output = plain(&chain.gate)
        .arg(&report)
        .args(["--report", "/nonexistent/report.json"])
        .output()
        .unwrap();
    assert!(
        !output.status.success(),
        "a report file that cannot be made"
    );
}

#[test]
fn a_remote_that_refuses_and_then_accepts_gets_the_change_once() {
    let Some(chain) = Chain::new() else { return };
    let report = chain.gate("clean");
    let server = GitHttp::serve(chain.remote.path().parent().unwrap(), None);
    let url = server.url("remote.git");
    // Refused at the first, second, … request: while fetching and while pushing.
    for refusals in 1..4 {
        server.refuse(refusals);
        let mut runs = 0;
        while !chain.land(&url, &report).status.success() {
            runs += 1;
            assert!(
                runs < 6,
                "a rerun does not complete after {refusals} refusals"
            );
        }
    }
    assert_eq!(chain.tag(), "1.2.3");
    chain.is_whole(2);
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_repository_and_a_rerun_completes() {
    let Some(chain) = Chain::new() else { return };
    let report = chain.gate("clean");
    let mut landed = 0;
    for delay in (0..60).step_by(4).chain([80, 120, 200]) {
        // Back to where it began, as another person would.
        chain.remote.commit(&[(FILE, VALUES)], "back");
        let before = chain.remote.subjects("main").len();
        let mut child = start(&mut chain.bump(&chain.remote.url()));
        feed(&mut child, &report);
        thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        landed += usize::from(chain.tag() == "1.2.3");
        // Git programs that it started may still be ending; they hold no lock for ever.
        let output = chain.land(&chain.remote.url(), &report);
        assert!(
            output.status.success(),
            "after {delay} ms: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(chain.tag(), "1.2.3");
        chain.is_whole(before + 1);
    }
    assert!(landed < 18, "no run was killed in time to show anything");
}

#[test]
fn a_remote_that_never_accepts_is_an_error_that_says_so() {
    let Some(chain) = Chain::new() else { return };
    let hook = chain.remote.path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(
        &hook,
        "#!/bin/sh\necho 'the branch is frozen' >&2\nexit 1\n",
    )
    .unwrap();
    std::os::unix::fs::chown(&hook, None, None).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = chain.land(&chain.remote.url(), &chain.gate("clean"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("frozen"),
        "the remote's own words are lost: {said}"
    );
    chain.is_whole(1);
}

/// One of our programs, away from the user's configuration.
fn plain(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["GIT", "AUTOSCALEOPS_", "RUST_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || name == "CI"
        {
            command.env_remove(name);
        }
    }
    command
        .current_dir(home())
        .env("HOME", home())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Ada")
            .env(format!("GIT_{who}_EMAIL"), "ada@example.org");
    }
    command
}

fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes all of `text` to the program's input, which may have ended already.
fn feed(child: &mut Child, text: &[u8]) {
    drop(child.stdin.take().unwrap().write_all(text));
}
