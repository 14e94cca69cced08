//! Says why an autoscaler does what it does: symptom, evidence, cause, fix.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use autoscaleops_core::{
    Console, Finding, Level, Look, Report, Subject, Verdict,
    cluster::{self, Cluster, ClusterArgs},
    report::human,
    stop,
    text::printable,
    time::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::details::Details;

use self::snapshot::{Snapshot, Waited};

pub mod causes;
pub mod snapshot;

/// Options of `doctor`.
#[derive(Clone, Debug, clap::Args)]
pub struct DoctorArgs {
    /// Autoscaler; all of the namespace where none is named
    pub name: Option<String>,

    /// Namespace of the autoscaler
    #[arg(long, short, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// Time to wait for a controller that has not seen what is measured now: three syncs
    #[arg(long, value_name = "SPAN", default_value = "45s")]
    pub wait: Span,
}

/// How often is looked whether the controller has written something.
const LOOK: Duration = Duration::from_millis(500);

/// How much a cause weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It keeps the autoscaler from working.
    Error,
    /// It makes it work otherwise than one may think.
    Warning,
    /// It is as it should be.
    Info,
}

/// One cause that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The autoscaler, `namespace/name`.
    pub hpa: String,
    /// A stable word for programs.
    pub id: String,
    /// How much it weighs.
    pub weight: Weight,
    /// What one sees.
    pub symptom: String,
    /// What the API says.
    pub evidence: String,
    /// Why it is so.
    pub cause: String,
    /// What to do.
    pub fix: String,
}

/// What a doctor found, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// The causes, the decisive one first.
    pub causes: Vec<Cause>,
    /// What was not checked, and why. Never the same as fine.
    pub not_checked: Vec<String>,
}

/// Runs `doctor`.
///
/// # Errors
///
/// Fails when the autoscalers cannot be read.
pub fn run(
    args: &DoctorArgs,
    cluster: &ClusterArgs,
    console: &Console,
) -> anyhow::Result<Report<Details>> {
    let snapshots = cluster::block_on(async {
        let cluster = cluster::connect(cluster).await?;
        look(args, &cluster, console).await
    })??;
    let mut diagnosis = Diagnosis::default();
    for snapshot in &snapshots {
        let found = causes::find(snapshot);
        diagnosis.causes.extend(found.causes);
        for item in found.not_checked {
            if !diagnosis.not_checked.contains(&item) {
                diagnosis.not_checked.push(item);
            }
        }
    }
    Ok(report(&snapshots, diagnosis))
}

/// Looks once, and a second time where only that can tell whether the controller reacts.
async fn look(
    args: &DoctorArgs,
    cluster: &Cluster,
    console: &Console,
) -> anyhow::Result<Vec<Snapshot>> {
    let namespace = args.namespace.as_deref().unwrap_or(&cluster.namespace);
    let name = args.name.as_deref();
    let first = snapshot::take(cluster, namespace, name).await?;
    let lagging: Vec<&Snapshot> = first.iter().filter(|one| causes::lags(one)).collect();
    if lagging.is_empty() {
        return Ok(first);
    }
    let _spinner = console.spinner("waiting for the controller");
    let begin = Instant::now();
    let mut silent: Vec<String> = lagging.iter().map(|one| one.name.clone()).collect();
    while !silent.is_empty() && begin.elapsed() < args.wait.0 && !stop::requested() {
        tokio::time::sleep(LOOK).await;
        let now = snapshot::autoscalers(cluster, namespace).await?;
        silent.retain(|name| {
            let before = lagging.iter().find(|one| one.name == *name);
            let is_it = |value: &&Value| {
                let own = value["metadata"]["name"].as_str();
                own == name.split('/').next_back()
            };
            let after = now.iter().find(is_it);
            let version = after.and_then(|value| value["metadata"]["resourceVersion"].as_str());
            before.and_then(|one| one.hpa.metadata.resource_version.as_deref()) == version
        });
    }
    let lagging: Vec<String> = lagging.iter().map(|one| one.name.clone()).collect();
    let mut second = snapshot::take(cluster, namespace, name).await?;
    for one in second.iter_mut().filter(|one| lagging.contains(&one.name)) {
        one.waited = if !silent.contains(&one.name) {
            Some(Waited::Answered)
        } else if stop::requested() {
            None
        } else {
            Some(Waited::InVain(begin.elapsed()))
        };
    }
    Ok(second)
}

fn report(snapshots: &[Snapshot], diagnosis: Diagnosis) -> Report<Details> {
    let count = |weight| {
        diagnosis
            .causes
            .iter()
            .filter(|cause| cause.weight == weight)
            .count()
    };
    let (errors, warnings) = (count(Weight::Error), count(Weight::Warning));
    let verdict = if errors > 0 {
        Verdict::Fail
    } else if !diagnosis.not_checked.is_empty() {
        Verdict::Undecided
    } else {
        Verdict::Pass
    };
    let summary = match diagnosis.causes.first() {
        Some(cause) if cause.weight != Weight::Info => format!("{}: {}", cause.hpa, cause.cause),
        _ if diagnosis.not_checked.is_empty() => match snapshots {
            [one] => format!("nothing keeps {} from working", one.name),
            all => format!("nothing keeps {} autoscalers from working", all.len()),
        },
        _ => format!(
            "nothing found, but {} things were not checked",
            diagnosis.not_checked.len()
        ),
    };
    let findings: Vec<Finding> = diagnosis
        .causes
        .iter()
        .map(|cause| {
            let level = match cause.weight {
                Weight::Error => Level::Error,
                Weight::Warning => Level::Warning,
                Weight::Info => Level::Note,
            };
            let message = format!("{}: {} — {}", cause.hpa, cause.symptom, cause.cause);
            Finding::new(level, cause.id.clone(), printable(&message))
        })
        .collect();
    let first = diagnosis.causes.first().map(|cause| cause.id.clone());
    let not_checked = diagnosis.not_checked.len();
    let mut report = Report::new(verdict, summary, Details::Diagnosis(diagnosis))
        .output("errors", errors)
        .output("warnings", warnings)
        .output("not_checked", not_checked)
        .output("cause", first)
        .findings(findings);
    if let [one] = snapshots {
        report = report.subject(Subject::new("hpa", one.name.clone()));
    }
    report
}

/// The text for people.
pub fn render(report: &Report<Details>, diagnosis: &Diagnosis, look: &Look) -> String {
    let mut summary = report.clone();
    summary.findings.clear();
    let mut text = human(&summary, look);
    for cause in &diagnosis.causes {
        let level = match cause.weight {
            Weight::Error => Level::Error,
            Weight::Warning => Level::Warning,
            Weight::Info => Level::Note,
        };
        let head = format!("{}  {}", cause.hpa, cause.symptom);
        let _ = writeln!(
            text,
            "\n{} {}",
            look.level(level),
            look.bold(&printable(&head))
        );
        for (name, value) in [
            ("evidence", &cause.evidence),
            ("cause", &cause.cause),
            ("fix", &cause.fix),
        ] {
            if !value.is_empty() {
                let _ = writeln!(text, "  {name:<9} {}", printable(value));
            }
        }
    }
    for item in &diagnosis.not_checked {
        let _ = writeln!(
            text,
            "{}",
            look.dim(&format!("not checked: {}", printable(item)))
        );
    }
    text
}
