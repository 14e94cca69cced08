//! The executors: how iterations are handed out to virtual users.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{
    Control, ScenarioRun, arrival,
    bench::{SharedBench, give_back, take},
    schedule::steps,
    worker::{Assignment, Handle, Source},
};
use crate::{
    js::{Level, Shared, Vu},
    metrics::Trend,
    options::Executor,
};

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

pub(super) async fn scenario(
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
) -> Result<(), String> {
    let handles = take(bench, run.plan.planned_vus()).await?;
    let control = Arc::new(Control::starting(run.begin()));
    control.end(run.plan.duration(), run.plan.graceful_stop);
    let (done, mut ended) = mpsc::unbounded_channel();
    for handle in &handles {
        let _ = handle.tasks.unbounded_send(Assignment {
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
) -> Result<(), String> {
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
            let _ = handle.tasks.unbounded_send(Assignment {
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
