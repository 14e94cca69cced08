//! Changes one image tag in a file byte-exactly, and lands it on a branch, race-safe.
//!
//! In reading order: `settings` and `incoming` say what is wanted, `order` makes it one order,
//! `bump` carries it out with `autoscaleops-gitops`, `details` and `render` say what came of it.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use autoscaleops_core::{
    CommonArgs, Console, Failure, Format, Look, Report, Tool, Verdict, cli::VERSION, config,
    report, stop,
};
use clap::{Parser, Subcommand};

mod bump;
mod details;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod get;
mod incoming;
mod order;
mod render;
mod settings;

pub use details::BumpDetails;
pub use settings::{Flags, Settings};

use crate::{
    incoming::Incoming,
    order::{AddressArgs, LandArgs, Order, ValueArgs},
};

const EXAMPLES: &str = "\
Examples:
  tag-bump values.yaml --image ghcr.io/acme/shop --tag 1.4.0     edit in place, print the diff
  tag-bump values.yaml --path image.tag --tag 1.4.0 --push       and land it on the branch
  tag-bump --repo https://github.com/acme/config.git dev/values.yaml \\
      --image ghcr.io/acme/shop --tag 1.4.0                      the same without a checkout
  trivy-gate scan.json -o json | tag-bump values.yaml --from - --push
  tag-bump kustomization.yaml --image shop --tag 1.4.0 --digest sha256:9f86…
  tag-bump main.tf --marker shop --tag 1.4.0                     where `# tag-bump: shop` stands
  tag-bump get values.yaml --image ghcr.io/acme/shop             print the current tag

Exit codes: 0 done or nothing to do, 10 the gate before it is closed or somebody else changed
the value, 11 no report came, 2 the value is not found or not to be changed, 3 the remote refuses";

/// Change one image tag byte-exactly and land it on a branch, race-safe
#[derive(Debug, Parser)]
#[command(name = "tag-bump", version = VERSION, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// The file to change; with `--repo` from the root of the repository
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    address: AddressArgs,
    #[command(flatten)]
    value: ValueArgs,
    /// Take image and tag from reports of another tool, one a line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tag", "value"], help_heading = "What it becomes")]
    from: Option<PathBuf>,
    /// With `--from`: write the digest of the report too
    #[arg(long, requires = "from", help_heading = "What it becomes")]
    pin: bool,
    #[command(flatten)]
    land: LandArgs,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the current value
    Get {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        address: AddressArgs,
    },
}

impl Tool for Cli {
    const NAME: &'static str = "tag-bump";
    const FORMATS: &'static [Format] = &[Format::Markdown];
    type Section = Settings;
    type Details = BumpDetails;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, console: &mut Console) -> anyhow::Result<Report<BumpDetails>> {
        if let Some(Command::Get { file, address }) = &self.command {
            return Ok(get::get(file, address)?);
        }
        let flags = self.flags.clone().settled();
        let settings = config::resolve::<Settings>(Self::NAME, &self.common, &flags)?.value;
        match self.from.clone() {
            None => {
                let order = Order::of_arguments(self.file.as_deref(), &self.address, &self.value)?;
                bump::bump(&order, &settings, &self.land, console)
            }
            Some(from) => self.follow(&from, &settings, console),
        }
    }

    fn render(report: &Report<BumpDetails>, format: Format, look: &Look) -> Option<String> {
        render::render(report, format, look)
    }
}

impl Cli {
    /// Carries out each report as it arrives, and answers each with one of its own. The last answer
    /// is the worst one's.
    fn follow(
        &self,
        from: &Path,
        settings: &Settings,
        console: &mut Console,
    ) -> anyhow::Result<Report<BumpDetails>> {
        let mut worst: Option<Report<BumpDetails>> = None;
        for line in report::read_lines(open(from)?) {
            if stop::requested() {
                break;
            }
            let Some(mut answer) = self.answer(line?, settings, console)? else {
                continue;
            };
            console.emit::<Self>(&mut answer)?;
            if worst
                .as_ref()
                .is_none_or(|it| weight(it) <= weight(&answer))
            {
                worst = Some(answer);
            }
        }
        match worst {
            Some(report) => Ok(report.emitted()),
            None => Ok(bump::nothing(
                Verdict::Undecided,
                "no_report",
                "no report came: whoever should have sent one ended without",
            )),
        }
    }

    fn answer(
        &self,
        line: Report<serde_json::Value>,
        settings: &Settings,
        console: &mut Console,
    ) -> anyhow::Result<Option<Report<BumpDetails>>> {
        let order = match incoming::read(line, self.pin)? {
            Incoming::Nothing => return Ok(None),
            Incoming::Closed {
                tool,
                verdict,
                summary,
            } => {
                let text = format!("{tool} says {verdict}, nothing is bumped: {summary}");
                return Ok(Some(bump::nothing(Verdict::Fail, "gate_closed", &text)));
            }
            Incoming::Image(image) => {
                Order::of_report(self.file.as_deref(), &self.address, &self.value, image)?
            }
        };
        match bump::bump(&order, settings, &self.land, console) {
            Ok(report) => Ok(Some(report)),
            // The next line may still be carried out.
            Err(err) => Ok(Some(bump::failed(&err, console))),
        }
    }
}

fn weight(report: &Report<BumpDetails>) -> u8 {
    match report.verdict {
        Verdict::Pass => 0,
        Verdict::Undecided => 1,
        Verdict::Fail => 2,
        Verdict::Error => 3,
    }
}

fn open(from: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if from.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    match File::open(from) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(err) => Err(Failure::usage(format!(
            "cannot read `{}`: {err}",
            from.display()
        ))),
    }
}
