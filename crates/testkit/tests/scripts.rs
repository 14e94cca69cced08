//! What every script of the repository keeps to, and that the ones that count and write do it right.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that starts scripts"
)]

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use autoscaleops_testkit::{Background, Stubs, built, peer, root, wait_until, write_program};
use rustix::process::Signal;
use tempfile::TempDir;

#[test]
fn each_script_says_what_it_does_and_stops_at_unset_names() {
    for path in scripts() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display();
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        if first.starts_with("# shellcheck shell=") {
            // A library, sourced by others.
            continue;
        }
        assert_eq!(first, "#!/usr/bin/env bash", "{name}");
        assert!(
            lines.next().unwrap().starts_with("# "),
            "{name} does not say what it does"
        );
        assert!(
            text.contains("\nset -euo pipefail\n") || text.contains("\nset -uo pipefail\n"),
            "{name}"
        );
        let mode = path.metadata().unwrap().permissions().mode();
        assert!(mode & 0o111 != 0, "{name} is not executable");
    }
}

#[test]
fn the_total_counts_each_kind_of_outcome_once() {
    // A cargo that prints what the test harness would: one test of each fate, one program killed.
    let cargo = Stubs::new().program(
        "cargo",
        r#"[ "$1" = test ] || exit 0
printf 'crate::skips\tno program x\ncrate::skips\tno program y\ncrate::fails\tno program x\n' >>"$AUTOSCALEOPS_SKIPS"
cat <<END
test works ... ok
test skips ... ok
test later ... ignored, needs the moon
test fails ... FAILED
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.17s
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.17s
  process didn't exit successfully: /x/y-123 (signal: 11, SIGSEGV: invalid memory reference)
END
exit 101"#,
    );
    let output = test_script(&cargo, &["test", "fmt"]);
    let text = String::from_utf8(output.stdout).unwrap();
    // Seven by the harness, of which one skipped itself, and the format check.
    assert_eq!(
        text.lines().last().unwrap(),
        "total: 7 passed, 2 failed, 2 skipped",
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
    for line in [
        "skipped: later (ignored)",
        "skipped: crate::skips (no program x)",
        "FAILED:  test fails",
    ] {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
}

#[test]
fn a_build_that_fails_is_a_failure_even_without_any_test() {
    let cargo = Stubs::new().program("cargo", "echo 'error: could not compile'; exit 101");
    let output = test_script(&cargo, &["test"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text.lines().last().unwrap(),
        "total: 0 passed, 1 failed, 0 skipped",
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_benchmark_replaces_its_own_section_and_no_other() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    fs::create_dir_all(path.join("scripts/bench")).unwrap();
    fs::create_dir_all(path.join("docs")).unwrap();
    let dispatcher = fs::read(root().join("scripts/bench.sh")).unwrap();
    write_program(&path.join("scripts/bench.sh"), &dispatcher);
    for (name, code) in [("one", 0), ("two", 10)] {
        let benchmark = format!("#!/bin/sh\necho '## {name}'; cat number; exit {code}\n");
        let file = path.join(format!("scripts/bench/{name}.sh"));
        write_program(&file, benchmark.as_bytes());
    }
    let run = |number: &str, arguments: &[&str]| {
        fs::write(path.join("number"), format!("{number}\n")).unwrap();
        let output = Command::new(path.join("scripts/bench.sh"))
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code(),
            fs::read_to_string(path.join("docs/benchmarks.md")).unwrap(),
        )
    };
    let (code, text) = run("111", &[]);
    assert_eq!(code, Some(10), "a missed goal is told by the code");
    assert_eq!(text.matches("\n111\n").count(), 2, "{text}");
    let (code, text) = run("222", &["one"]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("## one\n222\n") && text.contains("## two\n111\n"),
        "{text}"
    );
    assert_eq!(text.matches("<!-- bench:").count(), 2, "{text}");
}

/// The demo from a checkout, and in a place, whose names have a space.
struct Demo {
    folder: TempDir,
}

impl Demo {
    const TOOLS: [&str; 7] = [
        "kind-up",
        "trivy-gate",
        "tag-bump",
        "image-watch",
        "hpa-watch",
        "k6-run",
        "demo-app",
    ];

    fn new() -> Option<Self> {
        if Self::TOOLS.iter().any(|it| built(it).is_none()) {
            return None;
        }
        let folder = TempDir::new().unwrap();
        std::os::unix::fs::symlink(root(), folder.path().join("a checkout")).unwrap();
        fs::create_dir(folder.path().join("a place")).unwrap();
        Some(Self { folder })
    }

    /// Returns a command that hears signals also where the tests run in the background, behind
    /// `nohup` or without a terminal: what is ignored at the start of a script stays ignored.
    fn hearing(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,HUP").arg(program);
        command
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("a checkout/scripts/demo.sh")
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("a place")
    }

    fn prepare<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let target = built("kind-up").unwrap();
        command
            .env("TMPDIR", self.place())
            .env("NO_COLOR", "1")
            .env("CARGO_TARGET_DIR", target.ancestors().nth(2).unwrap())
    }

    /// Asserts that no file and no process of it is left.
    fn is_gone(&self, when: &str) {
        let left: Vec<_> = fs::read_dir(self.place()).unwrap().collect();
        assert!(left.is_empty(), "{when}: {left:?}");
        let name = self.folder.path().to_str().unwrap();
        let processes: Vec<String> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|it| {
                let process = it.ok()?.path();
                let read = |name: &str| fs::read(process.join(name)).unwrap_or_default();
                // All but pods have the demo's environment, and a pod works in its folder.
                let place = fs::read_link(process.join("cwd")).unwrap_or_default();
                let marks = [read("cmdline"), read("environ")].concat();
                let marks = String::from_utf8_lossy(&marks).into_owned();
                (marks.contains(name) || place.starts_with(name)).then_some(marks)
            })
            .collect();
        assert!(processes.is_empty(), "{when}: {processes:?}");
    }
}

#[test]
fn the_demo_leaves_nothing_behind_when_it_is_interrupted() {
    let Some(demo) = Demo::new() else { return };
    // Where the demo would be served something else listens, be it this.
    let _held = std::net::TcpListener::bind(("127.0.0.1", 30_007));
    // At its first step, in the middle of a push, under load. `DEMO_STEPS="1 2 3 …"` tries others.
    let steps = std::env::var("DEMO_STEPS").unwrap_or_else(|_| "1 4 7".to_owned());
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    for (step, (signal, code)) in steps.split_whitespace().zip(signals.iter().cycle()) {
        let heading = format!("{step}. ");
        let mut command = Demo::hearing(demo.script());
        demo.prepare(&mut command)
            .args(["--no-build", "--recorded"]);
        let mut is_told = false;
        let (mut running, ()) = Background::start_until(&mut command, |line| {
            is_told |= line.contains("port 30007 is taken");
            line.starts_with(&heading).then_some(())
        });
        assert!(is_told, "nothing was said of the port");
        let status = running.signal(*signal);
        assert_eq!(status.code(), Some(*code), "step {step}");
        demo.is_gone(&format!("step {step}"));
    }
}

#[test]
fn ctrl_c_on_a_terminal_ends_the_demo_while_it_prepares() {
    let Some(demo) = Demo::new() else { return };
    // What runs in the foreground gets a terminal's interrupt, and must not be alone with it.
    let Some(script) = peer("script") else { return };
    let mut command = Demo::hearing(script);
    let line = format!("'{}' --no-build --recorded", demo.script().display());
    demo.prepare(&mut command)
        .args(["-qefc", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    wait_until("a demo prepares", Duration::from_secs(60), || {
        let mut begun = fs::read_dir(demo.place()).unwrap().flatten();
        begun.any(|it| it.path().join("shop.git").exists())
    });
    let mut keys = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut keys, b"\x03").unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    demo.is_gone("while it prepares");
}

/// Runs scripts/test.sh with a stub for cargo, and its logs in a folder of its own.
fn test_script(cargo: &Stubs, steps: &[&str]) -> Output {
    let logs = TempDir::new().unwrap();
    // No engine is started for a stub.
    let tools = Stubs::new()
        .program("docker", "exit 1")
        .program("dockerd", "exit 1");
    let path = std::env::join_paths(
        [
            cargo.directory(),
            tools.directory(),
            Path::new("/usr/local/bin"),
            Path::new("/usr/bin"),
            Path::new("/bin"),
        ]
        .iter()
        .copied(),
    )
    .unwrap();
    Command::new(root().join("scripts/test.sh"))
        .args(steps)
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", logs.path())
        .env_remove("AUTOSCALEOPS_SKIPS")
        .output()
        .unwrap()
}

fn scripts() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "sh") {
                found.push(path);
            }
        }
    }
    let mut found = vec![root().join(".ci/run")];
    walk(&root().join("scripts"), &mut found);
    found
}
