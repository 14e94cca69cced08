//! Everything ends with a report: servers that stall, scripts that never return, signals, closed pipes.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use autoscaleops_testkit::{tool, wait_until};
use serde_json::Value;

use super::{run, script};

/// Takes connections and says `beginning`, then nothing, for as long as the test runs.
fn stalling(beginning: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(beginning);
            kept.push(stream);
        }
    });
    address
}

#[test]
fn a_server_that_stalls_is_given_up_at_the_timeout_and_at_the_end_of_the_run() {
    for beginning in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let url = stalling(beginning);
        let text = format!(
            "import http from 'k6/http';\nexport const options = {{ iterations: 1 }};\nexport default function () {{ const r = http.get('{url}', {{ timeout: '300ms' }}); if (r.error_code !== 1050) throw new Error(`${{r.error_code}} ${{r.error}}`); }}"
        );
        let (code, report) = run(&text, &[]);
        assert_eq!(
            (code, &report["details"]["exceptions"]),
            (10, &Value::from(0)),
            "{report}"
        );
        let text = format!(
            "import http from 'k6/http';\nexport const options = {{ scenarios: {{ a: {{ executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '200ms' }} }} }};\nexport default function () {{ http.get('{url}'); }}"
        );
        let (code, report) = run(&text, &[]);
        assert_eq!(
            (code, &report["details"]["interrupted"]),
            (11, &Value::from(2)),
            "{report}"
        );
    }
}

#[test]
fn an_endless_setup_and_a_deep_recursion_end() {
    let (code, report) = run(
        "export const options = { setupTimeout: '1s' };\nexport function setup() { while (true) {} }\nexport default function () {}",
        &[],
    );
    assert_eq!(
        (code, &report["details"]["k6_exit_code"]),
        (10, &Value::from(100)),
        "{report}"
    );
    let (code, report) = run(
        "function f(n) { return f(n + 1) + 1; }\nexport default function () { f(0); }",
        &[],
    );
    assert_eq!(
        (code, &report["findings"][0]["id"]),
        (10, &Value::from("exceptions")),
        "{report}"
    );
    let (code, report) = run(
        "export const options = { teardownTimeout: '1s' };\nexport function teardown() { while (true) {} }\nexport default function () {}",
        &[],
    );
    assert_eq!(
        (code, &report["details"]["k6_exit_code"]),
        (10, &Value::from(101)),
        "{report}"
    );
}

#[test]
fn more_arrivals_than_can_be_counted_end_with_their_plan() {
    let text = "export const options = { scenarios: { a: { executor: 'constant-arrival-rate', rate: 1e9, duration: '1s', preAllocatedVUs: 1 } } };\nexport default function () {}";
    let (code, report) = run(text, &[]);
    assert_eq!(
        (code, &report["findings"][0]["id"]),
        (0, &Value::from("dropped")),
        "{report}"
    );
    assert!(report["details"]["iterations"].as_u64().unwrap() > 1);
}

/// A run in the background that is killed when the test is over.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program that is signalled while it runs"
)]
fn begin(path: &Path, arguments: &[&str]) -> Background {
    let child = Command::new(env!("CARGO_BIN_EXE_k6-run"))
        .args(["--engine=native", "-o", "json"])
        .args(arguments)
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Background(child)
}

fn start(text: &str, arguments: &[&str]) -> (tempfile::TempDir, Background) {
    let (folder, path) = script(text);
    let run = begin(&path, arguments);
    (folder, run)
}

#[expect(
    clippy::disallowed_methods,
    reason = "asks the system to send a signal"
)]
fn interrupt(child: &Child) {
    let done = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}

fn wait_for(reader: &mut impl std::io::BufRead, word: &str) {
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert!(
            reader.read_line(&mut line).unwrap() > 0,
            "`{word}` was never said"
        );
    }
}

fn code_of(child: &mut Child) -> i32 {
    let mut code = None;
    wait_until("the end of the run", Duration::from_secs(60), || {
        code = child.try_wait().unwrap();
        code.is_some()
    });
    code.unwrap().code().unwrap()
}

#[test]
fn a_signal_ends_iterations_runs_teardown_and_reports() {
    let text = "import { sleep } from 'k6';\nexport const options = { vus: 2, duration: '10m' };\nlet told = false;\nexport default function () { if (!told) console.log('running'); told = true; sleep(0.1); }\nexport function teardown() { console.log('teardown ran'); }";
    let (_folder, mut run) = start(text, &[]);
    let mut stderr = BufReader::new(run.0.stderr.take().unwrap());
    wait_for(&mut stderr, "running");
    interrupt(&run.0);
    wait_for(&mut stderr, "teardown ran");
    assert_eq!(code_of(&mut run.0), 130);
    let mut text = String::new();
    run.0
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["details"]["k6_exit_code"], 105);
    assert_eq!(report["findings"][0]["id"], "interrupted");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "makes a named pipe")]
fn a_signal_ends_the_loading_too() {
    let (folder, path) = script("open('pipe');\nwhile (true) {}\nexport default function () {}");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut run = begin(&path, &[]);
    // Whoever opens it waits for the script to do so.
    drop(std::fs::File::create(&pipe).unwrap());
    interrupt(&run.0);
    assert_eq!(code_of(&mut run.0), 130);
}

#[test]
fn a_second_signal_ends_at_once() {
    let text = "export const options = { duration: '10m', teardownTimeout: '10m' };\nexport default function () { console.log('running'); }\nexport function teardown() { console.log('in teardown'); while (true) {} }";
    let (_folder, mut run) = start(text, &[]);
    let mut stderr = BufReader::new(run.0.stderr.take().unwrap());
    wait_for(&mut stderr, "running");
    interrupt(&run.0);
    wait_for(&mut stderr, "in teardown");
    interrupt(&run.0);
    assert_eq!(code_of(&mut run.0), 130);
}

#[test]
fn a_reader_that_leaves_changes_nothing() {
    let (_folder, mut run) = start("export default function () { console.log('x'); }", &[]);
    drop((run.0.stdout.take(), run.0.stderr.take()));
    assert_eq!(code_of(&mut run.0), 0);
}

#[test]
fn standard_output_is_the_report_and_nothing_else() {
    let text = "console.log('at load');\nexport default function () { console.log('in an iteration'); }\nexport function handleSummary() { return { stdout: 'own text', stderr: 'own note' }; }";
    let (_folder, path) = script(text);
    let output = tool!("k6-run")
        .args(["-o", "json"])
        .arg(&path)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "pass");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for word in ["at load", "in an iteration", "own note"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    let output = tool!("k6-run").arg(&path).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("own text"));
}

#[test]
fn samples_that_cannot_be_written_are_told_and_nothing_is_written_where_the_report_goes() {
    let text = "export const options = { iterations: 2000 };\nexport default function () {}";
    let (code, report) = run(text, &["--out=json=/dev/full"]);
    assert_eq!(
        (code, &report["findings"][0]["id"]),
        (11, &Value::from("incomplete")),
        "{report}"
    );
    let as_k6 = ["--out=json=/dev/full", "--k6-strict-compat"];
    assert_eq!(run(text, &as_k6).0, 0);
    for output in ["--out=json", "--out=json=-"] {
        assert_eq!(run(text, &[output]).0, 2);
    }
}

#[test]
fn on_a_terminal_there_is_a_bar_for_each_scenario() {
    let text = "import { sleep } from 'k6';\nconst s = { executor: 'constant-vus', vus: 1, duration: '1s' };\nexport const options = { scenarios: { first: s, second: s } };\nexport default function () { sleep(0.1); }";
    let (folder, path) = script(text);
    for (columns, color) in [(80, true), (160, false)] {
        let none = if color { "" } else { "NO_COLOR=1 " };
        let line = format!(
            "stty cols {columns}; {none}TERM=xterm {} {}",
            env!("CARGO_BIN_EXE_k6-run"),
            path.display()
        );
        let log = folder.path().join("log");
        #[expect(clippy::disallowed_methods, reason = "a terminal is made by `script`")]
        let made = Command::new("script")
            .args(["-q", "-e", "-c", &line])
            .arg(&log)
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        let Ok(status) = made else {
            autoscaleops_testkit::skip("`script` makes no terminal here");
            return;
        };
        assert!(status.success());
        let seen = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
        for word in [
            "first ",
            "second ",
            "running (0",
            "complete and 0 interrupted",
        ] {
            assert!(seen.contains(word), "{word} is not in {seen:?}");
        }
        assert!(seen.contains('['), "{seen:?}");
        let is_painted = seen.contains("\u{1b}[32m") || seen.contains("\u{1b}[1m");
        assert_eq!(is_painted, color, "{seen:?}");
    }
}
