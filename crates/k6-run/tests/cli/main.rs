//! The program on the command line: verdicts, exit codes, what goes wrong.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    thread,
};

use autoscaleops_testkit::tool;
use serde_json::Value;
use tempfile::TempDir;

mod ends;
mod forms;
mod malformed;
mod sockets;
mod stand_in;

/// Answers every connection with the same bytes, and closes it.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 4_096];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(answer);
        }
    });
    address
}

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn script(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.js");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Runs a script and returns the exit code and the report.
fn run(text: &str, arguments: &[&str]) -> (i32, Value) {
    let (_folder, path) = script(text);
    let output = tool!("k6-run")
        .args(["--engine=native", "--quiet", "-o", "json"])
        .args(arguments)
        .arg(path)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), report)
}

fn request(url: &str, options: &str) -> String {
    format!(
        "import http from 'k6/http';\nexport const options = {options};\nexport default function () {{ http.get('{url}'); }}\n"
    )
}

#[test]
fn thresholds_decide() {
    let good = server(GOOD);
    let (code, report) = run(
        &request(
            &good,
            "{ iterations: 3, thresholds: { http_reqs: ['count==3'] } }",
        ),
        &[],
    );
    assert_eq!((code, &report["verdict"]), (0, &Value::from("pass")));
    assert_eq!(report["outputs"]["requests"], 3.0);
    let (code, report) = run(
        &request(
            &good,
            "{ iterations: 3, thresholds: { http_reqs: ['count>3'] } }",
        ),
        &[],
    );
    assert_eq!(
        (code, &report["details"]["k6_exit_code"]),
        (10, &Value::from(99))
    );
    assert_eq!(report["findings"][0]["id"], "threshold");
}

#[test]
fn what_k6_passes_and_nobody_means_fails_unless_asked_for() {
    let refused = request("http://127.0.0.1:1/", "{ iterations: 1 }");
    let throws = "export default function () { throw new Error('no') }".to_owned();
    for (text, id) in [(refused, "nothing-succeeded"), (throws, "exceptions")] {
        let (code, report) = run(&text, &[]);
        assert_eq!((code, &report["findings"][0]["id"]), (10, &Value::from(id)));
        assert_eq!(run(&text, &["--k6-strict-compat"]).0, 0);
    }
}

#[test]
fn a_server_that_lies_or_speaks_garbage_ends_in_a_report() {
    for (answer, word) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"[..],
            "EOF",
        ),
        (b"garbage\r\n\r\n", "malformed"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "chunk",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "Content-Length",
        ),
        (b"", "EOF"),
    ] {
        let text = format!(
            "import http from 'k6/http';\nexport const options = {{ iterations: 1 }};\nexport default function () {{ const r = http.get('{}', {{ timeout: '5s' }}); if (!r.error.includes('{word}') || r.status !== 0) throw new Error(r.error); }}",
            server(answer)
        );
        let (code, report) = run(&text, &[]);
        assert_eq!(
            (code, &report["details"]["exceptions"]),
            (10, &Value::from(0)),
            "{report}"
        );
    }
}

#[test]
fn an_endless_loop_and_a_memory_bomb_end() {
    let limits = "export const options = { scenarios: { a: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '0s' } } };\n";
    let (code, report) = run(
        &format!("{limits}export default function () {{ while (true) {{}} }}"),
        &[],
    );
    assert_eq!(
        (code, &report["details"]["interrupted"]),
        (11, &Value::from(2))
    );
    let bomb = "export default function () { const a = []; while (true) a.push('x'.repeat(1000) + a.length); }";
    let (code, report) = run(bomb, &["--memory-limit=16"]);
    assert_eq!(code, 10);
    assert!(
        report["summary"]
            .as_str()
            .unwrap()
            .contains("out of memory"),
        "{report}"
    );
}

#[test]
fn a_script_that_cannot_be_used_is_a_usage_error_with_its_place() {
    let (code, report) = run("export const x = 1;\nexport default function ( {\n", &[]);
    assert_eq!(
        (code, &report["error"]["kind"]),
        (2, &Value::from("script"))
    );
    let (code, report) = run("throw new Error('no');\nexport default function () {}", &[]);
    assert_eq!(
        (code, &report["error"]["location"]["line"]),
        (2, &Value::from(1))
    );
    assert_eq!(
        run(
            &request("http://127.0.0.1:1/", "{ vus: 5, iterations: 1 }"),
            &[]
        )
        .0,
        2
    );
}

#[test]
fn users_that_cannot_fit_are_refused_before_they_take_the_machine() {
    let text =
        "export const options = { vus: 1e12, duration: '1s' };\nexport default function () {}";
    let (code, report) = run(text, &[]);
    assert_eq!(
        (code, &report["error"]["kind"]),
        (2, &Value::from("memory")),
        "{report}"
    );
}

#[test]
fn an_error_has_every_form_that_was_asked_for() {
    let (folder, path) = script("export default 5;");
    let forms = ["junit.xml", "page.html", "text.md", "result.json"];
    let mut tool = tool!("k6-run").args(["--engine=native", "-o", "junit"]);
    for form in forms {
        tool = tool.arg(format!("--report={}", folder.path().join(form).display()));
    }
    let output = tool.arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), read("junit.xml"));
    for (form, word) in forms.into_iter().zip([
        "<error message=",
        "<!doctype html>",
        "💥",
        "\"verdict\":\"error\"",
    ]) {
        let text = read(form);
        assert!(text.contains(word), "{word} is not in {text}");
        assert!(text.contains("default"), "{text}");
    }
}

/// Returns what `doctor` reports of a script.
fn examined(text: &str) -> Value {
    let (_folder, path) = script(text);
    let output = tool!("k6-run")
        .args(["doctor", "-o", "json"])
        .arg(path)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn doctor_names_what_needs_k6() {
    let report = examined("import http from 'k6/http';\nimport { browser } from 'k6/browser';\n");
    assert_eq!(report["outputs"]["engine"], "k6");
    assert_eq!(report["findings"][0]["location"]["line"], 2);
}

#[test]
fn doctor_says_what_would_not_run() {
    for (text, told) in [
        ("export function other() {}", "function 'default' not found"),
        (
            "export const options = { vus: 0, duration: '1s' };\nexport default function () {}",
            "must be more than 0",
        ),
        (
            "export const options = { thresholds: { checks: ['rate>>1'] } };\nexport default function () {}",
            "rate>>1",
        ),
    ] {
        let report = examined(text);
        let finding = &report["findings"][0];
        assert_eq!(finding["id"], "options", "{report}");
        let message = finding["message"].as_str().unwrap();
        assert!(
            message.starts_with("it would not run: ") && message.contains(told),
            "{message}"
        );
    }
    assert_eq!(
        examined("export default function () {}")["findings"],
        Value::Array(Vec::new())
    );
}

#[test]
fn what_neither_engine_has_needs_no_k6() {
    let bundle = "const load = () => require('crypto');\nexports.options = { iterations: 1 };\nexports.default = () => typeof load;\n";
    assert_eq!(examined(bundle)["outputs"]["engine"], "native");
    assert_eq!(run(bundle, &[]).0, 0);
    let (code, report) = run("import 'lodash';\nexport default function () {}\n", &[]);
    let message = report["error"]["message"].as_str().unwrap();
    assert!(
        code == 2 && message.contains("there is no module \"lodash\""),
        "{report}"
    );
}

#[test]
fn doctor_takes_no_text_for_an_import() {
    let text = "/* once:\nimport sql from 'k6/x/sql';\n*/\nexport default () => console.log(Array.from('abc'), \"a note from 'there'\");\n";
    let report = examined(text);
    assert_eq!(report["outputs"]["engine"], "native", "{report}");
}

#[test]
fn doctor_finds_sockets_built_in_but_for_their_compression() {
    for (param, engine) in [("tags: {}", "native"), ("compression: 'deflate'", "k6")] {
        let text = format!(
            "import ws from 'k6/ws';\nimport {{ WebSocket }} from 'k6/experimental/websockets';\nexport default () => ws.connect('ws://127.0.0.1:1', {{\n  {param},\n}}, () => new WebSocket(''));\n"
        );
        let report = examined(&text);
        assert_eq!(report["outputs"]["engine"], engine);
        if engine == "k6" {
            assert_eq!(report["findings"][0]["location"]["line"], 4, "{report}");
        }
    }
}
