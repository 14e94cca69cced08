//! Faults of the cluster, the load and the one who watches: killed with SIGKILL, each.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use autoscaleops_testkit::{Background, Remote, built, free_port, root, runs, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::plain;

/// An embedded cluster that follows a repository; it goes with this.
pub(super) struct Rehearsal {
    up: PathBuf,
    folder: TempDir,
    pub(super) port: u16,
    _remote: Remote,
}

impl Rehearsal {
    pub(super) fn new() -> Option<Self> {
        let (up, app) = (built("kind-up")?, built("demo-app")?);
        let port = 30_100 + free_port() % 2_600;
        let shop = fs::read_to_string(root().join("scripts/demo/deploy/dev/shop.yaml")).unwrap();
        let remote = Remote::new(&[(
            "dev/shop.yaml",
            &shop.replace("nodePort: 30007", &format!("nodePort: {port}")),
        )]);
        let folder = TempDir::new().unwrap();
        let applications = fs::read_to_string(root().join("scripts/demo/applications.yaml"))
            .unwrap()
            .replace("REMOTE", &remote.url());
        let dev = applications.split("\n---").next().unwrap();
        fs::write(folder.path().join("applications.yaml"), format!("{dev}\n")).unwrap();
        let config = format!(
            "kind-up:\n  provider: embedded\n  cluster: faults\n  state_dir: {}\n  root_app: \"\"\n  manifests: [applications.yaml]\n  embedded:\n    images:\n      ghcr.io/acme/shop: {{program: {}}}\n    git_period: 1s\n    sync_period: 2s\n    metrics_window: 3s\n    cpu_initialization_period: 3s\n    initial_readiness_delay: 3s\n",
            folder.path().join("cluster").display(),
            app.display()
        );
        fs::write(folder.path().join("autoscaleops.yaml"), config).unwrap();
        Some(Self {
            up,
            folder,
            port,
            _remote: remote,
        })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        plain(&self.up)
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    pub(super) fn bring_up(&self) {
        let output = self.run(&["up"]);
        assert!(output.status.success(), "{}", said(&output));
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        let output = self.run(&["kubeconfig", "--path"]);
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    }

    /// The process of the stand-in, by its own word.
    fn server(&self) -> Pid {
        let text = fs::read_to_string(self.folder.path().join("cluster/server.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        Pid::from_raw(i32::try_from(value["pid"].as_i64().unwrap()).unwrap()).unwrap()
    }

    fn serves(&self) -> bool {
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let mut text = String::new();
        stream.write_all(b"GET /version HTTP/1.0\r\n\r\n").is_ok()
            && std::io::Read::read_to_string(&mut stream, &mut text).is_ok()
            && text.contains("dev-0000000")
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        let _ = self.run(&["down", "--yes"]);
    }
}

#[test]
fn a_killed_cluster_comes_back_with_all_it_had() {
    let Some(cluster) = Rehearsal::new() else {
        return;
    };
    cluster.bring_up();
    wait_until("dev serves", Duration::from_secs(30), || cluster.serves());
    kill_process(cluster.server(), Signal::KILL).unwrap();
    wait_until("its end is seen", Duration::from_secs(20), || {
        !cluster.run(&["status"]).status.success()
    });
    cluster.bring_up();
    wait_until("dev serves again", Duration::from_secs(30), || {
        cluster.serves()
    });
    let output = cluster.run(&["status"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn load_or_watcher_killed_in_the_middle_passes_nothing() {
    let (Some(watch), Some(load), Some(cluster)) =
        (built("hpa-watch"), built("k6-run"), Rehearsal::new())
    else {
        return;
    };
    cluster.bring_up();
    wait_until("dev serves", Duration::from_secs(30), || cluster.serves());
    let kubeconfig = cluster.kubeconfig();
    let record = |name: &str| {
        let mut command = plain(&watch);
        command
            .env("KUBECONFIG", &kubeconfig)
            .current_dir(cluster.folder.path())
            .args([
                "record",
                "-o",
                name,
                "--settle",
                "2s",
                // Nothing scales here, and nothing is to be waited for.
                "--timeout",
                "5s",
                "-n",
                "dev",
                "shop",
                "--",
            ])
            .arg(&load)
            .args(["run", "--engine", "native", "-e"])
            .arg(format!("BASE_URL=http://127.0.0.1:{}", cluster.port))
            .args(["-e", "DURATION=30s", "-e", "LOAD_MS=5"])
            .arg(root().join("scripts/k6/autoscale.js"));
        command
    };
    // The load is killed: what it would have said is missing, and the recording says so.
    let mut watcher = Background::start(&mut record("load.jsonl"));
    let child = child_of(watcher.id());
    kill_process(pid(child), Signal::KILL).unwrap();
    assert!(!watcher.wait().success(), "a load that was killed passed");
    assert_eq!(judged(&watch, cluster.folder.path(), "load.jsonl"), None);

    // The watcher is killed: its recording ends in the middle, and is no evidence of a way back.
    let watcher = Background::start(&mut record("watcher.jsonl"));
    let child = child_of(watcher.id());
    let family = children_of(watcher.id());
    assert!(family.len() > 1, "nobody is there to end the load");
    kill_process(pid(watcher.id()), Signal::KILL).unwrap();
    // The load, which had most of its half a minute before it, goes too, and whoever saw to that.
    wait_until("the load ends", Duration::from_secs(15), || !runs(child));
    wait_until("nothing is left", Duration::from_secs(15), || {
        !family.iter().any(|it| runs(*it))
    });
    assert_eq!(judged(&watch, cluster.folder.path(), "watcher.jsonl"), None);
    drop(watcher);
}

/// What `hpa-watch assert` says of a recording: `None` when it does not open the gate.
pub(super) fn judged(watch: &Path, folder: &Path, recording: &str) -> Option<()> {
    let output = Command::new(watch)
        .current_dir(folder)
        .args([
            "assert", "shop", "-n", "dev", "--no-ci", "--from", recording,
        ])
        .args(["--out", ">=3 within 1m", "--back", "<=1 within 2m"])
        .output()
        .unwrap();
    let text = said(&output);
    assert!(!text.contains("panicked"), "{text}");
    output.status.success().then_some(())
}

/// The load that a watcher started, once it runs.
fn child_of(watcher: u32) -> u32 {
    let mut found = None;
    wait_until("the load starts", Duration::from_secs(20), || {
        found = children_of(watcher)
            .into_iter()
            .find(|it| name_of(*it).is_some_and(|it| it == "k6-run"));
        found.is_some()
    });
    // Let it do something first.
    std::thread::sleep(Duration::from_secs(2));
    found.unwrap()
}

fn children_of(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|it| it.parse().ok())
        .collect()
}

fn name_of(process: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
