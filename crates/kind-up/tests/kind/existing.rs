//! The platform on a cluster that is there already.

use std::fs;

use crate::machine::Machine;

/// Runs a command on the cluster behind the stubs, as one of the user's own.
fn run(machine: &Machine, command: &str, flags: &[&str]) -> (i32, serde_json::Value) {
    let kubeconfig = machine.path("behind/kubeconfig").display().to_string();
    let named = [
        command,
        "--provider",
        "existing",
        "--kubeconfig",
        &kubeconfig,
    ];
    machine.run(&[&named[..], flags].concat())
}

const CONTEXT: [&str; 2] = ["--context", "embedded-behind"];

#[test]
fn a_cluster_of_the_users_is_named_confirmed_and_made_complete_without_kind_or_docker() {
    let machine = Machine::new();
    machine.start_cluster();
    let calls = || [machine.stubs.calls("kind"), machine.stubs.calls("docker")].concat();
    assert!(calls().is_empty());

    for command in ["up", "status", "doctor", "credentials"] {
        let (code, report) = run(&machine, command, &["--yes"]);
        assert_eq!(code, 2, "{command}: {report:#}");
        assert!(report["error"].to_string().contains("--context NAME"));
    }
    let (code, report) = run(&machine, "up", &CONTEXT);
    assert_eq!((code, &report["error"]["hint"]), (2, &"add `--yes`".into()));

    let (code, report) = run(&machine, "doctor", &CONTEXT);
    assert_eq!((code, &report["outputs"]["failed"]), (0, &0.into()));
    assert_eq!(report["details"]["checks"][0]["id"], "api", "{report:#}");

    let up = [&CONTEXT[..], &["--yes"]].concat();
    let (code, report) = run(&machine, "up", &up);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(
        (&report["outputs"]["changed"], &report["outputs"]["healthy"]),
        (&true.into(), &1.into())
    );
    assert!(report["details"]["kubeconfig"].is_null(), "{report:#}");
    assert!(
        report["details"]["addresses"].is_null(),
        "no node port but on request: {report:#}"
    );
    let (_, report) = run(&machine, "up", &up);
    assert_eq!(report["outputs"]["changed"], false, "{report:#}");

    // Passwords are shown to who asks for them, and are part of no report.
    let (code, report) = run(&machine, "credentials", &CONTEXT);
    assert_eq!((code, &report["verdict"]), (11, &"undecided".into()));
    if let Some(kubectl) = autoscaleops_testkit::peer("kubectl") {
        let secret = "create secret generic argocd-initial-admin-secret -n argocd --from-literal=password=hunter2";
        let made = snapbox::cmd::Command::new(kubectl)
            .args(secret.split(' '))
            .arg("--kubeconfig")
            .arg(machine.path("behind/kubeconfig"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let named = "credentials --provider existing --kubeconfig behind/kubeconfig";
        let named: Vec<&str> = named.split(' ').chain(CONTEXT).collect();
        let shown = machine.command(&named).output().unwrap();
        assert_eq!(
            String::from_utf8(shown.stdout).unwrap(),
            "Argo CD  user admin, password hunter2\nGrafana  user admin, password not there (yet, or deleted after it was changed)\n"
        );
        let (_, report) = run(&machine, "credentials", &CONTEXT);
        assert!(!report.to_string().contains("hunter2"), "{report:#}");
    }

    let settings = machine.path("autoscaleops.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(
        &settings,
        text.replace("  cluster:", "  node_ports: true\n  cluster:"),
    )
    .unwrap();
    let (code, report) = run(&machine, "up", &up);
    assert_eq!(code, 0, "{report:#}");
    let address = report["details"]["addresses"][0].clone();
    assert_eq!(address["name"], "argocd/argocd-server-nodeport");
    assert_eq!(
        address["url"],
        format!("https://127.0.0.1:{}", machine.ports[1])
    );
    let (code, _) = run(&machine, "down", &up);
    assert_eq!(code, 2, "it is not kind-up's to delete");
    assert!(calls().is_empty(), "{:?}", calls());
}

#[test]
fn without_an_application_nothing_is_waited_for() {
    let machine = Machine::new();
    machine.start_cluster();
    let settings = machine.path("autoscaleops.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(
        machine.path("more.yaml"),
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: team}\n",
    )
    .unwrap();
    fs::write(
        &settings,
        text.replace(
            "root_app: root.yaml",
            "root_app: \"\"\n  manifests: [more.yaml]",
        ),
    )
    .unwrap();
    let up = [&CONTEXT[..], &["--yes", "--timings"]].concat();
    let (code, report) = run(&machine, "up", &up);
    assert_eq!(code, 0, "{report:#}");
    let phases = report["details"]["phases"].as_array().unwrap();
    let root = phases.iter().find(|it| it["name"] == "root").unwrap();
    assert_eq!(root["note"], "2 objects, 2 changed", "{report:#}");
}

#[test]
fn the_stand_in_s_own_needs_are_looked_at() {
    let machine = Machine::new();
    let (code, report) = machine.run(&[
        "doctor",
        "--provider",
        "embedded",
        "--image",
        "example.org/a=/nowhere/a",
        "--image",
        "example.org/b=/bin/sh",
    ]);
    assert_eq!(code, 10, "{report:#}");
    let checks = report["details"]["checks"].as_array().unwrap();
    let outcome = |start: &str| {
        let found = checks
            .iter()
            .find(|it| it["found"].as_str().unwrap().starts_with(start));
        found.unwrap()["outcome"].clone()
    };
    assert_eq!(outcome("example.org/a is"), "fail");
    assert_eq!(outcome("example.org/b is"), "pass");
    let (code, report) = machine.run(&["up", "--provider", "embedded", "--only", "nodes"]);
    assert_eq!(code, 2, "{report:#}");
    assert_eq!(
        report["error"]["hint"],
        "phases: stand-in, manifests, applications"
    );
}
