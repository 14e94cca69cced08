//! The real kubectl against the API server of the tests: what it accepts, hpa-watch is tested with.
#![expect(
    clippy::disallowed_methods,
    reason = "a test, which starts kubectl and ends it"
)]

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use autoscaleops_testkit::{
    ApiServer,
    apiserver::objects::{deployment, hpa, observe},
    peer,
};

fn server() -> ApiServer {
    let server = ApiServer::start();
    let mut web = hpa("shop", "web", (1, 3));
    observe(&mut web, 1, 1, 2);
    server.put(web);
    server.put(deployment("shop", "web", 1, 1));
    server
}

#[test]
fn kubectl_follows_the_same_changes() {
    let Some(kubectl) = peer("kubectl") else {
        return;
    };
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = server.kubeconfig(folder.path());
    let mut child = Command::new(kubectl)
        .args(["get", "hpa", "-w", "--request-timeout=60s", "--kubeconfig"])
        .arg(&kubeconfig)
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let head = next();
    for column in [
        "NAME",
        "REFERENCE",
        "TARGETS",
        "MINPODS",
        "MAXPODS",
        "REPLICAS",
    ] {
        assert!(head.contains(column), "{head}");
    }
    assert!(next().contains("cpu: 2%/50%"));
    server.change("HorizontalPodAutoscaler", "shop/web", |web| {
        observe(web, 1, 3, 123);
    });
    assert!(next().contains("cpu: 123%/50%"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn kubectl_describes_it() {
    let Some(kubectl) = peer("kubectl") else {
        return;
    };
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(kubectl)
        .args(["describe", "hpa", "web", "--kubeconfig"])
        .arg(server.kubeconfig(folder.path()))
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for part in [
        "Deployment/web",
        "2% (2m) / 50%",
        "ValidMetricFound",
        "1 current / 1 desired",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}
