//! What needs a cluster, against the API server of the tests.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use autoscaleops_testkit::{
    ApiServer,
    apiserver::objects::{deployment, hpa, observe},
    wait_until,
};
use serde_json::json;

use super::{lines, report, reports, stderr, tool};

/// A server with one autoscaler at rest.
pub(super) fn at_rest(server: &ApiServer) {
    let mut web = hpa("shop", "web", (1, 3));
    observe(&mut web, 1, 1, 2);
    server.put(web);
    server.put(deployment("shop", "web", 1, 1));
}

fn see(server: &ApiServer, current: i32, desired: i32, percent: i32) {
    server.change("HorizontalPodAutoscaler", "shop/web", |web| {
        observe(web, current, desired, percent);
    });
}

fn resize(server: &ApiServer, replicas: i32, ready: i32) {
    server.change("Deployment", "shop/web", |web| {
        web["spec"]["replicas"] = json!(replicas);
        web["status"] = json!({"replicas": replicas, "readyReplicas": ready});
    });
}

/// Starts the tool beside the test.
fn start(kubeconfig: &Path, arguments: &[&str]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_hpa-watch"))
        .arg(arguments[0])
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(&arguments[1..])
        .env_remove("GITHUB_ACTIONS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until a recording has so many points of a size.
fn wait_for(path: &Path, what: impl Fn(&serde_json::Value) -> bool) {
    wait_until(
        &format!("a line of {}", path.display()),
        Duration::from_secs(30),
        || {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .any(|line| what(&line))
        },
    );
}

#[test]
fn a_load_is_recorded_until_it_has_settled_and_then_asserted() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let recording = folder.path().join("scaling.jsonl");
    let done = folder.path().join("done");
    let wait = format!(
        "until [ -e {} ]; do sleep 0.05; done; echo loaded",
        done.display()
    );
    let file = recording.to_str().unwrap();
    let child = start(
        &kubeconfig,
        &[
            "record",
            "-o",
            file,
            "--timeout",
            "1m",
            "--settle",
            "1s",
            "web",
            "-n",
            "shop",
            "--format",
            "json",
            "--",
            "sh",
            "-c",
            &wait,
        ],
    );
    wait_for(&recording, |line| line["type"] == "command_started");
    see(&server, 1, 3, 370);
    resize(&server, 3, 1);
    resize(&server, 3, 3);
    see(&server, 3, 3, 123);
    wait_for(&recording, |line| line["ready"] == 3);
    std::fs::write(&done, "").unwrap();
    wait_for(&recording, |line| line["type"] == "command_ended");
    see(&server, 3, 1, 2);
    resize(&server, 1, 1);
    see(&server, 1, 1, 2);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["outputs"]["path"], "1 → 3 → 1");
    assert_eq!(told["outputs"]["ended"], "settled");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("loaded"),
        "the command is heard"
    );
    let assert = tool()
        .args([
            "assert",
            "web",
            "--out",
            ">=3 within 3m",
            "--back",
            "<=1 within 8m",
            "-o",
            "json",
            "--from",
        ])
        .arg(&recording)
        .assert()
        .success();
    assert_eq!(report(&assert)["outputs"]["path"], "1 → 3 → 1");
}

#[test]
fn the_commands_code_is_ours_when_it_fails() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let recording = folder.path().join("scaling.jsonl");
    tool()
        .args(["record", "web", "--timeout", "1s", "--kubeconfig"])
        .arg(&kubeconfig)
        .arg("-o")
        .arg(&recording)
        .args(["--", "sh", "-c", "exit 42"])
        .assert()
        .code(42);
    let last = lines(&recording).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["reason"]),
        (&json!("end"), &json!("time"))
    );
    let missing = tool()
        .args(["record", "web", "--kubeconfig"])
        .arg(&kubeconfig)
        .arg("-o")
        .arg(&recording)
        .args(["--", "no-such-program-anywhere"])
        .assert()
        .code(1);
    assert!(stderr(&missing).contains("no-such-program-anywhere"));
}

#[test]
fn a_recording_survives_a_kill() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let recording = folder.path().join("scaling.jsonl");
    let mut child = start(
        &kubeconfig,
        &["record", "-o", recording.to_str().unwrap(), "web"],
    );
    wait_for(&recording, |line| line["type"] == "point");
    see(&server, 1, 3, 370);
    wait_for(&recording, |line| line["utilization"] == 370);
    child.kill().unwrap();
    child.wait().unwrap();
    let page = folder.path().join("page.html");
    tool()
        .arg("report")
        .arg(&recording)
        .arg("--html")
        .arg(&page)
        .assert()
        .success();
    assert!(std::fs::read_to_string(page).unwrap().contains("370"));
}

#[test]
fn every_change_is_seen_through_lost_versions_and_cut_connections() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let recording = folder.path().join("watch.jsonl");
    let child = start(
        &kubeconfig,
        &[
            "watch",
            "web",
            "--for",
            "2m",
            "--record",
            recording.to_str().unwrap(),
            "-o",
            "json",
        ],
    );
    let seen = |percent: i32| wait_for(&recording, |line| line["utilization"] == percent);
    seen(2);
    see(&server, 1, 1, 11);
    seen(11);
    server.say_gone_in_stream("HorizontalPodAutoscaler");
    see(&server, 1, 1, 12);
    seen(12);
    server.say_gone_on_request("HorizontalPodAutoscaler");
    see(&server, 1, 1, 13);
    seen(13);
    server.cut();
    see(&server, 1, 1, 14);
    seen(14);
    server.delete("HorizontalPodAutoscaler", "shop/web");
    wait_for(&recording, |line| line["type"] == "deleted");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let gaps = lines(&recording)
        .iter()
        .filter(|line| line["type"] == "gap" && line["what"] == "autoscalers")
        .count();
    assert!(gaps >= 2, "gaps are written down: {gaps}");
    let lists = server
        .requests()
        .iter()
        .filter(|line| line.contains("horizontalpodautoscalers") && !line.contains("watch=true"))
        .count();
    assert!(lists >= 3, "a lost version is listed anew: {lists}");
    let percents: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|report| report["details"]["point"]["utilization"].clone())
        .filter(|percent| !percent.is_null())
        .collect();
    for percent in [2, 11, 12, 13, 14] {
        assert!(
            percents.contains(&json!(percent)),
            "{percent} is not in {percents:?}"
        );
    }
}

#[test]
fn off_a_terminal_it_prints_one_line_a_change() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let assert = tool()
        .args(["-A", "--for", "1s", "--kubeconfig"])
        .arg(&kubeconfig)
        .assert()
        .success();
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("shop/web  2%/50%  1 of 1..3"), "{text}");
}

#[test]
fn a_live_assertion_ends_as_soon_as_it_is_decided() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the watch of the target", Duration::from_secs(30), || {
                let requests = server.requests();
                requests
                    .iter()
                    .any(|line| line.contains("deployments") && line.contains("watch=true"))
            });
            see(&server, 1, 3, 370);
            resize(&server, 3, 3);
            thread::sleep(Duration::from_millis(300));
            see(&server, 3, 1, 2);
            resize(&server, 1, 1);
        });
        tool()
            .args([
                "assert",
                "web",
                "--out",
                ">=3 within 1m",
                "--back",
                "<=1 within 1m",
                "--kubeconfig",
            ])
            .arg(&kubeconfig)
            .assert()
            .success();
    });
    let late = tool()
        .args([
            "assert",
            "web",
            "--out",
            ">=3 within 1s",
            "--timeout",
            "2s",
            "--kubeconfig",
        ])
        .arg(&kubeconfig)
        .assert()
        .code(10);
    assert!(String::from_utf8_lossy(&late.get_output().stdout).contains("came to 1 ready"));
}

#[test]
fn a_cluster_that_refuses_is_unavailable_with_a_remedy() {
    let server = ApiServer::start();
    at_rest(&server);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let watch = |name: &str| {
        tool()
            .args([name, "--for", "1s", "--kubeconfig"])
            .arg(&kubeconfig)
            .assert()
    };
    assert!(stderr(&watch("nobody").code(3)).contains("no HorizontalPodAutoscaler `nobody`"));
    server.forbid("horizontalpodautoscalers");
    assert!(stderr(&watch("web").code(3)).contains("hpa-watch rbac"));
    server.break_path("/version", 500);
    drop(server);
    assert!(stderr(&watch("web").code(3)).contains("cannot reach the API server"));
}

#[test]
fn without_the_right_to_see_targets_it_still_watches() {
    let server = ApiServer::start();
    at_rest(&server);
    server.forbid("deployments");
    server.forbid("events");
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let assert = tool()
        .args(["web", "--for", "2s", "-o", "json", "--kubeconfig"])
        .arg(&kubeconfig)
        .assert()
        .success();
    let first = &reports(&assert)[0]["details"]["point"];
    assert_eq!(first["utilization"], 2);
    assert_eq!(first.get("ready"), None);
}
