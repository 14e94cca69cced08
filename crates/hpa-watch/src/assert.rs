//! Holds expectations against a recording or a live cluster.

use std::path::{Path, PathBuf};

use autoscaleops_core::{Console, Failure, Finding, Level, Report, Subject, Verdict, time::Span};

use jiff::Timestamp;

use crate::{
    details::{Assertion, Details},
    expectation::{Evidence, ExpectationArgs, Outcome, overall},
    live::{self, Selection},
    recording::{self, Entry, Line},
    settings::Settings,
    timeline::Timeline,
};

/// Options of `assert`.
#[derive(Clone, Debug, clap::Args)]
pub struct AssertArgs {
    /// Autoscaler
    pub name: Option<String>,

    /// Namespace of the autoscaler
    #[arg(long, short, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    #[command(flatten)]
    pub(crate) expectations: ExpectationArgs,

    /// Recording to judge instead of the live cluster
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Time to watch the live cluster at most
    #[arg(long, value_name = "SPAN")]
    pub timeout: Option<Span>,
}

/// Runs `assert`.
///
/// # Errors
///
/// Fails when nothing is expected, and when there is no recording and no cluster to be watched.
pub fn run(
    args: &AssertArgs,
    settings: &Settings,
    console: &Console,
) -> anyhow::Result<Report<Details>> {
    let expectations = settings.expectations();
    if expectations.is_empty() {
        return Err(Failure::usage("nothing is expected")
            .hint("such as `--out '>=3 within 3m' --back '<=1 within 8m'`")
            .into());
    }
    let timeline = match &args.from {
        Some(path) => of_file(args, path)?,
        None => of_cluster(args, settings, console)?,
    };
    let outcomes = expectations.judge(&timeline, Evidence::Complete);
    Ok(report(&timeline, outcomes))
}

fn of_file(args: &AssertArgs, path: &Path) -> Result<Timeline, Failure> {
    let lines = recording::read(path)?;
    // Only a namespace of the command line: the configured one is where to look in a cluster.
    let name = match (&args.namespace, &args.name) {
        (Some(namespace), Some(name)) => Some(format!("{namespace}/{name}")),
        (None, name) => name.clone(),
        (Some(_), None) => None,
    };
    Timeline::of(&lines, name.as_deref())
}

/// Watches until every expectation is decided, or no more can be.
fn of_cluster(
    args: &AssertArgs,
    settings: &Settings,
    console: &Console,
) -> anyhow::Result<Timeline> {
    let Some(name) = args.name.clone() else {
        return Err(Failure::usage("name the autoscaler, or a recording with `--from`").into());
    };
    let expectations = settings.expectations();
    let within = |goal: Option<crate::expectation::Goal>| goal.map(|goal| goal.within.0);
    let needed = within(expectations.out).unwrap_or_default()
        + within(expectations.back).unwrap_or_default();
    let timeout = args.timeout.map_or(needed, |span| span.0);
    if timeout.is_zero() {
        return Err(Failure::usage("say how long to watch with `--timeout`").into());
    }
    let mut lines: Vec<Line> = Vec::new();
    let selection = Selection {
        names: vec![name.clone()],
        namespace: settings.namespace.clone(),
        all: false,
        targets: true,
    };
    let _spinner = console.spinner(&format!("watching {name}"));
    let reason = live::follow(&settings.cluster(), &selection, Some(timeout), |line| {
        lines.push(line);
        // More evidence can only help while something is undecided and nothing has failed.
        let Ok(timeline) = Timeline::of(&lines, Some(&name)) else {
            return live::Next::Go;
        };
        let outcomes = expectations.judge(&timeline, Evidence::Growing);
        let goals = outcomes
            .iter()
            .filter(|outcome| matches!(outcome.id.as_str(), "out" | "back"));
        let all_met = goals
            .clone()
            .all(|outcome| outcome.verdict == Verdict::Pass);
        let has_goals = goals.count() > 0;
        if overall(&outcomes) == Verdict::Fail || (has_goals && all_met) {
            live::Next::Stop
        } else {
            live::Next::Go
        }
    })?;
    // What was watched reaches up to now, also where nothing changed.
    lines.push(Line {
        at: Timestamp::now(),
        entry: Entry::End {
            reason: reason.to_owned(),
        },
    });
    Ok(Timeline::of(&lines, Some(&name))?)
}

/// The report of judged expectations.
pub fn report(timeline: &Timeline, outcomes: Vec<Outcome>) -> Report<Details> {
    let verdict = overall(&outcomes);
    let path = timeline.path();
    let telling = outcomes
        .iter()
        .find(|outcome| outcome.verdict == verdict && verdict != Verdict::Pass);
    let summary = match telling {
        Some(outcome) => format!(
            "{} went {path}: {} ({}) {}",
            timeline.hpa, outcome.id, outcome.expected, outcome.observed
        ),
        None => format!("{} went {path}, as expected", timeline.hpa),
    };
    let findings: Vec<Finding> = outcomes
        .iter()
        .filter(|outcome| outcome.verdict != Verdict::Pass)
        .map(|outcome| {
            let level = if outcome.verdict == Verdict::Fail {
                Level::Error
            } else {
                Level::Warning
            };
            let message = format!("{}: {}", outcome.expected, outcome.observed);
            Finding::new(level, outcome.id.clone(), message)
        })
        .collect();
    let after = |id: &str| {
        outcomes
            .iter()
            .find(|outcome| outcome.id == id)
            .and_then(|outcome| outcome.after_s)
    };
    let (out, back) = (after("out"), after("back"));
    let details = Assertion {
        path: path.clone(),
        watched_s: timeline.seconds(timeline.end),
        expectations: outcomes,
    };
    Report::new(verdict, summary, Details::Assertion(details))
        .subject(Subject::new("hpa", timeline.hpa.clone()))
        .output("result", verdict.as_str())
        .output("path", path)
        .output("out_after_s", out)
        .output("back_after_s", back)
        .output("reversals", timeline.reversals())
        .findings(findings)
}
