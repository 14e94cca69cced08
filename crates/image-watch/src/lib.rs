//! Finds the tag of an image that should run by strategy, and says so or writes it.
//!
//! In reading order: [`settings`] becomes [`rule`]s; [`poll`] asks a [`registry`] what there is and
//! [`decision`] what should be; [`book`] reads and writes the target files in Git.

use autoscaleops_core::{CommonArgs, Console, Format, Look, Report, Tool};

pub mod argo;
pub mod book;
pub mod cache;
mod cli;
mod commands;
pub mod decimal;
pub mod decision;
pub mod details;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod glob;
pub mod lookup;
pub mod masterminds;
pub mod monitor;
pub mod platform;
pub mod poll;
pub mod registry;
pub mod review;
pub mod rule;
pub mod settings;
pub mod strategy;
pub mod target;
pub mod tip;

pub use cli::Cli;
use cli::Command;

impl Tool for Cli {
    const NAME: &'static str = "image-watch";
    type Section = settings::Settings;
    type Details = details::Details;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn run(self, console: &mut Console) -> anyhow::Result<Report<details::Details>> {
        match &self.command {
            Command::Check(args) => match (&args.from_cr, &args.apps) {
                (Some(resource), Some(applications)) => {
                    commands::argo::rehearse(&self, args, resource, applications, console)
                }
                _ => commands::check::run(&self, args, console),
            },
            Command::Run(args) => commands::run::run(&self, args, console),
            Command::Tags(args) => commands::explain::tags(&self, args, console),
            Command::Explain(args) => commands::explain::explain(&self, args, console),
            Command::Import(args) => commands::argo::import(args),
            Command::ExportCr(args) => commands::argo::export(&self, args),
        }
    }

    fn render(report: &Report<details::Details>, format: Format, look: &Look) -> Option<String> {
        if format != Format::Human {
            return None;
        }
        if let Some(text) = &report.details.text {
            return Some(text.clone());
        }
        commands::explain::render(report, look).or_else(|| commands::check::render(report, look))
    }
}
