//! Both engines run the same scripts against one server: counts, tags, checks, thresholds and exit
//! codes are equal.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use autoscaleops_testkit::{command, peer, tool};
use serde_json::Value;

mod api;
mod coverage;
mod html;
mod secure;
mod server;
mod sockets;
mod tool;

/// What is equal between the engines.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    code: i64,
    /// Counts of what does not depend on the clock, by name.
    counts: BTreeMap<String, String>,
    checks: BTreeMap<String, (u64, u64)>,
    thresholds: BTreeMap<String, bool>,
    /// How many samples there were, by metric and tags.
    samples: BTreeMap<String, u64>,
}

/// Scripts whose counts depend on the clock: what may differ, and by how much.
const BANDS: [(&str, f64); 9] = [
    ("executor-constant-vus", 2.0),
    ("executor-ramping-vus", 6.0),
    ("executor-constant-arrival", 2.0),
    ("executor-arrival-unit", 1.0),
    ("executor-ramping-arrival", 2.0),
    ("executor-shared-max-duration", 2.0),
    ("thresholds-abort", 25.0),
    ("executor-graceful-stop", 0.0),
    ("timers", 0.0),
];

/// Metrics of times, besides those of requests.
const TIMED: [&str; 5] = [
    "iteration_duration",
    "group_duration",
    "ws_connecting",
    "ws_session_duration",
    "ws_ping",
];

/// Accepted differences: script, what differs, why.
const ACCEPTED: [(&str, &str); 9] = [
    // The words of these errors are Go's own.
    ("http-reset", "error"),
    // Whether k6 adds the duration of such a connection is chance.
    ("websockets-exceptions", "error"),
    // k6 refuses options after it has made its engine, we before: both before anything is sent.
    ("options-bad-executor", "code"),
    ("options-bad-name", "code"),
    ("options-bad-both", "code"),
    ("options-bad-fewer", "code"),
    // k6 has no number for what has no form in JSON.
    ("options-refused-nan", "code"),
    ("options-refused-infinite", "code"),
    ("options-refused-function", "code"),
];

/// Returns the scripts of a folder of this crate.
fn scripts(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "js" || it == "ts"))
        .collect();
    all.sort();
    all
}

fn gather(code: i64, export: &Path, lines: &Path) -> Seen {
    let mut seen = Seen {
        code,
        ..Seen::default()
    };
    if let Ok(text) = std::fs::read_to_string(export) {
        let exported: Value = serde_json::from_str(&text).unwrap();
        checks(&exported["root_group"], &mut seen.checks);
        for (name, metric) in exported["metrics"].as_object().unwrap() {
            for (condition, missed) in metric["thresholds"].as_object().into_iter().flatten() {
                seen.thresholds
                    .insert(format!("{name} {condition}"), missed.as_bool().unwrap());
            }
            let base = name.split('{').next().unwrap_or_default();
            let timed = name.starts_with("http_req_") && !name.starts_with("http_req_failed")
                || name.starts_with("data_")
                || name.starts_with("vus")
                || TIMED.contains(&base);
            if !timed {
                let kept = ["count", "passes", "fails", "value", "min", "max", "med"];
                let values = kept
                    .iter()
                    .filter_map(|key| Some(format!("{key}={}", metric.get(*key)?.as_f64()?)));
                seen.counts
                    .insert(name.clone(), values.collect::<Vec<_>>().join(" "));
            }
        }
    }
    for line in std::fs::read_to_string(lines).unwrap_or_default().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let metric = line["metric"].as_str().unwrap();
        if line["type"] == "Point" && !metric.starts_with("vus") && !metric.starts_with("data_") {
            *seen
                .samples
                .entry(sample(metric, &line["data"]))
                .or_default() += 1;
        }
    }
    seen
}

/// Returns a sample without its time and value.
fn sample(metric: &str, data: &Value) -> String {
    let sorted = |name: &str| -> String {
        let pairs = data[name].as_object().into_iter().flatten();
        let pairs: BTreeMap<&String, &Value> = pairs.collect();
        serde_json::to_string(&pairs).unwrap()
    };
    format!("{metric} {} {}", sorted("tags"), sorted("metadata"))
}

fn checks(group: &Value, all: &mut BTreeMap<String, (u64, u64)>) {
    for (_, check) in group["checks"].as_object().unwrap() {
        let counts = (
            check["passes"].as_u64().unwrap(),
            check["fails"].as_u64().unwrap(),
        );
        all.insert(check["path"].as_str().unwrap().to_owned(), counts);
    }
    for (_, inner) in group["groups"].as_object().unwrap() {
        all.insert(format!("group {}", inner["path"]), (1, 0));
        checks(inner, all);
    }
}

/// What both engines are told: variables of the script, and of the process.
#[derive(Clone, Debug, Default)]
struct Told {
    script: Vec<(&'static str, String)>,
    process: Vec<(&'static str, String)>,
}

impl Told {
    fn base(base: &str) -> Self {
        Self {
            script: vec![("BASE_URL", base.to_owned())],
            process: Vec::new(),
        }
    }

    fn arguments(&self) -> impl Iterator<Item = String> {
        let pairs = self.script.iter();
        pairs.map(|(name, value)| format!("--env={name}={value}"))
    }
}

/// Runs a script on k6, which now and then waits for ever for a WebSocket that is closed already.
fn run_k6(k6: &Path, script: &Path, told: &Told) -> Seen {
    for _ in 0..3 {
        if let Some(seen) = run_k6_once(k6, script, told) {
            return seen;
        }
    }
    panic!("{} does not end on k6", script.display());
}

fn run_k6_once(k6: &Path, script: &Path, told: &Told) -> Option<Seen> {
    let folder = tempfile::tempdir().unwrap();
    let (export, lines) = (folder.path().join("export"), folder.path().join("lines"));
    let output = command("timeout")
        .arg("60")
        .arg(k6)
        .args(["run", "--quiet", "--no-usage-report"])
        .arg(format!("--summary-export={}", export.display()))
        .arg(format!("--out=json={}", lines.display()))
        .args(told.arguments())
        .envs(told.process.clone())
        .arg(script)
        .output()
        .unwrap();
    // That of `timeout`.
    let code = output.status.code().filter(|it| *it != 124)?;
    Some(gather(i64::from(code), &export, &lines))
}

fn run_native(script: &Path, told: &Told) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let (export, lines) = (folder.path().join("export"), folder.path().join("lines"));
    let output = tool!("k6-run")
        .args(["--engine=native", "--quiet", "-o", "json"])
        .arg(format!("--summary-export={}", export.display()))
        .arg(format!("--out=json={}", lines.display()))
        .args(told.arguments())
        .envs(told.process.clone())
        .arg(script)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(text.trim()).unwrap();
    let code = match report["error"]["kind"].as_str() {
        // k6 has numbers of its own for scripts and options that cannot be used.
        Some("script") => 107,
        Some("options") => 104,
        _ => report["details"]["k6_exit_code"].as_i64().unwrap_or(-1),
    };
    gather(code, &export, &lines)
}

#[test]
fn both_engines_say_the_same() {
    let Some(k6) = peer("k6") else { return };
    let told = Told::base(&server::start());
    let count = alike(&k6, scripts("tests/peers/k6"), |_| &told);
    assert!(wanted().is_some() || count >= 80, "only {count} scripts");
}

/// The scripts that alone are run, where somebody looks at a few: `K6_SCRIPTS=http-get,http-post`.
fn wanted() -> Option<String> {
    autoscaleops_core::config::env("K6_SCRIPTS")
}

/// Runs scripts on both engines, and returns how many.
///
/// # Panics
///
/// Panics where the engines differ.
fn alike<'a>(k6: &Path, all: Vec<PathBuf>, told: impl Fn(&str) -> &'a Told + Sync) -> usize {
    let name_of = |script: &Path| script.file_stem().unwrap().to_string_lossy().into_owned();
    let mut all = all;
    if let Some(wanted) = wanted() {
        all.retain(|it| wanted.split(',').any(|one| one == name_of(it)));
    }
    let count = all.len();
    let (queue, wrong) = (Mutex::new(all), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(script) = queue.lock().unwrap().pop() else {
                break;
            };
            let name = name_of(&script);
            let told = told(&name);
            let (theirs, ours) = (run_k6(k6, &script, told), run_native(&script, told));
            let differences = compare(&name, &theirs, &ours);
            if !differences.is_empty() {
                let text = format!("{name}\n    {}", differences.join("\n    "));
                wrong.lock().unwrap().push(text);
            }
        }
    };
    std::thread::scope(|scope| {
        // Mostly they wait: several at once take a fraction of the time.
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {count} scripts differ (k6 | native):\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    count
}

fn compare(name: &str, theirs: &Seen, ours: &Seen) -> Vec<String> {
    let accepts = |what: &str| ACCEPTED.iter().any(|it| it.0 == name && it.1 == what);
    let mut out = Vec::new();
    if theirs.code != ours.code && !accepts("code") {
        out.push(format!("exit code: {} | {}", theirs.code, ours.code));
    }
    if let Some((_, band)) = BANDS.iter().find(|it| it.0 == name) {
        let number = |seen: &Seen| -> f64 {
            let text = seen.counts.get("iterations").cloned().unwrap_or_default();
            text.split('=')
                .nth(1)
                .and_then(|it| it.parse().ok())
                .unwrap_or(0.0)
        };
        if (number(theirs) - number(ours)).abs() > *band {
            out.push(format!("iterations: {} | {}", number(theirs), number(ours)));
        }
        return out;
    }
    let mut differ = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            out.push(format!("{what}: {theirs} | {ours}"));
        }
    };
    for key in theirs.counts.keys().chain(ours.counts.keys()) {
        differ(
            key,
            format!("{:?}", theirs.counts.get(key)),
            format!("{:?}", ours.counts.get(key)),
        );
    }
    for key in theirs.thresholds.keys().chain(ours.thresholds.keys()) {
        differ(
            key,
            format!("{:?}", theirs.thresholds.get(key)),
            format!("{:?}", ours.thresholds.get(key)),
        );
    }
    for key in theirs.checks.keys().chain(ours.checks.keys()) {
        differ(
            key,
            format!("{:?}", theirs.checks.get(key)),
            format!("{:?}", ours.checks.get(key)),
        );
    }
    if !accepts("error") {
        for key in theirs.samples.keys().chain(ours.samples.keys()) {
            differ(
                key,
                format!("{:?}", theirs.samples.get(key)),
                format!("{:?}", ours.samples.get(key)),
            );
        }
    }
    out.sort();
    out.dedup();
    out
}
