//! `operator`: the `TestRun` of the k6-operator, for load beyond one machine.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use autoscaleops_core::{Console, Failure, Report, Subject, Verdict};
use clap::Args;
use serde_json::json;

use crate::details::LoadDetails;

/// What a `TestRun` is made of.
#[derive(Clone, Debug, Args)]
pub(crate) struct OperatorFlags {
    /// The script; what it imports must be built into k6, as it travels alone
    script: PathBuf,
    /// Pods that share the load
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    parallelism: u32,
    /// Namespace of the objects
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// Name of the objects
    #[arg(long, value_name = "NAME", default_value = "load")]
    name: String,
    /// Image of k6
    #[arg(long, value_name = "IMAGE", default_value = "grafana/k6:1.1.0")]
    image: String,
    /// Arguments for k6, in one text
    #[arg(long, value_name = "TEXT", default_value = "")]
    arguments: String,
}

/// Writes a `ConfigMap` with the script and a `TestRun` that runs it.
pub(crate) fn write(flags: &OperatorFlags, console: &mut Console) -> Result<Report<LoadDetails>> {
    let source = fs_err::read_to_string(&flags.script).context("cannot read the script")?;
    if flags.parallelism == 0 {
        return Err(Failure::usage("`--parallelism` must be more than 0").into());
    }
    let usable = |it: &str| {
        !it.is_empty()
            && it.len() <= 63
            && it
                .bytes()
                .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    };
    for name in [&flags.name, &flags.namespace] {
        if !usable(name) {
            return Err(
                Failure::usage(format!("`{name}` is no name of a Kubernetes object")).into(),
            );
        }
    }
    let file = "script.js";
    let metadata = json!({"name": flags.name, "namespace": flags.namespace});
    let mut spec = json!({
        "parallelism": flags.parallelism,
        "script": {"configMap": {"name": flags.name, "file": file}},
        "runner": {"image": flags.image},
    });
    if !flags.arguments.is_empty() {
        spec["arguments"] = json!(flags.arguments);
    }
    let list = json!({
        "apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {file: source}},
            {"apiVersion": "k6.io/v1alpha1", "kind": "TestRun", "metadata": metadata, "spec": spec},
        ],
    });
    console.answer(&serde_json::to_string_pretty(&list)?)?;
    let summary = format!(
        "a TestRun of {} pods for {}",
        flags.parallelism,
        flags.script.display()
    );
    let details = LoadDetails {
        script: flags.script.display().to_string(),
        ..LoadDetails::default()
    };
    let subject = Subject::new("load-test", flags.script.display().to_string());
    Ok(Report::new(Verdict::Pass, summary, details)
        .subject(subject)
        .emitted())
}
