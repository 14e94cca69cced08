//! The workload's image for a kind cluster without any pipeline: built under the names that Git asks for.

use std::fs;

use autoscaleops_testkit::{Stubs, command, git, root, write_program};

use crate::files::{read, yaml};

const SCRIPT: &str = "scripts/load-demo-app.sh";

/// Runs the script in a copy with these values of dev, and returns its result and the calls.
fn run(dev: &str) -> (snapbox::cmd::OutputAssert, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    for (path, text) in [
        (SCRIPT, read(SCRIPT)),
        (
            "scripts/build-demo-app.sh",
            "#!/bin/sh\necho 'target/image/arm64/demo-app: static, 1 bytes'\n".to_owned(),
        ),
        ("argocd/root-app.yaml", read("argocd/root-app.yaml")),
        ("charts/demo-app/values-dev.yaml", dev.to_owned()),
        (
            "charts/demo-app/values-prod.yaml",
            read("charts/demo-app/values-prod.yaml"),
        ),
    ] {
        fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        write_program(&at(path), text.as_bytes());
    }
    git(folder.path(), &["init", "--quiet"]);
    let note = |name: &str| format!("echo {name} \"$@\" >>\"$CALLS\"");
    let stubs = Stubs::new()
        .program("docker", &note("docker"))
        .program("kind", &note("kind"));
    let result = command(at(SCRIPT))
        .arg("other-cluster")
        .env(
            "PATH",
            format!(
                "{}:/usr/bin:/bin",
                stubs.file("docker").parent().unwrap().display()
            ),
        )
        .env("CALLS", at("calls"))
        .assert();
    (result, fs::read_to_string(at("calls")).unwrap_or_default())
}

#[test]
fn the_nodes_get_the_image_under_both_names_that_git_asks_for() {
    let (result, calls) = run(&read("charts/demo-app/values-dev.yaml"));
    result.success();
    let names = ["dev", "prod"].map(|name| {
        let values = yaml(&format!("charts/demo-app/values-{name}.yaml"));
        let repository = &yaml("charts/demo-app/values.yaml")["image"]["repository"];
        format!(
            "{}:{}",
            repository.as_str().unwrap(),
            values["image"]["tag"].as_str().unwrap()
        )
    });
    let builds: Vec<_> = calls
        .lines()
        .filter(|line| line.starts_with("docker build "))
        .collect();
    assert_eq!(builds.len(), 2, "{calls}");
    for (build, name) in builds.iter().zip(&names) {
        let version = name.rsplit_once(':').unwrap().1;
        assert!(build.contains(&format!("--tag {name} ")), "{build}");
        assert!(
            build.contains(&format!(
                "--build-arg ARCH=arm64 --build-arg VERSION={version} "
            )),
            "{build}"
        );
    }
    let load = format!(
        "kind load docker-image --name other-cluster {} {}",
        names[0], names[1]
    );
    assert_eq!(calls.lines().last(), Some(load.as_str()), "{calls}");
}

#[test]
fn a_tag_that_nobody_wrote_builds_nothing() {
    let (result, calls) = run("image:\n  tag: 1234567\n");
    result
        .code(2)
        .stderr_eq("error: no image[..]charts/demo-app/values-dev.yaml\n");
    assert_eq!(calls, "");
    assert!(root().join(SCRIPT).is_file());
}
