//! Where an answer goes: standard output, the files that were asked for, the CI.

use std::{
    ffi::OsString,
    io,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use anyhow::anyhow;

use super::{CommonArgs, Format, Tool, VERSION};
use crate::{
    ci::{self, GitHub},
    console::{self, Console, Look},
    exit,
    failure::{self, Failure},
    file,
    report::{self, Finding, Level, Report},
};

/// A file is read without a terminal.
const PLAIN: Look = Look {
    width: 120,
    color: false,
};

/// Everything that hears the answer.
pub(super) struct Sink<'a, T> {
    common: &'a CommonArgs,
    github: Option<GitHub>,
    tool: PhantomData<T>,
}

impl<'a, T: Tool> Sink<'a, T> {
    pub(super) fn new(common: &'a CommonArgs, github: Option<GitHub>) -> Self {
        Self {
            common,
            github,
            tool: PhantomData,
        }
    }

    /// Refuses forms that the tool does not have, before it does its work.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let mut known = vec![Format::Human, Format::Json];
        known.extend(T::FORMATS);
        let listed = || {
            let names: Vec<String> = known.iter().map(ToString::to_string).collect();
            format!("{} has: {}", T::NAME, names.join(", "))
        };
        if !known.contains(&self.common.format) {
            let message = format!("{} cannot write `--format {}`", T::NAME, self.common.format);
            return Err(Failure::usage(message).hint(listed()));
        }
        for path in &self.common.report {
            match Format::of_path(path) {
                Some(Format::Markdown) => {}
                Some(format) if known.contains(&format) => {}
                _ => {
                    let message = format!(
                        "the ending of `--report {}` names no form that {} has",
                        path.display(),
                        T::NAME
                    );
                    return Err(Failure::usage(message).hint(listed()));
                }
            }
        }
        Ok(())
    }

    /// Writes `report` everywhere and returns the exit code.
    pub(super) fn answer(&self, console: &mut Console, report: &mut Report<T::Details>) -> u8 {
        report.stamp(T::NAME, VERSION, console.started_at());
        let mut code = report.exit_code();
        let mut failed = |console: &Console, err: &io::Error| {
            console.say(&format!("error: cannot write the answer: {err}"));
            // An answer that did not arrive opens no gate.
            code = if code == exit::PASS {
                exit::ERROR
            } else {
                code
            };
        };
        if !report.is_emitted() {
            let written = console
                .rendered::<T>(report, console.format())
                .and_then(|text| console.answer(&text));
            if let Err(err) = written {
                failed(console, &err);
            }
        }
        for path in &self.common.report {
            let format = Format::of_path(path).unwrap_or(Format::Json);
            let written = console::render::<T>(report, format, &PLAIN)
                .and_then(|text| file::replace(path, text.as_bytes()));
            if let Err(err) = written {
                failed(console, &err);
            }
        }
        if let Some(github) = &self.github {
            let summary = console::render::<T>(report, Format::Markdown, &PLAIN);
            let told = github
                .write_outputs(&report.outputs)
                .and(summary)
                .and_then(|text| github.write_summary(&text));
            if let Err(err) = told {
                failed(console, &err);
            }
            for line in github.annotations(&report.findings) {
                console.command(&line);
            }
        }
        code
    }

    /// Says why there is no answer, everywhere that one was expected, and returns the exit code.
    pub(super) fn error(&self, console: &mut Console, err: &anyhow::Error) -> u8 {
        console.say(&failure::explain(err));
        self.tell(console, err)
    }

    /// Tells everybody but the person why there is no answer, and returns the exit code.
    fn tell(&self, console: &mut Console, err: &anyhow::Error) -> u8 {
        let mut report = Report::of_error(err);
        report.stamp(T::NAME, VERSION, console.started_at());
        if self.common.format == Format::Json {
            let _ = console::json(&report).and_then(|text| console.answer(&text));
        } else if let Some(text) = report::bare(&report, self.common.format) {
            let _ = console.answer(&text);
        }
        for path in &self.common.report {
            // An older report must not be taken for this run's, so every form is replaced.
            let text = match Format::of_path(path) {
                Some(Format::Json) => console::json(&report),
                Some(Format::Markdown) => Ok(report::markdown(&report)),
                other => Ok(other
                    .and_then(|it| report::bare(&report, it))
                    .unwrap_or_else(|| report::human(&report, &PLAIN))),
            };
            let written = text.and_then(|text| file::replace(path, text.as_bytes()));
            if let Err(err) = written {
                console.say(&format!("error: {err}"));
            }
        }
        if let Some(github) = &self.github {
            let message = failure::explain(err);
            let mut finding = Finding::new(Level::Error, T::NAME, message);
            finding.location = failure::of(err).and_then(Failure::location).cloned();
            for line in github.annotations(&[finding]) {
                console.command(&line);
            }
            let told = github
                .write_outputs(&report.outputs)
                .and_then(|()| github.write_summary(&report::markdown(&report)));
            if let Err(err) = told {
                console.say(&format!("error: {err}"));
            }
        }
        failure::code(err)
    }
}

/// Answers a command line that clap refuses, or that asks for help.
///
/// Whoever waits for an answer gets one: the pipe, the runner, and the report files, in which an
/// older report would be taken for this run's.
pub(super) fn usage_error<T: Tool>(err: &clap::Error, arguments: &[OsString]) -> u8 {
    let common = guess(arguments);
    let mut console = Console::of_process(T::NAME, super::settings(&common));
    if !err.use_stderr() {
        let _ = err.print();
        return exit::PASS;
    }
    let text = err.render().to_string();
    if ci::is_runner() {
        // What was not understood may come from outside.
        console.say(text.trim_end());
    } else {
        let _ = err.print();
    }
    let first = text.lines().next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let failure = Failure::usage(message).hint(format!("{} --help", T::NAME));
    let github = if common.no_ci { None } else { GitHub::detect() };
    Sink::<T>::new(&common, github).tell(&mut console, &anyhow!(failure))
}

/// Returns where a command line that cannot be parsed as a whole wants its answer.
fn guess(arguments: &[OsString]) -> CommonArgs {
    let texts: Vec<&str> = arguments
        .iter()
        .map(|it| it.to_str().unwrap_or_default())
        .collect();
    let following = |text: &&str| !text.starts_with('-') && !text.is_empty();
    let mut report = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let value = match text.strip_prefix("--report") {
            Some("") => texts.get(index + 1).copied().filter(following),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        report.extend(value.map(PathBuf::from));
    }
    CommonArgs {
        format: if asks_for_json(arguments) {
            Format::Json
        } else {
            Format::Human
        },
        report: report
            .into_iter()
            .filter(|it| Format::of_path(it).is_some())
            .collect(),
        no_ci: texts.contains(&"--no-ci"),
        ..CommonArgs::default()
    }
}

/// Returns whether the command line asks for JSON, when it cannot be parsed as a whole.
pub(super) fn asks_for_json(arguments: &[OsString]) -> bool {
    let pairs = arguments.windows(2);
    let json = Path::new("json").as_os_str();
    arguments
        .iter()
        .any(|it| it == "--format=json" || it == "-ojson" || it == "-o=json")
        || pairs
            .into_iter()
            .any(|it| (it[0] == "-o" || it[0] == "--format") && it[1] == json)
}
