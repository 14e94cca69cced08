//! From a folder of a repository to manifests: plain YAML and JSON, or a Helm chart through the
//! `helm` program.

use std::path::Path;

use autoscaleops_core::process::Run;
use serde::Deserialize as _;
use serde_json::Value;

use crate::{
    sync::inside,
    value::{list, text, truth},
};

/// Returns the manifests of an application's source, checked out in `folder`.
///
/// # Errors
///
/// Fails when the path is not there, a file is not YAML, or it is a form that is not read here.
pub(crate) fn manifests(folder: &Path, source: &Value) -> Result<Vec<Value>, String> {
    let path = text(source, "/path");
    let root = inside(folder, if path.is_empty() { "." } else { path })?;
    if root.join("Chart.yaml").is_file() {
        return chart(folder, &root, source);
    }
    if root.join("kustomization.yaml").is_file() || root.join("kustomization.yml").is_file() {
        return Err(format!(
            "`{path}` is a Kustomize folder; the stand-in reads plain manifests and Helm charts"
        ));
    }
    let mut files = Vec::new();
    collect(&root, truth(source, "/directory/recurse"), &mut files)?;
    files.sort();
    let mut manifests = Vec::new();
    for file in files {
        let name = file
            .strip_prefix(folder)
            .unwrap_or(&file)
            .display()
            .to_string();
        let text =
            std::fs::read_to_string(&file).map_err(|err| format!("cannot read `{name}`: {err}"))?;
        documents(&text, &name, &mut manifests)?;
    }
    Ok(manifests)
}

fn collect(
    folder: &Path,
    recurse: bool,
    files: &mut Vec<std::path::PathBuf>,
) -> Result<(), String> {
    let entries = std::fs::read_dir(folder)
        .map_err(|err| format!("cannot read `{}`: {err}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A symbolic link could lead out of the repository.
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if hidden {
            continue;
        }
        if kind.is_dir() && recurse {
            collect(&path, recurse, files)?;
        } else if kind.is_file()
            && path
                .extension()
                .is_some_and(|it| it == "yaml" || it == "yml" || it == "json")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads the documents of one file; lists are taken apart, what is no object of the API is an error.
///
/// # Errors
///
/// Fails when a document is not YAML or is no object.
pub fn documents(content: &str, name: &str, manifests: &mut Vec<Value>) -> Result<(), String> {
    for document in serde_yaml::Deserializer::from_str(content) {
        let value =
            Value::deserialize(document).map_err(|err| format!("`{name}` is not YAML: {err}"))?;
        match &value {
            Value::Null => {}
            Value::Object(map) if map.is_empty() => {}
            _ if text(&value, "/kind") == "List" && value.get("items").is_some() => {
                manifests.extend(list(&value, "/items").iter().cloned());
            }
            _ if text(&value, "/kind").is_empty() || text(&value, "/apiVersion").is_empty() => {
                return Err(format!(
                    "`{name}` holds a document without `apiVersion` and `kind`"
                ));
            }
            _ if text(&value, "/metadata/name").is_empty() => {
                return Err(format!(
                    "`{name}` holds a {} without a name",
                    text(&value, "/kind")
                ));
            }
            _ => manifests.push(value),
        }
    }
    Ok(())
}

/// Renders a chart through `helm template`.
fn chart(folder: &Path, root: &Path, source: &Value) -> Result<Vec<Value>, String> {
    let release = match text(source, "/helm/releaseName") {
        "" => root.file_name().map_or_else(
            || "release".to_owned(),
            |it| it.to_string_lossy().into_owned(),
        ),
        name => name.to_owned(),
    };
    let mut run = Run::new("helm")
        .args(["template", &release])
        .arg(root)
        .args(["--include-crds", "--namespace", "default"])
        .timeout(std::time::Duration::from_secs(60));
    for file in list(source, "/helm/valueFiles")
        .iter()
        .filter_map(Value::as_str)
    {
        // Named from the chart, and allowed to lie anywhere in the repository.
        let path = root
            .join(file)
            .canonicalize()
            .map_err(|err| format!("the values file `{file}`: {err}"))?;
        if !path.starts_with(folder.canonicalize().map_err(|err| err.to_string())?) {
            return Err(format!("the values file `{file}` leaves the repository"));
        }
        run = run.arg("--values").arg(path);
    }
    let inline = match (
        text(source, "/helm/values"),
        source.pointer("/helm/valuesObject"),
    ) {
        ("", Some(object)) => Some(object.to_string()),
        ("", None) => None,
        (text, _) => Some(text.to_owned()),
    };
    if let Some(inline) = inline {
        run = run.args(["--values", "-"]).stdin(inline);
    }
    for parameter in list(source, "/helm/parameters") {
        let flag = if truth(parameter, "/forceString") {
            "--set-string"
        } else {
            "--set"
        };
        run = run.arg(flag).arg(format!(
            "{}={}",
            text(parameter, "/name"),
            text(parameter, "/value")
        ));
    }
    let output = run.capture().map_err(|err| {
        if err.is_missing() {
            "the folder is a Helm chart and there is no `helm` on PATH; install it, or point the Application at a folder of plain manifests".to_owned()
        } else {
            err.to_string()
        }
    })?;
    let output = output.check().map_err(|err| err.to_string())?;
    let mut manifests = Vec::new();
    documents(
        &String::from_utf8_lossy(&output.stdout),
        "the rendered chart",
        &mut manifests,
    )?;
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_and_lists_are_taken_apart_and_a_stray_document_is_named() {
        let mut found = Vec::new();
        let text = "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n---\n---\napiVersion: v1\nkind: B\nmetadata: {name: b}\n";
        documents(text, "x.yaml", &mut found).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            documents("a: 1", "y.yaml", &mut found).unwrap_err(),
            "`y.yaml` holds a document without `apiVersion` and `kind`"
        );
    }

    #[test]
    fn a_path_that_leaves_the_repository_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["../x", "/etc", "a/../../x"] {
            assert!(
                manifests(folder.path(), &json!({"path": path}))
                    .unwrap_err()
                    .contains("leaves the repository"),
                "{path}"
            );
        }
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        assert!(
            manifests(folder.path(), &json!({"path": "out"}))
                .unwrap_err()
                .contains("symbolic link")
        );
    }
}
