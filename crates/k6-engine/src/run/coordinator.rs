//! Carries out the scenarios: sets up, hands virtual users their work, tears down.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, Mutex, mpsc as channel},
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::{
    Control, RunError, ScenarioRun, Stumble,
    bench::{Bench, SharedBench, fill},
    executors::scenario,
    worker::{self, Context},
};
use crate::{
    js::{self, Fiber, Group, Outcome, Shared, Vu, enter, write},
    metrics::{DATA_RECEIVED, DATA_SENT, Shard, Trend},
    options::Options,
};

/// What the coordinator needs.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<str>,
    pub(super) runs: Vec<Arc<ScenarioRun>>,
    pub(super) shards: Vec<Arc<Mutex<Shard>>>,
    pub(super) options: Options,
    pub(super) functions: Vec<String>,
    pub(super) lag: Arc<Mutex<Trend>>,
    /// Whether virtual users share runtimes.
    pub(super) grouped: bool,
    /// Data for `handleSummary`, once everything is measured.
    pub(super) summaries: channel::Receiver<String>,
}

/// What the coordinator says.
pub(super) enum Said {
    /// Virtual users could not be made.
    Broken(String),
    /// The scenarios are over, or the script's summary is made.
    Ended(Result),
}

/// What came of it.
#[derive(Default)]
pub(super) struct Result {
    pub(super) duration: Duration,
    pub(super) setup: Option<Stumble>,
    pub(super) teardown: Option<Stumble>,
    pub(super) start_lag: Trend,
    pub(super) summary: Option<std::result::Result<String, String>>,
}

/// Carries everything out on this thread and those that it starts.
pub(super) fn run(job: Job, said: &channel::Sender<Said>) {
    let mut workers = Vec::new();
    let mut threads = Vec::new();
    let min_iteration = job.options.min_iteration_duration.unwrap_or_default().0;
    let context = |place: usize| Context {
        shared: Arc::clone(&job.shared),
        entry: Arc::clone(&job.entry),
        shard: Arc::clone(&job.shards[place]),
        lag: Arc::clone(&job.lag),
        min_iteration,
        grouped: job.grouped,
    };
    let mut own = None;
    for place in 0..job.shards.len() {
        let (sender, seeds) = mpsc::unbounded_channel();
        let context = context(place);
        if place == 0 {
            own = Some((context, seeds));
        } else {
            let spawned = thread::Builder::new()
                .name(format!("k6-{place}"))
                .spawn(move || worker::block_on(worker::serve(context, seeds)));
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(_) => continue,
            }
        }
        workers.push(sender);
    }
    let Some((context, seeds)) = own else {
        return;
    };
    let bench = Bench {
        idle: Vec::new(),
        next: 1,
        workers,
    };
    let done: std::result::Result<(), RunError> = worker::block_on(async move {
        let serving = tokio::task::spawn_local(worker::serve(context, seeds));
        let bench = Rc::new(RefCell::new(bench));
        conduct(job, Rc::clone(&bench), said).await;
        // Without their handles, the virtual users end.
        bench.borrow_mut().idle.clear();
        bench.borrow_mut().workers.clear();
        let _ = tokio::time::timeout(Duration::from_secs(3), serving).await;
    });
    drop(done);
    for thread in threads {
        let _ = thread.join();
    }
}

async fn conduct(job: Job, bench: SharedBench, said: &channel::Sender<Said>) {
    let mut result = Result::default();
    let vu = Vu::new(Arc::clone(&job.shared), Arc::clone(&job.shards[0]), 0);
    let fiber = Group::new(&job.shared, false)
        .and_then(|group| Fiber::new(Rc::clone(&vu), group, Arc::clone(&job.entry)));
    let mut fiber = match fiber {
        Ok(fiber) => fiber,
        Err(err) => {
            let _ = said.send(Said::Broken(format!("there is no room for a stack: {err}")));
            let _ = said.send(Said::Ended(result));
            return;
        }
    };
    if let Outcome::LoadFailed(text) | Outcome::Thrown(text) = fiber.load().await {
        let _ = said.send(Said::Broken(text));
        let _ = said.send(Said::Ended(result));
        return;
    }
    if let Err(text) = fill(&bench, super::needed_at_once(&plans(&job.runs))).await {
        job.shared.stop(js::StopReason::Signal);
        let _ = said.send(Said::Broken(text));
        let _ = said.send(Said::Ended(result));
        return;
    }
    let began = Instant::now();
    *write(&job.shared.started) = began;
    let has = |name: &str| job.functions.iter().any(|it| it == name);
    if has("setup") && job.options.no_setup != Some(true) {
        let limit = job
            .options
            .setup_timeout
            .map_or(Duration::from_secs(60), |it| it.0);
        match around(&mut fiber, js::Job::Setup, "::setup", limit).await {
            Ok(data) => *write(&job.shared.setup_data) = data,
            Err(stumble) => result.setup = Some(stumble),
        }
    }
    if result.setup.is_none() && !job.shared.is_stopping() {
        let lag = RefCell::new(Trend::default());
        let scenarios = job
            .runs
            .iter()
            .map(|run| scenario(run, &job.shared, &bench, &lag, &vu));
        for text in join_all(scenarios).await.into_iter().flatten() {
            let _ = said.send(Said::Broken(text));
        }
        result.start_lag = lag.into_inner();
    }
    vu.heeds_stop.set(false);
    if result.setup.is_none() && has("teardown") && job.options.no_teardown != Some(true) {
        let limit = job
            .options
            .teardown_timeout
            .map_or(Duration::from_secs(60), |it| it.0);
        if let Err(stumble) = around(&mut fiber, js::Job::Teardown, "::teardown", limit).await {
            result.teardown = Some(stumble);
        }
    }
    result.duration = began.elapsed();
    let _ = said.send(Said::Ended(result));
    // Blocks the event loop, on which nothing else happens any more.
    while let Ok(data) = job.summaries.recv() {
        let made = match around(
            &mut fiber,
            js::Job::Summary(data),
            "",
            Duration::from_secs(110),
        )
        .await
        {
            Ok(text) => Ok(text.unwrap_or_else(|| "null".to_owned())),
            Err(Stumble::Thrown(text)) => Err(text),
            Err(Stumble::TimedOut(limit)) => {
                Err(format!("it took longer than {} s", limit.as_secs()))
            }
        };
        let answer = Result {
            summary: Some(made),
            ..Result::default()
        };
        let _ = said.send(Said::Ended(answer));
    }
}

fn plans(runs: &[Arc<ScenarioRun>]) -> Vec<crate::options::Scenario> {
    runs.iter().map(|it| it.plan.clone()).collect()
}

/// Runs a function that is called once, within its time.
async fn around(
    fiber: &mut Fiber,
    job: js::Job,
    group: &str,
    limit: Duration,
) -> std::result::Result<Option<String>, Stumble> {
    let vu = Rc::clone(&fiber.vu);
    let control = Control::starting(Instant::now());
    control.end(limit, Duration::ZERO);
    *vu.control.borrow_mut() = Some(Arc::new(control));
    vu.cancelled.set(false);
    enter(&vu, group);
    let watch = {
        let vu = Rc::clone(&vu);
        tokio::task::spawn_local(async move {
            while !vu.must_end() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            vu.cancel();
        })
    };
    let outcome = fiber.run(job).await;
    watch.abort();
    if let Some(client) = vu.client.borrow().as_ref() {
        vu.sample(DATA_SENT, client.sent.take() as f64, &[]);
        vu.sample(DATA_RECEIVED, client.received.take() as f64, &[]);
    }
    enter(&vu, "");
    match outcome {
        Outcome::Done(text) => Ok(text),
        Outcome::Thrown(text) | Outcome::LoadFailed(text) => Err(Stumble::Thrown(text)),
        Outcome::Interrupted if vu.shared.is_stopping() => Ok(None),
        Outcome::Interrupted | Outcome::Loaded { .. } => Err(Stumble::TimedOut(limit)),
    }
}
