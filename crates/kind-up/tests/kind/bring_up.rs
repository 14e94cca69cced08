//! The way that ends with a cluster.

use std::fs;

use crate::machine::{Machine, TOKEN};

#[test]
fn a_first_run_makes_the_cluster_and_a_second_one_changes_nothing() {
    let machine = Machine::new();
    machine.start_cluster();
    let (code, report) = machine.run(&["up", "--timings"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["outputs"]["changed"], true);
    assert_eq!(report["outputs"]["healthy"], 1);
    assert_eq!(report["details"]["applications"][0]["name"], "root");

    // kind got our configuration, our kubeconfig, and no wait of its own.
    let created = fs::read_to_string(machine.path("created.yaml")).unwrap();
    assert!(
        created.contains("listenAddress: \"127.0.0.1\"")
            && created.contains("serializeImagePulls: false")
    );
    let create: Vec<String> = machine
        .stubs
        .calls("kind")
        .into_iter()
        .filter(|it| it.starts_with("create"))
        .collect();
    assert!(
        create.len() == 1
            && create[0].contains("--wait 0s")
            && create[0].contains("state/autoscaleops"),
        "{create:?}"
    );

    // Images are pulled while the nodes boot, and loaded after that, once.
    let time = |name: &str| {
        let text = fs::read_to_string(machine.path(name)).unwrap();
        text.lines().next().unwrap().parse::<u128>().unwrap()
    };
    assert!(
        time("pull.begin") < time("create.end"),
        "pulls waited for the cluster"
    );
    let docker = machine.stubs.calls("docker");
    assert!(
        docker
            .iter()
            .any(|it| it.starts_with("save --platform linux/amd64 -o ")
                && it.contains("example.org/redis:7")),
        "{docker:?}"
    );
    assert!(
        machine
            .stubs
            .calls("kind")
            .iter()
            .any(|it| it.starts_with("load image-archive ")
                && it.ends_with("--nodes test-control-plane"))
    );

    // The archive is written while the nodes boot; only loading it waits for them.
    assert!(
        time("save.begin") < time("create.end"),
        "the archive waited for the cluster"
    );

    // The phases overlap, and one chain of them is marked.
    let phases = report["details"]["phases"].as_array().unwrap();
    assert!(phases.len() >= 10 && phases.iter().any(|it| it["critical"] == true));

    let before = machine.changing_calls();
    let (code, report) = machine.run(&["up"]);
    assert_eq!(
        (code, &report["outputs"]["changed"]),
        (0, &false.into()),
        "{report:#}"
    );
    assert_eq!(machine.changing_calls(), before);
}

#[test]
fn no_secret_is_in_an_argument_an_environment_or_an_answer() {
    let machine = Machine::new();
    machine.start_cluster();
    let output = machine
        .command(&["up", "-o", "json", "-vvv"])
        .env("GITHUB_TOKEN", TOKEN)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for text in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(TOKEN));
    }
    for name in ["kind.env", "docker.env"] {
        assert!(
            !fs::read_to_string(machine.path(name))
                .unwrap()
                .contains(TOKEN),
            "{name}"
        );
    }
    for program in ["kind", "docker"] {
        assert!(
            !machine
                .stubs
                .calls(program)
                .iter()
                .any(|it| it.contains(TOKEN))
        );
    }
    // And yet it arrived.
    let journal = fs::read_dir(machine.path("behind")).unwrap();
    let kept = journal
        .filter_map(|it| fs::read(it.unwrap().path()).ok())
        .any(|it| String::from_utf8_lossy(&it).contains("git-creds"));
    assert!(kept, "the secret was not applied");
}

#[test]
fn images_are_pulled_side_by_side_and_never_more_than_three_at_once() {
    let machine = Machine::new();
    machine.start_cluster();
    let pins = machine.path("versions.toml");
    let text = fs::read_to_string(&pins).unwrap();
    let six: Vec<String> = (0..6)
        .map(|it| format!("\"example.org/image-{it}:1\""))
        .collect();
    let (start, _) = text.split_once("images = [").unwrap();
    fs::write(&pins, format!("{start}images = [{}]\n", six.join(", "))).unwrap();
    fs::write(machine.path("pull.beside"), "3").unwrap();
    machine
        .command(&["up", "--only", "pull"])
        .assert()
        .success();
    let moments = |name: &str, step: i32| -> Vec<(u128, i32)> {
        let text = fs::read_to_string(machine.path(name)).unwrap();
        text.lines().map(|it| (it.parse().unwrap(), step)).collect()
    };
    let mut moments = [moments("pull.begin", 1), moments("pull.end", -1)].concat();
    assert_eq!(moments.len(), 12);
    moments.sort_unstable();
    let at_once = moments.iter().scan(0, |now, it| {
        *now += it.1;
        Some(*now)
    });
    assert_eq!(at_once.max(), Some(3));
}

#[test]
fn a_token_comes_from_standard_input_and_half_of_the_credentials_is_refused() {
    let machine = Machine::new();
    machine.start_cluster();
    let output = machine
        .command(&["up", "--username", "acme", "--token-file", "-", "-vvv"])
        .stdin(format!("{TOKEN}\n"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains(TOKEN));
    let journal = fs::read_to_string(machine.path("behind/journal.jsonl")).unwrap();
    // "ghp_hunter2hunter2", as a secret holds it.
    assert!(journal.contains("Z2hwX2h1bnRlcjJodW50ZXIy"));
    for (flags, hint) in [
        (["--token-file", "-"], "--username"),
        (["--username", "acme"], "--token-file"),
    ] {
        // Without the file that the configuration names.
        let text = fs::read_to_string(machine.path("autoscaleops.yaml")).unwrap();
        fs::write(
            machine.path("autoscaleops.yaml"),
            text.replace("{env_file: .env}", "{}"),
        )
        .unwrap();
        let output = machine
            .command(&["up"])
            .args(flags)
            .stdin("t\n")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn an_object_that_somebody_changed_is_put_right_and_counted() {
    let machine = Machine::new();
    machine.start_cluster();
    machine.command(&["up"]).assert().success();
    let Some(kubectl) = autoscaleops_testkit::peer("kubectl") else {
        return;
    };
    let kubectl = |args: &[&str]| {
        let output = snapbox::cmd::Command::new(&kubectl)
            .args(args)
            .arg("--kubeconfig")
            .arg(machine.path("behind/kubeconfig"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    kubectl(&["delete", "sa", "argocd-server", "-n", "argocd"]);
    // kind's nodes join by a token that is the same in every kind cluster.
    kubectl(&[
        "create",
        "secret",
        "generic",
        "bootstrap-token-abcdef",
        "-n",
        "kube-system",
    ]);
    let (code, report) = machine.run(&["up", "--timings"]);
    assert_eq!(
        (code, &report["outputs"]["changed"]),
        (0, &true.into()),
        "{report:#}"
    );
    let phases = report["details"]["phases"].as_array().unwrap();
    let note = |name: &str| &phases.iter().find(|it| it["name"] == name).unwrap()["note"];
    assert!(note("settings").as_str().unwrap().ends_with(", 1 changed"));
    assert!(
        note("workloads")
            .as_str()
            .unwrap()
            .ends_with(", none changed")
    );
    let (_, report) = machine.run(&["up"]);
    assert_eq!(report["outputs"]["changed"], false, "{report:#}");
    let secrets = snapbox::cmd::Command::new(autoscaleops_testkit::peer("kubectl").unwrap())
        .args(["get", "secrets", "-n", "kube-system", "-o", "name"])
        .arg("--kubeconfig")
        .arg(machine.path("behind/kubeconfig"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&secrets.stdout), "");
}

#[test]
fn an_image_that_a_child_cannot_pull_is_named_with_its_application() {
    let machine = Machine::new();
    machine.start_cluster();
    machine.commit(
        "apps/shop.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  selector: {matchLabels: {app: shop}}\n  \
         template:\n    metadata: {labels: {app: shop}}\n    spec: {containers: [{name: shop, image: \"example.org/absent:1\"}]}\n",
    );
    let (code, report) = machine.run(&["up", "--timeout", "16s"]);
    assert_eq!(code, 10, "{report:#}");
    let cause = report["details"]["applications"][0]["cause"]
        .as_str()
        .unwrap_or_default();
    assert!(
        cause.starts_with("Pod shop-") && cause.contains("ErrImagePull")
            || cause.contains("ImagePullBackOff"),
        "{cause}"
    );
}

#[test]
fn a_machine_without_docker_is_told_exactly_what_is_missing() {
    let machine = Machine::new();
    let output = machine
        .command(&["doctor"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let start = "fail 4 things looked at, 2 missing, ";
    assert!(said.starts_with(start), "{said}");
    for line in [
        "  fail  kind           there is no program `kind` on PATH\n",
        "  fail  docker         there is no program `docker` on PATH\n",
        "  pass  ports          every port is free\n",
        "https://kind.sigs.k8s.io/docs/user/quick-start",
        "https://docs.docker.com/engine/install",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn the_kubeconfig_is_private_and_the_users_own_stays_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;

    let machine = Machine::new();
    machine.start_cluster();
    let own = machine.path("own-kubeconfig");
    fs::write(&own, "current-context: production\n").unwrap();
    machine
        .command(&["up"])
        .env("KUBECONFIG", &own)
        .assert()
        .success();
    assert_eq!(
        fs::read_to_string(&own).unwrap(),
        "current-context: production\n"
    );
    let path = machine.path("state/autoscaleops/kind-up/test/kubeconfig");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = machine
        .command(&["kubeconfig", "--wsl", "172.20.0.1"])
        .output()
        .unwrap()
        .stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("https://172.20.0.1:") && text.contains("tls-server-name: localhost"),
        "{text}"
    );
}

#[test]
fn the_kubeconfig_is_added_to_another_one_on_request_and_kubectl_reads_both() {
    let machine = Machine::new();
    machine.start_cluster();
    machine.command(&["up"]).assert().success();
    let own = machine.path("own-kubeconfig");
    let theirs = "# mine\napiVersion: v1\nkind: Config\nclusters:\n- name: production\n  cluster: {server: 'https://production.example.org'}\n\
                  contexts:\n- name: production\n  context: {cluster: production, user: me}\ncurrent-context: production\nusers:\n- name: me\n  user: {}\n";
    fs::write(&own, theirs).unwrap();
    let flag = format!("--merge={}", own.display());
    let (code, report) = machine.run(&["kubeconfig", &flag]);
    assert_eq!(
        (code, &report["outputs"]["changed"]),
        (0, &true.into()),
        "{report:#}"
    );
    let merged = fs::read_to_string(&own).unwrap();
    assert!(theirs.lines().all(|it| merged.contains(it)), "{merged}");
    let backup = machine.path("own-kubeconfig.kind-up.bak");
    assert_eq!(fs::read_to_string(&backup).unwrap(), theirs);
    assert!(!machine.path("own-kubeconfig.lock").exists());
    let (_, report) = machine.run(&["kubeconfig", &flag]);
    assert_eq!(report["outputs"]["changed"], false);
    assert_eq!(fs::read_to_string(&own).unwrap(), merged);
    if let Some(kubectl) = autoscaleops_testkit::peer("kubectl") {
        let ask = |args: &[&str]| {
            let output = snapbox::cmd::Command::new(&kubectl)
                .args(args)
                .arg("--kubeconfig")
                .arg(&own)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(ask(&["config", "current-context"]).trim(), "production");
        let contexts = ask(&["config", "get-contexts", "-o", "name"]);
        assert_eq!(contexts, "kind-test\nproduction\n");
        assert!(ask(&["get", "nodes", "--context", "kind-test"]).contains("rehearsal"));
    }
    // A cluster of that name that is somebody else's stays theirs.
    fs::write(&own, theirs.replace("production", "kind-test")).unwrap();
    let (code, report) = machine.run(&["kubeconfig", &flag]);
    assert_eq!(code, 2, "{report:#}");
    assert!(report["error"].to_string().contains("not from kind-up"));
    assert_eq!(
        fs::read_to_string(&own).unwrap(),
        theirs.replace("production", "kind-test")
    );
}

#[test]
fn nodes_that_find_no_registry_are_warned_of() {
    let machine = Machine::new();
    machine.start_cluster();
    fs::write(machine.path("names.fail"), "").unwrap();
    let output = machine.command(&["up"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the nodes cannot find quay.io"), "{said}");
}

#[test]
fn stopped_nodes_are_started_and_nothing_else() {
    let machine = Machine::new();
    machine.start_cluster();
    fs::write(machine.path("cluster"), "exited\n").unwrap();
    let (code, report) = machine.run(&["up"]);
    assert_eq!(
        (code, &report["outputs"]["changed"]),
        (0, &true.into()),
        "{report:#}"
    );
    assert_eq!(machine.changing_calls(), ["start test-control-plane"]);
}

#[test]
fn plan_changes_nothing_and_names_every_step() {
    let machine = Machine::new();
    let (code, report) = machine.run(&["plan"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["details"]["steps"][0]["subject"], "cluster test");
    assert!(machine.changing_calls().is_empty());
    assert!(!machine.path("cluster").exists());
}

#[test]
fn a_cluster_that_differs_is_reported_and_made_anew_on_request_alone() {
    let machine = Machine::new();
    machine.start_cluster();
    fs::write(machine.path("cluster"), "running\n").unwrap();
    machine.write_configuration("127.0.0.2");
    for command in ["plan", "up"] {
        let (code, report) = machine.run(&[command]);
        assert_eq!(code, 10, "{report:#}");
        let drift = &report["details"]["drift"][0];
        assert!(
            drift["found"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{drift}"
        );
        assert!(machine.changing_calls().is_empty());
    }
    let (code, _) = machine.run(&["up", "--recreate"]);
    assert_eq!(code, 0);
    let calls = machine.stubs.calls("kind");
    let position = |start: &str| calls.iter().position(|it| it.starts_with(start)).unwrap();
    assert!(position("delete cluster --name test") < position("create cluster --name test"));
}

#[test]
fn down_leaves_nothing_and_is_safe_twice_and_never_removes_what_is_not_its_own() {
    let machine = Machine::new();
    machine.start_cluster();
    machine.command(&["up"]).assert().success();
    let (code, report) = machine.run(&["down", "--yes"]);
    assert_eq!((code, &report["outputs"]["deleted"]), (0, &true.into()));
    assert!(!machine.path("state/autoscaleops/kind-up/test").exists());
    let (code, report) = machine.run(&["down", "--yes"]);
    assert_eq!((code, &report["outputs"]["deleted"]), (0, &false.into()));
    // A folder that was never one of a cluster.
    let home = machine.path("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("thesis.txt"), "years").unwrap();
    let home = home.display().to_string();
    for command in ["down", "up"] {
        for provider in ["kind", "embedded"] {
            let flags = [
                command,
                "--yes",
                "--provider",
                provider,
                "--state-dir",
                &home,
            ];
            let (code, report) = machine.run(&flags);
            assert_eq!(code, 2, "{report:#}");
            assert!(report["error"].to_string().contains("holds other files"));
        }
    }
    assert_eq!(
        fs::read_to_string(machine.path("home/thesis.txt")).unwrap(),
        "years"
    );
}

#[test]
fn the_bootstrap_script_looks_for_what_is_missing_and_brings_up_what_is_not_there() {
    let machine = Machine::new();
    machine.start_cluster();
    let program = snapbox::cmd::cargo_bin!("kind-up");
    std::os::unix::fs::symlink(program, machine.path("kind-up")).unwrap();
    let script = autoscaleops_testkit::root().join("scripts/bootstrap.sh");
    let bootstrap = || {
        let path = format!(
            "{}:{}",
            machine.folder.path().display(),
            machine.stubs.path().display()
        );
        snapbox::cmd::Command::new("bash")
            .arg(&script)
            .args(["--config"])
            .arg(machine.path("autoscaleops.yaml"))
            .env("PATH", path)
            .env("XDG_STATE_HOME", machine.path("state"))
            .env("XDG_CACHE_HOME", machine.path("cache"))
            .output()
            .unwrap()
    };
    let output = bootstrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("every port is free") && said.contains("root") && said.contains("█"),
        "{said}"
    );
    // What is missing ends it before anything is done.
    let before = machine.changing_calls();
    fs::write(
        machine.path("docker.fails"),
        "Cannot connect to the Docker daemon",
    )
    .unwrap();
    let output = bootstrap();
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("try: start it"));
    assert_eq!(machine.changing_calls(), before);
}
