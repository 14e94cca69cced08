//! What scripts say, on its way to standard error.

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
};

use autoscaleops_core::Console;
use autoscaleops_k6_engine::js::{Console as Speech, Level};

/// Warnings of scripts that are shown; the rest is counted.
const SHOWN: u64 = 100;

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
