//! From the command line to the exit code, the same way for every tool.

use std::{ffi::OsString, fmt, path::PathBuf, process::ExitCode};

use anstream::{AutoStream, ColorChoice};
use clap::{Args, Parser, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    ci::{self, GitHub},
    config::Section,
    console::{Console, Look, Settings},
    process,
    report::Report,
    stop,
};

mod completions;
mod generate;
mod output;

/// The version with the commit that it was built from.
pub const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("AUTOSCALEOPS_COMMIT"),
    ")"
);
/// The version alone, as it stands in reports.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for a person
    #[default]
    Human,
    /// One compact report a line, schema `report/v1`
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit XML
    Junit,
    /// Markdown
    Markdown,
    /// Comma-separated values
    Csv,
    /// One self-contained HTML page
    Html,
    /// An SVG picture
    Svg,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Svg => "svg",
        })
    }
}

impl Format {
    /// Returns the form that the ending of `path` stands for.
    pub fn of_path(path: &std::path::Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "json" => Some(Self::Json),
            "sarif" => Some(Self::Sarif),
            "xml" => Some(Self::Junit),
            "md" => Some(Self::Markdown),
            "csv" => Some(Self::Csv),
            "html" => Some(Self::Html),
            "svg" => Some(Self::Svg),
            "txt" => Some(Self::Human),
            _ => None,
        }
    }
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Options that every tool takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct CommonArgs {
    /// How to write the answer to standard output
    #[arg(
        long,
        short = 'o',
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        global = true
    )]
    pub format: Format,

    /// File to write the report to as well; its ending picks the form: .json, .md, … (can be repeated)
    #[arg(long, value_name = "PATH", global = true)]
    pub report: Vec<PathBuf>,

    /// Configuration file to read instead of the nearest `autoscaleops.yaml`
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Leave out what GitHub Actions would be told: outputs, summary, annotations, masks
    #[arg(long, global = true)]
    pub no_ci: bool,

    /// Leave out notes and progress
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Say more about what is done (can be repeated)
    #[arg(long, short, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", global = true)]
    pub color: Color,
}

/// A tool: its command line, its section of the configuration, its answer.
pub trait Tool: Parser {
    /// The name of the program.
    const NAME: &'static str;
    /// The forms of its answer besides `human` and `json`.
    const FORMATS: &'static [Format] = &[];
    /// Its section of the configuration.
    type Section: Section;
    /// What only this tool reports.
    type Details: Serialize + JsonSchema;

    /// Returns the options that every tool takes.
    fn common(&self) -> &CommonArgs;

    /// Does the work.
    ///
    /// # Errors
    ///
    /// Fails when no verdict could be reached. A verdict against the caller is not an error.
    fn run(self, console: &mut Console) -> anyhow::Result<Report<Self::Details>>;

    /// Returns the answer in the tool's own form, or `None` where the common one serves.
    fn render(_report: &Report<Self::Details>, _format: Format, _look: &Look) -> Option<String> {
        None
    }
}

/// Parses the command line, runs the tool, writes its answer and returns the exit code.
pub fn main<T: Tool>() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if matches!(&*arguments, [_, word] if word == process::guard::WORD) {
        process::guard::keep();
        return ExitCode::SUCCESS;
    }
    ExitCode::from(run::<T>(&arguments))
}

fn run<T: Tool>(arguments: &[OsString]) -> u8 {
    let matches = match generate::command::<T>().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(err) => return output::usage_error::<T>(&err, arguments),
    };
    if let Some(code) = generate::run::<T>(&matches) {
        return code;
    }
    let tool = match T::from_arg_matches(&matches) {
        Ok(tool) => tool,
        Err(err) => return output::usage_error::<T>(&err.format(&mut T::command()), arguments),
    };
    let common = tool.common().clone();
    let mut console = Console::of_process(T::NAME, settings(&common));
    if let Err(err) = stop::install() {
        console.warn(&format!("signals cannot be heard: {err}"));
    }
    log_to_stderr(common.verbose, settings(&common).color);
    let github = if common.no_ci { None } else { GitHub::detect() };
    if github.is_some() {
        ci::mask_secrets();
    }
    let sink = output::Sink::<T>::new(&common, github);
    let answer = sink
        .check()
        .map_err(anyhow::Error::new)
        .and_then(|()| tool.run(&mut console));
    let code = match answer {
        Ok(mut report) => sink.answer(&mut console, &mut report),
        Err(err) => sink.error(&mut console, &err),
    };
    stop::exit_code().unwrap_or(code)
}

fn settings(common: &CommonArgs) -> Settings {
    Settings {
        format: common.format,
        quiet: common.quiet,
        color: match common.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        },
    }
}

fn log_to_stderr(verbose: u8, color: ColorChoice) {
    use tracing_subscriber::filter::LevelFilter;

    let level = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // A second call, as in tests, keeps the first logger.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(ci::Log::default)
        .with_ansi(AutoStream::new(std::io::stderr(), color).current_choice() != ColorChoice::Never)
        .with_target(verbose > 1)
        .try_init();
}

#[cfg(test)]
mod tests;
