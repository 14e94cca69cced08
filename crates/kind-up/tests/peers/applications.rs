//! The Git side: an Application follows its branch.

use autoscaleops_testkit::{Remote, wait_until};

use crate::support::{SOON, StandIn, get, image, port, shop};

fn application(url: &str, path: &str) -> String {
    format!(
        r"apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}}
spec:
  project: default
  source: {{repoURL: '{url}', targetRevision: main, path: {path}}}
  destination: {{server: https://kubernetes.default.svc, namespace: dev}}
  syncPolicy: {{automated: {{prune: true, selfHeal: true}}, syncOptions: [CreateNamespace=true]}}
"
    )
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {k: v}\n";

#[test]
fn a_commit_reaches_the_pods_and_what_leaves_the_branch_leaves_the_cluster() {
    let (Some(image), port) = (image(), port()) else {
        return;
    };
    let remote = Remote::new(&[
        ("dev/shop.yaml", &shop("dev-1", port)),
        ("dev/extra.yaml", MAP),
    ]);
    let Some(it) = StandIn::start(&["--image", &image, "--git-period", "200ms"]) else {
        return;
    };
    it.write("app.yaml", &application(&remote.url(), "dev"));
    let output = it.kind_up(
        &["up", "-o", "json"],
        &[
            "--image",
            &image,
            "--git-period",
            "200ms",
            "--manifest",
            "app.yaml",
            "--timeout",
            "60s",
        ],
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "pass", "{report}");
    assert_eq!(
        report["details"]["applications"][0]["revision"].as_str(),
        Some(remote.tip("main").as_str())
    );
    assert!(get(port, "/version").unwrap().1.contains("dev-1"));
    let tip = remote.commit(&[("dev/shop.yaml", &shop("dev-2", port))], "shop: dev-2");
    wait_until("version dev-2", SOON, || {
        get(port, "/version").is_some_and(|it| it.1.contains("dev-2"))
    });
    it.until("get application shop -n argocd --no-headers", |it| {
        it.contains("Synced") && it.contains("Healthy")
    });
    assert_eq!(
        it.ok("get application shop -n argocd -o jsonpath={.status.sync.revision}"),
        tip
    );
    // Somebody changes by hand; the branch wins.
    it.ok("patch cm extra -n dev --type merge -p {\"data\":{\"k\":\"mine\"}}");
    it.until("get cm extra -n dev -o jsonpath={.data.k}", |it| it == "v");
    // Argo CD's rule: what is gone from the branch is pruned.
    remote.commit(&[("dev/extra.yaml", "# nothing\n")], "no extra");
    it.until("get cm -n dev -o name", str::is_empty);
    it.ok("delete application shop -n argocd");
    it.until("get deployment,svc,hpa,pod -n dev -o name", str::is_empty);
}

#[test]
fn a_replica_count_that_the_branch_leaves_out_is_the_autoscaler_s() {
    let (Some(image), port) = (image(), port()) else {
        return;
    };
    let remote = Remote::new(&[(
        "dev/shop.yaml",
        &shop("dev-1", port).replace("minReplicas: 1", "minReplicas: 2"),
    )]);
    let Some(it) = StandIn::start(&[
        "--image",
        &image,
        "--git-period",
        "200ms",
        "--sync-period",
        "500ms",
    ]) else {
        return;
    };
    it.write("app.yaml", &application(&remote.url(), "dev"));
    it.ok("apply -f app.yaml");
    it.until(
        "get deployment shop -n dev -o jsonpath={.status.readyReplicas}",
        |it| it == "2",
    );
    let status = it.until("get application shop -n argocd --no-headers", |it| {
        it.contains("Healthy")
    });
    assert!(
        status.contains("Synced") && !status.contains("OutOfSync"),
        "{status}"
    );
}

#[test]
fn a_source_that_cannot_be_read_is_named_and_up_says_so() {
    let remote = Remote::new(&[("dev/broken.yaml", "apiVersion: v1\n  kind: [\n")]);
    let Some(it) = StandIn::start(&["--git-period", "200ms"]) else {
        return;
    };
    for (path, cause) in [
        ("nowhere", "nowhere: app path does not exist"),
        ("dev", "`dev/broken.yaml` is not YAML"),
        ("../..", "leaves the repository"),
    ] {
        it.write("app.yaml", &application(&remote.url(), path));
        it.ok("apply -f app.yaml");
        it.until(
            "get application shop -n argocd -o jsonpath={.status.conditions[0].message}",
            |it| it.contains(cause),
        );
    }
    let output = it.kind_up(&["status"], &[]);
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("ComparisonError")
    );
    it.write("app.yaml", &application("/nowhere/at/all.git", "dev"));
    it.ok("apply -f app.yaml");
    it.until(
        "get application shop -n argocd -o jsonpath={.status.conditions[0].message}",
        |it| it.contains("cannot read main of /nowhere/at/all.git"),
    );
}

#[test]
fn a_port_that_another_program_has_is_not_healthy_until_it_is_free() {
    let (Some(image), port) = (image(), port()) else {
        return;
    };
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let remote = Remote::new(&[("dev/shop.yaml", &shop("dev-1", port))]);
    let Some(it) = StandIn::start(&["--image", &image, "--git-period", "200ms"]) else {
        return;
    };
    it.write("app.yaml", &application(&remote.url(), "dev"));
    let up = |timeout: &str| {
        let flags = [
            "--image",
            &image,
            "--git-period",
            "200ms",
            "--manifest",
            "app.yaml",
            "--timeout",
            timeout,
        ];
        let output = it.kind_up(&["up", "-o", "json"], &flags);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let report = up("8s");
    assert_ne!(report["verdict"], "pass", "{report}");
    assert_eq!(
        report["details"]["applications"][0]["health"], "Degraded",
        "{report}"
    );
    drop(taken);
    let report = up("60s");
    assert_eq!(report["verdict"], "pass", "{report}");
}
