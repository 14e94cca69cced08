//! The bring-up.

use std::time::{Duration, Instant};

use autoscaleops_core::{Console, Failure, Report, Verdict, cluster::block_on, stop, text};

use crate::{
    Provider,
    applications::{self, End, Wait},
    cluster::Cluster,
    details::{Application, Details, Phase},
    embedded::{self, Started},
    existing,
    kind::{
        self,
        up::{Options, Outcome},
    },
    manifest,
    platform::apply::Tally,
    run::{Run, confirm, drift_summary},
};

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
        timings: run.timings,
        recreate: run.recreate,
        force_conflicts: run.force_conflicts,
        only: run.only.clone(),
    };
    match run.settings.provider {
        Provider::Embedded => {
            let until = Phases::of(run.only.as_deref(), wait)?;
            let _alone = run.alone(console)?;
            embedded(run, console, until)
        }
        Provider::Kind => {
            let spec = run.spec()?;
            let _alone = run.alone(console)?;
            let outcome = kind::up::up(&spec, &options, console)?;
            on_cluster(run, console, outcome)
        }
        Provider::Existing => {
            let context = run.named()?;
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

/// How far a bring-up of the stand-in goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phases {
    StandIn,
    Manifests,
    Applications,
}

impl Phases {
    fn of(only: Option<&str>, wait: bool) -> Result<Self, Failure> {
        match only {
            None if wait => Ok(Self::Applications),
            None | Some("manifests") => Ok(Self::Manifests),
            Some("stand-in") => Ok(Self::StandIn),
            Some("applications") => Ok(Self::Applications),
            Some(name) => Err(
                Failure::usage(format!("the stand-in has no phase `{name}`"))
                    .hint("phases: stand-in, manifests, applications"),
            ),
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
    let mut report = match &run.only {
        None => run.status()?,
        // What was asked for may be less than a cluster that answers.
        Some(name) => Report::new(
            Verdict::Pass,
            format!("{}: the phase `{name}` is done", run.settings.cluster),
            run.details(),
        )
        .subject(run.subject()),
    };
    if run.timings {
        report.details.phases = outcome.phases;
    }
    let report = undecided_when_late(run, report, outcome.end);
    Ok(report
        .output("changed", outcome.changed)
        .output("elapsed_ms", elapsed.unwrap_or(0)))
}

/// Returns the report of a wait whose time was over: where nothing is known to be wrong, nobody
/// knows whether it will be well.
fn undecided_when_late(run: &Run, mut report: Report<Details>, end: End) -> Report<Details> {
    if stop::requested() {
        report.summary = format!("{}; interrupted", report.summary);
        return report;
    }
    let unexplained = |it: &Application| it.is_settled() || it.cause.is_empty();
    if end == End::Late
        && report.verdict == Verdict::Fail
        && report.details.applications.iter().all(unexplained)
    {
        report.verdict = Verdict::Undecided;
        report.summary = format!(
            "{}; the time of {} was over",
            report.summary, run.settings.timeout
        );
    }
    report
}

fn embedded(run: &Run, console: &mut Console, until: Phases) -> anyhow::Result<Report<Details>> {
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
        if until >= Phases::Manifests {
            let (began, mut tally) = (Instant::now(), Tally::default());
            for manifest in &manifests {
                let force = run.force_conflicts;
                tally.note(cluster.apply(manifest, "default", force).await?);
            }
            changed |= tally.has_changed();
            timer.record("manifests", began, tally.to_string());
        }
        let mut end = End::Settled;
        if until >= Phases::Applications {
            let began = Instant::now();
            let wait = Wait {
                look: Duration::from_millis(250),
                patience: Duration::from_secs(15),
                expects_some: manifests.iter().any(|it| it["kind"] == "Application"),
            };
            let spinner = console.spinner("waiting for the applications");
            let left = deadline.saturating_duration_since(began);
            let settled = applications::settle(&cluster, wait, left, &|it| spinner.say(it)).await?;
            end = settled.0;
            let count = text::count(settled.1.len() as u128, "application");
            timer.record("applications", began, count);
        }
        run.look(&cluster, &mut details).await?;
        Ok(end)
    })?;
    let end = outcome?;
    let elapsed = timer.start.elapsed();
    if run.timings {
        details.phases = timer.phases;
    }
    let mut report = run.judged(details).output("changed", changed).output(
        "elapsed_ms",
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    );
    if until < Phases::Applications && report.verdict == Verdict::Fail {
        report.verdict = Verdict::Pass;
    }
    Ok(undecided_when_late(run, report, end))
}
