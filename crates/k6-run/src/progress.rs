//! What is seen of a run while it goes on, and what is kept of it second by second.

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use autoscaleops_core::Console;
use autoscaleops_k6_engine::{
    js::{Console as Speech, Level},
    metrics::{HTTP_REQ_DURATION, HTTP_REQ_FAILED, HTTP_REQS, Sink, Totals},
    run::Status,
};

use crate::details::Point;

/// Warnings of scripts that are shown; the rest is counted.
const SHOWN: u64 = 100;
/// How often a line is written where nobody watches.
const LINE: Duration = Duration::from_secs(10);

/// What scripts say, on its way to standard error.
pub(crate) struct Voice {
    said: mpsc::Receiver<String>,
    warnings: Arc<AtomicU64>,
}

impl Voice {
    /// Returns the receiving end, and the function that scripts speak to.
    ///
    /// With `own` what the script says goes to that file, in the form of k6's log.
    pub(crate) fn new(own: Option<File>) -> (Self, Speech) {
        let own = own.map(Mutex::new);
        let (sender, said) = mpsc::channel();
        let warnings = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&warnings);
        let speak = move |level: Level, text: &str| {
            let (word, name) = match level {
                Level::Debug => return,
                Level::Info => ("INFO", "info"),
                Level::Warning => ("WARN", "warning"),
                Level::Error => ("ERRO", "error"),
            };
            if let Some(file) = &own {
                let time = jiff::Timestamp::now().strftime("%FT%TZ");
                let line = format!("time=\"{time}\" level={name} msg={text:?} source=console\n");
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = file.write_all(line.as_bytes());
                return;
            }
            if level >= Level::Warning && count.fetch_add(1, Ordering::Relaxed) >= SHOWN {
                return;
            }
            let _ = sender.send(format!("{word} {text}"));
        };
        (Self { said, warnings }, Box::new(speak))
    }

    /// Writes what was said since the last call.
    pub(crate) fn pass_on(&self, console: &Console) {
        for line in self.said.try_iter() {
            console.say(&line);
        }
    }

    /// Says how many warnings were not shown.
    pub(crate) fn close(&self, console: &Console) {
        self.pass_on(console);
        let all = self.warnings.load(Ordering::Relaxed);
        if all > SHOWN {
            console.warn(&format!(
                "{} more warnings of the script are not shown",
                all - SHOWN
            ));
        }
    }
}

/// What is kept of a run second by second.
#[derive(Default)]
pub(crate) struct Timeline {
    pub(crate) points: Vec<Point>,
    last: (f64, f64, u64, f64, u64),
    told: Duration,
}

impl Timeline {
    /// Adds a point for each second that has passed.
    pub(crate) fn advance(&mut self, status: &Status, totals: &mut Totals) {
        let now = status.elapsed.as_secs_f64();
        let (at, requests, failed, sum, count) = self.last;
        let step = now - at;
        if step < 1.0 {
            return;
        }
        let (sum_now, count_now) = match totals.sink(HTTP_REQ_DURATION) {
            #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
            Some(Sink::Trend(trend)) => (trend.average() * trend.count() as f64, trend.count()),
            _ => (0.0, 0),
        };
        let requests_now = totals.sum(HTTP_REQS);
        let failed_now = totals.rate(HTTP_REQ_FAILED).0;
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let point = Point {
            at: now,
            vus: status.active,
            requests: (requests_now - requests) / step,
            failed: (failed_now - failed) as f64 / step,
            latency_ms: if count_now > count {
                (sum_now - sum) / (count_now - count) as f64
            } else {
                0.0
            },
        };
        self.points.push(point);
        self.last = (now, requests_now, failed_now, sum_now, count_now);
    }

    /// Tells a person how it goes, rarely where nobody watches.
    pub(crate) fn tell(
        &mut self,
        status: &Status,
        console: &Console,
        bar: Option<&autoscaleops_core::console::Progress>,
    ) {
        let seconds = status.elapsed.as_secs();
        let head = format!(
            "running ({:02}m{:02}s), {}/{} VUs, {} complete and {} interrupted iterations",
            seconds / 60,
            seconds % 60,
            status.active,
            status.initialized,
            status.completed,
            status.interrupted
        );
        if let Some(bar) = bar {
            let mut text = head;
            for (name, done, words) in &status.scenarios {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of 30"
                )]
                let filled = (done * 30.0) as usize;
                text.push_str(&format!(
                    "\n{name} [{:-<30}] {:3.0}% {words}",
                    "=".repeat(filled),
                    done * 100.0
                ));
            }
            bar.say(&text);
        } else if status.elapsed >= self.told + LINE {
            self.told = status.elapsed;
            console.note(&head);
        }
    }
}
