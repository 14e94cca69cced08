//! A thread of virtual users: each one's task, and the watch over their limits.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

// That of tokio keeps room for 32 messages, and one is never there.
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender};
use futures_util::StreamExt as _;
use tokio::{
    sync::{mpsc, oneshot},
    task::LocalSet,
};

use super::{Control, RunError, ScenarioRun};
use crate::{
    js::{Defaults, Fiber, Group, Job, Level, Outcome, SYSTEM_TAGS, Shared, Vu, enter, system_tag},
    metrics::{DATA_RECEIVED, DATA_SENT, ITERATION_DURATION, ITERATIONS, Shard, Trend},
    options::{Options, text_of},
};

/// How often limits are looked at.
const WATCH: Duration = Duration::from_millis(10);

/// Where a virtual user gets its iterations from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// As long as its limits let it.
    Loop,
    /// So many.
    Count(u64),
    /// From a number that it shares with others.
    Shared(Arc<AtomicU64>),
    /// One, due at this instant.
    Once(Instant),
}

/// What a virtual user is to do.
pub(super) struct Assignment {
    pub(super) scenario: Arc<ScenarioRun>,
    pub(super) control: Arc<Control>,
    pub(super) source: Source,
    /// Told when it is done: its number, and how late it began in milliseconds.
    pub(super) done: mpsc::UnboundedSender<(u64, Option<f64>)>,
}

/// A virtual user seen from the coordinator.
pub(super) struct Handle {
    pub(super) id: u64,
    pub(super) tasks: UnboundedSender<Assignment>,
}

/// What makes a virtual user.
pub(super) struct Seed {
    pub(super) id: u64,
    pub(super) tasks: UnboundedReceiver<Assignment>,
    pub(super) loaded: oneshot::Sender<Result<(), String>>,
}

/// What a thread of virtual users needs.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<str>,
    pub(super) shard: Arc<Mutex<Shard>>,
    pub(super) lag: Arc<Mutex<Trend>>,
    pub(super) min_iteration: Duration,
    /// Whether virtual users share runtimes.
    pub(super) grouped: bool,
}

/// The virtual users of this thread.
pub(super) type Crew = Rc<RefCell<Vec<Rc<Vu>>>>;

/// Runs `work` on an event loop of its own, on this thread.
pub(crate) fn block_on<F: Future>(work: F) -> Result<F::Output, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|err| RunError::System(format!("cannot start an event loop: {err}")))?;
    let local = LocalSet::new();
    let output = runtime.block_on(local.run_until(work));
    // Virtual users that are still there end now, before their event loop does.
    runtime.block_on(async { drop(local) });
    runtime.shutdown_background();
    Ok(output)
}

/// Makes virtual users as they are asked for, until nobody can ask any more.
pub(super) async fn serve(context: Context, mut seeds: mpsc::UnboundedReceiver<Seed>) {
    let crew = Crew::default();
    let mut groups = Groups::default();
    tokio::task::spawn_local(watch(Rc::clone(&crew), Arc::clone(&context.lag)));
    let mut tasks = Vec::new();
    while let Some(seed) = seeds.recv().await {
        let group = groups.seat(&context);
        let work = live(context.clone(), seed, group, Rc::clone(&crew));
        tasks.push(tokio::task::spawn_local(work));
    }
    for task in tasks {
        let _ = task.await;
    }
}

/// Ends iterations that are over their limit, and measures how late the event loop is.
pub(super) async fn watch(crew: Crew, lag: Arc<Mutex<Trend>>) {
    let mut ticks = tokio::time::interval(WATCH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let late = now.saturating_duration_since(last).saturating_sub(WATCH);
        last = now;
        lag.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(late.as_nanos() as f64 / 1e6);
        for vu in crew.borrow().iter() {
            if vu.running.get() && vu.must_end() {
                vu.cancel();
            }
        }
    }
}

/// The runtimes of this thread that have room.
#[derive(Default)]
struct Groups {
    open: Option<(Rc<Group>, usize)>,
}

impl Groups {
    /// Returns a runtime with room for one more.
    fn seat(&mut self, context: &Context) -> io::Result<Rc<Group>> {
        if let Some((group, left)) = &mut self.open
            && *left > 0
        {
            *left -= 1;
            return Ok(Rc::clone(group));
        }
        let group = Group::new(&context.shared, context.grouped)?;
        self.open = Some((Rc::clone(&group), group.size() - 1));
        Ok(group)
    }
}

/// The life of a virtual user.
async fn live(context: Context, mut seed: Seed, group: io::Result<Rc<Group>>, crew: Crew) {
    let vu = Vu::new(
        Arc::clone(&context.shared),
        Arc::clone(&context.shard),
        seed.id,
    );
    let fiber =
        group.and_then(|group| Fiber::new(Rc::clone(&vu), group, Arc::clone(&context.entry)));
    let mut fiber = match fiber {
        Ok(fiber) => fiber,
        Err(err) => {
            let _ = seed.loaded.send(Err(format!(
                "there is no room for another virtual user: {err}"
            )));
            return;
        }
    };
    let loaded = match fiber.load().await {
        Outcome::Loaded { .. } => Ok(()),
        Outcome::LoadFailed(text) | Outcome::Thrown(text) => Err(text),
        Outcome::Done(_) | Outcome::Interrupted => Err("the run was stopped".to_owned()),
    };
    let is_loaded = loaded.is_ok();
    if is_loaded {
        // Before it is told, so that whoever waits for it finds it counted.
        context.shared.initialized.fetch_add(1, Ordering::Relaxed);
    }
    let _ = seed.loaded.send(loaded);
    if !is_loaded {
        return;
    }
    crew.borrow_mut().push(Rc::clone(&vu));
    while let Some(assignment) = seed.tasks.next().await {
        let late = carry_out(&context, &mut fiber, &assignment).await;
        let _ = assignment.done.send((seed.id, late));
    }
    crew.borrow_mut().retain(|it| !Rc::ptr_eq(it, &vu));
}

async fn carry_out(context: &Context, fiber: &mut Fiber, assignment: &Assignment) -> Option<f64> {
    let vu = Rc::clone(&fiber.vu);
    let (shared, scenario) = (&context.shared, &assignment.scenario);
    vu.assign(scenario);
    *vu.control.borrow_mut() = Some(Arc::clone(&assignment.control));
    shared.active.fetch_add(1, Ordering::Relaxed);
    scenario.active.fetch_add(1, Ordering::Relaxed);
    let mut left = match &assignment.source {
        Source::Count(count) => *count,
        Source::Once(_) => 1,
        _ => u64::MAX,
    };
    let mut late = None;
    if let Source::Once(due) = &assignment.source {
        late = Some(Instant::now().saturating_duration_since(*due).as_nanos() as f64 / 1e6);
    }
    while left > 0 && !shared.is_stopping() && assignment.control.may_start() {
        if let Source::Shared(common) = &assignment.source {
            let taken =
                common.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1));
            if taken.is_err() {
                break;
            }
        }
        left = left.saturating_sub(1);
        iterate(context, fiber, &vu, scenario).await;
    }
    scenario.active.fetch_sub(1, Ordering::Relaxed);
    shared.active.fetch_sub(1, Ordering::Relaxed);
    *vu.control.borrow_mut() = None;
    late
}

async fn iterate(context: &Context, fiber: &mut Fiber, vu: &Rc<Vu>, scenario: &Arc<ScenarioRun>) {
    let shared = &context.shared;
    let defaults = vu.defaults.borrow().clone();
    if defaults.cookies_reset {
        let fresh = !vu.jar.borrow().borrow().is_empty();
        if fresh {
            *vu.jar.borrow_mut() = Rc::default();
        }
    }
    if !defaults.reuse_between_iterations
        && let Some(client) = vu.client.borrow().as_ref()
    {
        client.disconnect();
    }
    vu.cancelled.set(false);
    vu.running.set(true);
    vu.iteration_in_test
        .set(scenario.begun.fetch_add(1, Ordering::Relaxed));
    let began = Instant::now();
    let outcome = fiber.run(Job::Iteration(scenario.plan.exec.clone())).await;
    let elapsed = began.elapsed();
    vu.running.set(false);
    if !vu.group.borrow().is_empty() {
        enter(vu, "");
    }
    let whole = !matches!(outcome, Outcome::Interrupted) || vu.aborted.get();
    if let Outcome::Thrown(text) | Outcome::LoadFailed(text) = &outcome {
        shared.thrown.fetch_add(1, Ordering::Relaxed);
        shared
            .first_thrown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| text.clone());
        (shared.console)(Level::Error, text);
    }
    if let Some(client) = vu.client.borrow().as_ref() {
        vu.sample(DATA_SENT, client.sent.take() as f64, &[]);
        vu.sample(DATA_RECEIVED, client.received.take() as f64, &[]);
    }
    if whole {
        vu.sample(ITERATION_DURATION, elapsed.as_nanos() as f64 / 1e6, &[]);
        vu.sample(ITERATIONS, 1.0, &[]);
        shared.completed.fetch_add(1, Ordering::Relaxed);
    } else {
        shared.interrupted.fetch_add(1, Ordering::Relaxed);
    }
    scenario.ended.fetch_add(1, Ordering::Relaxed);
    vu.iteration.set(vu.iteration.get() + 1);
    vu.iteration_in_scenario
        .set(vu.iteration_in_scenario.get() + 1);
    let rest = context.min_iteration.saturating_sub(elapsed);
    if !rest.is_zero() && whole {
        tokio::time::sleep(rest).await;
    } else if !fiber.waited() {
        // Nothing was waited for: the others get their turn.
        tokio::task::yield_now().await;
    }
}

/// Returns what the options say of requests and tags.
pub(super) fn defaults(options: &Options) -> Defaults {
    let mut system_tags = SYSTEM_TAGS[..14].iter().map(|it| system_tag(it)).sum();
    if let Some(wanted) = &options.system_tags {
        system_tags = wanted
            .iter()
            .map(|it| system_tag(it))
            .fold(0, |all, one| all | one);
    }
    let tags = options.tags.iter().flatten();
    Defaults {
        max_redirects: options.max_redirects.unwrap_or(10),
        discard_bodies: options.discard_response_bodies == Some(true),
        throw: options.throw == Some(true),
        batch: options.batch.unwrap_or(20),
        batch_per_host: options.batch_per_host.unwrap_or(6),
        cookies_reset: options.no_cookies_reset != Some(true),
        reuse_between_iterations: options.no_vu_connection_reuse != Some(true),
        system_tags,
        tags: tags
            .map(|(key, value)| (key.clone(), text_of(value)))
            .collect(),
        rps: options.rps.filter(|it| *it > 0.0),
    }
}
