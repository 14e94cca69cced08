//! `tag-bump --from -`: reports of the tool before us.

use std::path::Path;

use serde_json::json;
use tempfile::tempdir;

use crate::support::{VALUES, bump, read, run, values, write};

fn gate(verdict: &str) -> String {
    line("trivy-gate", verdict, "v2", &json!({}))
}

fn line(tool: &str, verdict: &str, tag: &str, details: &serde_json::Value) -> String {
    let digest = format!("sha256:{}", "a".repeat(64));
    let report = json!({
        "schema": "autoscaleops/report/v1", "tool": tool, "version": "0.1.0", "verdict": verdict,
        "summary": "one finding", "outputs": {}, "findings": [], "details": details,
        "subject": {"kind": "image", "name": "ghcr.io/acme/shop", "tag": tag, "digest": digest},
    });
    format!("{report}\n")
}

fn piped(folder: &Path, input: &str, arguments: &[&str]) -> (i32, String, String) {
    run(bump(folder)
        .args(arguments)
        .args(["--from", "-"])
        .stdin(input))
}

#[test]
fn a_gate_that_passes_names_image_and_tag() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    let (code, answer, _) = piped(folder.path(), &gate("pass"), &["values.yaml"]);
    assert_eq!(code, 0);
    assert!(answer.contains("ghcr.io/acme/shop v1 -> v2"), "{answer}");
    assert_eq!(read(folder.path(), "values.yaml"), values("v2"));
    let (code, ..) = piped(folder.path(), &gate("pass"), &["values.yaml", "--pin"]);
    assert_eq!(code, 0);
    assert!(read(folder.path(), "values.yaml").contains("tag: \"v2@sha256:aaaa"));
}

#[test]
fn a_gate_that_does_not_pass_closes_the_pipe() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    for verdict in ["fail", "undecided", "error"] {
        let (code, answer, _) = piped(
            folder.path(),
            &gate(verdict),
            &["values.yaml", "-o", "json"],
        );
        assert_eq!(code, 10, "{verdict}");
        let report: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(report["verdict"], "fail");
        assert_eq!(report["outputs"]["changed"], false);
        assert!(
            report["summary"].as_str().unwrap().contains(verdict),
            "{answer}"
        );
    }
    assert_eq!(read(folder.path(), "values.yaml"), VALUES);
}

#[test]
fn no_report_is_no_pass() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    let (code, ..) = piped(folder.path(), "", &["values.yaml"]);
    assert_eq!(code, 11);
    for input in [
        "{}",
        "{\"schema\":\"autoscaleops/report/v2\"}",
        "pass\n",
        &gate("pass")[..200],
    ] {
        let (code, ..) = piped(folder.path(), input, &["values.yaml"]);
        assert_eq!(code, 2, "{input}");
    }
    let no_tag = gate("pass")
        .replace("\"tag\":\"v2\",", "")
        .replace(&"a".repeat(64), "zz");
    let (code, ..) = piped(folder.path(), &no_tag, &["values.yaml"]);
    assert_eq!(code, 2);
    assert_eq!(read(folder.path(), "values.yaml"), VALUES);
}

#[test]
fn image_watch_says_file_and_path_line_by_line() {
    let folder = tempdir().unwrap();
    let digest = format!(",\"digest\":\"sha256:{}\"", "a".repeat(64));
    let digestless = |text: String| text.replace(&digest, "");
    write(folder.path(), "dev/values.yaml", VALUES);
    write(
        folder.path(),
        "prod/app.yaml",
        "image: ghcr.io/acme/shop:v1 # live\n",
    );
    let target = |file: &str, path: Option<&str>| json!({"images": [{"name": "shop", "target": {"file": file, "path": path, "image": null, "marker": null, "document": null}}]});
    let whole = json!({
        "schema": "autoscaleops/report/v1", "tool": "image-watch", "verdict": "pass", "summary": "2 of 2", "details": {},
    });
    let input = format!(
        "{}{}{}{whole}\n",
        digestless(line(
            "image-watch",
            "pass",
            "v2",
            &target("dev/values.yaml", Some("image.tag"))
        )),
        digestless(line(
            "image-watch",
            "pass",
            "v9",
            &target("no/such.yaml", None)
        )),
        digestless(line(
            "image-watch",
            "pass",
            "v3",
            &target("prod/app.yaml", None)
        )),
    );
    let (code, answer, _) = piped(folder.path(), &input, &["-o", "json"]);
    // The fault of one line does not keep the next from being carried out.
    assert_eq!(read(folder.path(), "dev/values.yaml"), values("v2"));
    assert_eq!(
        read(folder.path(), "prod/app.yaml"),
        "image: ghcr.io/acme/shop:v3 # live\n"
    );
    let verdicts: Vec<String> = answer
        .lines()
        .map(|it| {
            serde_json::from_str::<serde_json::Value>(it).unwrap()["verdict"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(verdicts, ["pass", "error", "pass"]);
    assert_eq!(code, 2);
}

#[test]
fn the_command_line_knows_what_the_value_is_called() {
    let folder = tempdir().unwrap();
    write(
        folder.path(),
        "kustomization.yaml",
        "images:\n- name: shop\n  newTag: v1\n",
    );
    let (code, answer, words) = piped(
        folder.path(),
        &gate("pass"),
        &["kustomization.yaml", "--image", "shop", "-o", "json"],
    );
    assert_eq!(code, 0, "{words}");
    assert_eq!(
        read(folder.path(), "kustomization.yaml"),
        "images:\n- name: shop\n  newTag: v2\n"
    );
    // The image that runs is the one of the report.
    let report: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(report["subject"]["name"], "ghcr.io/acme/shop");
    let (code, ..) = piped(
        folder.path(),
        &gate("pass"),
        &["kustomization.yaml", "--image", "shop:v3"],
    );
    assert_eq!(code, 2);
}
