//! Pods as processes: started, probed, replaced, scaled, ended.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use autoscaleops_testkit::wait_until;

use crate::support::{SOON, StandIn, get, image, port, shop};

fn started(flags: &[&str]) -> Option<StandIn> {
    let image = image()?;
    let flags: Vec<&str> = ["--image", &image].iter().chain(flags).copied().collect();
    StandIn::start(&flags)
}

fn version(port: u16) -> String {
    get(port, "/version").map(|it| it.1).unwrap_or_default()
}

#[test]
fn a_new_tag_rolls_out_without_a_failed_request() {
    let Some(it) = started(&[]) else { return };
    let port = port();
    it.write("shop.yaml", &shop("1.0.0", port));
    it.ok("apply --server-side -f shop.yaml");
    it.ok("rollout status deployment/shop --timeout=60s");
    wait_until("version 1.0.0", SOON, || version(port).contains("1.0.0"));
    assert!(
        it.ok("logs deployment/shop")
            .contains("listening on http://127.0.0.1:")
    );
    assert!(
        it.ok("describe pod -l app=shop")
            .contains("Started container shop")
    );
    let over = Arc::new(AtomicBool::new(false));
    let asker = {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let mut bad = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let answer = get(port, "/version");
                if answer.as_ref().is_none_or(|it| !it.0.contains("200")) {
                    bad.push(answer);
                }
            }
            bad
        })
    };
    it.write("shop.yaml", &shop("1.1.0", port));
    it.ok("apply --server-side -f shop.yaml");
    it.ok("rollout status deployment/shop --timeout=60s");
    wait_until("version 1.1.0", SOON, || version(port).contains("1.1.0"));
    it.until("get pods -l app=shop --no-headers", |it| {
        it.lines().count() == 1
    });
    over.store(true, Ordering::Relaxed);
    assert_eq!(asker.join().unwrap(), []);
    assert!(it.ok("rollout history deployment/shop").contains("\n2 "));
    it.ok("rollout undo deployment/shop");
    wait_until("version 1.0.0 again", SOON, || {
        version(port).contains("1.0.0")
    });
    it.ok("delete -f shop.yaml");
    it.until("get pods --no-headers", str::is_empty);
    assert!(get(port, "/version").is_none(), "nothing listens any more");
}

#[test]
fn load_makes_it_grow_and_quiet_makes_it_shrink() {
    let Some(it) = started(&["--sync-period", "1s"]) else {
        return;
    };
    let port = port();
    it.write("shop.yaml", &shop("1.0.0", port));
    it.ok("apply --server-side -f shop.yaml");
    it.ok("rollout status deployment/shop --timeout=60s");
    it.until("get hpa shop", |it| it.contains("%/50%"));
    let mut watch = it
        .kubectl(&["get", "hpa", "shop", "-w", "--no-headers"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let watched = BufReader::new(watch.stdout.take().unwrap()).lines();
    let watched = thread::spawn(move || watched.map_while(Result::ok).collect::<Vec<_>>());
    let over = Arc::new(AtomicBool::new(false));
    let loaders: Vec<_> = (0..4)
        .map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let _ = get(port, "/load?ms=50");
                }
            })
        })
        .collect();
    it.until(
        "get deployment shop -o jsonpath={.status.readyReplicas}",
        |it| it == "3",
    );
    let used = it.until("top pods --no-headers", |it| it.lines().count() == 3);
    over.store(true, Ordering::Relaxed);
    for loader in loaders {
        loader.join().unwrap();
    }
    for line in used.lines() {
        let milli: u32 = line
            .split_whitespace()
            .nth(1)
            .unwrap()
            .trim_end_matches('m')
            .parse()
            .unwrap();
        assert!(
            milli <= 700,
            "a pod is held to its 500m, give or take a measurement: {line}"
        );
    }
    it.until("get deployment shop -o jsonpath={.status.replicas}", |it| {
        it == "1"
    });
    it.until("get hpa shop -o jsonpath={.status.currentReplicas}", |it| {
        it == "1"
    });
    watch.kill().unwrap();
    watch.wait().unwrap();
    // The column REPLICAS as it was seen: from one to three and back.
    let mut seen: Vec<String> = watched
        .join()
        .unwrap()
        .iter()
        .filter_map(|it| it.split_whitespace().rev().nth(1).map(str::to_owned))
        .collect();
    seen.dedup();
    assert!(
        seen.first().is_some_and(|it| it == "1") && seen.contains(&"3".to_owned()),
        "{seen:?}"
    );
    let events = it.ok("get events");
    assert!(
        events.contains("New size: ") && events.contains("All metrics below target"),
        "{events}"
    );
}

#[test]
fn a_program_that_fails_restarts_with_a_growing_pause_and_shows_why() {
    let Some(it) = StandIn::start(&["--image", "tests/false=/bin/false"]) else {
        return;
    };
    it.write("p.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: \"tests/false:1\"}]}\n");
    it.ok("apply -f p.yaml");
    it.until("get pod p --no-headers", |it| {
        it.contains("CrashLoopBackOff")
    });
    assert_eq!(
        it.ok("get pod p -o jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}"),
        "1"
    );
    assert!(
        it.ok("describe pod p")
            .contains("back-off 10s restarting failed container=c")
    );
    it.ok("delete pod p");
    assert!(it.ok("get pods").is_empty());
}

#[test]
fn a_program_that_heeds_no_signal_is_restarted_when_its_liveness_probe_fails() {
    let Some(it) = StandIn::start(&["--image", "tests/sh=/bin/sh"]) else {
        return;
    };
    it.write(
        "p.yaml",
        r#"apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: c
      image: tests/sh:1
      args: ["-c", "trap '' TERM; while :; do sleep 1; done"]
      env: [{name: A, value: b}]
      livenessProbe: {exec: {command: [/bin/sh, -c, 'test "$A" != b']}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: q}
spec:
  containers:
    - name: c
      image: tests/sh:1
      args: ["-c", "sleep 600"]
      env: [{name: A, value: b}]
      readinessProbe: {exec: {command: [/bin/sh, -c, 'test "$A" = b && test -z "$GITHUB_TOKEN"']}, periodSeconds: 1}
"#,
    );
    it.ok("apply -f p.yaml");
    it.until(
        "get pod p -o jsonpath={.status.containerStatuses[0].restartCount}",
        |it| it.parse::<u32>().is_ok_and(|it| it >= 1),
    );
    assert!(
        it.ok("describe pod p")
            .contains("Container c failed its probe, will be restarted")
    );
    // A probe's command knows the container's variables, and none of ours.
    it.until("get pod q --no-headers", |it| it.contains("1/1"));
}

#[test]
fn requests_go_to_every_ready_pod_in_turn_and_to_no_other() {
    let Some(it) = started(&[]) else { return };
    let port = port();
    let manifest = shop("1.0.0", port).replace(
        "spec:\n  selector: {match",
        "spec:\n  replicas: 3\n  selector: {match",
    );
    let manifest = manifest.replace("timeoutSeconds: 10", "timeoutSeconds: 3");
    let (manifest, _) = manifest.split_once("---\napiVersion: autoscaling").unwrap();
    it.write("shop.yaml", manifest);
    it.ok("apply --server-side -f shop.yaml");
    it.ok("rollout status deployment/shop --timeout=60s");
    let ready = |count: usize| {
        let path = "get endpoints shop -o jsonpath={.subsets[*].ports[*].port}";
        it.until(path, |it| it.split_whitespace().count() == count)
    };
    let served = || {
        let mut served = BTreeMap::new();
        for _ in 0..30 {
            *served.entry(backend(port).unwrap()).or_insert(0) += 1;
        }
        served
    };
    ready(3);
    let all = served();
    assert!(
        all.len() == 3 && all.values().all(|it| *it == 10),
        "one after the other: {all:?}"
    );
    // One that does not answer its probe gets nothing until it does again.
    let id = it
        .ok("get pods -l app=shop -o jsonpath={.items[0].status.containerStatuses[0].containerID}");
    let signal = |name: &str| {
        let pid = id.trim_start_matches("process://");
        let kill = std::process::Command::new("kill")
            .args([name, pid])
            .status();
        assert!(kill.unwrap().success());
    };
    signal("-STOP");
    ready(2);
    let rest = served();
    assert!(
        rest.len() == 2 && rest.values().all(|it| *it == 15),
        "{rest:?}"
    );
    signal("-CONT");
    ready(3);
    assert_eq!(served().len(), 3);
}

/// Asks a node port, and returns which pod answered.
fn backend(port: u16) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(SOON)).ok()?;
    stream
        .write_all(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let line = answer
        .lines()
        .find(|it| it.starts_with("x-rehearsal-backend:"))?;
    Some(line.to_owned())
}

#[test]
fn variables_come_from_secrets_and_a_missing_one_is_named() {
    let Some(it) = StandIn::start(&["--image", "tests/env=/usr/bin/env"]) else {
        return;
    };
    it.write("p.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  containers: [{name: c, image: \"tests/env:7\", env: [{name: T, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]\n");
    it.ok("apply -f p.yaml");
    it.until("get pod p --no-headers", |it| {
        it.contains("CreateContainerConfigError")
    });
    it.ok("create secret generic s --from-literal=k=geheim");
    it.until("get pod p --no-headers", |it| it.contains("Completed"));
    let said = it.ok("logs p");
    assert!(
        said.contains("T=geheim\n") && said.contains("APP_VERSION=7\n"),
        "{said}"
    );
    assert!(
        !said.contains("KUBECONFIG"),
        "nothing of ours is passed on: {said}"
    );
}

#[test]
fn an_orphan_of_a_killed_stand_in_is_ended() {
    let Some(it) = started(&[]) else { return };
    let port = port();
    it.write("shop.yaml", &shop("1.0.0", port));
    it.ok("apply --server-side -f shop.yaml");
    it.ok("rollout status deployment/shop --timeout=60s");
    let id = it
        .ok("get pod -l app=shop -o jsonpath={.items[0].status.containerStatuses[0].containerID}");
    let pid = id.trim_start_matches("process://").to_owned();
    let alive = || {
        std::path::Path::new("/proc")
            .join(&pid)
            .join("exe")
            .exists()
    };
    assert!(alive());
    let killed = std::process::Command::new("kill")
        .args(["-9", &it.pid().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert!(alive(), "a pod outlives the process that started it");
    let image = image().unwrap();
    assert!(
        it.kind_up(&["up", "--no-wait"], &["--image", &image])
            .status
            .success()
    );
    wait_until("the orphan's end", SOON, || !alive());
    it.ok("rollout status deployment/shop --timeout=60s");
    wait_until("the port", SOON, || version(port).contains("1.0.0"));
}
