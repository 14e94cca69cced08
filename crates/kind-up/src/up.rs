//! The bring-up.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use autoscaleops_core::{Console, Failure, Report, Verdict, cluster::block_on, stop, text};

use crate::{
    Provider,
    cluster::{Applied, Cluster},
    details::{Application, Details, Phase},
    embedded::{self, Started},
    existing,
    kind::{
        self,
        up::{Options, Outcome},
    },
    lock, manifest,
    run::{Run, confirm, drift_summary},
};

/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Keeps the times of phases that follow one another.
struct Timer {
    start: Instant,
    phases: Vec<Phase>,
}

impl Timer {
    fn phase<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut String) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let (began, mut note) = (Instant::now(), String::new());
        let result = work(&mut note);
        self.record(name, began, note);
        result
    }

    /// Notes a phase that began at `began` and ends now.
    fn record(&mut self, name: &str, began: Instant, note: String) {
        let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        self.phases.push(Phase {
            name: name.to_owned(),
            after: self
                .phases
                .last()
                .map(|it| it.name.clone())
                .into_iter()
                .collect(),
            start_ms: millis(began.duration_since(self.start)),
            elapsed_ms: millis(began.elapsed()),
            critical: true,
            note,
        });
    }
}

/// Brings everything up that is not there.
///
/// # Errors
///
/// Fails when something outside is missing or refuses.
pub(crate) fn up(run: &Run, console: &mut Console, wait: bool) -> anyhow::Result<Report<Details>> {
    let options = Options {
        recreate: run.recreate,
        force_conflicts: run.force_conflicts,
        only: run.only.clone(),
    };
    let alone = || {
        run.state
            .create()
            .with_context(|| format!("cannot make `{}`", run.state.folder().display()))?;
        lock::alone(run.state.folder(), run.settings.timeout.0, console)
    };
    match run.settings.provider {
        Provider::Embedded => {
            let _alone = alone()?;
            embedded(run, console, run.timings, wait)
        }
        Provider::Kind => {
            let spec = run.spec()?;
            let _alone = alone()?;
            let outcome = kind::up::up(&spec, &options, console)?;
            on_cluster(run, console, outcome)
        }
        Provider::Existing => {
            let Some(context) = &run.access.context else {
                let refusal = "`--provider existing` needs `--context NAME`: the current context can be the wrong one";
                return Err(Failure::usage(refusal)
                    .hint("`kubectl config get-contexts` lists them")
                    .into());
            };
            if !run.yes {
                confirm(
                    console,
                    &format!("Install the platform into the cluster of the context `{context}`?"),
                )?;
            }
            let outcome = existing::up(&run.spec()?, &options, console)?;
            on_cluster(run, console, outcome)
        }
    }
}

/// Returns the report on a cluster of several machines or containers.
fn on_cluster(run: &Run, console: &Console, outcome: Outcome) -> anyhow::Result<Report<Details>> {
    for warning in &outcome.warnings {
        console.warn(warning);
    }
    if !outcome.drift.is_empty() {
        let mut details = run.details();
        let count = outcome.drift.len();
        details.drift = outcome.drift;
        return Ok(Report::new(
            Verdict::Fail,
            drift_summary(&run.settings.cluster, count),
            details,
        )
        .subject(run.subject())
        .output("changed", false)
        .output("drift", count));
    }
    let elapsed = outcome
        .phases
        .iter()
        .map(|it| it.start_ms + it.elapsed_ms)
        .max();
    let mut report = run.status()?;
    if run.timings {
        report.details.phases = outcome.phases;
    }
    Ok(report
        .output("changed", outcome.changed)
        .output("elapsed_ms", elapsed.unwrap_or(0)))
}

fn embedded(
    run: &Run,
    console: &mut Console,
    timings: bool,
    wait: bool,
) -> anyhow::Result<Report<Details>> {
    let deadline = Instant::now() + run.settings.timeout.0;
    let mut timer = Timer {
        start: Instant::now(),
        phases: Vec::new(),
    };
    // Read first: a manifest that is wrong should not leave half a bring-up behind.
    let mut manifests = Vec::new();
    for path in &run.settings.manifests {
        manifests.extend(manifest::read(path)?);
    }
    let context = run.settings.context();
    let (server, started) = timer.phase("stand-in", |note| {
        let found = embedded::start(&run.state, &run.settings.embedded, &context)?;
        note.push_str(match found.1 {
            Started::New => "started",
            Started::Running => "runs already",
            Started::Reconfigured => "runs already, with a new configuration",
        });
        Ok(found)
    })?;
    console.note(&format!(
        "the embedded stand-in listens on https://{} (process {})",
        server.address, server.pid
    ));
    let mut changed = started != Started::Running;
    let mut details = run.details();
    details.kubeconfig = Some(run.state.kubeconfig().display().to_string());
    let outcome: anyhow::Result<End> = block_on(async {
        let cluster = Cluster::connect(&run.access()).await?;
        let began = Instant::now();
        for manifest in &manifests {
            changed |= cluster
                .apply(manifest, "default", run.force_conflicts)
                .await?
                != Applied::Unchanged;
        }
        timer.record(
            "manifests",
            began,
            text::count(manifests.len() as u128, "object"),
        );
        let began = Instant::now();
        let end = if wait {
            settle(&cluster, console, deadline, &mut details).await?
        } else {
            End::Settled
        };
        timer.record(
            "applications",
            began,
            text::count(details.applications.len() as u128, "application"),
        );
        details.nodes = cluster.nodes().await?;
        details.applications = cluster.applications().await?;
        details.addresses = cluster.addresses("127.0.0.1").await?;
        Ok(end)
    })?;
    let end = outcome?;
    let elapsed = timer.start.elapsed();
    if timings {
        details.phases = timer.phases;
    }
    let mut report = run.judged(details).output("changed", changed).output(
        "elapsed_ms",
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    );
    if !wait && report.verdict == Verdict::Fail {
        report.verdict = Verdict::Pass;
    } else if end == End::Late
        && report.verdict == Verdict::Fail
        && report
            .details
            .applications
            .iter()
            .all(|it| it.cause.is_empty())
    {
        report.verdict = Verdict::Undecided;
        report.summary = format!(
            "{}; the time of {} was over",
            report.summary, run.settings.timeout
        );
    }
    Ok(report)
}

/// How the wait for the applications ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All are synced and healthy.
    Settled,
    /// One will not become so by itself.
    Hopeless,
    /// The time was over, or a stop was asked for.
    Late,
}

/// Waits until every application is synced and healthy. A cause
/// that time does not cure ends the wait early.
async fn settle(
    cluster: &Cluster,
    console: &Console,
    deadline: Instant,
    details: &mut Details,
) -> anyhow::Result<End> {
    let spinner = console.spinner("waiting for the applications");
    let mut hopeless_since: Option<Instant> = None;
    loop {
        let applications = cluster.applications().await?;
        let waiting: Vec<&Application> =
            applications.iter().filter(|it| !it.is_settled()).collect();
        spinner.say(&format!("waiting for {}", names(&waiting)));
        let done = waiting.is_empty();
        let hopeless = waiting.iter().any(|it| is_hopeless(it));
        details.applications = applications;
        if done {
            return Ok(End::Settled);
        }
        if hopeless {
            // Given a moment: a kind may be defined by another application that comes just now.
            if hopeless_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(15) {
                return Ok(End::Hopeless);
            }
        } else {
            hopeless_since = None;
        }
        if Instant::now() >= deadline || stop::requested() {
            return Ok(End::Late);
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(crate) fn is_hopeless(application: &Application) -> bool {
    application.health == "Degraded"
        || application.cause.starts_with("ComparisonError")
        || application.cause.starts_with("InvalidSpecError")
}

fn names(applications: &[&Application]) -> String {
    let listed: Vec<String> = applications
        .iter()
        .take(4)
        .map(|it| format!("{} ({}, {})", it.name, it.sync, it.health))
        .collect();
    listed.join(", ")
}
