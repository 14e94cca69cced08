//! `operator`: the `TestRun` of the k6-operator, for load beyond one machine, and the verdict on what
//! its runners tell.

use std::path::PathBuf;

use anyhow::Result;
use autoscaleops_core::{Console, Failure, Report, Subject, Verdict};
use clap::Args;
use serde_json::json;

use crate::{details::LoadDetails, verdict};

pub(crate) mod bundle;
pub(crate) mod merge;
mod mixture;

/// What a `TestRun` is made of.
#[derive(Clone, Debug, Args)]
pub(crate) struct OperatorFlags {
    /// The script; the local modules that it imports travel with it
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
    /// Instead of writing the objects, judge what the runners told: files or folders with their
    /// logs, or `-` for standard input (can be repeated)
    #[arg(long, value_name = "PATH")]
    results: Vec<PathBuf>,
}

/// Writes the objects, or judges the results.
pub(crate) fn run(flags: &OperatorFlags, console: &mut Console) -> Result<Report<LoadDetails>> {
    if flags.parallelism == 0 {
        return Err(Failure::usage("`--parallelism` must be more than 0").into());
    }
    if flags.results.is_empty() {
        write(flags, console)
    } else {
        judge(flags)
    }
}

/// Writes a `ConfigMap` with the script and a `TestRun` that runs it.
fn write(flags: &OperatorFlags, console: &mut Console) -> Result<Report<LoadDetails>> {
    let usable = |it: &str| {
        let fits = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
        !it.is_empty()
            && it.len() <= 63
            && it.bytes().all(fits)
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    for name in [&flags.name, &flags.namespace] {
        if !usable(name) {
            let message = format!("`{name}` is no name of a Kubernetes object");
            return Err(Failure::usage(message).into());
        }
    }
    let files = bundle::files(&flags.script)?;
    let metadata = json!({"name": flags.name, "namespace": flags.namespace});
    let mut spec = json!({
        "parallelism": flags.parallelism,
        "script": {"configMap": {"name": flags.name, "file": bundle::ENTRY}},
        "runner": {"image": flags.image},
    });
    if !flags.arguments.is_empty() {
        spec["arguments"] = json!(flags.arguments);
    }
    let list = json!({
        "apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files},
            {"apiVersion": "k6.io/v1alpha1", "kind": "TestRun", "metadata": metadata, "spec": spec},
        ],
    });
    console.answer(&serde_json::to_string_pretty(&list)?)?;
    let script = flags.script.display().to_string();
    let summary = format!("a TestRun of {} pods for {script}", flags.parallelism);
    let details = LoadDetails {
        script: script.clone(),
        ..LoadDetails::default()
    };
    Ok(Report::new(Verdict::Pass, summary, details)
        .subject(Subject::new("load-test", script))
        .emitted())
}

/// Judges the results of the runners as those of one run.
fn judge(flags: &OperatorFlags) -> Result<Report<LoadDetails>> {
    let parts = merge::read(&flags.results)?;
    let told = parts.len();
    let mut details = merge::merge(&parts)?;
    details.script = flags.script.display().to_string();
    details.engine = format!("k6 on {told} runners");
    let judged = verdict::judge(&details);
    details.k6_exit_code = judged.k6_exit_code;
    let wanted = flags.parallelism as usize;
    let (verdict, summary) = if told == wanted {
        (judged.verdict, judged.summary)
    } else {
        let summary = format!(
            "{told} of {wanted} runners told their result; {}",
            judged.summary
        );
        // What was missed by some is missed; what holds for some may not hold for all.
        let verdict = match judged.verdict {
            Verdict::Pass => Verdict::Undecided,
            other => other,
        };
        (verdict, summary)
    };
    let subject = Subject::new("load-test", details.script.clone());
    let report = Report::new(verdict, summary, details);
    Ok(verdict::with_outputs(report)
        .subject(subject)
        .output("runners", told)
        .findings(judged.findings))
}
