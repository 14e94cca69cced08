//! The two streams of a tool: answers on standard output, everything else on standard error.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    ci,
    cli::{Format, Tool, VERSION},
    report::{self, Level, Report, Verdict},
};

/// How often a long work says that it still goes on, where nobody watches a bar.
const REMINDER: Duration = Duration::from_secs(10);

/// How an answer for people should look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal, 100 where there is none.
    pub width: usize,
    /// Whether colour codes may be written.
    pub color: bool,
}

impl Look {
    /// Returns `text` in `style`, where colour is allowed.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Returns the verdict in its colour, padded to one width.
    pub fn verdict(&self, verdict: Verdict) -> String {
        let color = match verdict {
            Verdict::Pass => AnsiColor::Green,
            Verdict::Fail | Verdict::Error => AnsiColor::Red,
            Verdict::Undecided => AnsiColor::Yellow,
        };
        self.paint(color.on_default().bold(), verdict.as_str())
    }

    /// Returns the level in its colour, padded to one width.
    pub fn level(&self, level: Level) -> String {
        let color = match level {
            Level::Error => AnsiColor::Red,
            Level::Warning => AnsiColor::Yellow,
            Level::Note => AnsiColor::Cyan,
        };
        self.paint(color.on_default(), &format!("{:<7}", level.as_str()))
    }

    /// Returns `text` in bold, where colour is allowed.
    pub fn bold(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// Returns `text` dimmed, where colour is allowed.
    pub fn dim(&self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }
}

/// How a console behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The form of the answer.
    pub format: Format,
    /// Whether notes and progress are left out.
    pub quiet: bool,
    /// Whether colours are wanted.
    pub color: ColorChoice,
}

/// What stands between a text and the stream: it takes commands out where a runner looks for them.
type Guard = for<'a> fn(&'a str, Format) -> Cow<'a, str>;

fn guard() -> Guard {
    if ci::is_runner() {
        ci::inert
    } else {
        |text, _| Cow::Borrowed(text)
    }
}

/// Where a tool writes, and how.
pub struct Console {
    tool: &'static str,
    started_at: Timestamp,
    format: Format,
    quiet: bool,
    answers: Box<dyn Write + Send>,
    notes: Arc<Mutex<Box<dyn Write + Send>>>,
    bars: MultiProgress,
    draws: bool,
    reminder: Duration,
    look: Look,
    guard: Guard,
}

impl Console {
    /// Returns the console of this process.
    pub fn of_process(tool: &'static str, settings: Settings) -> Self {
        let stdout = AutoStream::new(io::stdout(), settings.color);
        let stderr = AutoStream::new(io::stderr(), settings.color);
        let color = stdout.current_choice() != ColorChoice::Never;
        let draws = !settings.quiet && io::stderr().is_terminal();
        let target = if draws {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            tool,
            started_at: Timestamp::now(),
            format: settings.format,
            quiet: settings.quiet,
            answers: Box::new(stdout),
            notes: Arc::new(Mutex::new(Box::new(stderr))),
            bars: MultiProgress::with_draw_target(target),
            draws,
            reminder: REMINDER,
            look: Look {
                width: width(),
                color,
            },
            guard: guard(),
        }
    }

    /// Returns a console for tests, which never draws and never paints.
    pub fn of_writers(
        tool: &'static str,
        format: Format,
        answers: Box<dyn Write + Send>,
        notes: Box<dyn Write + Send>,
    ) -> Self {
        Self {
            tool,
            started_at: Timestamp::now(),
            format,
            quiet: false,
            answers,
            notes: Arc::new(Mutex::new(notes)),
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            draws: false,
            reminder: REMINDER,
            look: Look {
                width: 100,
                color: false,
            },
            guard: |text, _| Cow::Borrowed(text),
        }
    }

    /// Returns the form of the answer that was asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns how an answer for people should look.
    pub fn look(&self) -> Look {
        self.look
    }

    /// Returns whether a person watches standard error.
    pub fn draws(&self) -> bool {
        self.draws
    }

    /// Returns when the tool began.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Tells a person what goes on. Left out with `--quiet`; one that cannot be written is dropped.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Warns a person. Written with `--quiet` too.
    pub fn warn(&self, text: &str) {
        let mark = self.look.paint(AnsiColor::Yellow.on_default(), "warning:");
        self.say(&format!("{mark} {text}"));
    }

    /// Writes a line to standard error, whatever the settings.
    pub fn say(&self, text: &str) {
        self.command(&(self.guard)(text, Format::Human));
    }

    /// Writes a line to standard error that a runner may take for a command.
    pub(crate) fn command(&self, text: &str) {
        self.bars.suspend(|| {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(notes, "{text}");
            let _ = notes.flush();
        });
    }

    /// Writes one report now, in the form that was asked for, and stamps it. For tools that answer
    /// more than once.
    ///
    /// # Errors
    ///
    /// Fails when standard output does. A reader that left early is no error.
    pub fn emit<T: Tool>(&mut self, report: &mut Report<T::Details>) -> io::Result<()> {
        report.stamp(self.tool, VERSION, self.started_at);
        let text = self.rendered::<T>(report, self.format)?;
        self.answer(&text)
    }

    /// Returns `report` in `format`, with a line break at its end.
    ///
    /// # Errors
    ///
    /// Fails when the tool has no such form, or the details cannot be expressed in JSON.
    pub fn rendered<T: Tool>(
        &self,
        report: &Report<T::Details>,
        format: Format,
    ) -> io::Result<String> {
        render::<T>(report, format, &self.look)
    }

    /// Writes to standard output.
    ///
    /// # Errors
    ///
    /// Fails when standard output does. A reader that left early is no error.
    pub fn answer(&mut self, text: &str) -> io::Result<()> {
        let text = &*(self.guard)(text, self.format);
        let line_break = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let written = self.bars.suspend(|| {
            self.answers.write_all(text.as_bytes())?;
            self.answers.write_all(line_break.as_bytes())?;
            self.answers.flush()
        });
        match written {
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Shows a bar of `length` steps for `what` on a terminal, and a line every ten seconds off it.
    pub fn progress(&self, what: &str, length: u64) -> Progress {
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.begin(ProgressBar::new(length).with_style(style), what)
    }

    /// Shows a spinner for `what` on a terminal, and a line every ten seconds off it.
    pub fn spinner(&self, what: &str) -> Progress {
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        self.begin(ProgressBar::new_spinner().with_style(style), what)
    }

    /// Shows the lines of `what`, with nothing around them, on a terminal.
    pub fn board(&self, what: &str) -> Progress {
        let style = ProgressStyle::with_template("{msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        self.begin(ProgressBar::new_spinner().with_style(style), what)
    }

    fn begin(&self, bar: ProgressBar, what: &str) -> Progress {
        let bar = self.bars.add(bar.with_message(what.to_owned()));
        let over = Arc::new(AtomicBool::new(false));
        if self.draws {
            bar.enable_steady_tick(Duration::from_millis(120));
        } else if !self.quiet {
            remind(
                bar.clone(),
                self.reminder,
                Arc::clone(&self.notes),
                Arc::clone(&over),
                self.guard,
            );
        }
        Progress { bar, over }
    }
}

/// A long work that people see going on. Ends when dropped.
pub struct Progress {
    bar: ProgressBar,
    over: Arc<AtomicBool>,
}

impl Progress {
    /// Counts `steps` more as done.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// Says what is being done now.
    pub fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.bar.finish_and_clear();
    }
}

/// Writes a line every `interval` until the work is over.
fn remind(
    bar: ProgressBar,
    interval: Duration,
    notes: Arc<Mutex<Box<dyn Write + Send>>>,
    over: Arc<AtomicBool>,
    guard: Guard,
) {
    thread::spawn(move || {
        let started = Instant::now();
        let mut next = interval;
        while !over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(50));
            if started.elapsed() < next {
                continue;
            }
            let steps = match bar.length() {
                Some(length) => format!(" {}/{length}", bar.position()),
                None => String::new(),
            };
            let line = format!("{}{steps} ({} s)", bar.message(), next.as_secs());
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(notes, "{}", guard(&line, Format::Human));
            next += interval;
        }
    });
}

fn width() -> usize {
    let of_terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    crate::config::env("COLUMNS")
        .and_then(|it| it.parse().ok())
        .or_else(of_terminal)
        .unwrap_or(100)
        .clamp(20, 400)
}

/// Returns `report` in `format`, in the tool's own form where it has one.
pub(crate) fn render<T: Tool>(
    report: &Report<T::Details>,
    format: Format,
    look: &Look,
) -> io::Result<String> {
    let mut text = match (T::render(report, format, look), format) {
        (Some(text), _) => text,
        (None, Format::Json) => json(report)?,
        (None, Format::Human) => report::human(report, look),
        (None, Format::Markdown) => report::markdown(report),
        (None, other) => {
            return Err(io::Error::other(format!(
                "{} has no form `{other}`",
                T::NAME
            )));
        }
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

pub(crate) fn json(report: &Report<impl Serialize>) -> io::Result<String> {
    report.to_json().map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
