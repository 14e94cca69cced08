//! Until when a virtual user may start iterations, and until when they may go on.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::{
    options::{Executor, Scenario},
    span,
};

/// The limits of a virtual user. They can be moved while it runs.
#[derive(Debug)]
pub struct Control {
    base: Instant,
    stop: AtomicU64,
    kill: AtomicU64,
    is_stopped: fn() -> bool,
}

impl Control {
    /// Returns limits that count from `base`, and do not limit yet.
    pub fn starting(base: Instant) -> Self {
        Self {
            base,
            stop: AtomicU64::new(u64::MAX),
            kill: AtomicU64::new(u64::MAX),
            is_stopped: || false,
        }
    }

    /// Lets nothing go on once `is_stopped` says so.
    #[must_use]
    pub fn heeding(self, is_stopped: fn() -> bool) -> Self {
        Self { is_stopped, ..self }
    }

    /// Lets no iteration start from `after` on, and none go on `grace` later.
    pub fn end(&self, after: Duration, grace: Duration) {
        self.stop.store(after.as_nanos() as u64, Ordering::Relaxed);
        self.kill
            .store((after + grace).as_nanos() as u64, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    /// Returns whether an iteration may start.
    pub fn may_start(&self) -> bool {
        let stop = self.stop.load(Ordering::Relaxed);
        stop == u64::MAX || self.now() < stop
    }

    /// Returns whether the running iteration must end.
    pub fn is_over(&self) -> bool {
        let kill = self.kill.load(Ordering::Relaxed);
        (kill != u64::MAX && self.now() >= kill) || (self.is_stopped)()
    }
}

/// A scenario that is carried out.
#[derive(Debug)]
pub struct ScenarioRun {
    /// The scenario.
    pub plan: Scenario,
    started: OnceLock<(Instant, SystemTime)>,
    over: OnceLock<()>,
    /// Iterations that were started.
    pub(crate) begun: AtomicU64,
    /// Iterations that ended.
    pub(crate) ended: AtomicU64,
    /// Virtual users that run it.
    pub(crate) active: AtomicU64,
}

impl ScenarioRun {
    pub(crate) fn new(plan: Scenario) -> Self {
        Self {
            plan,
            started: OnceLock::new(),
            over: OnceLock::new(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            active: AtomicU64::new(0),
        }
    }

    pub(crate) fn begin(&self) -> Instant {
        self.started
            .get_or_init(|| (Instant::now(), SystemTime::now()))
            .0
    }

    pub(crate) fn finish(&self) {
        let _ = self.over.set(());
    }

    /// Returns when it began, in milliseconds since the epoch.
    pub(crate) fn started_at_ms(&self) -> f64 {
        let since = self
            .started
            .get()
            .and_then(|it| it.1.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.map_or(0.0, |it| it.as_millis() as f64)
    }

    fn total_iterations(&self) -> Option<u64> {
        match &self.plan.executor {
            Executor::SharedIterations { iterations, .. } => Some(*iterations),
            Executor::PerVuIterations {
                vus, iterations, ..
            } => Some(vus * iterations),
            _ => None,
        }
    }

    /// Returns the share that is done, from 0 to 1.
    pub fn progress(&self) -> f64 {
        if self.over.get().is_some() {
            return 1.0;
        }
        let Some((began, _)) = self.started.get() else {
            return 0.0;
        };
        let done = match self.total_iterations() {
            Some(total) => self.ended.load(Ordering::Relaxed) as f64 / total.max(1) as f64,
            None => began.elapsed().as_secs_f64() / self.plan.duration().as_secs_f64().max(1e-9),
        };
        done.min(1.0)
    }

    /// Returns how it goes in words.
    pub fn words(&self) -> String {
        let Some((began, _)) = self.started.get() else {
            return "waiting".to_owned();
        };
        let vus = format!(
            "{:>2}/{} VUs",
            self.active.load(Ordering::Relaxed),
            self.plan.max_vus()
        );
        let time =
            |it: Duration| span::text(Duration::from_millis(it.as_millis() as u64 / 100 * 100));
        let elapsed = time(began.elapsed().min(self.plan.duration()));
        let whole = time(self.plan.duration());
        match self.total_iterations() {
            Some(total) => format!(
                "{vus}  {elapsed}/{whole}  {}/{total} iters",
                self.ended.load(Ordering::Relaxed)
            ),
            None => format!("{vus}  {elapsed}/{whole}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_can_be_moved() {
        let control = Control::starting(Instant::now());
        assert!(control.may_start() && !control.is_over());
        control.end(Duration::ZERO, Duration::from_secs(60));
        assert!(!control.may_start() && !control.is_over());
        control.end(Duration::ZERO, Duration::ZERO);
        assert!(control.is_over());
        control.end(Duration::from_secs(60), Duration::ZERO);
        assert!(control.may_start());
    }
}
