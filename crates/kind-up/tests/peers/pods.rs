//! Pods as processes: started, probed, replaced, scaled, ended.

use std::{
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
