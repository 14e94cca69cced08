//! A run: the script is loaded, its scenarios are carried out, its thresholds judged.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use thiserror::Error;

use crate::{
    http,
    js::{Console, Fiber, Group, Level, Modules, Outcome, Shared, StopReason, Vu},
    metrics::{Collector, Registry, Shard, Tags, Totals, Trend, VUS, VUS_MAX},
    options::{Options, Scenario},
};

mod arrival;
mod bench;
mod control;
mod coordinator;
mod executors;
mod finished;
mod judge;
mod schedule;
mod usage;
mod worker;

pub use control::{Control, ScenarioRun};
pub use finished::{Finished, Health, Judged, Status, Stumble};
pub(crate) use worker::block_on;

/// How a script is loaded.
pub struct Source {
    /// The script.
    pub path: PathBuf,
    /// What it finds in `__ENV`.
    pub env: BTreeMap<String, String>,
    /// Where its messages go.
    pub console: Console,
    /// Bytes that the runtime of one virtual user may use.
    pub memory_limit: usize,
    /// What is known of its modules.
    pub modules: Modules,
    /// Whether loading is to end at once.
    pub stop: fn() -> bool,
}

/// Why a run has no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RunError {
    /// The script could not be loaded or used: it throws, or is none.
    #[error("{0}")]
    Script(String),
    /// The options cannot be used.
    #[error("{0}")]
    Options(String),
    /// The system refuses something: a file, a thread, memory.
    #[error("{0}")]
    System(String),
}

/// A loaded script.
pub struct Test {
    shared: Arc<Shared>,
    entry: Arc<str>,
    grouped: bool,
    /// The options that it exports.
    pub options: Options,
    /// The options that it exports, as they stand there.
    pub raw_options: Value,
    /// The functions that it exports.
    pub functions: Vec<String>,
}

/// How a loaded script is run.
pub struct Settings<'a> {
    /// The options after everything that overrides those of the script.
    pub options: Options,
    /// The same as JSON, for `exec.test.options`.
    pub options_json: Value,
    /// What stands in `User-Agent` where the options do not say it.
    pub user_agent: String,
    /// What the machine says of the network.
    pub network: http::Network,
    /// How many threads run virtual users.
    pub workers: usize,
    /// Where each sample is written as a line of JSON.
    pub lines: Option<Box<dyn Write + Send>>,
    /// Asked often: whether the run is to end.
    pub stop: &'a dyn Fn() -> bool,
    /// Told every tenth of a second how it goes.
    pub progress: &'a mut dyn FnMut(&Status, &mut Totals, &Collector),
}

/// Makes the data for `handleSummary` once everything is measured.
pub type SummaryData<'a> = &'a dyn Fn(&mut Finished) -> String;

impl Test {
    /// Loads a script.
    ///
    /// # Errors
    ///
    /// Fails when the script cannot be read, does not compile, or throws while it is loaded.
    pub fn load(source: Source) -> Result<Self, RunError> {
        let path = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
        let folder = path.parent().unwrap_or_else(|| Path::new("/")).to_owned();
        let entry: Arc<str> = path.to_string_lossy().into();
        let stop = source.stop;
        let shared = Arc::new(Shared {
            modules: source.modules,
            env: source.env,
            collector: RwLock::new(None),
            registry: Registry::default(),
            http: RwLock::new(None),
            options: RwLock::new(Value::Null),
            defaults: RwLock::new(worker::defaults(&Options::default())),
            console: source.console,
            folder,
            arrays: Mutex::default(),
            files: Mutex::new(HashMap::new()),
            started: RwLock::new(Instant::now()),
            stopping: AtomicBool::new(false),
            reason: Mutex::default(),
            marked_failed: Mutex::default(),
            completed: AtomicU64::new(0),
            interrupted: AtomicU64::new(0),
            thrown: AtomicU64::new(0),
            first_thrown: Mutex::default(),
            sockets_opened: AtomicU64::new(0),
            active: AtomicU64::new(0),
            initialized: AtomicU64::new(0),
            setup_data: RwLock::new(None),
            next_slot: AtomicU64::new(0),
            memory_limit: source.memory_limit,
        });
        let outcome = block_on({
            let (shared, entry) = (Arc::clone(&shared), Arc::clone(&entry));
            async move {
                let vu = Vu::new(shared, Arc::default(), 0);
                let control = Control::starting(Instant::now()).heeding(stop);
                control.end(Duration::from_secs(60), Duration::ZERO);
                *vu.control.borrow_mut() = Some(Arc::new(control));
                let fiber = Group::new(&vu.shared, false)
                    .and_then(|group| Fiber::new(Rc::clone(&vu), group, entry));
                match fiber {
                    Ok(mut fiber) => fiber.load().await,
                    Err(err) => Outcome::LoadFailed(err.to_string()),
                }
            }
        })?;
        match outcome {
            Outcome::Loaded { options, functions } => {
                let raw_options: Value = serde_json::from_str(&options).map_err(|err| {
                    RunError::Options(format!("the script's options are not usable: {err}"))
                })?;
                Ok(Self {
                    options: Options::parse(&raw_options).map_err(RunError::Options)?,
                    raw_options,
                    shared,
                    entry,
                    functions,
                    grouped: true,
                })
            }
            Outcome::LoadFailed(text) | Outcome::Thrown(text) => Err(RunError::Script(text)),
            Outcome::Interrupted if stop() => Err(RunError::Script(
                "told to stop while the script was loaded".to_owned(),
            )),
            Outcome::Done(_) | Outcome::Interrupted => Err(RunError::Script(
                "the script was not loaded within a minute".to_owned(),
            )),
        }
    }

    /// Gives every virtual user a runtime of its own. It takes more memory, and nothing else changes.
    #[must_use]
    pub fn with_own_runtimes(mut self) -> Self {
        self.grouped = false;
        self
    }

    /// Returns the scenarios that `options` ask for.
    ///
    /// # Errors
    ///
    /// Fails where they cannot be used, or call a function that the script does not export.
    pub fn plan(&self, options: &Options) -> Result<Vec<Scenario>, String> {
        let plan = options.plan()?;
        let is_there = |it: &&Scenario| self.functions.contains(&it.exec);
        match plan.iter().find(|it| !is_there(it)) {
            Some(scenario) => Err(format!(
                "function '{}' not found in exports: the scenario `{}` calls it",
                scenario.exec, scenario.name
            )),
            None => Ok(plan),
        }
    }

    /// Runs the script. `summary` makes the data for its `handleSummary`, where it has one.
    ///
    /// # Errors
    ///
    /// Fails when the options cannot be used; nothing has been sent then.
    pub fn run(
        self,
        settings: Settings<'_>,
        summary: SummaryData<'_>,
    ) -> Result<Finished, RunError> {
        let options = &settings.options;
        let plan = self.plan(options).map_err(RunError::Options)?;
        let thresholds = if options.no_thresholds == Some(true) {
            Vec::new()
        } else {
            options.thresholds().map_err(RunError::Options)?
        };
        let registry = copy(&self.shared.registry);
        let collector = Collector::new(registry, thresholds, settings.lines.is_some())
            .map_err(RunError::Options)?;
        let collector = Arc::new(collector);
        let shared = http::Shared::new(options, &settings.user_agent, &settings.network)
            .map_err(RunError::Options)?;
        self.prepare(&settings, &collector, shared);
        let runs: Vec<Arc<ScenarioRun>> = plan
            .into_iter()
            .map(|it| Arc::new(ScenarioRun::new(it)))
            .collect();
        self.carry_out(settings, collector, runs, summary)
    }

    fn prepare(&self, settings: &Settings<'_>, collector: &Arc<Collector>, http: http::Shared) {
        use crate::js::write;
        let options = &settings.options;
        *write(&self.shared.http) = Some(Arc::new(http));
        *write(&self.shared.collector) = Some(Arc::clone(collector));
        *write(&self.shared.defaults) = worker::defaults(options);
        *write(&self.shared.options) = settings.options_json.clone();
        *write(&self.shared.started) = Instant::now();
    }

    #[expect(clippy::too_many_lines, reason = "the story of a run, in its order")]
    fn carry_out(
        self,
        mut settings: Settings<'_>,
        collector: Arc<Collector>,
        runs: Vec<Arc<ScenarioRun>>,
        summary: SummaryData<'_>,
    ) -> Result<Finished, RunError> {
        let count = settings.workers.max(1);
        let shards: Vec<Arc<Mutex<Shard>>> = (0..=count).map(|_| Arc::default()).collect();
        let lag: Arc<Mutex<Trend>> = Arc::default();
        let (ended, end) = mpsc::channel();
        let (ask, asked) = mpsc::channel::<String>();
        let job = coordinator::Job {
            shared: Arc::clone(&self.shared),
            entry: Arc::clone(&self.entry),
            runs: runs.clone(),
            shards: shards[..count].to_vec(),
            options: settings.options.clone(),
            functions: self.functions.clone(),
            lag: Arc::clone(&lag),
            grouped: self.grouped,
            summaries: asked,
        };
        let began = Instant::now();
        let cpu = usage::processor_time();
        let coordinator = thread::Builder::new()
            .name("k6-0".to_owned())
            .spawn(move || coordinator::run(job, &ended))
            .map_err(|err| RunError::System(format!("cannot start a thread: {err}")))?;
        let mut totals = Totals::default();
        let mut broken = None;
        let (mut second, mut judged) = (0, 0);
        let system = &shards[count];
        let mut drained = |totals: &mut Totals| {
            for shard in &shards {
                let lines = totals.drain(&collector, shard);
                if let Some(writer) = &mut settings.lines
                    && !lines.is_empty()
                    && writer.write_all(lines.as_bytes()).is_err()
                {
                    settings.lines = None;
                }
            }
        };
        let result = loop {
            match end.recv_timeout(Duration::from_millis(100)) {
                Ok(coordinator::Said::Broken(text)) => broken = Some(text),
                Ok(coordinator::Said::Ended(result)) => break Some(result),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break None,
            }
            if (settings.stop)() {
                self.shared.stop(StopReason::Signal);
            }
            let status = self.status(&runs, began.elapsed());
            let seconds = began.elapsed().as_secs();
            if seconds > second {
                second = seconds;
                gauges(system, &collector, &status);
            }
            drained(&mut totals);
            if seconds >= judged + 2 {
                judged = seconds;
                judge::abort_on_missed(&self.shared, &collector, &mut totals, began.elapsed());
            }
            (settings.progress)(&status, &mut totals, &collector);
        };
        let duration = result
            .as_ref()
            .map_or_else(|| began.elapsed(), |it| it.duration);
        let status = self.status(&runs, duration);
        if second == 0 {
            gauges(system, &collector, &status);
        }
        drained(&mut totals);
        (settings.progress)(&status, &mut totals, &collector);
        let thresholds = judge::judge(&collector, &mut totals, duration);
        let result = result.unwrap_or_default();
        let take = |slot: &Mutex<Option<String>>| {
            slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        let reason = self
            .shared
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut lag = lag.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut late = result.start_lag;
        let wall = began.elapsed().as_secs_f64() * count as f64;
        let mut finished = Finished {
            totals,
            collector: Arc::clone(&collector),
            duration,
            thresholds,
            reason,
            marked_failed: take(&self.shared.marked_failed),
            completed: status.completed,
            interrupted: status.interrupted,
            thrown: self.shared.thrown.load(Ordering::Relaxed),
            first_thrown: take(&self.shared.first_thrown),
            sockets_opened: self.shared.sockets_opened.load(Ordering::Relaxed),
            setup: result.setup,
            teardown: result.teardown,
            broken,
            setup_data: self
                .shared
                .setup_data
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            summary: None,
            health: Health {
                loop_lag_p99_ms: lag.percentile(0.99),
                start_lag_p99_ms: (late.count() > 0).then(|| late.percentile(0.99)),
                busy: (usage::processor_time().saturating_sub(cpu)).as_secs_f64() / wall.max(1e-9),
            },
            vus_max: status.initialized,
        };
        // The script's own summary is made last, by the virtual user that ran `setup`.
        if self.functions.iter().any(|it| it == "handleSummary")
            && settings.options.no_summary != Some(true)
        {
            let data = summary(&mut finished);
            if ask.send(data).is_ok()
                && let Ok(coordinator::Said::Ended(result)) =
                    end.recv_timeout(Duration::from_secs(120))
            {
                match result.summary {
                    Some(Ok(text)) => finished.summary = serde_json::from_str(&text).ok(),
                    Some(Err(text)) => (self.shared.console)(
                        Level::Error,
                        &format!("handleSummary() failed: {text}"),
                    ),
                    None => {}
                }
            }
        }
        drop(ask);
        // A script that never returns cannot keep the process: the thread is left to end with it.
        let patience = Instant::now();
        while !coordinator.is_finished() && patience.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(2));
        }
        Ok(finished)
    }

    fn status(&self, runs: &[Arc<ScenarioRun>], elapsed: Duration) -> Status {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Status {
            elapsed,
            active: load(&self.shared.active),
            initialized: load(&self.shared.initialized),
            completed: load(&self.shared.completed),
            interrupted: load(&self.shared.interrupted),
            scenarios: runs
                .iter()
                .map(|it| (it.plan.name.clone(), it.progress(), it.words()))
                .collect(),
        }
    }
}

fn copy(registry: &Registry) -> Registry {
    let fresh = Registry::default();
    for metric in registry.all() {
        let _ = fresh.register(&metric.name, metric.kind, metric.contains);
    }
    fresh
}

fn gauges(shard: &Arc<Mutex<Shard>>, collector: &Collector, status: &Status) {
    let tags = Tags {
        base: &[],
        own: &[],
        metadata: &[],
    };
    let mut shard = crate::metrics::lock(shard);
    shard.add(collector, VUS, status.active as f64, tags);
    shard.add(collector, VUS_MAX, status.initialized as f64, tags);
}

/// Returns the most virtual users that the scenarios need at one time.
fn needed_at_once(plan: &[Scenario]) -> u64 {
    let end = |it: &Scenario| it.start + it.duration() + it.graceful_stop;
    plan.iter()
        .map(|one| {
            let together = plan
                .iter()
                .filter(|it| it.start <= one.start && one.start < end(it));
            together.map(Scenario::planned_vus).sum()
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
