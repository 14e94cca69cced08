//! Manifests: read, taken apart, brought into the order in which they can be applied.

use std::path::Path;

use anyhow::Context as _;
use autoscaleops_core::Failure;
use serde_json::Value;

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
    found.sort_by_key(stage);
    Ok(found)
}

/// The order in which objects are applied: each stage needs the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Namespaces.
    Namespaces,
    /// Definitions of custom resources.
    Definitions,
    /// Accounts, roles, configuration, services.
    Settings,
    /// Deployments and the like.
    Workloads,
    /// Custom resources.
    Resources,
}

/// Returns the stage that `object` belongs to.
pub(crate) fn stage(object: &Value) -> Stage {
    let group = object["apiVersion"].as_str().unwrap_or_default();
    match object["kind"].as_str().unwrap_or_default() {
        "Namespace" => Stage::Namespaces,
        "CustomResourceDefinition" => Stage::Definitions,
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "Pod" => Stage::Workloads,
        _ if is_built_in(group) => Stage::Settings,
        _ => Stage::Resources,
    }
}

fn is_built_in(api_version: &str) -> bool {
    match api_version.split_once('/') {
        None => true,
        Some((group, _)) => !group.contains('.') || group.ends_with(".k8s.io"),
    }
}

/// Returns a short name of `object` for messages: `Deployment/argocd-server`.
pub(crate) fn name(object: &Value) -> String {
    format!(
        "{}/{}",
        object["kind"].as_str().unwrap_or("?"),
        object["metadata"]["name"].as_str().unwrap_or("?")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let text = "kind: Application\napiVersion: a/v1\nmetadata: {name: x}\n---\nkind: CustomResourceDefinition\napiVersion: b/v1\nmetadata: {name: y}\n---\nkind: Namespace\napiVersion: v1\nmetadata: {name: z}\n";
        let kinds: Vec<String> = parse(text, "t")
            .unwrap()
            .iter()
            .map(|it| it["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            kinds,
            ["Namespace", "CustomResourceDefinition", "Application"]
        );
    }

    #[test]
    fn definitions_come_before_their_users() {
        let of = |api: &str, kind: &str| stage(&json!({"apiVersion": api, "kind": kind}));
        let stages = [
            of("v1", "Namespace"),
            of("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            of("rbac.authorization.k8s.io/v1", "ClusterRole"),
            of("apps/v1", "StatefulSet"),
            of("argoproj.io/v1alpha1", "Application"),
        ];
        assert!(stages.is_sorted());
        assert_eq!(of("networking.k8s.io/v1", "NetworkPolicy"), Stage::Settings);
        assert_eq!(
            of("autoscaling/v2", "HorizontalPodAutoscaler"),
            Stage::Settings
        );
    }
}
