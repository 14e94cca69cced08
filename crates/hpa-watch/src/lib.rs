//! hpa-watch: records, explains, asserts and rehearses autoscaling.

use std::fmt::Write as _;

use autoscaleops_core::{
    CommonArgs, Console, Format, Look, Report, Tool, cluster::ClusterArgs, report::human,
};
use clap::{ArgMatches, Args, Command as ClapCommand, FromArgMatches, Parser, Subcommand};

pub mod assert;
pub mod chart;
pub mod details;
pub mod doctor;
pub mod expectation;
pub mod export;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod live;
pub mod rbac;
pub mod record;
pub mod recording;
pub mod report;
pub mod settings;
pub mod simulate;
pub mod timeline;
pub mod watch;
pub mod why;

use crate::{
    details::Details,
    settings::{Flags, Settings},
};

const EXAMPLES: &str = "\
Examples:
  hpa-watch -n shop web
  hpa-watch record -o scaling.jsonl -n shop web -- k6-run load.js
  hpa-watch assert web --from scaling.jsonl --out '>=3 within 3m' --back '<=1 within 8m'
  hpa-watch report scaling.jsonl --html scaling.html
  hpa-watch doctor -n shop web
  hpa-watch simulate --hpa hpa.yaml --load '2x2,370,123x5,2x20'";

/// Record, explain, assert and rehearse autoscaling
///
/// Without a subcommand it watches: a table on a terminal, one line a change off it.
#[derive(Debug, Parser)]
#[command(name = "hpa-watch", after_help = EXAMPLES, args_conflicts_with_subcommands = false, subcommand_precedence_over_arg = true)]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    watch: watch::WatchArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show autoscalers as they change
    Watch(watch::WatchArgs),
    /// Run a command and record autoscaling until it has settled
    Record(RecordCommand),
    /// Hold expectations against a recording or the live cluster
    Assert(Box<assert::AssertArgs>),
    /// Say why nothing scales: symptom, evidence, cause, fix
    Doctor(doctor::DoctorArgs),
    /// Rehearse an autoscaler without a cluster
    Simulate(Box<simulate::SimulateArgs>),
    /// Write a recording as a page, pictures, a table or test results
    Report(Box<report::ReportArgs>),
    /// Print the read-only role that hpa-watch needs
    Rbac(rbac::RbacArgs),
}

/// `record` names its file with `-o`, so the common option has its long form only.
#[derive(Debug, Args)]
struct RecordCommand {
    #[command(flatten)]
    long_only: LongOnly,

    #[command(flatten)]
    args: record::RecordArgs,
}

/// The common options without the short form of `--format`.
#[derive(Debug)]
struct LongOnly;

impl Args for LongOnly {
    fn augment_args(command: ClapCommand) -> ClapCommand {
        CommonArgs::augment_args(command).mut_arg("format", |arg| arg.short(None))
    }

    fn augment_args_for_update(command: ClapCommand) -> ClapCommand {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LongOnly {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        // The values are those of the tool's own options: both have the same names.
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

impl Tool for Cli {
    const NAME: &'static str = "hpa-watch";
    const FORMATS: &'static [Format] = &[Format::Junit, Format::Markdown];
    type Section = Settings;
    type Details = Details;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, console: &mut Console) -> anyhow::Result<Report<Details>> {
        let settings = self.settings()?;
        let cluster = &settings.cluster();
        let namespace = || settings.namespace.clone();
        match self.command.unwrap_or(Command::Watch(self.watch)) {
            Command::Watch(mut args) => {
                args.namespace = namespace().filter(|_| !args.all_namespaces);
                watch::run(&args, cluster, console)
            }
            Command::Record(command) => record::run(&command.args, &settings, console),
            Command::Assert(args) => assert::run(&args, &settings, console),
            Command::Doctor(mut args) => {
                args.namespace = namespace();
                doctor::run(&args, cluster, console)
            }
            Command::Simulate(args) => simulate::run(&args, &settings),
            Command::Report(args) => report::run(&args, &settings.expectations()),
            Command::Rbac(args) => Ok(rbac::run(&args)),
        }
    }

    fn render(report: &Report<Details>, format: Format, look: &Look) -> Option<String> {
        match (&report.details, format) {
            (Details::Change(change), Format::Human) => Some(watch::render(change)),
            (Details::Role(role), Format::Human) => Some(role.manifest.clone()),
            (Details::Simulation(simulation), Format::Human) => {
                Some(simulation_text(report, simulation, look))
            }
            (Details::Assertion(assertion), Format::Human) => {
                let mut text = human(report, look);
                for outcome in &assertion.expectations {
                    let verdict = look.verdict(outcome.verdict);
                    let _ = writeln!(
                        text,
                        "  {verdict}  {}: {}  {}",
                        outcome.id, outcome.expected, outcome.observed
                    );
                }
                Some(text)
            }
            (Details::Diagnosis(diagnosis), Format::Human) => {
                Some(doctor::render(report, diagnosis, look))
            }
            (Details::Written(written), Format::Human) => {
                let mut text = human(report, look);
                for line in &written.story {
                    let _ = writeln!(text, "{}", autoscaleops_core::text::printable(line));
                }
                for file in &written.files {
                    let _ = writeln!(text, "wrote {file}");
                }
                Some(text)
            }
            (Details::Assertion(assertion), Format::Junit) => {
                let name = report.subject.as_ref().map_or("", |subject| &subject.name);
                Some(export::junit(
                    name,
                    &assertion.path,
                    assertion.watched_s,
                    &assertion.expectations,
                ))
            }
            (_, Format::Junit) => Some(export::junit("hpa-watch", &report.summary, 0.0, &[])),
            _ => None,
        }
    }
}

impl Cli {
    /// Returns the section of the configuration, with the flags of the command applied.
    fn settings(&self) -> Result<Settings, autoscaleops_core::Failure> {
        let mut flags = Flags {
            kubeconfig: self.cluster.kubeconfig.as_deref(),
            context: self.cluster.context.as_deref(),
            namespace: self.watch.namespace.as_deref(),
            ..Flags::default()
        };
        match &self.command {
            None | Some(Command::Rbac(_)) => {}
            Some(Command::Watch(args)) => flags.namespace = args.namespace.as_deref(),
            Some(Command::Record(command)) => {
                flags.namespace = command.args.namespace.as_deref();
                flags.settle = command.args.settle;
            }
            Some(Command::Assert(args)) => {
                flags.namespace = args.namespace.as_deref();
                flags.expectations = Some(&args.expectations);
            }
            Some(Command::Doctor(args)) => flags.namespace = args.namespace.as_deref(),
            Some(Command::Simulate(args)) => flags.model = Some(&args.model),
            Some(Command::Report(args)) => flags.expectations = Some(&args.expectations),
        }
        Settings::resolve(&self.common, &flags)
    }
}

/// The syncs of a simulation that changed something, then what was compared.
fn simulation_text(
    report: &Report<Details>,
    simulation: &simulate::Simulation,
    look: &Look,
) -> String {
    let mut text = human(report, look);
    let head = format!(
        "{:>9}  {:>5}  {:>5}  {:>8}  reason",
        "time", "use", "asked", "replicas"
    );
    let _ = writeln!(text, "{}", look.bold(&head));
    let mut last: Option<(&str, i32, Option<i32>)> = None;
    for step in &simulation.steps {
        let key = (step.reason.as_str(), step.replicas, step.recommended);
        if last == Some(key) {
            continue;
        }
        last = Some(key);
        let number = |value: Option<i32>, unit: &str| {
            value.map_or("?".to_owned(), |value| format!("{value}{unit}"))
        };
        let _ = writeln!(
            text,
            "{:>7.1} s  {:>5}  {:>5}  {:>8}  {}: {}",
            step.at_s,
            number(step.utilization, "%"),
            number(step.recommended, ""),
            step.replicas,
            step.reason,
            step.why
        );
    }
    for share in &simulation.phases {
        let _ = writeln!(text, "{:>4} of 225 phases  {}", share.runs, share.path);
    }
    if !simulation.variants.is_empty() {
        let head = format!("{:>14}  {:>12}  changes", "replica·s", "above limit");
        let _ = writeln!(text, "{}", look.bold(&head));
    }
    for variant in simulation.variants.iter().take(20) {
        let changes = if variant.changes.is_empty() {
            "(as given)".to_owned()
        } else {
            variant.changes.join(" ")
        };
        let mark = match variant.meets {
            Some(true) => "  meets the target",
            Some(false) => "  misses the target",
            None => "",
        };
        let _ = writeln!(
            text,
            "{:>14.0}  {:>10.0} s  {changes}: {}{mark}",
            variant.replica_seconds, variant.above_target_s, variant.path
        );
    }
    for assumption in &simulation.assumptions {
        let _ = writeln!(text, "{}", look.dim(&format!("assumed: {assumption}")));
    }
    text
}
