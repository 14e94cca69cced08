//! Passes or blocks from a Trivy report, fail-closed.
//!
//! In reading order: `input` and `trivy` bring a report, `json` and `scan` read it in one pass,
//! `judge` decides on each finding by `policy`, `feeds`, `waiver` and `baseline`, `tally` counts,
//! `evidence` checks that the scan can carry a verdict, `gate` sums up, `render` writes.

use std::{
    io::{IsTerminal as _, Read},
    path::PathBuf,
};

use autoscaleops_core::{
    CommonArgs, Console, Failure, Format, Look, Report, Tool, cli::VERSION, config, failure,
};
use clap::{Parser, Subcommand};
use jiff::Timestamp;

mod baseline;
mod commands;
mod details;
mod digest;
mod evidence;
mod feeds;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
mod input;
mod json;
mod judge;
mod policy;
mod purl;
mod render;
mod scan;
mod schema;
mod tally;
mod time;
mod trivy;
mod waiver;

pub use details::GateDetails;
pub use policy::{Flags, Settings};
pub use scan::{Class, Severity, Status};

use crate::{
    evidence::Expectations, feeds::Feeds, gate::Gate, input::Input, json::source::Source,
    policy::Policy, waiver::Waivers,
};

const EXAMPLES: &str = "\
Examples:
  trivy image --format json --output scan.json ghcr.io/acme/shop:1.2.3
  trivy-gate scan.json                                 block on fixable HIGH and CRITICAL
  trivy-gate scan.json --expect-image ghcr.io/acme/shop:1.2.3 --max-age 1h
  trivy-gate --image ghcr.io/acme/shop:1.2.3           run Trivy, then judge
  trivy-gate scan.json -o json | tag-bump values.yaml --image ghcr.io/acme/shop --from -
  trivy-gate diff main.json scan.json                  judge only what is new
  trivy-gate explain scan.json CVE-2024-5535

Exit codes: 0 pass, 10 blocked, 11 no evidence, 2 not a usable report, 3 Trivy could not run";

/// Pass or block from a Trivy report, fail-closed
#[derive(Debug, Parser)]
#[command(name = "trivy-gate", version = VERSION, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    flags: Flags,
    /// The report of `trivy image --format json`; `-` or nothing reads it from standard input
    #[arg(value_name = "REPORT", conflicts_with_all = ["image", "input"])]
    scan: Option<PathBuf>,
    /// Scan this image with Trivy, then judge
    #[arg(
        long,
        value_name = "IMAGE",
        conflicts_with = "input",
        help_heading = "Running Trivy"
    )]
    image: Option<String>,
    /// Scan this image archive (`docker save`) with Trivy, then judge
    #[arg(long, value_name = "TAR", help_heading = "Running Trivy")]
    input: Option<PathBuf>,
    /// Judge as of this time instead of now
    #[arg(long, value_name = "TIME", help_heading = "Evidence", global = true)]
    now: Option<Timestamp>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge only what one report adds over an earlier one
    Diff {
        /// The earlier report; where there is no such file, everything is new
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The report to judge
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Compare reports of different images or operating systems
        #[arg(long)]
        force: bool,
    },
    /// Look after waivers
    #[command(subcommand)]
    Waivers(WaiversCommand),
    /// Say why a finding blocks, or does not
    Explain {
        /// The report
        #[arg(value_name = "REPORT")]
        scan: PathBuf,
        /// The id, such as CVE-2024-5535
        #[arg(value_name = "CVE")]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum WaiversCommand {
    /// Check waiver files; list waivers that have expired, end soon, or waive nothing
    Check {
        /// Waiver files in any of the three formats
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// A report, to find out which waivers waive nothing
        #[arg(long, value_name = "REPORT")]
        against: Option<PathBuf>,
    },
}

impl Tool for Cli {
    const NAME: &'static str = "trivy-gate";
    const FORMATS: &'static [Format] = &[Format::Sarif, Format::Junit, Format::Markdown];
    type Section = Settings;
    type Details = GateDetails;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, console: &mut Console) -> anyhow::Result<Report<GateDetails>> {
        match self.answer(console) {
            Ok(report) => Ok(report),
            Err(error) => {
                // A report too, so that every form that was asked for says that nothing passed.
                console.say(&failure::explain(&error));
                Ok(gate::no_verdict(&error))
            }
        }
    }

    fn render(report: &Report<GateDetails>, format: Format, look: &Look) -> Option<String> {
        render::render(report, format, look)
    }
}

impl Cli {
    fn answer(self, console: &Console) -> anyhow::Result<Report<GateDetails>> {
        let settings = self.settings()?;
        let now = self.now.unwrap_or_else(Timestamp::now);
        match self.command {
            None => {
                let gate = Gate::new(settings, now)?;
                let scanned = trivy::Subject::of(self.image, self.input);
                match scanned {
                    None => Ok(gate.judge(&reported(self.scan)?, None)?),
                    Some(subject) => commands::scan_and_judge(&gate, &subject, console),
                }
            }
            Some(Command::Diff { old, new, force }) => {
                commands::diff(&Gate::new(settings, now)?, &old, &new, force)
            }
            Some(Command::Explain { scan, id }) => {
                commands::explain(&Gate::new(settings, now)?, &Input::of(&scan), &id)
            }
            Some(Command::Waivers(WaiversCommand::Check { files, against })) => {
                commands::check_waivers(settings, &files, against.as_deref(), now)
            }
        }
    }

    /// Returns the effective settings. Paths in the configuration file start from its folder.
    fn settings(&self) -> Result<Settings, Failure> {
        let flags = self.flags.clone().settled();
        let resolved = config::resolve::<Settings>(Self::NAME, &self.common, &flags)?;
        let folder = resolved.folder();
        let from_file =
            |key: &str| matches!(resolved.sources.get(key), Some(config::Source::File(_)));
        let mut settings = resolved.value;
        for (key, path) in [
            ("kev", &mut settings.kev),
            ("epss", &mut settings.epss),
            ("trivy_cache", &mut settings.trivy_cache),
        ] {
            if let Some(path) = path.as_mut().filter(|_| from_file(key)) {
                *path = folder.join(&*path);
            }
        }
        for (key, paths) in [
            ("waivers", &mut settings.waivers),
            ("ignorefiles", &mut settings.ignorefiles),
        ] {
            if from_file(key) {
                for path in paths {
                    *path = folder.join(&*path);
                }
            }
        }
        Ok(settings)
    }
}

impl Gate {
    /// Reads everything that a verdict rests on but the report.
    fn new(settings: Settings, now: Timestamp) -> Result<Self, Failure> {
        let feeds = Feeds::read(
            settings.kev.as_deref(),
            settings.epss.as_deref(),
            settings.max_feed_age,
            now,
        )?;
        let mut waivers = Waivers::default();
        for path in &settings.waivers {
            waivers.read_own(path, settings.max_waiver_days, now)?;
        }
        for path in &settings.ignorefiles {
            waivers.read_trivy(path)?;
        }
        Ok(Self {
            policy: Policy::new(&settings, feeds, now)?,
            waivers,
            expectations: Expectations::new(&settings)?,
            settings,
        })
    }
}

/// Judges a report by `settings`, as of `now`: the tool as a function.
///
/// # Errors
///
/// Fails as the tool does: with exit code 2 in the failure for what is not one whole report, 11 for
/// one that is no evidence.
pub fn judge(
    report: impl Read + Send + 'static,
    settings: &Settings,
    now: Timestamp,
) -> Result<Report<GateDetails>, Failure> {
    let gate = Gate::new(settings.clone(), now)?;
    let source = Source::new(Box::new(report), settings.max_report_bytes);
    gate.judge_source(source, "the report", None, |_| Ok(()))
}

/// Returns the report that was named; without a name, the one that is piped in.
fn reported(path: Option<PathBuf>) -> Result<Input, Failure> {
    match path {
        Some(path) => Ok(Input::of(&path)),
        None if std::io::stdin().is_terminal() => Err(Failure::usage("no report was given")
            .hint("trivy-gate REPORT, or pipe one in, or scan: trivy-gate --image IMAGE")),
        None => Ok(Input::Stdin),
    }
}
