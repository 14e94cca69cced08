//! A run on the built-in engine.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, OnceLock},
    thread,
};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Console, Failure, cli::VERSION, config, file, stop};
use autoscaleops_k6_engine::{
    http::{Network, Proxies},
    js::{Modules, StopReason},
    metrics::{Kind, Sink},
    options::Options,
    run::{Finished, RunError, Settings, Source, Stumble, Test},
    span,
    summary::{self, Shape},
};
use serde::Serialize as _;
use serde_json::{Map, Value};

use crate::{
    details::{Check, EndedEarly, Generator, LoadDetails, Metric, Threshold},
    flags::RunFlags,
    progress::{Timeline, Voice},
    prometheus::Exporter,
};

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
            env: flags.variables()?,
            console: speak,
            memory_limit: flags.memory_limit << 20,
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
            options_json: merged(&options_json, &over_json),
            test,
            voice,
        })
    }

    /// Returns the first option that only the real k6 has.
    pub(crate) fn foreign(&self) -> Option<String> {
        self.options.foreign().first().map(|it| (*it).to_owned())
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
    for name in options.summary_trend_stats.iter().flatten() {
        summary::statistic(&mut autoscaleops_k6_engine::metrics::Trend::default(), name)
            .map_err(Failure::usage)?;
    }
    let shape = Shape {
        trend_stats: options.summary_trend_stats.clone().unwrap_or_else(|| {
            summary::TREND_STATS
                .iter()
                .map(|it| (*it).to_owned())
                .collect()
        }),
        time_unit: options.summary_time_unit.clone(),
        is_terminal: console.look().color,
    };
    for scenario in options
        .plan()
        .map_err(|err| failure(script, RunError::Options(err)))?
    {
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
    let mut timeline = Timeline::default();
    let bar = console.draws().then(|| console.spinner("starting"));
    let mut progress =
        |status: &autoscaleops_k6_engine::run::Status,
         totals: &mut autoscaleops_k6_engine::metrics::Totals,
         collector: &autoscaleops_k6_engine::metrics::Collector| {
            voice.pass_on(console);
            if let Some(exporter) = &mut scraped {
                exporter.refresh(collector, totals);
            }
            timeline.advance(status, totals);
            timeline.tell(status, console, bar.as_ref());
        };
    let (lines, fault) = lines(flags)?;
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
    drop(bar);
    voice.close(console);
    let mut finished = finished.map_err(|err| failure(script, err))?;
    if let Some(path) = &flags.k6_flags.summary_export {
        let exported = if machine {
            summary::machine_readable(&mut finished, &shape, &name, &version)
        } else {
            summary::export(&mut finished, &shape)
        };
        export(path, &exported)?;
    }
    let mut details = details(
        script,
        &mut finished,
        &shape,
        workers,
        flags.fail_on_saturation,
    );
    details.timeline = timeline.points;
    if let Some(fault) = fault.get() {
        details.warnings.push(fault.clone());
    }
    if !flags.k6_flags.leaves_out_summary() {
        details.text = texts(&mut finished, &shape, console)?;
    }
    Ok(details)
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

/// Writes a summary export, indented as k6 indents it.
pub(crate) fn export(path: &Path, exported: &Value) -> Result<()> {
    let mut text = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    exported.serialize(&mut serde_json::Serializer::with_formatter(&mut text, form))?;
    file::replace(path, &text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A file for samples that remembers why it could not be written.
struct Samples {
    path: String,
    file: BufWriter<File>,
    fault: Arc<OnceLock<String>>,
}

impl Samples {
    fn remember<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|err| {
            let message = format!("`{}` is not complete: {err}", self.path);
            let _ = self.fault.set(message);
        })
    }
}

impl Write for Samples {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.remember(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.remember(flushed)
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

type Lines = Option<Box<dyn Write + Send>>;

fn lines(flags: &RunFlags) -> Result<(Lines, Arc<OnceLock<String>>)> {
    let fault = Arc::default();
    let outputs = &flags.k6_flags.out;
    let mut paths = outputs
        .iter()
        .filter(|it| it.split('=').next() == Some("json"));
    let Some(output) = paths.next() else {
        return Ok((None, fault));
    };
    if paths.next().is_some() {
        return Err(Failure::usage("`--out json=FILE` can be given once").into());
    }
    let path = output.split_once('=').map_or("", |it| it.1);
    if path.is_empty() || path == "-" {
        return Err(Failure::usage(format!("`--out {output}` names no file"))
            .hint("standard output carries the result: --out json=FILE")
            .into());
    }
    let file = File::create(path).with_context(|| format!("cannot write `{path}`"))?;
    let samples = Samples {
        path: path.to_owned(),
        file: BufWriter::new(file),
        fault: Arc::clone(&fault),
    };
    Ok((Some(Box::new(samples)), fault))
}

fn details(
    script: &Path,
    finished: &mut Finished,
    shape: &Shape,
    workers: usize,
    must_not_saturate: bool,
) -> LoadDetails {
    let health = finished.health;
    LoadDetails {
        engine: "native".to_owned(),
        script: script.display().to_string(),
        duration_ms: finished.duration.as_secs_f64() * 1e3,
        iterations: finished.completed,
        interrupted: finished.interrupted,
        exceptions: finished.thrown,
        first_exception: finished.first_thrown.clone(),
        vus_max: finished.vus_max,
        thresholds: finished
            .thresholds
            .iter()
            .map(|it| Threshold {
                metric: it.metric.clone(),
                condition: it.source.clone(),
                value: it.value,
                samples: Some(it.samples),
                ok: it.holds,
            })
            .collect(),
        checks: finished
            .totals
            .checks
            .all
            .iter()
            .map(|(group, name, passes, fails)| Check {
                group: group.clone(),
                name: name.clone(),
                passes: *passes,
                fails: *fails,
            })
            .collect(),
        generator: Some(Generator {
            workers,
            loop_lag_p99_ms: health.loop_lag_p99_ms,
            start_lag_p99_ms: health.start_lag_p99_ms,
            busy: health.busy,
            // Too short a run says little about lateness.
            saturated: health.busy > 0.8
                || (health.loop_lag_p99_ms > 10.0 && finished.duration.as_secs() >= 5),
            must_not_saturate,
        }),
        ended_early: early(finished),
        metrics: metrics(finished, shape),
        ..LoadDetails::default()
    }
}

fn early(finished: &Finished) -> Option<EndedEarly> {
    if let Some(text) = &finished.broken {
        return Some(EndedEarly::Broken(text.clone()));
    }
    match &finished.setup {
        Some(Stumble::Thrown(text)) => return Some(EndedEarly::Setup(text.clone())),
        Some(Stumble::TimedOut(limit)) => {
            return Some(EndedEarly::SetupTimeout(span::text(*limit)));
        }
        None => {}
    }
    match &finished.reason {
        Some(StopReason::Script(text)) => return Some(EndedEarly::Script(text.clone())),
        Some(StopReason::Threshold) => return Some(EndedEarly::Threshold),
        Some(StopReason::Signal) => return Some(EndedEarly::Signal),
        None => {}
    }
    match &finished.teardown {
        Some(Stumble::Thrown(text)) => return Some(EndedEarly::Teardown(text.clone())),
        Some(Stumble::TimedOut(limit)) => {
            return Some(EndedEarly::TeardownTimeout(span::text(*limit)));
        }
        None => {}
    }
    finished.marked_failed.clone().map(EndedEarly::Marked)
}

fn metrics(finished: &mut Finished, shape: &Shape) -> std::collections::BTreeMap<String, Metric> {
    let exported = summary::export(finished, shape);
    let empty = Map::new();
    let metrics = exported
        .get("metrics")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    metrics
        .iter()
        .map(|(name, entry)| (name.clone(), metric(finished, name, entry)))
        .collect()
}

fn metric(finished: &mut Finished, name: &str, entry: &Value) -> Metric {
    let collector = std::sync::Arc::clone(&finished.collector);
    let base = name.split('{').next().unwrap_or(name);
    let id = collector.registry.find(base);
    let kind = id
        .and_then(|it| collector.registry.get(it))
        .map_or(Kind::Counter, |it| it.kind);
    let place = collector.submetrics.iter().position(|it| it.name == name);
    let sink = match place {
        Some(place) => finished.totals.subs.get(place).and_then(Option::as_ref),
        None => id
            .and_then(|it| finished.totals.sinks.get(it))
            .and_then(Option::as_ref),
    };
    let values = entry.as_object().into_iter().flatten();
    Metric {
        kind: kind.to_string(),
        samples: Some(sink.map_or(0, Sink::count)),
        values: values
            .filter_map(|(key, value)| {
                let key = if kind == Kind::Rate && key == "value" {
                    "rate"
                } else {
                    key
                };
                Some((key.to_owned(), value.as_f64()?))
            })
            .collect(),
    }
}

/// Writes what the script's `handleSummary` made, and returns what belongs on standard output.
fn texts(finished: &mut Finished, shape: &Shape, console: &Console) -> Result<String> {
    let Some(made) = finished.summary.clone() else {
        let look = console.look();
        let paint = |good: bool, text: &str| {
            let color = if good {
                anstyle::AnsiColor::Green
            } else {
                anstyle::AnsiColor::Red
            };
            look.paint(color.on_default(), text)
        };
        return Ok(summary::text(finished, shape, &paint));
    };
    let mut own = String::new();
    for (target, content) in &made {
        let content = match content {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match target.as_str() {
            "stdout" => own.push_str(&content),
            "stderr" => console.say(content.trim_end()),
            path => file::replace(Path::new(path), content.as_bytes())
                .with_context(|| format!("cannot write `{path}`, which handleSummary asks for"))?,
        }
    }
    Ok(own)
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
