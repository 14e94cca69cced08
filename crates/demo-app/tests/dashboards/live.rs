//! A real Prometheus, a running demo-app, and every query answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use autoscaleops_testkit::{Background, free_port, peer, root, wait_until};
use serde_json::Value;

use crate::{
    exporter,
    queries::{Query, inventory, of_dashboards, of_rules},
};

const LIMIT: Duration = Duration::from_mins(3);

#[test]
fn every_panel_shows_data_of_a_running_application() {
    let Some(prometheus) = peer("prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (_app, app) = Background::start_until(
        Command::new(env!("CARGO_BIN_EXE_demo-app")).args(["--listen", "127.0.0.1:0"]),
        |line| line.rsplit_once("http://")?.1.parse::<SocketAddr>().ok(),
    );
    let cluster = exporter::start();
    let (_server, address) = start(&prometheus, folder.path(), app, cluster);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let traffic = || {
            while !stop.load(Ordering::Relaxed) {
                for path in ["/load?ms=5", "/", "/ready", "/nowhere"] {
                    http(app, path, "");
                }
                thread::sleep(Duration::from_millis(20));
            }
        };
        scope.spawn(traffic);
        let answers = ask_until_answered(address);
        stop.store(true, Ordering::Relaxed);
        judge(&answers);
    });
    let exposed = http(app, "/metrics", "");
    for (section, names) in inventory() {
        for name in names
            .iter()
            .filter(|name| section == "application" && *name != "up")
        {
            assert!(
                exposed.contains(&format!("\n{name}{{")),
                "demo-app has no {name}"
            );
        }
    }
}

#[test]
fn the_k6_row_shows_what_k6_writes() {
    let (Some(prometheus), Some(k6)) = (peer("prometheus"), peer("k6")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (_app, app) = Background::start_until(
        Command::new(env!("CARGO_BIN_EXE_demo-app")).args(["--listen", "127.0.0.1:0"]),
        |line| line.rsplit_once("http://")?.1.parse::<SocketAddr>().ok(),
    );
    let (_server, address) = start(&prometheus, folder.path(), app, app);
    let _k6 = Background::start(
        Command::new(k6)
            .current_dir(root())
            .args([
                "run",
                "--quiet",
                "--no-usage-report",
                "--address",
                "127.0.0.1:0",
            ])
            .args(["--out", "experimental-prometheus-rw"])
            .args([
                "--env",
                &format!("BASE_URL=http://{app}"),
                "--env",
                "DURATION=3m",
            ])
            .arg("scripts/k6/autoscale.js")
            .env(
                "K6_PROMETHEUS_RW_SERVER_URL",
                format!("http://{address}/api/v1/write"),
            )
            .env("K6_PROMETHEUS_RW_TREND_STATS", "p(95)")
            .env("K6_PROMETHEUS_RW_PUSH_INTERVAL", "1s")
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    let mut open: Vec<Query> = of_dashboards()
        .into_iter()
        .filter(|query| query.text.contains("k6_"))
        .collect();
    assert_eq!(open.len(), 4);
    wait_until("an answer to every query about k6", LIMIT, || {
        open.retain(|query| ask(address, &query.filled("app", "10s", "1m")).is_empty());
        thread::sleep(Duration::from_millis(500));
        open.is_empty()
    });
}

/// Asks every query until each has an answer with numbers in it.
fn ask_until_answered(address: SocketAddr) -> BTreeMap<String, Vec<(Value, f64)>> {
    let (rules, _) = of_rules();
    // Alerts that are quiet have nothing to show.
    let recorded = rules
        .into_iter()
        .filter(|rule| rule.place.starts_with("recording"));
    // A rate over a window that is half empty would be half the rate.
    let whole = "count_over_time(up{job=\"cluster\"}[10s]) >= 9";
    wait_until("a whole window of samples", LIMIT, || {
        thread::sleep(Duration::from_millis(200));
        !ask(address, whole).is_empty()
    });
    let mut open: Vec<Query> = of_dashboards().into_iter().chain(recorded).collect();
    let mut answers = BTreeMap::new();
    wait_until("an answer to every query", LIMIT, || {
        open.retain(|query| {
            let answer = ask(address, &query.filled("app", "10s", "1m"));
            let answered = !answer.is_empty() && answer.iter().all(|(_, value)| value.is_finite());
            if answered {
                answers.insert(format!("{} {}", query.place, answers.len()), answer);
            }
            !answered
        });
        thread::sleep(Duration::from_millis(500));
        open.is_empty()
    });
    answers
}

/// Looks at the numbers that are known.
fn judge(answers: &BTreeMap<String, Vec<(Value, f64)>>) {
    let answer = |start: &str| {
        let found = answers
            .iter()
            .find(|(place, _)| place.starts_with(&format!("application.json: {start}")));
        found.unwrap_or_else(|| panic!("no {start}")).1
    };
    let close = |start: &str, expected: f64| {
        let value = answer(start)[0].1;
        assert!(
            (value / expected - 1.0).abs() < 0.3,
            "{start}: {value}, not about {expected}"
        );
    };
    // 50 millicores are 10 % of the limit and 50 % of the request: what the autoscaler sees is the latter.
    close("1 · ", 10.0);
    close("1b · ", 50.0);
    close("2 · ", 25.0);
    close("Throttled", 20.0);
    let paths: BTreeSet<_> = answer("3 · ")
        .iter()
        .map(|(labels, _)| labels["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        BTreeSet::from(["/", "/load", "unknown"]),
        "probes do not count"
    );
    assert_eq!(
        answer("Errors")[0].1.to_bits(),
        0.0_f64.to_bits(),
        "no request failed"
    );
    // /load takes 5 ms of CPU at least; the other endpoints nearly nothing.
    let p95 = |path: &str| {
        let answer = answer("7 · ");
        answer
            .iter()
            .find(|(labels, _)| labels["path"] == path)
            .unwrap()
            .1
    };
    assert!(p95("/load") > 0.004, "{}", p95("/load"));
    assert_eq!(
        answer("Pods per version")[0].0["version"],
        env!("CARGO_PKG_VERSION")
    );
}

/// Starts Prometheus, with the rules, on a free port.
pub(crate) fn start(
    program: &Path,
    folder: &Path,
    app: SocketAddr,
    cluster: SocketAddr,
) -> (Background, SocketAddr) {
    let rules = root().join("charts/observability/rules");
    let mut config = "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n".to_owned();
    writeln!(
        config,
        "rule_files: [{0}/recording.yaml, {0}/alerts.yaml]",
        rules.display()
    )
    .unwrap();
    config.push_str("scrape_configs:\n");
    writeln!(config, "  - job_name: demo-app\n    static_configs:\n      - targets: [\"{app}\"]\n        labels: {{ namespace: dev, pod: demo-app-0 }}").unwrap();
    writeln!(config, "  - job_name: cluster\n    honor_labels: true\n    static_configs:\n      - targets: [\"{cluster}\"]").unwrap();
    let file = folder.join("prometheus.yml");
    fs::write(&file, config).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let log = fs::File::create(folder.join("prometheus.log")).unwrap();
    let server = Background::start(
        Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-remote-write-receiver")
            .stdout(Stdio::null())
            .stderr(log),
    );
    wait_until("Prometheus", LIMIT, || TcpStream::connect(address).is_ok());
    (server, address)
}

/// Asks Prometheus for the value of a query now.
fn ask(address: SocketAddr, query: &str) -> Vec<(Value, f64)> {
    let encoded = query.bytes().fold("query=".to_owned(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    });
    let body = http(address, "/api/v1/query", &encoded);
    let Some(answer) = body
        .find('{')
        .and_then(|start| serde_json::from_str::<Value>(&body[start..]).ok())
    else {
        return Vec::new();
    };
    assert_ne!(answer["status"], "error", "{query}: {answer}");
    let result = answer["data"]["result"].as_array();
    let value = |sample: &Value| {
        sample["value"][1]
            .as_str()
            .and_then(|text| text.parse().ok())
    };
    result
        .into_iter()
        .flatten()
        .map(|sample| (sample["metric"].clone(), value(sample).unwrap_or(f64::NAN)))
        .collect()
}

/// Sends one request, a form when there is one, and returns all of the answer; empty when there is none.
pub(crate) fn http(address: SocketAddr, path: &str, form: &str) -> String {
    let mut text = Vec::new();
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let method = if form.is_empty() { "GET" } else { "POST" };
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        )?;
        stream.read_to_end(&mut text)?;
        Ok(text)
    };
    String::from_utf8_lossy(&exchange().unwrap_or_default()).into_owned()
}
