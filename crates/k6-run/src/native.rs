//! A run on the built-in engine.

use std::{fs::File, path::Path, thread, time::Duration};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Console, Failure, cli::VERSION, config, stop};
use autoscaleops_k6_engine::{
    http::{Network, Proxies},
    options::{Options, told},
    run::{Finished, RunError, Settings, Source, Test},
    summary::{self, Shape},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    details::LoadDetails, flags::RunFlags, progress::Board, prometheus::Exporter,
    timeline::Timeline, voice::Voice,
};

mod files;
mod room;
mod told;

pub(crate) use files::export;

/// A script that was loaded, with the options that hold for it.
pub(crate) struct Loaded {
    test: Test,
    voice: Voice,
    options: Options,
    options_json: Value,
}

impl Loaded {
    /// Loads `script`, which runs what stands outside its functions.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be used, or a flag cannot.
    pub(crate) fn new(script: &Path, flags: &RunFlags, console: &Console) -> Result<Self> {
        let own = &flags.k6_flags.console_output;
        let own = own.as_ref().map(|path| {
            File::create(path).with_context(|| format!("cannot write `{}`", path.display()))
        });
        let (voice, speak) = Voice::new(own.transpose()?);
        let source = Source {
            path: script.to_owned(),
            modules: flags.modules(script)?,
            env: flags.variables(script)?,
            console: speak,
            memory_limit: flags.memory_limit << 20,
            stop: stop::requested,
        };
        let loaded = Test::load(source);
        voice.pass_on(console);
        let test = loaded.map_err(|err| failure(script, err))?;
        let (over, over_json) = flags.options()?;
        let mut options = test.options.clone();
        let mut options_json = test.raw_options.clone();
        if let Some((file, file_json)) = flags.file_options()? {
            options = file.overridden_by(options);
            options_json = merged(&file_json, &options_json);
        }
        Ok(Self {
            options: options.overridden_by(over),
            options_json: told(&merged(&options_json, &over_json)),
            test,
            voice,
        })
    }

    /// Returns the options that only the real k6 has.
    pub(crate) fn foreign(&self) -> Vec<String> {
        self.options
            .foreign()
            .into_iter()
            .map(|it| (*it).to_owned())
            .collect()
    }

    /// Returns why a run would not begin, where that is seen beforehand.
    pub(crate) fn refusal(&self) -> Option<String> {
        let plan = self.test.plan(&self.options).map(drop);
        plan.and_then(|()| self.options.thresholds().map(drop))
            .err()
    }

    /// Returns the options that nobody has.
    pub(crate) fn unknown(&self) -> Vec<String> {
        self.options
            .unknown()
            .into_iter()
            .map(|it| (*it).to_owned())
            .collect()
    }
}

/// Runs a script and returns what is known of the run.
pub(crate) fn run(
    loaded: Loaded,
    script: &Path,
    flags: &RunFlags,
    console: &mut Console,
) -> Result<LoadDetails> {
    let Loaded {
        test,
        voice,
        options,
        options_json,
    } = loaded;
    for name in options.unknown() {
        console.warn(&format!("there is no option `{name}`; it changes nothing"));
    }
    let shape = shape(&options, console)?;
    let plan = options
        .plan()
        .map_err(|err| failure(script, RunError::Options(err)))?;
    room::check(&plan)?;
    for scenario in plan {
        console.note(&format!("  * {}", scenario.describe()));
    }
    let workers = flags
        .workers
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let mut scraped = Exporter::of(&flags.k6_flags.out)?;
    if let Some(exporter) = &scraped {
        console.note(&format!(
            "  * metrics at http://{}/metrics",
            exporter.address
        ));
    }
    let (mut timeline, mut began) = (Timeline::default(), None);
    let mut board = Board::new(console, "starting");
    let mut progress =
        |status: &autoscaleops_k6_engine::run::Status,
         totals: &mut autoscaleops_k6_engine::metrics::Totals,
         collector: &autoscaleops_k6_engine::metrics::Collector| {
            voice.pass_on(console);
            if let Some(exporter) = &mut scraped {
                exporter.refresh(collector, totals);
            }
            began.get_or_insert_with(|| Timestamp::now() - signed(status.elapsed));
            timeline.advance(status, totals);
            board.tell(status, &timeline.points, console);
        };
    let (lines, fault) = files::lines(flags)?;
    let settings = Settings {
        options,
        options_json,
        user_agent: format!("k6-run/{VERSION}"),
        network: Network {
            authorities: flags.ca_file.clone(),
            proxies: Proxies::read(&config::env).map_err(Failure::usage)?,
        },
        workers,
        lines,
        stop: &stop::requested,
        progress: &mut progress,
    };
    let machine = flags.is_machine_readable();
    let name = script.display().to_string();
    let version = format!("{VERSION}+k6-run");
    let for_script = |finished: &mut Finished| {
        if machine {
            summary::machine_readable(finished, &shape, &name, &version).to_string()
        } else {
            summary::for_script(finished, &shape).to_string()
        }
    };
    let finished = test.run(settings, &for_script);
    drop(board);
    voice.close(console);
    let mut finished = finished.map_err(|err| failure(script, err))?;
    timeline.close(finished.duration, &mut finished.totals);
    if let Some(path) = &flags.k6_flags.summary_export {
        let exported = if machine {
            summary::machine_readable(&mut finished, &shape, &name, &version)
        } else {
            summary::export(&mut finished, &shape)
        };
        export(path, &exported)?;
    }
    let mut details = told::details(
        script,
        &mut finished,
        &shape,
        workers,
        flags.fail_on_saturation,
    );
    details.timeline = timeline.points;
    details.started_at = began;
    if let Some(fault) = fault.get() {
        details.warnings.push(fault.clone());
    }
    if !flags.k6_flags.leaves_out_summary() {
        details.text = told::texts(&mut finished, &shape, console)?;
    }
    Ok(details)
}

fn signed(elapsed: Duration) -> SignedDuration {
    SignedDuration::try_from(elapsed).unwrap_or_default()
}

/// Returns the options that a script can read: its own with the flags over them.
fn merged(raw: &Value, over: &Value) -> Value {
    let mut all = raw.as_object().cloned().unwrap_or_default();
    all.extend(over.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

fn failure(script: &Path, err: RunError) -> anyhow::Error {
    match err {
        RunError::Script(text) => {
            let first = text.lines().next().unwrap_or_default().to_owned();
            let failure = Failure::usage(format!("{} cannot be loaded: {first}", script.display()))
                .kind_of("script");
            let failure = match place(&text, script) {
                Some((line, column)) => failure.at(script, line, column),
                None => failure,
            };
            failure.into()
        }
        RunError::Options(text) => Failure::usage(text).kind_of("options").into(),
        RunError::System(text) => Failure::error("system", text).into(),
    }
}

/// Finds the line and column of the script in a stack of calls.
fn place(text: &str, script: &Path) -> Option<(usize, usize)> {
    let name = script.file_name()?.to_str()?;
    text.lines().find_map(|line| {
        let at = line.find(name)? + name.len();
        let rest = line[at..].strip_prefix(':')?;
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
        let number = numbers.next()?.parse().ok()?;
        Some((
            number,
            numbers.next().and_then(|it| it.parse().ok()).unwrap_or(1),
        ))
    })
}

/// Returns how the summary is made.
fn shape(options: &Options, console: &Console) -> Result<Shape> {
    for name in options.summary_trend_stats.iter().flatten() {
        summary::statistic(&mut autoscaleops_k6_engine::metrics::Trend::default(), name)
            .map_err(Failure::usage)?;
    }
    Ok(Shape {
        trend_stats: options.summary_trend_stats.clone().unwrap_or_else(|| {
            summary::TREND_STATS
                .iter()
                .map(|it| (*it).to_owned())
                .collect()
        }),
        time_unit: options.summary_time_unit.clone(),
        is_terminal: console.look().color,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_found_in_its_stack() {
        let text = "ReferenceError: x is not defined\n\tat <anonymous> (/tmp/a/script.js:3:7)";
        assert_eq!(place(text, Path::new("a/script.js")), Some((3, 7)));
        assert_eq!(
            place(
                "SyntaxError: no\n\tat /tmp/script.js:2:1",
                Path::new("script.js")
            ),
            Some((2, 1))
        );
        assert_eq!(place("Error", Path::new("script.js")), None);
    }
}
