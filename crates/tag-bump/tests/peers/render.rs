//! Tags that look like something else come out of Helm and kustomize as they went in.

use std::{fmt::Write as _, fs, process::Command};

use autoscaleops_testkit::peer;
use tempfile::tempdir;

use crate::support::{bump, report};

const TAGS: &[&str] = &[
    "1234567",
    "6063e25",
    "0123456",
    "1.10",
    "2024-01-01",
    "1.2",
    "0123",
    "09",
    "0x1f",
    "1_000",
    "1e5",
    "1234e56",
    "12e4567",
    "20240101",
    "null",
    "Null",
    "y",
    "N",
    "yes",
    "no",
    "on",
    "OFF",
    "true",
    "False",
    "2024-1-1",
    "1_",
    "1e_5",
    "0b101",
    "00",
    "v1.2.3",
    "1.2.3",
    "latest",
    "dev-1a2b3c4",
    "1a2b3c4",
    "2024-01",
    "1-2",
    "_1",
    "0o17",
];

#[test]
fn helm_renders_every_tag_as_it_was_given() {
    let Some(helm) = peer("helm") else { return };
    let folder = tempdir().unwrap();
    let chart = folder.path();
    fs::create_dir_all(chart.join("templates")).unwrap();
    fs::write(
        chart.join("Chart.yaml"),
        "apiVersion: v2\nname: tags\nversion: 0.1.0\n",
    )
    .unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tags}\ndata:\n\
        {{- range $key, $value := .Values }}\n  {{ $key }}: {{ printf \"%v %s\" $value.tag (kindOf $value.tag) | quote }}\n{{- end }}\n";
    fs::write(chart.join("templates/tags.yaml"), template).unwrap();
    let mut values = String::new();
    for index in 0..TAGS.len() {
        // Plain, in double quotes, in single quotes, in a flow mapping.
        let old = ["tag: v0 # c", "tag: \"v0\"", "tag: 'v0'", ""][index % 4];
        match old {
            "" => writeln!(
                values,
                "k{index:02}: {{repository: acme/k{index:02}, tag: v0}}"
            )
            .unwrap(),
            old => write!(
                values,
                "k{index:02}:\n  repository: acme/k{index:02}\n  {old}\n"
            )
            .unwrap(),
        }
    }
    // What an editor without quotes would write, to see that Helm does tell them apart.
    values.push_str("zz:\n  tag: 1234567\n");
    fs::write(chart.join("values.yaml"), values).unwrap();
    for (index, tag) in TAGS.iter().enumerate() {
        let (code, _, words) = report(bump(chart).args([
            "values.yaml",
            "--image",
            &format!("acme/k{index:02}"),
            "--tag",
            tag,
        ]));
        assert_eq!(code, 0, "{tag}: {words}");
    }
    let output = Command::new(helm)
        .args(["template", "."])
        .current_dir(chart)
        .env("HOME", chart)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rendered = String::from_utf8(output.stdout).unwrap();
    for (index, tag) in TAGS.iter().enumerate() {
        let line = format!("  k{index:02}: \"{tag} string\"");
        assert!(rendered.lines().any(|it| it == line), "{tag}: {rendered}");
    }
    assert!(
        rendered.contains("zz: \"1.234567e+06 float64\""),
        "{rendered}"
    );
}

#[test]
fn kustomize_renders_every_tag_as_it_was_given() {
    let Some(kubectl) = peer("kubectl") else {
        return;
    };
    let folder = tempdir().unwrap();
    let mut pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: tags}\nspec:\n  containers:\n".to_owned();
    let mut kustomization = "resources: [pod.yaml]\nimages:\n".to_owned();
    for index in 0..TAGS.len() {
        writeln!(pod, "  - {{name: k{index:02}, image: acme/k{index:02}}}").unwrap();
        write!(kustomization, "- name: acme/k{index:02}\n  newTag: v0\n").unwrap();
    }
    fs::write(folder.path().join("pod.yaml"), pod).unwrap();
    fs::write(folder.path().join("kustomization.yaml"), kustomization).unwrap();
    for (index, tag) in TAGS.iter().enumerate() {
        let image = format!("acme/k{index:02}:{tag}");
        let (code, _, words) =
            report(bump(folder.path()).args(["kustomization.yaml", "--image", &image]));
        assert_eq!(code, 0, "{tag}: {words}");
    }
    let output = Command::new(kubectl)
        .args(["kustomize", "."])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rendered = String::from_utf8(output.stdout).unwrap();
    for (index, tag) in TAGS.iter().enumerate() {
        let line = format!("- image: acme/k{index:02}:{tag}");
        assert!(
            rendered.lines().any(|it| it.trim() == line),
            "{tag}: {rendered}"
        );
    }
}
