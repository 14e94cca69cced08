//! Scripts that are none, never end or take too much: each run ends with a report.

use serde_json::Value;

use super::{run, script};
use autoscaleops_testkit::tool;

/// A script, its exit code, and what stands in its report: the kind of its error, or its findings.
type Case = (&'static str, i32, &'static str);

fn seen(text: &str, arguments: &[&str]) -> (i32, String) {
    let (code, report) = run(text, arguments);
    if let Some(kind) = report["error"]["kind"].as_str() {
        return (code, kind.to_owned());
    }
    let findings = report["findings"].as_array().unwrap().iter();
    let ids = findings.filter_map(|it| it["id"].as_str());
    // How busy this machine is depends on what else it does.
    let ids: Vec<&str> = ids.filter(|it| *it != "saturated").collect();
    (code, ids.join(" "))
}

fn all(cases: &[Case], arguments: &[&str]) {
    for (text, code, told) in cases {
        let shown: String = text.chars().take(200).collect();
        assert_eq!(
            seen(text, arguments),
            (*code, (*told).to_owned()),
            "{shown}"
        );
    }
}

#[test]
fn what_cannot_be_loaded_is_told_as_such() {
    all(
        &[
            ("", 2, "options"),
            ("export const x = 1;", 2, "options"),
            ("export default 5;", 2, "options"),
            ("export default { a: 1 };", 2, "options"),
            (
                "import './none.js';\nexport default function () {}",
                2,
                "script",
            ),
            ("throw undefined;", 2, "script"),
            (
                "require('constructor');\nexport default function () {}",
                2,
                "script",
            ),
            // Itself.
            (
                "require('./script.js');\nexport default function () {}",
                2,
                "script",
            ),
            (
                "(async () => { await null; throw new Error('lost'); })();\nexport default function () {}",
                2,
                "script",
            ),
            (
                "setTimeout(() => { throw new Error('late'); }, 5);\nexport default function () {}",
                2,
                "script",
            ),
            ("throw { toString() { throw 1; } };", 2, "script"),
            (
                "await new Promise(() => {});\nexport default function () {}",
                2,
                "script",
            ),
            (
                "const f = (n) => f(n + 1) + 1;\nf(0);\nexport default function () {}",
                2,
                "script",
            ),
            (
                "export const options = { get vus() { throw new Error('no'); } };\nexport default function () {}",
                2,
                "script",
            ),
            (
                "export const options = () => ({ vus: 1 });\nexport default function () {}",
                2,
                "script",
            ),
            (
                "export const options = { vus: NaN, iterations: 1 };\nexport default function () {}",
                2,
                "script",
            ),
            (
                "export const options = {};\noptions.own = options;\nexport default function () {}",
                2,
                "script",
            ),
            (
                "export const options = 'fast';\nexport default function () {}",
                2,
                "options",
            ),
            (
                "export const options = { vus: 1e9, duration: '1s' };\nexport default function () {}",
                2,
                "memory",
            ),
            (
                "export const options = { vus: -1 };\nexport default function () {}",
                2,
                "options",
            ),
            (
                "export const options = { stages: [{ duration: '-1s', target: 1 }] };\nexport default function () {}",
                2,
                "options",
            ),
            ("export default function () { \u{0} }", 2, "script"),
        ],
        &[],
    );
}

#[test]
fn a_scenario_has_the_fields_of_its_executor_also_where_flags_replace_it() {
    for (scenario, told) in [
        ("executor: 'nope'", "there is no executor `nope`"),
        ("vus: 1", "missing field `executor`"),
        (
            "executor: 'constant-vus', duration: '1s', iterations: 5",
            "`constant-vus` has no `iterations`; it has `vus`, `duration`",
        ),
        (
            "executor: 'constant-vus', duration: 'long'",
            "`long` is not a duration",
        ),
        (
            "executor: 'constant-arrival-rate', rate: 1.5, duration: '1s', preAllocatedVUs: 1",
            "invalid type: floating point `1.5`",
        ),
        (
            "executor: 'ramping-vus', stages: [{ duration: '1s', target: 1, vus: 1 }]",
            "a stage has `duration` and `target`, and nothing else",
        ),
        (
            "executor: 'shared-iterations', env: { A: 5 }",
            "the variable `A` is no text",
        ),
        (
            "executor: 'shared-iterations', options: { cloud: {} }",
            "unknown field `cloud`",
        ),
    ] {
        let text = format!(
            "export const options = {{ scenarios: {{ a: {{ {scenario} }} }} }};\nexport default function () {{}}"
        );
        for flags in [&[][..], &["-i", "1"]] {
            let (code, report) = run(&text, flags);
            let message = report["error"]["message"].as_str().unwrap_or_default();
            assert!(code == 2 && message.contains(told), "{scenario}: {report}");
        }
    }
    let led = "export const options = { scenarios: { a: { executor: 'externally-controlled', vus: 1, duration: '1s' } } };\nexport default function () {}";
    let message = run(led, &[]).1["error"]["message"].to_string();
    assert!(
        message.contains("externally-controlled") && message.contains("needs the real k6"),
        "{message}"
    );
}

#[test]
fn what_throws_anything_is_counted_and_told() {
    all(
        &[
            (
                "export default function () { throw undefined; }",
                10,
                "exceptions no-thresholds",
            ),
            (
                "export default function () { throw Symbol('s'); }",
                10,
                "exceptions no-thresholds",
            ),
            (
                "export default function () { throw { toString() { throw 1; }, toJSON() { throw 2; } }; }",
                10,
                "exceptions no-thresholds",
            ),
            (
                "export default function () { const a = {}; a.a = a; throw a; }",
                10,
                "exceptions no-thresholds",
            ),
            (
                "export default function () { Promise.reject(new Error('x')); }",
                0,
                "no-thresholds",
            ),
            (
                "export default async function () { await new Promise(() => {}); }",
                0,
                "no-thresholds",
            ),
            (
                "export const options = { setupTimeout: '1s' };\nexport function setup() { throw { toJSON() { throw 2; } }; }\nexport default function () {}",
                10,
                "setup",
            ),
            (
                "export default function () {}\nexport function handleSummary() { throw undefined; }",
                0,
                "no-thresholds",
            ),
            (
                "export default function () {}\nexport function handleSummary() { return 5; }",
                0,
                "no-thresholds",
            ),
        ],
        &[],
    );
}

#[test]
fn what_takes_too_long_is_stopped_at_its_limits() {
    const SHORT: &str = "export const options = { scenarios: { a: { executor: 'per-vu-iterations', maxDuration: '1s', gracefulStop: '0s' } } };\n";
    for body in [
        "/^(a+)+$/.test('a'.repeat(40) + 'b');",
        "setInterval(() => {}, 10);",
        "const later = async () => { for (;;) await null; }; later();",
        "const again = () => setTimeout(again, 1); again();",
        "for (const _ of (function* () { for (;;) yield; })());",
        "[...Array(1e6).keys()].sort(() => { for (;;); });",
        "'x'.repeat(1e6).replace(/x/g, () => { for (;;); });",
        "JSON.stringify({ toJSON() { for (;;); } });",
        "new Proxy({}, { get() { for (;;); } }).a;",
    ] {
        let text = format!("{SHORT}export default function () {{ {body} }}");
        assert_eq!(seen(&text, &[]), (11, String::new()), "{body}");
    }
    let never = "export const options = { setupTimeout: '1s' };\nexport async function setup() { for (;;) await null; }\nexport default function () {}";
    assert_eq!(seen(never, &[]), (10, "setup".to_owned()));
}

#[test]
fn what_takes_too_much_memory_is_an_exception() {
    for body in [
        "'x'.repeat(1 << 29).split('');",
        "new ArrayBuffer(1e10);",
        "new Uint8Array(1e12);",
        "const a = []; for (;;) a.push(new Array(1e5).fill('x'));",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, 'x'.repeat(1000));",
        "let s = 'x'; for (;;) s += s;",
        "JSON.parse('['.repeat(1e6));",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a);",
        "const f = (n) => f(n + 1) + 1; f(0);",
    ] {
        let text = format!("export default function () {{ {body} }}");
        let (code, findings) = seen(&text, &["--memory-limit=64"]);
        assert_eq!(
            (code, findings.as_str()),
            (10, "exceptions no-thresholds"),
            "{body}"
        );
    }
    let at_load =
        "const a = []; for (;;) a.push(new Array(1e5).fill('x'));\nexport default function () {}";
    assert_eq!(
        seen(at_load, &["--memory-limit=64"]),
        (2, "script".to_owned())
    );
}

#[test]
fn what_is_nested_ten_thousandfold_is_an_answer_and_no_crash() {
    let main = "export default function () {}\n";
    for (head, step, tail, code) in [
        ("const a = ", "[", "]", 2),
        ("const a = ", "(", ")", 2),
        ("const a = ", "{ a: ", "}", 2),
        ("const a = ", "!", "", 2),
        ("const a = ", "`${", "}`", 2),
        ("const a = ", "1 + ", "", 0),
        ("", "{", "}", 2),
        ("", "if (1) ", "", 2),
    ] {
        let text = format!(
            "{main}{head}{}1{}",
            step.repeat(10_000),
            tail.repeat(10_000)
        );
        assert_eq!(seen(&text, &[]).0, code, "{step}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.ts");
    for (count, code) in [(10_000, 0), (600_000, 2)] {
        let types = format!("let a: {}1{};", "Array<".repeat(count), ">".repeat(count));
        std::fs::write(&path, format!("{main}{types}")).unwrap();
        let output = tool!("k6-run").arg("--quiet").arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{count}: {output:?}");
    }
}

#[test]
fn a_long_script_and_an_odd_beginning_are_read() {
    let long = format!(
        "// {}\nexport default function () {{}}",
        "x".repeat(50 << 20)
    );
    assert_eq!(seen(&long, &[]).0, 0);
    let marked = "\u{feff}export default function () {\r\n}\r\n";
    assert_eq!(seen(marked, &[]).0, 0);
}

#[test]
fn what_a_script_says_at_its_end_goes_where_it_says() {
    let text = "export default function () {}\nexport function handleSummary() {\n  return { stdout: 'for the screen\\n', stderr: 'for the log\\n', [`${__ENV.FOLDER}/one.txt`]: 'first', [`${__ENV.FOLDER}/deep/two.bin`]: new Uint8Array([0, 255, 1]).buffer, [`${__ENV.FOLDER}/none.txt`]: '' };\n}";
    let (folder, path) = script(text);
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    let output = tool!("k6-run")
        .args(["--engine=native", "--quiet"])
        .arg(format!("--env=FOLDER={}", folder.path().display()))
        .arg(&path)
        .output()
        .unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    assert!(
        said(&output.stdout).starts_with("for the screen"),
        "{}",
        said(&output.stdout)
    );
    assert!(said(&output.stderr).contains("for the log"));
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("one.txt"), b"first");
    assert_eq!(read("deep/two.bin"), [0, 255, 1]);
    assert_eq!(read("none.txt"), b"");
    let (_, report) = run(
        "export default function () {}\nexport function handleSummary() { return { '/none/of/this': 'x', stdout: 'still' }; }",
        &[],
    );
    assert_ne!(report["verdict"], Value::Null);
}
