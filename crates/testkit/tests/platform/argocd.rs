//! The Argo CD resources: order, permissions, paths, and who writes what.

use autoscaleops_testkit::{command, peer};
use serde_json::{Value, json};

use crate::files::{apps, environment, golden, list, read, refused, root, yaml};

const IMAGE_UPDATER: &str = "argocd/apps/tests/image-updater-values.yaml";

#[test]
fn the_applications_render_as_recorded() {
    let Some(rendered) = apps(&[]) else { return };
    golden(&rendered.text, "argocd/apps/tests/golden/default.yaml");
    let Some(rendered) = apps(&[IMAGE_UPDATER]) else {
        return;
    };
    golden(
        &rendered.text,
        "argocd/apps/tests/golden/image-updater.yaml",
    );
}

#[test]
fn every_input_that_cannot_be_meant_is_refused_with_its_place() {
    refused("argocd/apps", "argocd/apps/tests/reject");
}

#[test]
fn what_is_needed_comes_before_what_needs_it() {
    let Some(rendered) = apps(&[IMAGE_UPDATER]) else {
        return;
    };
    let wave = |kind: &str, name: &str| -> i64 {
        let object = rendered
            .all(kind)
            .find(|object| object["metadata"]["name"] == name);
        let object = object.unwrap_or_else(|| panic!("no {kind} {name}"));
        let wave = &object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
        wave.as_str().unwrap().parse().unwrap()
    };
    let order = [
        wave("AppProject", "platform").max(wave("AppProject", "apps")),
        wave("Application", "metrics-server"),
        wave("Application", "monitoring"),
        wave("Application", "observability"),
        wave("Application", "demo-app-dev"),
        wave("Application", "demo-app-prod"),
        wave("ImageUpdater", "demo-app-dev").min(wave("ImageUpdater", "demo-app-prod")),
    ];
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
}

#[test]
fn waves_wait_for_health_and_health_wants_synced() {
    let Some(lua) = peer("lua5.1") else { return };
    let settings = yaml("argocd/bootstrap/argocd-cm.yaml");
    let check = settings["data"]["resource.customizations.health.argoproj.io_Application"].as_str();
    let check = check.unwrap();
    for (status, expected) in [
        ("nil", "Progressing"),
        ("{}", "Progressing"),
        (
            "{health={status='Degraded'}, sync={status='Synced'}}",
            "Degraded",
        ),
        ("{health={status='Healthy'}}", "Progressing"),
        (
            "{health={status='Healthy'}, sync={status='OutOfSync'}}",
            "Progressing",
        ),
        (
            "{health={status='Healthy'}, sync={status='Synced'}, operationState={phase='Running'}}",
            "Progressing",
        ),
        (
            "{health={status='Healthy'}, sync={status='Synced'}, operationState={phase='Succeeded'}}",
            "Healthy",
        ),
    ] {
        let program = format!(
            "obj = {{ status = {status} }}\nlocal function check()\n{check}\nend\nprint(check().status)"
        );
        let output = command(&lua).args(["-e", &program]).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(
            String::from_utf8(output.stdout).unwrap().trim(),
            expected,
            "{status}"
        );
    }
}

#[test]
fn every_application_may_do_what_it_is_to_do() {
    let Some(rendered) = apps(&[]) else { return };
    for app in rendered.all("Application") {
        let (name, spec) = (&app["metadata"]["name"], &app["spec"]);
        let project = rendered
            .all("AppProject")
            .find(|project| project["metadata"]["name"] == spec["project"])
            .unwrap_or_else(|| panic!("{name}: no project {}", spec["project"]));
        let sources = project["spec"]["sourceRepos"].as_array().unwrap();
        assert!(
            sources.contains(&spec["source"]["repoURL"]),
            "{name}: source"
        );
        let destinations = project["spec"]["destinations"].as_array().unwrap();
        assert!(
            destinations.contains(&spec["destination"]),
            "{name}: destination"
        );
        let version = &spec["source"]["targetRevision"];
        assert_ne!(version, "HEAD", "{name}");
        // Opaque to every schema; valuesObject is not.
        assert_eq!(spec["source"]["helm"].get("values"), None, "{name}");
        // An annotation; as a sync option it does nothing.
        let options = spec["syncPolicy"]["syncOptions"].as_array().unwrap();
        assert!(
            !options
                .iter()
                .any(|option| option.as_str().unwrap().contains("ServerSideDiff"))
        );
    }
}

#[test]
fn the_project_of_the_workload_allows_its_kinds_and_no_more() {
    let (Some(platform), Some(workload)) = (apps(&[]), environment("prod")) else {
        return;
    };
    let project = platform
        .all("AppProject")
        .find(|project| project["metadata"]["name"] == "apps");
    let mut allowed: Vec<String> = project.unwrap()["spec"]["namespaceResourceWhitelist"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            format!(
                "{}/{}",
                entry["group"].as_str().unwrap(),
                entry["kind"].as_str().unwrap()
            )
        })
        .collect();
    let mut used: Vec<String> = workload
        .objects
        .iter()
        .filter(|object| object["metadata"]["annotations"]["helm.sh/hook"] != "test")
        .map(|object| {
            let version = object["apiVersion"].as_str().unwrap();
            let group = version.split_once('/').map_or("", |(group, _)| group);
            format!("{group}/{}", object["kind"].as_str().unwrap())
        })
        .collect();
    allowed.sort();
    used.sort();
    assert_eq!(allowed, used);
}

#[test]
fn a_registry_that_wants_a_login_gets_it_from_the_pods_and_the_updater() {
    let Some(rendered) = apps(&["argocd/apps/tests/private-values.yaml"]) else {
        return;
    };
    let app = rendered
        .all("Application")
        .find(|app| app["metadata"]["name"] == "demo-app-dev")
        .unwrap();
    let values = &app["spec"]["source"]["helm"]["valuesObject"];
    assert_eq!(values["image"]["pullSecrets"], json!(["registry"]));
    let updater = rendered.one("ImageUpdater");
    let image = &updater["spec"]["applicationRefs"][0]["images"][0];
    assert_eq!(
        image["commonUpdateSettings"]["pullSecret"],
        "pullsecret:argocd/registry"
    );
}

#[test]
fn every_path_that_argo_reads_or_writes_is_there() {
    let Some(rendered) = apps(&[IMAGE_UPDATER]) else {
        return;
    };
    let here = &yaml("argocd/root-app.yaml")["spec"]["source"];
    assert!(root().join(here["path"].as_str().unwrap()).is_dir());
    for app in rendered.all("Application") {
        let source = &app["spec"]["source"];
        let Some(path) = source["path"].as_str() else {
            continue;
        };
        assert!(root().join(path).join("Chart.yaml").is_file(), "{path}");
        for file in source["helm"]["valueFiles"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let file = root().join(path).join(file.as_str().unwrap());
            assert!(file.is_file(), "{}", file.display());
        }
    }
    for updater in rendered.all("ImageUpdater") {
        let target = &updater["spec"]["writeBackConfig"]["gitConfig"]["writeBackTarget"];
        // With the slash it is a path from the root of the repository, without it from the chart.
        let path = target
            .as_str()
            .unwrap()
            .strip_prefix("helmvalues:/")
            .unwrap();
        assert!(
            path.starts_with("charts/") && root().join(path).is_file(),
            "{path}"
        );
    }
}

#[test]
fn the_root_sets_only_values_that_there_are() {
    let values = yaml("argocd/apps/values.yaml");
    let source = &yaml("argocd/root-app.yaml")["spec"]["source"];
    let parameters = source["helm"]["parameters"].as_array().unwrap();
    assert_eq!(parameters.len(), 3);
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        assert!(values.get(name).is_some(), "{name}");
    }
    assert_eq!(values["repository"], source["repoURL"]);
    let image = parameters
        .iter()
        .find(|parameter| parameter["name"] == "image")
        .unwrap();
    assert_eq!(values["image"], image["value"]);
    assert_eq!(
        values["image"],
        yaml("charts/demo-app/values.yaml")["image"]["repository"]
    );
}

#[test]
fn one_writer_a_file_whichever_it_is() {
    let Some(rendered) = apps(&[]) else { return };
    assert_eq!(
        rendered.all("ImageUpdater").count(),
        0,
        "the workflows write"
    );
    let writers: Vec<Value> = yaml("argocd/apps/values.yaml")["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|environment| environment["writer"].clone())
        .collect();
    assert_eq!(json!(writers), json!(["deliver", "image-watch"]));
}

#[test]
fn the_updater_takes_the_tags_that_the_pipeline_makes_and_no_others() {
    let Some(rendered) = apps(&[IMAGE_UPDATER]) else {
        return;
    };
    for (name, yes, no) in [
        (
            "demo-app-dev",
            vec!["dev-20261123090000-1a2b3c4"],
            vec![
                "dev",
                "latest",
                "dev-1a2b3c4",
                "quarantine-20261123090000-1a2b3c4",
                "1.2.3",
            ],
        ),
        (
            "demo-app-prod",
            vec!["1.2.3", "0.10.0"],
            vec![
                "1.2",
                "1",
                "1.2.3-rc.1",
                "v1.2.3",
                "latest",
                "dev-20261123090000-1a2b3c4",
            ],
        ),
    ] {
        let updater = rendered
            .all("ImageUpdater")
            .find(|object| object["metadata"]["name"] == name);
        let image = &updater.unwrap()["spec"]["applicationRefs"][0]["images"][0];
        let pattern = image["commonUpdateSettings"]["allowTags"].as_str().unwrap();
        let pattern = regex::Regex::new(pattern.strip_prefix("regexp:").unwrap()).unwrap();
        for tag in yes {
            assert!(pattern.is_match(tag), "{name}: {tag}");
        }
        for tag in no {
            assert!(!pattern.is_match(tag), "{name}: {tag}");
        }
    }
}

#[test]
fn no_manifest_has_a_password_in_it() {
    for file in list("argocd", &[".yaml"]) {
        for line in read(&file)
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
        {
            let lower = line.to_ascii_lowercase();
            assert!(
                !lower.contains("password:") && !lower.contains("token:"),
                "{file}: {line}"
            );
        }
    }
}
