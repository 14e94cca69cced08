//! Manifests: read, taken apart, brought into the order in which they can be applied.

use std::path::Path;

use anyhow::Context as _;
use autoscaleops_core::Failure;
use serde_json::Value;

use crate::cluster::text;

/// Reads the documents of a file.
///
/// # Errors
///
/// Fails when it cannot be read, is not YAML, or holds what is no object of the API.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let content = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    parse(&content, &path.display().to_string())
}

/// Reads the documents of a text.
///
/// # Errors
///
/// Fails when it is not YAML, or holds what is no object of the API.
pub(crate) fn parse(content: &str, name: &str) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    autoscaleops_rehearsal::render::documents(content, name, &mut found).map_err(Failure::usage)?;
    found.sort_by_key(rank);
    Ok(found)
}

/// Returns when an object can be applied: namespaces, then definitions, then what others need.
pub(crate) fn rank(manifest: &Value) -> u8 {
    match text(manifest, "/kind").as_str() {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ServiceAccount" | "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding"
        | "ConfigMap" | "Secret" | "Service" | "NetworkPolicy" => 2,
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let text = "kind: Application\napiVersion: a/v1\nmetadata: {name: x}\n---\nkind: CustomResourceDefinition\napiVersion: b/v1\nmetadata: {name: y}\n---\nkind: Namespace\napiVersion: v1\nmetadata: {name: z}\n";
        let kinds: Vec<String> = parse(text, "t")
            .unwrap()
            .iter()
            .map(|it| super::text(it, "/kind"))
            .collect();
        assert_eq!(
            kinds,
            ["Namespace", "CustomResourceDefinition", "Application"]
        );
    }
}
