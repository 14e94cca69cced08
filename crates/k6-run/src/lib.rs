//! Runs k6 scripts, on an engine of its own or on k6, and ends in a verdict.
//!
//! In reading order: `flags` says what is wanted; `choice` finds the engine for it; `native` or
//! `real` runs the script and fills the `details`; `verdict` judges them; `render` writes them.

use std::path::Path;

use autoscaleops_core::{
    CommonArgs, Console, Format, Look, Report, Subject, Tool, cli::VERSION, config,
};
use clap::{Parser, Subcommand};

mod choice;
mod compare;
mod details;
mod doctor;
mod flags;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod native;
mod operator;
mod progress;
mod prometheus;
mod quantity;
mod real;
mod render;
mod settings;
mod timeline;
mod verdict;
mod voice;

pub use compare::{Change, Comparison, Course};
pub use details::{LoadDetails, Metric, Point, Scaling, Step, Threshold};
pub use settings::{Engine, Settings};

use crate::{choice::Chosen, flags::RunFlags};

const EXAMPLES: &str = "\
Examples:
  k6-run script.js                              run it, on the built-in engine where it can
  k6-run script.js --vus 50 --duration 1m       k6's own flags
  k6-run script.js -e BASE_URL=http://localhost:30007 --summary-export result.json
  k6-run script.js -o json --report report.html --report junit.xml
  k6-run --engine k6 script.js                  on the real k6, with the same verdict
  k6-run doctor script.js                       what in it needs the real k6
  k6-run compare base.json head.json            did it get slower?
  k6-run report result.json --html > page.html  a page from a result
  k6-run operator script.js --parallelism 4     the TestRun for load beyond one machine

Exit codes: 0 passed, 10 failed, 11 nothing was measured, 2 the script or its options are not
usable, 3 k6 is needed and missing, 130 interrupted";

/// Run k6 scripts and end in a verdict
#[derive(Debug, Parser)]
#[command(name = "k6-run", version = VERSION, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    run: RunFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a script
    Run(Box<RunFlags>),
    /// Say what in a script needs the real k6, without running it
    Doctor(Box<RunFlags>),
    /// Compare two results and fail on a regression
    Compare(compare::CompareFlags),
    /// Write a result as a page, as Markdown or as JUnit
    Report(render::ReportFlags),
    /// Write the `TestRun` of the k6-operator for a script, or judge what its runners told
    Operator(operator::OperatorFlags),
}

impl Tool for Cli {
    const NAME: &'static str = "k6-run";
    const FORMATS: &'static [Format] = &[Format::Junit, Format::Markdown, Format::Html];
    type Section = Settings;
    type Details = LoadDetails;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, console: &mut Console) -> anyhow::Result<Report<LoadDetails>> {
        let flags = match self.command {
            Some(Command::Run(flags)) => *flags,
            Some(Command::Doctor(flags)) => return doctor::examine(&flags, console),
            Some(Command::Compare(flags)) => return compare::run(&flags),
            Some(Command::Report(flags)) => return render::rewrite(&flags, console),
            Some(Command::Operator(flags)) => return operator::run(&flags, console),
            None => self.run,
        };
        flags.check()?;
        let settings =
            config::resolve::<Settings>(Self::NAME, &self.common, &flags.settings())?.value;
        let script = flags.script()?;
        let mut details = execute(&script, &flags, &settings, console)?;
        details.judged_as_k6 = settings.k6_strict_compat;
        if let Some(recording) = &flags.hpa_recording {
            details.scaling = details::scalings(recording, details.started_at)?;
        }
        let judged = verdict::judge(&details);
        details.k6_exit_code = judged.k6_exit_code;
        let name = script.display().to_string();
        let report = Report::new(judged.verdict, judged.summary, details);
        Ok(verdict::with_outputs(report)
            .subject(Subject::new("load-test", name))
            .findings(judged.findings))
    }

    fn render(report: &Report<LoadDetails>, format: Format, look: &Look) -> Option<String> {
        render::render(report, format, look)
    }
}

/// Runs the script on the engine for it.
fn execute(
    script: &Path,
    flags: &RunFlags,
    settings: &Settings,
    console: &mut Console,
) -> anyhow::Result<LoadDetails> {
    let program = match choice::choose(script, flags, settings, console)? {
        Chosen::K6(program) => program,
        Chosen::Native => {
            let loaded = native::Loaded::new(script, flags, console)?;
            let Some(option) = loaded.foreign().into_iter().next() else {
                return native::run(loaded, script, flags, console);
            };
            // Which options a script has is known only once it was loaded.
            let construct = format!("options.{option}");
            let line = choice::line_of(script, option.split([' ', '.']).next().unwrap_or(&option));
            choice::instead(&construct, Some((script, line)), settings, console)?
        }
    };
    real::run(&program, script, flags, console)
}
