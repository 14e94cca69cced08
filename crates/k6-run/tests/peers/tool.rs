//! What the tool makes of either engine: shapes of results, verdicts, the platform's own scripts, runners.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use autoscaleops_testkit::{command, peer, root, tool};
use serde_json::{Map, Value, json};

use super::server;

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns what a value is made of: names and kinds, without the values.
fn bones(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> =
                map.iter().map(|it| (it.0.clone(), bones(it.1))).collect();
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
            pairs.into_iter().collect::<Map<_, _>>().into()
        }
        Value::Array(list) => {
            let kinds: BTreeSet<String> = list.iter().map(|it| bones(it).to_string()).collect();
            json!(kinds)
        }
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        Value::Null => json!("null"),
    }
}

/// Returns the different lines that samples have.
fn lines(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            format!("{} {} {}", line["type"], line["metric"], bones(&line))
        })
        .collect()
}

const SHAPES: &str = "import http from 'k6/http';\nimport { check, group, sleep } from 'k6';\nimport { Counter, Gauge, Rate, Trend } from 'k6/metrics';\nconst [c, g, r, t] = [new Counter('my_counter'), new Gauge('my_gauge'), new Rate('my_rate'), new Trend('my_time', true)];\nexport const options = { vus: 2, iterations: 4, thresholds: { checks: ['rate>0.1'], my_counter: ['count>100'], 'http_req_duration{kind:one}': [{ threshold: 'p(95)<5000', abortOnFail: false }] } };\nexport function setup() { return { a: [1, 'x', null] }; }\nexport default function () {\n  group('outer', () => {\n    group('inner', () => { check(http.get(`${__ENV.BASE_URL}/get`, { tags: { kind: 'one' } }), { 'is 200': (r) => r.status === 200, 'is not': () => false }); });\n  });\n  check(1, { 'at the top': () => true });\n  sleep(0.7); c.add(1, { tagged: 'yes' }); g.add(2.5); r.add(true); t.add(12.5);\n}\nexport function handleSummary(data) { return { [__ENV.DATA]: JSON.stringify(data) }; }\n";

#[test]
fn every_shape_of_a_result_is_that_of_k6() {
    let Some(k6) = peer("k6") else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = write(folder.path(), "shapes.js", SHAPES);
    let base = server::start();
    let arguments = |name: &str, lines: bool| -> Vec<String> {
        let path = |ending: &str| {
            folder
                .path()
                .join(format!("{name}.{ending}"))
                .display()
                .to_string()
        };
        let mut arguments = vec![
            format!("--summary-export={}", path("export")),
            format!("--env=BASE_URL={base}"),
            format!("--env=DATA={}", path("data")),
        ];
        if lines {
            arguments.push(format!("--out=json={}", path("lines")));
        }
        arguments
    };
    let theirs = command(&k6)
        .args(["run", "--quiet", "--no-usage-report"])
        .args(arguments("theirs", true))
        .arg(&script)
        .output()
        .unwrap();
    assert_eq!(theirs.status.code(), Some(99));
    let run = |name: &str, lines: bool, flags: &[&str]| {
        let output = tool!("k6-run")
            .args(["--quiet", "--k6", &k6.display().to_string()])
            .args(flags.iter().copied())
            .args(arguments(name, lines))
            .arg(&script)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(10), "{said}");
    };
    run("ours", true, &["--engine=native"]);
    let path = |name: &str| folder.path().join(name);
    for ending in ["export", "data"] {
        let (theirs, ours) = (
            path(&format!("theirs.{ending}")),
            path(&format!("ours.{ending}")),
        );
        assert_eq!(bones(&read(&theirs)), bones(&read(&ours)), "{ending}");
    }
    let (theirs, ours) = (lines(&path("theirs.lines")), lines(&path("ours.lines")));
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    assert_eq!(
        (only(&theirs, &ours), only(&ours, &theirs)),
        (vec![], vec![])
    );
    // k6 1.1 does not have the fourth shape: what the tool makes of its result stands for it.
    run(
        "k6",
        false,
        &["--engine=k6", "--new-machine-readable-summary"],
    );
    run(
        "native",
        true,
        &["--engine=native", "--new-machine-readable-summary"],
    );
    let (theirs, ours) = (read(&path("k6.export")), read(&path("native.export")));
    assert_eq!(
        bones(&theirs["results"]["checks"]),
        bones(&ours["results"]["checks"])
    );
    published(&theirs);
    published(&ours);
    let named = |value: &Value| -> BTreeSet<String> {
        let metrics = value["results"]["metrics"].as_array().unwrap().iter();
        metrics
            .map(|it| format!("{} {} {}", it["name"], it["type"], bones(&it["values"])))
            .collect()
    };
    assert_eq!(named(&theirs), named(&ours));
    for part in ["config", "metadata"] {
        assert_eq!(bones(&theirs[part]), bones(&ours[part]));
    }
    assert_eq!(
        (&theirs["version"], &ours["version"]),
        (&json!("1.0.0"), &json!("1.0.0"))
    );
}

/// Holds a result of the shape `1.0.0` against its published types, which allow no other fields
/// (<https://github.com/grafana/k6-summary>, `generated/go/summary`).
fn published(result: &Value) {
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let exactly = |value: &Value, names: &[&str]| {
        assert_eq!(
            keys(value),
            names.iter().map(|it| (*it).to_owned()).collect(),
            "{value}"
        );
    };
    exactly(result, &["config", "metadata", "results", "version"]);
    exactly(&result["config"], &["duration", "execution", "script"]);
    exactly(&result["metadata"], &["generatedAt", "k6Version"]);
    exactly(&result["results"], &["checks", "metrics"]);
    exactly(&result["results"]["checks"], &["metrics", "results"]);
    let list = |value: &Value| value.as_array().unwrap().clone();
    for check in list(&result["results"]["checks"]["results"]) {
        exactly(&check, &["fails", "name", "passes"]);
    }
    let checks = list(&result["results"]["checks"]["metrics"]);
    for metric in list(&result["results"]["metrics"]).iter().chain(&checks) {
        exactly(metric, &["contains", "name", "type", "values"]);
        let values = &metric["values"];
        match metric["type"].as_str().unwrap() {
            "counter" => exactly(values, &["count"]),
            "gauge" => exactly(values, &["max", "min", "value"]),
            "rate" => exactly(values, &["matches", "rate", "total"]),
            _ => exactly(values, &["avg", "max", "med", "min", "p(90)", "p(95)"]),
        }
        assert!(
            values.as_object().unwrap().values().all(Value::is_number),
            "{metric}"
        );
    }
    let generated = result["metadata"]["generatedAt"].as_str().unwrap();
    assert!(generated.parse::<jiff::Timestamp>().is_ok(), "{generated}");
}

/// What a report says, without what depends on the engine and the clock.
fn judged(engine: &str, k6: &Path, script: &Path, flags: &[&str]) -> Value {
    let output = tool!("k6-run")
        .args([
            "--quiet",
            "-o",
            "json",
            "--engine",
            engine,
            "--k6",
            &k6.display().to_string(),
        ])
        .args(flags.iter().copied())
        .arg(script)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    // How busy this machine is depends on what else it does.
    let findings = findings.filter(|it| it["id"] != "saturated");
    let thresholds = report["details"]["thresholds"].as_array();
    let thresholds = thresholds.into_iter().flatten().map(|it| {
        json!([
            it["metric"],
            it["condition"],
            it["ok"],
            it["value"].is_null()
        ])
    });
    json!({
        "code": output.status.code(),
        "verdict": report["verdict"],
        "k6_exit_code": report["outputs"]["k6_exit_code"],
        "findings": findings.map(|it| it["id"].clone()).collect::<Vec<_>>(),
        "thresholds": thresholds.map(|it| it.to_string()).collect::<BTreeSet<_>>(),
        "iterations": report["outputs"]["iterations"],
        "exceptions": report["outputs"]["exceptions"],
    })
}

#[test]
fn the_verdict_does_not_depend_on_the_engine() {
    let Some(k6) = peer("k6") else { return };
    let folder = tempfile::tempdir().unwrap();
    let base = server::start();
    let get = format!(
        "import http from 'k6/http';\nexport default function () {{ http.get('{base}/get'); }}\n"
    );
    let cases = [
        ("passes", format!("{get}export const options = {{ iterations: 3, thresholds: {{ http_reqs: ['count==3'], http_req_duration: ['p(99)<60000'] }} }};")),
        ("misses", format!("{get}export const options = {{ iterations: 3, thresholds: {{ http_reqs: ['count>3'], http_req_duration: ['p(99)<0.0001'] }} }};")),
        ("throws", "export default function () { throw new Error('no'); }".to_owned()),
        ("nothing", "import http from 'k6/http';\nexport default function () { http.get('http://127.0.0.1:1/'); }".to_owned()),
        ("no-samples", format!("{get}export const options = {{ thresholds: {{ 'http_req_duration{{name:other}}': ['p(95)<1'] }} }};")),
        ("setup", "export function setup() { throw new Error('no'); }\nexport default function () {}".to_owned()),
        ("aborts", "import exec from 'k6/execution';\nexport default function () { exec.test.abort('enough'); }".to_owned()),
    ];
    for (name, text) in cases {
        let script = write(folder.path(), &format!("{name}.js"), &text);
        let theirs = judged("k6", &k6, &script, &[]);
        let ours = judged("native", &k6, &script, &[]);
        assert_eq!(theirs, ours, "{name}");
        let theirs = judged("k6", &k6, &script, &["--k6-strict-compat"]);
        let ours = judged("native", &k6, &script, &["--k6-strict-compat"]);
        assert_eq!(theirs, ours, "{name} as k6 judges it");
    }
}

/// Answers everything as the platform's application does.
fn application() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                use std::io::{BufRead as _, Write as _};
                let mut writer = stream.try_clone().unwrap();
                for line in std::io::BufReader::new(stream)
                    .lines()
                    .map_while(Result::ok)
                {
                    let answer =
                        b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"version\":\"1.0.0\"}";
                    if line.is_empty() && writer.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn the_platforms_scripts_pass_on_both_engines() {
    let Some(k6) = peer("k6") else { return };
    let base = format!("--env=BASE_URL={}", application());
    let all: [(&str, &[&str], u64); 6] = [
        ("smoke", &[], 10),
        ("autoscale", &["-e=DURATION=1s", "-e=PAUSE=0.1"], 10),
        ("ramp", &["-e=STEP=1", "-e=PAUSE=0.1", "-e=VUS=4"], 5),
        ("spike", &["-e=CALM=1", "-e=SPIKE=1", "-e=RATE=20"], 10),
        ("soak", &["-e=DURATION=1s"], 4),
        ("breakpoint", &["-e=CLIMB=1", "-e=RATE=20"], 4),
    ];
    std::thread::scope(|scope| {
        for (name, settings, least) in all {
            let (k6, base) = (&k6, &base);
            scope.spawn(move || {
                for engine in ["native", "k6"] {
                    let script = root().join(format!("scripts/k6/{name}.js"));
                    // What is tested is the scripts, not the speed of this machine.
                    let flags = [&[base, "-e=PATIENCE=100"], settings].concat();
                    let seen = judged(engine, k6, &script, &flags);
                    assert_eq!(
                        (&seen["code"], &seen["verdict"]),
                        (&json!(0), &json!("pass")),
                        "{name} on {engine}: {seen}"
                    );
                    assert!(
                        seen["iterations"].as_u64().unwrap() >= least,
                        "{name} on {engine}: {seen}"
                    );
                }
            });
        }
    });
}

#[test]
fn two_runners_of_the_real_k6_are_judged_as_one_run() {
    let Some(k6) = peer("k6") else { return };
    let folder = tempfile::tempdir().unwrap();
    let base = server::start();
    let script = write(
        folder.path(),
        "load.js",
        &format!(
            "import http from 'k6/http';\nimport {{ check }} from './lib.js';\nexport const options = {{ scenarios: {{ a: {{ executor: 'shared-iterations', vus: 4, iterations: 40 }} }}, thresholds: {{ checks: ['rate>0.7'], http_req_duration: ['p(95)<60000'] }} }};\nexport default function () {{ check(http.get('{base}/get'), {{ good: () => __ENV.RUNNER === '1' }}); }}\n"
        ),
    );
    write(folder.path(), "lib.js", "export { check } from 'k6';\n");
    let operator = |flags: &[&str]| {
        tool!("k6-run")
            .args(["operator", "--parallelism", "2"])
            .args(flags.iter().copied())
            .arg(&script)
            .output()
            .unwrap()
    };
    let manifest: Value = serde_json::from_slice(&operator(&[]).stdout).unwrap();
    let pod = folder.path().join("pod");
    std::fs::create_dir(&pod).unwrap();
    for (name, text) in manifest["items"][0]["data"].as_object().unwrap() {
        write(&pod, name, text.as_str().unwrap());
    }
    let entry = manifest["items"][1]["spec"]["script"]["configMap"]["file"]
        .as_str()
        .unwrap();
    let mut logs = String::new();
    for (place, segment) in ["0:1/2", "1/2:1"].iter().enumerate() {
        let output = command(&k6)
            .args([
                "run",
                "--quiet",
                "--no-usage-report",
                &format!("--env=RUNNER={place}"),
            ])
            .args([
                &format!("--execution-segment={segment}"),
                "--execution-segment-sequence=0,1/2,1",
            ])
            .arg(pod.join(entry))
            .output()
            .unwrap();
        logs.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    let logs = write(folder.path(), "logs", &logs).display().to_string();
    let output = operator(&["--results", &logs, "-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Half of the checks fail: the second runner alone would have passed.
    assert_eq!(output.status.code(), Some(10), "{report}");
    assert_eq!(report["outputs"]["iterations"], 40, "{report}");
    assert_eq!(report["outputs"]["runners"], 2);
    assert_eq!(
        report["findings"][0]["message"],
        "checks: 'rate>0.7' was missed with 50 %"
    );
    assert!(report["outputs"]["p95_ms"].as_f64().unwrap() > 0.0);
}
