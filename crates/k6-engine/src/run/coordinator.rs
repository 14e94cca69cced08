//! Carries out the scenarios: sets up, hands virtual users their work, tears down.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc as channel,
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::{
    Control, RunError, ScenarioRun, Stumble, arrival,
    schedule::steps,
    worker::{self, Assignment, Context, Handle, Seed, Source},
};
use crate::{
    js::{self, Fiber, Group, Level, Outcome, Shared, Vu, enter, write},
    metrics::{DATA_RECEIVED, DATA_SENT, Shard, Trend},
    options::{Executor, Options},
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

/// The virtual users that have nothing to do, and the means to make more.
pub(super) struct Bench {
    idle: Vec<Handle>,
    next: u64,
    workers: Vec<mpsc::UnboundedSender<Seed>>,
}

/// The virtual users, shared by the scenarios.
pub(super) type SharedBench = Rc<RefCell<Bench>>;

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

/// Makes virtual users until `count` are idle.
async fn fill(bench: &SharedBench, count: u64) -> std::result::Result<(), String> {
    let missing = (count as usize).saturating_sub(bench.borrow().idle.len());
    let made = join_all((0..missing).map(|_| recruit(bench))).await;
    for handle in made {
        let handle = handle?;
        bench.borrow_mut().idle.push(handle);
    }
    // The first made is the first to work.
    bench
        .borrow_mut()
        .idle
        .sort_by_key(|it| std::cmp::Reverse(it.id));
    Ok(())
}

/// Makes a virtual user.
pub(super) async fn recruit(bench: &SharedBench) -> std::result::Result<Handle, String> {
    let (tasks, receiver) = mpsc::unbounded_channel();
    let (loaded, wait) = oneshot::channel();
    let id = {
        let mut bench = bench.borrow_mut();
        let id = bench.next;
        bench.next += 1;
        let seed = Seed {
            id,
            tasks: receiver,
            loaded,
        };
        let place = (id as usize - 1) % bench.workers.len().max(1);
        let sent = bench.workers.get(place).map(|it| it.send(seed));
        if !matches!(sent, Some(Ok(()))) {
            return Err("a thread of virtual users has ended".to_owned());
        }
        id
    };
    match wait.await {
        Ok(Ok(())) => Ok(Handle { id, tasks }),
        Ok(Err(text)) => Err(text),
        Err(_) => Err("a thread of virtual users has ended".to_owned()),
    }
}

/// Takes `count` virtual users, made where there are too few.
pub(super) async fn take(
    bench: &SharedBench,
    count: u64,
) -> std::result::Result<Vec<Handle>, String> {
    fill(bench, count).await?;
    let mut bench = bench.borrow_mut();
    let left = bench.idle.len().saturating_sub(count as usize);
    let mut taken = bench.idle.split_off(left);
    taken.reverse();
    Ok(taken)
}

/// Gives virtual users back.
pub(super) fn give_back(bench: &SharedBench, handles: impl IntoIterator<Item = Handle>) {
    let mut bench = bench.borrow_mut();
    bench.idle.extend(handles);
    bench.idle.sort_by_key(|it| std::cmp::Reverse(it.id));
}

/// Waits until `until`, less when the run is to end. Returns whether it is.
pub(super) async fn rest(shared: &Shared, until: Instant) -> bool {
    loop {
        if shared.is_stopping() {
            return true;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(left.min(Duration::from_millis(20))).await;
    }
}

async fn scenario(
    run: &Arc<ScenarioRun>,
    shared: &Arc<Shared>,
    bench: &SharedBench,
    lag: &RefCell<Trend>,
    voice: &Rc<Vu>,
) -> Option<String> {
    if rest(shared, Instant::now() + run.plan.start).await {
        return None;
    }
    let result = match &run.plan.executor {
        Executor::ConstantArrivalRate { .. } | Executor::RampingArrivalRate { .. } => {
            arrival::run(run, shared, bench, lag, voice).await
        }
        Executor::RampingVus {
            start,
            stages,
            graceful_ramp_down,
        } => {
            let plan = steps(*start, stages);
            ramp(run, shared, bench, &plan, *graceful_ramp_down).await
        }
        Executor::SharedIterations { iterations, .. } => {
            let common = Arc::new(AtomicU64::new(*iterations));
            closed(run, bench, &Source::Shared(common)).await
        }
        Executor::PerVuIterations { iterations, .. } => {
            closed(run, bench, &Source::Count(*iterations)).await
        }
        Executor::ConstantVus { .. } => closed(run, bench, &Source::Loop).await,
    };
    run.finish();
    result.err()
}

/// Lets a fixed number of virtual users work until their iterations or their time are used up.
async fn closed(
    run: &Arc<ScenarioRun>,
    bench: &SharedBench,
    source: &Source,
) -> std::result::Result<(), String> {
    let handles = take(bench, run.plan.planned_vus()).await?;
    let control = Arc::new(Control::starting(run.begin()));
    control.end(run.plan.duration(), run.plan.graceful_stop);
    let (done, mut ended) = mpsc::unbounded_channel();
    for handle in &handles {
        let _ = handle.tasks.send(Assignment {
            scenario: Arc::clone(run),
            control: Arc::clone(&control),
            source: source.clone(),
            done: done.clone(),
        });
    }
    drop(done);
    while ended.recv().await.is_some() {}
    give_back(bench, handles);
    Ok(())
}

/// Lets more and fewer virtual users work, as `plan` says.
async fn ramp(
    run: &Arc<ScenarioRun>,
    shared: &Shared,
    bench: &SharedBench,
    plan: &[(Duration, u64)],
    graceful_ramp_down: Duration,
) -> std::result::Result<(), String> {
    let handles = take(bench, run.plan.planned_vus()).await?;
    let began = run.begin();
    let length = run.plan.duration();
    let last = length + run.plan.graceful_stop;
    let (done, mut ended) = mpsc::unbounded_channel();
    let mut slots: Vec<(Arc<Control>, bool)> = handles
        .iter()
        .map(|_| (Arc::new(Control::starting(began)), false))
        .collect();
    let assign = |slot: &mut (Arc<Control>, bool), handle: &Handle| {
        slot.0.end(length, run.plan.graceful_stop);
        if !slot.1 {
            slot.1 = true;
            let _ = handle.tasks.send(Assignment {
                scenario: Arc::clone(run),
                control: Arc::clone(&slot.0),
                source: Source::Loop,
                done: done.clone(),
            });
        }
    };
    let mut wanted = 0;
    let mut steps = plan.iter().copied().chain([(length, 0)]).peekable();
    loop {
        while let Some((at, vus)) = steps.next_if(|it| began.elapsed() >= it.0) {
            for place in 0..slots.len() {
                let is_wanted = place < vus as usize;
                if is_wanted && place >= wanted {
                    assign(&mut slots[place], &handles[place]);
                } else if !is_wanted && place < wanted && at < length {
                    let grace = graceful_ramp_down.min(last.saturating_sub(at));
                    slots[place].0.end(began.elapsed(), grace);
                }
            }
            wanted = vus as usize;
        }
        let busy = slots.iter().any(|it| it.1);
        let next = steps.peek().map(|it| began + it.0);
        if shared.is_stopping() && !busy {
            break;
        }
        tokio::select! {
            message = ended.recv(), if busy => {
                let Some((id, _)) = message else { break };
                if let Some(place) = handles.iter().position(|it| it.id == id) {
                    slots[place].1 = false;
                    // It left just as it was called back.
                    if place < wanted && began.elapsed() < length && !shared.is_stopping() {
                        assign(&mut slots[place], &handles[place]);
                    }
                }
            }
            _ = rest(shared, next.unwrap_or(began)), if next.is_some() && !shared.is_stopping() => {}
            else => break,
        }
    }
    give_back(bench, handles);
    Ok(())
}

/// Says something on behalf of the run.
pub(super) fn warn(shared: &Shared, text: &str) {
    (shared.console)(Level::Warning, text);
}

/// Returns how many virtual users run a scenario.
pub(super) fn active(run: &ScenarioRun) -> u64 {
    run.active.load(Ordering::Relaxed)
}
