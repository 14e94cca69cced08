//! The API: apply, look, watch, conflicts, deletion, and what a crash leaves.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    sync::mpsc,
};

use crate::support::{SOON, StandIn};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: \"1\"}\n";

#[test]
fn what_is_applied_is_there_and_the_same_again_changes_nothing() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.write("a.yaml", MAP);
    assert_eq!(
        it.ok("apply --server-side -f a.yaml"),
        "configmap/a serverside-applied\n"
    );
    let before = it.ok("get cm a -o jsonpath={.metadata.resourceVersion}");
    it.ok("apply --server-side -f a.yaml");
    assert_eq!(
        it.ok("get cm a -o jsonpath={.metadata.resourceVersion}"),
        before
    );
    assert!(it.ok("describe cm a").contains("k:\n----\n1\n"));
    let table = it.ok("get cm");
    assert!(
        table.starts_with("NAME   DATA   AGE\na      1      "),
        "{table}"
    );
    assert_eq!(it.ok("get cm -o name"), "configmap/a\n");
    it.write("a.yaml", &MAP.replace("\"1\"", "\"2\""));
    assert!(
        it.fails("diff -f a.yaml").is_empty(),
        "a difference is exit code 1 and no error"
    );
    assert_eq!(it.ok("apply -f a.yaml"), "configmap/a configured\n");
    assert_eq!(it.ok("apply -f a.yaml"), "configmap/a unchanged\n");
    it.ok("delete cm a");
    assert!(
        it.fails("get cm a")
            .contains("Error from server (NotFound): configmaps \"a\" not found")
    );
}

#[test]
fn a_field_of_another_manager_is_a_conflict_until_it_is_forced() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.write("a.yaml", MAP);
    it.write("b.yaml", &MAP.replace("\"1\"", "\"2\""));
    it.ok("apply --server-side --field-manager one -f a.yaml");
    let said = it.fails("apply --server-side --field-manager two -f b.yaml");
    assert!(
        said.contains("Apply failed with 1 conflict: conflict with \"one\": .data.k"),
        "{said}"
    );
    it.ok("apply --server-side --field-manager two --force-conflicts -f b.yaml");
    assert_eq!(it.ok("get cm a -o jsonpath={.data.k}"), "2");
    let owners =
        it.ok("get cm a --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}");
    assert_eq!(owners, "two");
}

#[test]
fn a_watch_hears_of_every_change_and_an_old_one_is_told_that_it_is_late() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.write("a.yaml", MAP);
    it.ok("create configmap already-there");
    let mut watch = it
        .kubectl(&["get", "cm", "-w", "--output-watch-events"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let (sender, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    // The watch goes on from the list that it begins with: once that is shown, nothing is missed.
    while !heard.recv_timeout(SOON).unwrap().contains("already-there") {}
    it.ok("apply --server-side -f a.yaml");
    it.ok("patch cm a --type merge -p {\"data\":{\"k\":\"2\"}}");
    it.ok("patch cm a --type json -p [{\"op\":\"remove\",\"path\":\"/data/k\"}]");
    it.ok("delete cm a");
    let mut events = Vec::new();
    while events
        .last()
        .is_none_or(|it: &String| !it.starts_with("DELETED"))
    {
        events.push(heard.recv_timeout(SOON).unwrap());
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|it| it.split_whitespace().next())
        .filter(|it| *it != "EVENT")
        .collect();
    assert_eq!(kinds, ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]);
    // A stand-in that was started again has no history from before.
    assert!(
        Command::new("kill")
            .args(["-9", &it.pid().to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert!(it.kind_up(&["up", "--no-wait"], &[]).status.success());
    let said =
        it.fails("get --request-timeout=30s --raw /api/v1/configmaps?watch=true&resourceVersion=1");
    assert!(said.contains("too old resource version: 1"), "{said}");
}

#[test]
fn a_watch_that_asks_for_it_begins_with_what_is_there_and_says_where_that_ends() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.write("a.yaml", MAP);
    it.ok("apply --server-side -f a.yaml");
    let said = it.ok("get --raw /api/v1/namespaces/default/configmaps?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1");
    let events: Vec<serde_json::Value> = said
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(events[0]["type"], "ADDED");
    assert_eq!(events[1]["type"], "BOOKMARK", "{said}");
    let bookmark = &events[1]["object"];
    assert_eq!(
        bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    let version: u64 = bookmark["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // A client that knew a stand-in before this one has to begin anew.
    let late = version + 100_000;
    let said = it.fails(&format!(
        "get --request-timeout=30s --raw /api/v1/configmaps?watch=true&resourceVersion={late}"
    ));
    assert!(said.contains("too old resource version"), "{said}");
}

#[test]
fn the_verbs_that_make_their_own_objects_work() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.ok("create namespace team");
    it.ok("create configmap c -n team --from-literal=k=v");
    it.ok("create secret generic s -n team --from-literal=k=geheim");
    assert_eq!(
        it.ok("get secret s -n team -o jsonpath={.data.k}"),
        "Z2VoZWlt"
    );
    it.ok("create deployment web -n team --image=nobody/knows:1 --replicas=2");
    it.ok("scale deployment web -n team --replicas=3");
    it.ok("autoscale deployment web -n team --min=1 --max=5 --cpu=60%");
    assert!(it.ok("get hpa web -n team").contains("cpu: <unknown>/60%"));
    it.ok("set image deployment/web knows=nobody/knows:2 -n team");
    it.until("get pods -n team", |it| {
        it.contains("ErrImagePull") || it.contains("ImagePullBackOff")
    });
    assert!(
        it.ok("describe deployment web -n team")
            .contains("nobody/knows:2")
    );
    assert_eq!(it.ok("auth can-i create pods").trim(), "yes");
    assert!(it.ok("api-resources").contains("applications"));
    it.ok("delete namespace team --wait=false");
    it.until("get namespaces", |it| !it.contains("team"));
    assert!(it.fails("get deployment web -n team").contains("not found"));
}

#[test]
fn a_custom_resource_is_served_as_its_definition_says() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.write(
        "crd.yaml",
        r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}}
      additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.replicas}]
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                replicas: {type: integer}
                parts: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [id], items: {type: object}}
",
    );
    it.ok("apply --server-side -f crd.yaml");
    it.ok("wait --for=condition=Established crd/widgets.example.com --timeout=20s");
    let widget = |manager: &str, parts: &str| {
        it.write("w.yaml", &format!("apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{parts: [{parts}]}}\n"));
        it.ok(&format!(
            "apply --server-side --field-manager {manager} -f w.yaml"
        ));
    };
    widget("one", "{id: a, v: 1}");
    widget("two", "{id: b, v: 2}");
    assert_eq!(
        it.ok("get widget w -o jsonpath={.spec.parts[*].id}"),
        "a b",
        "the list merges by its key"
    );
    it.ok("scale widget w --replicas=4");
    let table = it.ok("get wd");
    assert!(table.contains("NAME   SIZE\nw      4"), "{table}");
    it.ok("delete crd widgets.example.com");
    let said = it.fails("get --raw /apis/example.com/v1/widgets");
    assert!(
        said.contains("could not find the requested resource"),
        "{said}"
    );
}

/// Some sixty objects with three large definitions, the size and kind of Argo CD's own manifests.
fn platform() -> String {
    let mut text = String::new();
    for index in 0..3 {
        text.push_str(&format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: big{index}s.example.com}}\nspec:\n  group: example.com\n  scope: Namespaced\n  names: {{plural: big{index}s, kind: Big{index}}}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n"
        ));
        for field in 0..2500 {
            text.push_str(&format!(
                "          field{field}:\n            type: object\n            description: some words about field {field} that make the definition as long as real ones are\n            properties:\n              value: {{type: string}}\n              list: {{type: array, items: {{type: string}}}}\n"
            ));
        }
        text.push_str("---\n");
    }
    for index in 0..57 {
        let (kind, body) = match index % 4 {
            0 => ("ConfigMap", "data: {key: value}"),
            1 => ("ServiceAccount", "automountServiceAccountToken: false"),
            2 => ("Secret", "stringData: {key: value}"),
            _ => ("Service", "spec: {ports: [{name: http, port: 80}]}"),
        };
        text.push_str(&format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: object-{index}, labels: {{app: platform}}}}\n{body}\n---\n"));
    }
    text
}

#[test]
fn manifests_of_argo_cd_s_size_are_applied_with_conflicts_named_one_by_one() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    let text = platform();
    assert!(text.len() > 1_500_000, "{}", text.len());
    it.write("platform.yaml", &text);
    it.ok("apply --server-side -f platform.yaml");
    assert_eq!(
        it.ok("get cm,sa,secret,svc -l app=platform -o name")
            .lines()
            .count(),
        57
    );
    // A person changes two objects; the next apply names both and changes neither.
    it.ok("patch cm object-0 --field-manager person --type merge -p {\"data\":{\"key\":\"mine\"}}");
    it.ok("patch crd big1s.example.com --field-manager person --type json -p [{\"op\":\"replace\",\"path\":\"/spec/versions/0/schema/openAPIV3Schema/properties/field7/description\",\"value\":\"mine\"}]");
    let said = it.fails("apply --server-side -f platform.yaml");
    assert!(
        said.contains("conflict with \"person\" using v1: .data.key"),
        "{said}"
    );
    assert!(
        said.contains(
            ".spec.versions[name=\"v1\"].schema.openAPIV3Schema.properties.field7.description"
        ),
        "{said}"
    );
    assert_eq!(it.ok("get cm object-0 -o jsonpath={.data.key}"), "mine");
    it.ok("apply --server-side --force-conflicts -f platform.yaml");
    assert_eq!(it.ok("get cm object-0 -o jsonpath={.data.key}"), "value");
}

#[test]
fn fields_are_taken_only_from_the_ways_in_which_this_was_done_before_and_again_changes_nothing() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.write("platform.yaml", &platform());
    let up = |flags: &[&str]| {
        let flags: Vec<&str> = [&["--manifest", "platform.yaml"], flags].concat();
        let output = it.kind_up(&["up", "--no-wait", "-o", "json"], &flags);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(up(&[])["outputs"]["changed"], true);
    let before = it.ok("get --raw /api/v1/configmaps");
    assert_eq!(up(&[])["outputs"]["changed"], false, "a second apply");
    assert_eq!(it.ok("get --raw /api/v1/configmaps"), before);
    // kubectl's own apply did this work before: its fields are ours to take.
    let patch = "--type merge -p {\"data\":{\"key\":\"mine\"}}";
    it.ok(&format!(
        "patch cm object-0 --field-manager kubectl-client-side-apply {patch}"
    ));
    assert_eq!(up(&[])["verdict"], "pass");
    assert_eq!(it.ok("get cm object-0 -o jsonpath={.data.key}"), "value");
    // A person's are not, and the error names both.
    it.ok(&format!("patch cm object-4 --field-manager person {patch}"));
    let report = up(&[]);
    assert_eq!(report["error"]["kind"], "conflict", "{report:#}");
    let said = report["error"].to_string();
    assert!(
        said.contains("ConfigMap object-4")
            && said.contains(".data.key")
            && said.contains("person"),
        "{said}"
    );
    assert_eq!(it.ok("get cm object-4 -o jsonpath={.data.key}"), "mine");
    assert_eq!(up(&["--force-conflicts"])["verdict"], "pass");
    assert_eq!(it.ok("get cm object-4 -o jsonpath={.data.key}"), "value");
}

#[test]
fn a_large_manifest_leaves_no_memory_behind() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    let resident = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", it.pid())).unwrap();
        let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = resident();
    it.write("platform.yaml", &platform());
    for _ in 0..3 {
        it.ok("apply --server-side -f platform.yaml");
    }
    // 2.7 MB of objects with their owners; what they took on the way is given back in a moment.
    autoscaleops_testkit::wait_until("memory to be given back", SOON, || {
        it.ok("get --raw /readyz");
        resident() < before + 15_000
    });
}

#[test]
fn two_bring_ups_at_once_are_one_after_the_other() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    for _ in 0..3 {
        assert!(it.kind_up(&["down", "--yes"], &[]).status.success());
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| it.kind_up(&["up", "--no-wait"], &[])))
                .collect();
            for run in runs {
                let output = run.join().unwrap();
                assert!(output.status.success(), "{output:?}");
            }
        });
    }
}

#[test]
fn killed_at_any_moment_it_comes_back_with_what_it_had() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    it.write("a.yaml", MAP);
    it.ok("apply --server-side -f a.yaml");
    let first = it.pid();
    let killed = Command::new("kill")
        .args(["-9", &first.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = it.kind_up(&["up", "--no-wait", "-o", "json"], &[]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (
            report["verdict"].as_str(),
            report["outputs"]["changed"].as_bool()
        ),
        (Some("pass"), Some(true))
    );
    assert_ne!(it.pid(), first);
    assert_eq!(
        it.ok("get cm a -o jsonpath={.data.k}"),
        "1",
        "with the same kubeconfig"
    );
    // And a run on what is there changes nothing.
    let version = it.ok("get --raw /api/v1/configmaps");
    let output = it.kind_up(&["up", "-o", "json"], &[]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["outputs"]["changed"].as_bool(), Some(false));
    assert_eq!(it.ok("get --raw /api/v1/configmaps"), version);
}

#[test]
fn the_kubeconfig_is_private_and_says_what_it_is_and_a_wrong_token_gets_nothing() {
    let Some(it) = StandIn::start(&[]) else {
        return;
    };
    let path = it.state().join("kubeconfig");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        std::fs::metadata(it.state()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# The embedded stand-in of kind-up. It is no cluster.\n"));
    assert!(
        !autoscaleops_testkit::home().join(".kube/config").exists(),
        "the user's own file is not touched"
    );
    assert!(it.ok("get nodes").contains("+rehearsal"));
    let said = it.fails("get cm --token=wrong");
    assert!(
        said.contains("Unauthorized") || said.contains("must be logged in"),
        "{said}"
    );
    let output = it.kind_up(&["kubeconfig", "--path"], &[]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        path.display().to_string()
    );
}
