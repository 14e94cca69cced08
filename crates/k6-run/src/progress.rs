//! What is seen of a run while it goes on: bars on a terminal, a line now and then elsewhere.

use std::time::Duration;

use anstyle::AnsiColor;
use autoscaleops_core::{Console, Look, console::Progress};
use autoscaleops_k6_engine::run::Status;

use crate::{details::Point, quantity};

/// How often a line is written where nobody watches.
const LINE: Duration = Duration::from_secs(10);
/// The widest bar.
const BAR: usize = 40;

/// Shows how a run goes.
pub(crate) struct Board {
    lines: Option<Progress>,
    look: Look,
    told: Duration,
}

impl Board {
    /// Begins to show, with `what` until there is more.
    pub(crate) fn new(console: &Console, what: &str) -> Self {
        Self {
            lines: console.draws().then(|| console.board(what)),
            look: console.look(),
            told: Duration::ZERO,
        }
    }

    /// Tells how it goes now. `points` are the seconds up to now.
    pub(crate) fn tell(&mut self, status: &Status, points: &[Point], console: &Console) {
        let head = head(status);
        // A script that sends nothing is not told every second that nothing was sent.
        let asks = points.iter().any(|it| it.requests > 0.0);
        let recent = points.last().filter(|_| asks).map(recent);
        if let Some(lines) = &self.lines {
            let mut text = head;
            for line in bars(status, &self.look) {
                text.push('\n');
                text.push_str(&line);
            }
            if let Some(recent) = recent {
                text.push('\n');
                text.push_str(&self.look.dim(&recent));
            }
            lines.say(&text);
        } else if status.elapsed >= self.told + LINE {
            self.told = status.elapsed;
            let recent = recent.map(|it| format!("; {it}")).unwrap_or_default();
            console.note(&format!("{head}{recent}"));
        }
    }
}

/// Returns the line that k6 has for a whole run.
fn head(status: &Status) -> String {
    let tenths = status.elapsed.as_millis() / 100;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    let minutes = match minutes {
        0 => String::new(),
        more => format!("{more}m"),
    };
    format!(
        "running ({minutes}{:02}.{}s), {:02}/{:02} VUs, {} complete and {} interrupted iterations",
        rest / 10,
        rest % 10,
        status.active,
        status.initialized,
        status.completed,
        status.interrupted
    )
}

/// Returns what the last second was like.
fn recent(point: &Point) -> String {
    let mut text = format!("{} requests/s", quantity::number(point.requests));
    if point.failed > 0.0 {
        text.push_str(&format!(", {} failed/s", quantity::number(point.failed)));
    }
    if point.dropped > 0.0 {
        text.push_str(&format!(", {} dropped/s", quantity::number(point.dropped)));
    }
    match point.p95_ms {
        Some(p95) => text.push_str(&format!(", p(95) {}", quantity::time(p95))),
        None if point.requests > 0.0 => {
            text.push_str(&format!(", mean {}", quantity::time(point.latency_ms)));
        }
        None => {}
    }
    text
}

/// Returns a bar for each scenario, in the columns of the terminal.
fn bars(status: &Status, look: &Look) -> Vec<String> {
    let names = status.scenarios.iter().map(|it| it.0.chars().count());
    let words = status.scenarios.iter().map(|it| it.2.chars().count());
    let (names, words) = (names.max().unwrap_or(0), words.max().unwrap_or(0));
    // Name, mark, brackets and blanks take their share of a line.
    let room = look.width.saturating_sub(names + words + 7);
    let width = room.min(BAR);
    status
        .scenarios
        .iter()
        .map(|(name, done, words)| {
            let mark = if *done >= 1.0 {
                look.paint(AnsiColor::Green.on_default(), "✓")
            } else {
                " ".to_owned()
            };
            let bar = match width {
                0..4 => format!("{:3.0}%", done * 100.0),
                _ => format!("[{}]", bar(*done, width)),
            };
            format!("{name:<names$} {mark} {bar} {words}")
        })
        .collect()
}

fn bar(done: f64, width: usize) -> String {
    let text = format!(" {:.0}% ", done * 100.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few columns"
    )]
    let filled = (done.clamp(0.0, 1.0) * width as f64) as usize;
    let mut bar = format!("{:-<width$}", "=".repeat(filled));
    // As in k6, the share stands in the middle where there is room.
    if width >= 16 && done < 1.0 {
        let from = (width - text.len()) / 2;
        bar.replace_range(from..from + text.len(), &text);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            elapsed: Duration::from_millis(62_345),
            active: 3,
            initialized: 13,
            completed: 7,
            interrupted: 0,
            scenarios: vec![
                ("browse".to_owned(), 0.5, " 3/10 VUs  3.5s/7s".to_owned()),
                ("a_long_name".to_owned(), 1.0, " 0/3 VUs  6s/6s".to_owned()),
            ],
        }
    }

    #[test]
    fn lines_are_those_that_users_of_k6_know() {
        assert_eq!(
            head(&status()),
            "running (1m02.3s), 03/13 VUs, 7 complete and 0 interrupted iterations"
        );
        let look = Look {
            width: 160,
            color: false,
        };
        let lines = bars(&status(), &look);
        assert_eq!(
            lines[0],
            "browse        [================= 50% ------------------]  3/10 VUs  3.5s/7s"
        );
        assert_eq!(
            lines[1],
            "a_long_name ✓ [========================================]  0/3 VUs  6s/6s"
        );
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        for width in [40, 60, 80] {
            let look = Look {
                width,
                color: false,
            };
            for line in bars(&status(), &look) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}
