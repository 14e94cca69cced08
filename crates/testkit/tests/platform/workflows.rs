//! The workflows and actions: linted, pinned, without loops, and true in what they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
};

use autoscaleops_testkit::{built, command, peer};
use regex::Regex;
use serde_json::json;

use crate::files::{list, read, root, yaml};

const TOOLS: [&str; 6] = [
    "hpa-watch",
    "image-watch",
    "k6-run",
    "kind-up",
    "tag-bump",
    "trivy-gate",
];

#[test]
fn the_strictest_auditor_finds_nothing() {
    let Some(zizmor) = peer("zizmor") else { return };
    command(zizmor)
        .current_dir(root())
        .args([
            "--offline",
            "--no-progress",
            "--persona",
            "auditor",
            ".github",
        ])
        .assert()
        .success();
}

#[test]
fn the_linter_finds_nothing() {
    let Some(actionlint) = peer("actionlint") else {
        return;
    };
    command(actionlint).current_dir(root()).assert().success();
}

#[test]
fn every_action_of_others_is_pinned_once_and_the_pin_is_written_down() {
    let uses = Regex::new(r"uses: ([^\s#]+)(?: # (v[\d.]+))?").unwrap();
    let mut pins = BTreeMap::new();
    for file in list(".github", &[".yml"]) {
        for found in uses.captures_iter(&read(&file)) {
            let Some((action, commit)) = found[1].split_once('@') else {
                let local = found[1]
                    .strip_prefix("./")
                    .unwrap_or_else(|| panic!("{file}: {}", &found[1]));
                assert!(
                    root().join(local).join("action.yml").is_file(),
                    "{file}: {local}"
                );
                continue;
            };
            let hex = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(hex, "{file}: {action} is pinned to {commit}");
            let version = found
                .get(2)
                .unwrap_or_else(|| panic!("{file}: {action} without its version"))
                .as_str();
            let pin = (commit.to_owned(), version.to_owned());
            assert_eq!(
                pins.entry(action.to_owned()).or_insert_with(|| pin.clone()),
                &pin,
                "{file}"
            );
        }
    }
    let documented = read("docs/pins.md");
    for (action, (commit, version)) in pins {
        let row = format!("| {action} | {version} | `{commit}` |");
        assert!(documented.contains(&row), "docs/pins.md lacks: {row}");
    }
}

#[test]
fn other_versions_are_said_once_too() {
    let documented = read("docs/pins.md");
    let values = yaml("argocd/apps/values.yaml");
    for chart in ["metricsServer", "monitoring"] {
        let version = values["charts"][chart]["version"].as_str().unwrap();
        assert!(
            documented.contains(&format!("| {version} |")),
            "docs/pins.md lacks {version}"
        );
    }
    // The toolchain that the manifest wants is the one that the workflows and the image install.
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let package = &manifest["workspace"]["package"];
    let rust = package["rust-version"].as_str().unwrap();
    let toolchain =
        Regex::new(r"(?:toolchain install |rustup default |FROM rust:)(\d+\.\d+)").unwrap();
    for page in ["README.md", "docs/getting-started.md"] {
        assert!(
            read(page).contains(&format!("Rust ({rust} or newer)")),
            "{page}"
        );
    }
    let mut seen = 0;
    for file in list(".github/workflows", &[".yml"])
        .into_iter()
        .chain(["crates/demo-app/Dockerfile".to_owned()])
    {
        for found in toolchain.captures_iter(&read(&file)) {
            assert_eq!(&found[1], rust, "{file}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
    // An action installs the release that it belongs to.
    for tool in TOOLS {
        let action = yaml(&format!(".github/actions/{tool}/action.yml"));
        assert_eq!(
            action["inputs"]["version"]["default"],
            package["version"].as_str().unwrap(),
            "{tool}"
        );
    }
    let installed = format!("\nversion={}\n", package["version"].as_str().unwrap());
    assert!(
        read("scripts/install.sh").contains(&installed),
        "scripts/install.sh is of another release"
    );
    // Trivy by one version everywhere.
    let trivy = Regex::new(r"setup-trivy@[^\n]*\n\s+with:\n\s+version: (v[\d.]+)").unwrap();
    let versions: BTreeSet<String> = list(".github/workflows", &[".yml"])
        .iter()
        .flat_map(|file| {
            trivy
                .captures_iter(&read(file))
                .map(|found| found[1].to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
}

#[test]
fn a_delivery_does_not_start_another() {
    let deliver = yaml(".github/workflows/deliver.yml");
    let steps = deliver["jobs"]["bump"]["steps"].as_array().unwrap();
    let bump = steps.iter().find(|step| step["id"] == "bump").unwrap();
    let written = bump["with"]["file"].as_str().unwrap();
    assert!(root().join(written).is_file());
    // `on` is the word true to some readers of YAML.
    let on = deliver.get("on").or_else(|| deliver.get("true")).unwrap();
    for path in on["push"]["paths"].as_array().unwrap() {
        let start = path
            .as_str()
            .unwrap()
            .trim_start_matches('!')
            .trim_end_matches("**");
        assert!(!written.starts_with(start), "{written} is under {start}");
    }
    assert_eq!(bump["with"]["key"], "image.tag");
}

#[test]
fn the_workflows_stand_back_where_the_cluster_writes() {
    for (workflow, guard) in [
        ("deliver", "vars.DEV_WRITER != 'image-updater'"),
        ("image-watch", "vars.PROD_WRITER != 'image-updater'"),
    ] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        assert!(text.contains(guard), "{workflow}.yml: no `{guard}`");
    }
}

#[test]
fn every_workflow_starts_from_no_rights_and_every_job_ends() {
    for file in list(".github/workflows", &[".yml"]) {
        let workflow = yaml(&file);
        assert_eq!(workflow["permissions"], json!({}), "{file}");
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            assert!(
                job["timeout-minutes"].is_u64(),
                "{file}: {name} has no time limit"
            );
            assert!(
                job["permissions"].is_object(),
                "{file}: {name} has no permissions of its own"
            );
        }
        for line in read(&file).lines().filter(|line| line.contains("run:")) {
            assert!(
                !line.contains("${{"),
                "{file}: text from outside in a script: {line}"
            );
        }
    }
}

#[test]
fn every_script_that_a_workflow_names_is_there_and_can_be_run() {
    let script = Regex::new(r"(?:^|[\s./])((?:\.github/)?scripts/[a-z0-9/-]+\.sh)").unwrap();
    let mut seen = BTreeSet::new();
    for file in list(".github/workflows", &[".yml"]) {
        for found in script.captures_iter(&read(&file)) {
            seen.insert(found[1].to_owned());
        }
    }
    assert!(seen.len() >= 5, "{seen:?}");
    for path in seen {
        let mode = fs::metadata(root().join(&path)).map(|data| data.permissions().mode());
        assert!(mode.is_ok_and(|mode| mode & 0o111 != 0), "{path}");
    }
}

#[test]
fn every_action_passes_only_flags_that_its_program_has() {
    let flag = Regex::new(r"arguments\+=\((--[a-z-]+)").unwrap();
    for tool in TOOLS {
        let Some(program) = built(tool) else { continue };
        let output = command(&program).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        // A program that has no help yet has no flags to compare with.
        if help.is_empty() {
            continue;
        }
        let action = read(&format!(".github/actions/{tool}/action.yml"));
        for found in flag.captures_iter(&action) {
            assert!(
                help.contains(&found[1]),
                "{tool}: --help does not name {}",
                &found[1]
            );
        }
    }
}

#[test]
fn every_input_reaches_a_script_by_the_environment_alone() {
    for tool in TOOLS {
        let file = format!(".github/actions/{tool}/action.yml");
        let action = yaml(&file);
        let steps = action["runs"]["steps"].as_array().unwrap();
        let passed: BTreeSet<String> = steps
            .iter()
            .flat_map(|step| step["env"].as_object().unwrap().values())
            .map(|value| value.as_str().unwrap().to_owned())
            .collect();
        for input in action["inputs"].as_object().unwrap().keys() {
            assert!(
                passed.contains(&format!("${{{{ inputs.{input} }}}}")),
                "{file}: {input} goes nowhere"
            );
        }
        for step in steps {
            assert!(!step["run"].as_str().unwrap().contains("${{"), "{file}");
        }
    }
}

#[test]
fn tags_agree_in_the_pipeline_the_updater_and_the_watcher() {
    let deliver = read(".github/workflows/deliver.yml");
    assert!(deliver.contains(r#"tag=dev-$(date -u +%Y%m%d%H%M%S)-${GITHUB_SHA::7}"#));
    let made = Regex::new(r"^dev-[0-9]{14}-[0-9a-f]{7}$").unwrap();
    assert!(made.is_match("dev-20261123090000-1a2b3c4"));
    let updater = read("argocd/apps/templates/image-updater.yaml");
    assert!(updater.contains("regexp:^dev-[0-9]{14}-[0-9a-f]{7}$"));
    assert!(read(".github/workflows/promote.yml").contains(r"^dev-[0-9]{14}-\($commit)$"));
    // Releases, the same in the watcher and the updater.
    let release = r"^[0-9]+\.[0-9]+\.[0-9]+$";
    assert!(updater.contains(&format!("regexp:{release}")));
    assert!(read(".github/workflows/image-watch.yml").contains(&format!("allow: '{release}'")));
}
