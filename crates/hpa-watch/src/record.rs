//! Records autoscaling while a command runs, until it has settled.

use std::{
    collections::BTreeMap,
    io,
    os::fd::AsFd as _,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use autoscaleops_core::{
    Console, Failure, Report, Subject, Verdict,
    process::{Run, Running},
    report::ErrorInfo,
    stop,
    time::Span,
};
use jiff::Timestamp;

use crate::{
    details::{AutoscalerPath, Details, Recorded},
    live::{self, Next, Selection},
    recording::{self, Entry, Line, Point, Writer},
    settings::Settings,
    timeline::Timeline,
};

/// Options of `record`.
#[derive(Clone, Debug, clap::Args)]
pub struct RecordArgs {
    /// Autoscalers; all of the namespace where none is named
    pub names: Vec<String>,

    /// File to write the recording to, JSON Lines
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,

    /// Namespace of the autoscalers
    #[arg(long, short, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// Time without any change after which the sizes count as settled (default 30s)
    #[arg(long, value_name = "SPAN")]
    pub settle: Option<Span>,

    /// Time to record at most, after the command ended
    #[arg(long, value_name = "SPAN", default_value = "20m")]
    pub timeout: Span,

    /// Command to run, such as a load test
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// A load that never made anything scale is waited for this long: a measurement, a window and a
/// sync later it would have.
const NEVER_SCALED: Duration = Duration::from_secs(75);

/// Decides when everything is as it was.
#[derive(Debug, Default)]
struct Settling {
    /// The sizes before the load, and the latest points.
    seen: BTreeMap<String, (i32, Point)>,
    has_scaled: bool,
    changed_at: Option<Instant>,
}

impl Settling {
    fn take(&mut self, hpa: &str, point: &Point, now: Instant) {
        let entry = self
            .seen
            .entry(hpa.to_owned())
            .or_insert_with(|| (point.size(), point.clone()));
        if entry.1.size() != point.size() {
            self.has_scaled = true;
            self.changed_at = Some(now);
        }
        if entry.1.ready != point.ready {
            self.changed_at = Some(now);
        }
        entry.1 = point.clone();
    }

    /// Whether all sizes are back where they were, or nothing came of the load.
    fn is_over(&self, load_ended: Instant, quiet: Duration, now: Instant) -> bool {
        let calm = self.changed_at.unwrap_or(load_ended).max(load_ended);
        let quiet = if self.has_scaled {
            quiet
        } else {
            quiet.max(NEVER_SCALED)
        };
        let is_back = |(before, point): &(i32, Point)| {
            point.size() <= *before
                && point.ready.is_none_or(|ready| ready == point.size())
                && point
                    .recommended
                    .is_none_or(|wish| wish <= point.size().max(point.min))
        };
        now.duration_since(calm) >= quiet && self.seen.values().all(is_back)
    }
}

/// The command that makes the load.
struct Load {
    running: Option<Running>,
    ended: Option<Instant>,
    code: Option<i32>,
}

/// Runs `record`.
///
/// # Errors
///
/// Fails when the cluster cannot be watched, the file cannot be written or the command cannot be started.
pub fn run(
    args: &RecordArgs,
    settings: &Settings,
    console: &Console,
) -> anyhow::Result<Report<Details>> {
    let mut writer = Writer::create(&args.output)?;
    let selection = Selection {
        names: args.names.clone(),
        namespace: settings.namespace.clone(),
        all: false,
        targets: true,
    };
    let mut settling = Settling::default();
    let mut load = Load {
        running: None,
        ended: None,
        code: None,
    };
    let mut problem: Option<anyhow::Error> = None;
    let mut settled = false;
    let mut lines = 0_usize;
    let progress = console.spinner("recording");
    let reason = live::follow_with(&settings.cluster(), &selection, None, |line| {
        let now = Instant::now();
        let step = (|| {
            if let Some(line) = line {
                lines += 1;
                writer.write(&line)?;
                if let Entry::Point { hpa, point } = &line.entry {
                    settling.take(hpa, point, now);
                    progress.say(&format!("{hpa}: {} replicas", point.size()));
                }
                return Ok(Next::Go);
            }
            for line in load.advance(args, !settling.seen.is_empty())? {
                lines += 1;
                writer.write(&line)?;
            }
            let Some(ended) = load.ended else {
                return Ok(Next::Go);
            };
            settled = settling.is_over(ended, settings.settle.0, now);
            let is_late = now.duration_since(ended) >= args.timeout.0;
            anyhow::Ok(if settled || is_late {
                Next::Stop
            } else {
                Next::Go
            })
        })();
        step.unwrap_or_else(|err| {
            problem = Some(err);
            Next::Stop
        })
    });
    drop(progress);
    let reason = reason?;
    if let Some(err) = problem {
        return Err(err.context(Failure::error(
            "record",
            format!("cannot record to `{}`", args.output.display()),
        )));
    }
    let ended = match (settled, reason) {
        (true, _) => "settled",
        (false, "stopped") => "stopped",
        _ => "time",
    };
    if stop::requested() {
        drop(load.running.take());
    }
    writer.write(&Line {
        at: Timestamp::now(),
        entry: Entry::End {
            reason: ended.to_owned(),
        },
    })?;
    report(args, ended, load.code, lines + 1)
}

impl Load {
    /// Starts the command once the state before it is known, and hears of its end.
    fn advance(&mut self, args: &RecordArgs, has_begun: bool) -> anyhow::Result<Vec<Line>> {
        let mut lines = Vec::new();
        let mut tell = |entry| {
            lines.push(Line {
                at: Timestamp::now(),
                entry,
            });
        };
        let [program, arguments @ ..] = args.command.as_slice() else {
            return Ok(lines);
        };
        if self.ended.is_some() || !has_begun {
            return Ok(lines);
        }
        let Some(running) = &mut self.running else {
            // Standard output is for our own answer.
            let stdout = io::stderr().as_fd().try_clone_to_owned()?;
            let running = Run::new(program)
                .args(arguments)
                .streams(Stdio::null(), Stdio::from(stdout), Stdio::inherit())
                // A recorder that is killed must not leave a cluster under load.
                .guarded()
                .start()
                .map_err(|err| err.into_unavailable("name a program after `--`"))?;
            self.running = Some(running);
            tell(Entry::CommandStarted {
                command: args.command.clone(),
            });
            return Ok(lines);
        };
        if let Some(status) = running.poll()? {
            self.ended = Some(Instant::now());
            self.code = status.code();
            if !status.success() && self.code.is_none() {
                self.code = Some(128 + 9);
            }
            tell(Entry::CommandEnded {
                code: status.code(),
            });
        }
        Ok(lines)
    }
}

fn report(
    args: &RecordArgs,
    ended: &str,
    code: Option<i32>,
    lines: usize,
) -> anyhow::Result<Report<Details>> {
    let recorded = recording::read(&args.output)?;
    let mut names: Vec<String> = Vec::new();
    for line in &recorded {
        if let Entry::Point { hpa, .. } = &line.entry
            && !names.contains(hpa)
        {
            names.push(hpa.clone());
        }
    }
    let mut paths = Vec::new();
    for hpa in names {
        let timeline = Timeline::of(&recorded, Some(&hpa))?;
        paths.push(AutoscalerPath {
            path: timeline.path(),
            last: timeline.points.last().map(|(_, point)| point.clone()),
            hpa,
        });
    }
    let told: Vec<String> = paths
        .iter()
        .take(3)
        .map(|item| format!("{} went {}", item.hpa, item.path))
        .collect();
    let file = args.output.display().to_string();
    let summary = format!("{}; recorded in {file}, {ended}", told.join(", "));
    let subject = paths.first().map(|item| item.hpa.clone());
    let path = paths.first().map(|item| item.path.clone());
    let failed = code.filter(|code| *code != 0);
    let verdict = if failed.is_some() {
        Verdict::Fail
    } else {
        Verdict::Pass
    };
    let details = Recorded {
        file: file.clone(),
        lines,
        paths,
        ended: ended.to_owned(),
        command_code: code,
    };
    let mut report = Report::new(verdict, summary, Details::Recorded(details))
        .output("file", file)
        .output("path", path)
        .output("ended", ended)
        .output("command_code", code);
    if let Some(subject) = subject {
        report = report.subject(Subject::new("hpa", subject));
    }
    if let Some(code) = failed {
        let program = args.command.first().cloned().unwrap_or_default();
        let message = format!("`{program}` ended with code {code}");
        report = report.because(ErrorInfo {
            kind: "command_failed".to_owned(),
            code: u8::try_from(code).unwrap_or(autoscaleops_core::exit::ERROR),
            message,
            causes: Vec::new(),
            hint: None,
            location: None,
        });
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(size: i32, ready: i32, wish: i32) -> Point {
        Point {
            min: 1,
            max: 3,
            spec: Some(size),
            ready: Some(ready),
            recommended: Some(wish),
            ..Point::default()
        }
    }

    #[test]
    fn it_settles_when_all_is_as_before_and_quiet() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let quiet = Duration::from_secs(30);
        let mut settling = Settling::default();
        settling.take("a/b", &point(1, 1, 1), after(0));
        assert!(
            !settling.is_over(after(10), quiet, after(60)),
            "it may still begin to scale"
        );
        assert!(
            settling.is_over(after(10), quiet, after(90)),
            "nothing came of the load"
        );
        settling.take("a/b", &point(3, 1, 5), after(20));
        settling.take("a/b", &point(3, 3, 3), after(40));
        assert!(
            !settling.is_over(after(50), quiet, after(500)),
            "it is still large"
        );
        settling.take("a/b", &point(1, 3, 1), after(500));
        assert!(
            !settling.is_over(after(50), quiet, after(600)),
            "pods are still ending"
        );
        settling.take("a/b", &point(1, 1, 1), after(510));
        assert!(
            !settling.is_over(after(50), quiet, after(520)),
            "it is not quiet yet"
        );
        assert!(settling.is_over(after(50), quiet, after(541)));
    }
}
