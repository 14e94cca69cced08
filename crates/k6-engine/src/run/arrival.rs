//! Arrivals: iterations that start on time, whether or not the earlier ones have ended.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{
    Control, ScenarioRun,
    bench::{SharedBench, give_back, recruit, take},
    executors::{active, rest, warn},
    schedule::Arrivals,
    worker::{Assignment, Handle, Source},
};
use crate::{
    js::{Shared, Vu},
    metrics::{DROPPED_ITERATIONS, Trend},
    options::Executor,
};

/// After so many arrivals it is looked what else has happened.
const AT_ONCE: u32 = 1_000;
/// So long after the plan what should have arrived is still counted as dropped.
const OVERTIME: Duration = Duration::from_millis(200);

#[expect(
    clippy::too_many_lines,
    reason = "one loop over everything that can happen"
)]
pub(super) async fn run(
    run: &Arc<ScenarioRun>,
    shared: &Arc<Shared>,
    bench: &SharedBench,
    lag: &RefCell<Trend>,
    voice: &Rc<Vu>,
) -> Result<(), String> {
    let mut arrivals = match &run.plan.executor {
        Executor::ConstantArrivalRate { rate, unit, .. } => Arrivals::Constant {
            rate: rate / unit.as_secs_f64(),
            count: 0,
        },
        Executor::RampingArrivalRate {
            start,
            unit,
            stages,
            ..
        } => Arrivals::ramping(*start, stages, *unit),
        _ => return Ok(()),
    };
    let mut handles: HashMap<u64, Handle> = take(bench, run.plan.planned_vus())
        .await?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let mut idle: Vec<u64> = handles.keys().copied().collect();
    idle.sort_unstable_by_key(|it| std::cmp::Reverse(*it));
    let mut spare = run.plan.max_vus().saturating_sub(run.plan.planned_vus());
    let (mut recruiting, mut warned) = (false, false);
    let (recruited, mut recruits) = mpsc::unbounded_channel();
    let (done, mut ended) = mpsc::unbounded_channel();
    let length = run.plan.duration();
    let began = run.begin();
    let control = Arc::new(Control::starting(began));
    control.end(length, run.plan.graceful_stop);
    let mut busy = 0_u64;
    let mut next = arrivals.next().filter(|it| *it < length || it.is_zero());
    loop {
        // More than can be counted are not counted to their end.
        if shared.is_stopping() || began.elapsed() > length + OVERTIME {
            next = None;
        }
        let mut turns = AT_ONCE;
        while let Some(at) = next.filter(|it| turns > 0 && began.elapsed() >= *it) {
            turns -= 1;
            if let Some(id) = idle.pop() {
                if let Some(handle) = handles.get(&id) {
                    busy += 1;
                    let _ = handle.tasks.unbounded_send(Assignment {
                        scenario: Arc::clone(run),
                        control: Arc::clone(&control),
                        source: Source::Once(began + at),
                        done: done.clone(),
                    });
                }
            } else {
                let name = run.plan.name.clone();
                voice.sample(DROPPED_ITERATIONS, 1.0, &[("scenario", &name)]);
                if spare > 0 && !recruiting {
                    recruiting = true;
                    spare -= 1;
                    let (bench, recruited) = (Rc::clone(bench), recruited.clone());
                    tokio::task::spawn_local(async move {
                        let _ = recruited.send(recruit(&bench).await);
                    });
                } else if spare == 0 && !warned {
                    warned = true;
                    warn(
                        shared,
                        &format!(
                            "Insufficient VUs, reached {} active VUs and cannot initialize more executor={} scenario={}",
                            active(run).max(busy),
                            run.plan.executor_name(),
                            run.plan.name
                        ),
                    );
                }
            }
            next = arrivals.next().filter(|it| *it < length);
        }
        if next.is_none() && busy == 0 && !recruiting {
            break;
        }
        let until = next.map_or(Instant::now() + Duration::from_millis(20), |it| began + it);
        let until = until.min(Instant::now() + Duration::from_millis(20));
        tokio::select! {
            biased;
            Some((id, late)) = ended.recv(), if busy > 0 => {
                busy -= 1;
                idle.push(id);
                if let Some(late) = late {
                    lag.borrow_mut().add(late);
                }
            }
            Some(made) = recruits.recv(), if recruiting => {
                recruiting = false;
                match made {
                    Ok(handle) => {
                        idle.push(handle.id);
                        handles.insert(handle.id, handle);
                    }
                    Err(text) => warn(shared, &format!("cannot initialize another VU: {text}")),
                }
            }
            () = tokio::time::sleep_until(until.into()) => {}
        }
    }
    // The scenario lasts as long as its plan, though the last arrival may be earlier.
    rest(shared, began + length).await;
    give_back(bench, handles.into_values());
    Ok(())
}
