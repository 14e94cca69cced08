//! Steps that wait for each other and for nothing else, run side by side, with their times.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use autoscaleops_core::{Failure, stop};
use schemars::JsonSchema;
use serde::Serialize;

/// What a step does. It gets the time that is left.
pub type Work<'a> = Box<dyn FnOnce(Duration) -> anyhow::Result<()> + Send + 'a>;

/// One step.
pub struct Step<'a> {
    name: &'static str,
    after: &'static [&'static str],
    work: Work<'a>,
}

impl<'a> Step<'a> {
    /// Returns a step that begins when all of `after` are done.
    pub fn new(
        name: &'static str,
        after: &'static [&'static str],
        work: impl FnOnce(Duration) -> anyhow::Result<()> + Send + 'a,
    ) -> Self {
        Self {
            name,
            after,
            work: Box::new(work),
        }
    }
}

/// When a step ran, counted from the start of the first one.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Timing {
    /// The step.
    pub name: String,
    /// When it began, in milliseconds.
    pub start_ms: u64,
    /// When it ended, in milliseconds.
    pub end_ms: u64,
    /// Whether a faster one would have made the whole faster.
    pub critical: bool,
}

enum Progress {
    Done,
    Failed,
}

struct Board {
    progress: BTreeMap<&'static str, Progress>,
    timings: Vec<Timing>,
    error: Option<anyhow::Error>,
}

/// Runs `steps`, each in a thread of its own, within `timeout`. `say` hears of every begin and end.
///
/// # Errors
///
/// Fails with the first error; steps that run then are let finish, later ones do not begin. The
/// timings come back in either case.
pub fn run(
    steps: Vec<Step<'_>>,
    timeout: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> (Vec<Timing>, anyhow::Result<()>) {
    let names: Vec<&'static str> = steps.iter().map(|it| it.name).collect();
    let edges: BTreeMap<&str, &[&str]> = steps.iter().map(|it| (it.name, it.after)).collect();
    let started = Instant::now();
    let board = Mutex::new(Board {
        progress: BTreeMap::new(),
        timings: Vec::new(),
        error: None,
    });
    let changed = Condvar::new();
    std::thread::scope(|scope| {
        for step in steps {
            let (board, changed, names) = (&board, &changed, &names);
            scope.spawn(move || {
                let known: Vec<_> = step
                    .after
                    .iter()
                    .filter(|it| names.contains(it))
                    .copied()
                    .collect();
                if !ready(board, changed, &known) {
                    board
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .progress
                        .insert(step.name, Progress::Failed);
                    changed.notify_all();
                    return;
                }
                let begin = started.elapsed();
                say(&format!("{} …", step.name));
                let left = timeout.saturating_sub(begin);
                let result = if stop::requested() {
                    Err(anyhow::anyhow!("interrupted before `{}`", step.name))
                } else if left.is_zero() {
                    Err(late(step.name, timeout))
                } else {
                    (step.work)(left)
                };
                let end = started.elapsed();
                let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
                board.timings.push(Timing {
                    name: step.name.to_owned(),
                    start_ms: millis(begin),
                    end_ms: millis(end),
                    critical: false,
                });
                let progress = match result {
                    Ok(()) => {
                        say(&format!(
                            "{} done in {:.1} s",
                            step.name,
                            end.saturating_sub(begin).as_secs_f64()
                        ));
                        Progress::Done
                    }
                    Err(err) => {
                        board
                            .error
                            .get_or_insert(err.context(format!("`{}` failed", step.name)));
                        Progress::Failed
                    }
                };
                board.progress.insert(step.name, progress);
                changed.notify_all();
            });
        }
    });
    let mut board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    mark_critical(&mut board.timings, &edges);
    let result = match board.error {
        Some(err) => Err(err),
        None => Ok(()),
    };
    (board.timings, result)
}

/// Waits until all of `after` are done. Returns whether they are; false when one failed.
fn ready(board: &Mutex<Board>, changed: &Condvar, after: &[&str]) -> bool {
    let mut guard = board.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if guard.error.is_some()
            || after
                .iter()
                .any(|it| matches!(guard.progress.get(it), Some(Progress::Failed)))
        {
            return false;
        }
        if after
            .iter()
            .all(|it| matches!(guard.progress.get(it), Some(Progress::Done)))
        {
            return true;
        }
        if stop::requested() {
            guard.error.get_or_insert_with(|| {
                anyhow::anyhow!("interrupted; run again to complete what was begun")
            });
            return false;
        }
        guard = changed
            .wait_timeout(guard, Duration::from_millis(200))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

fn late(name: &str, timeout: Duration) -> anyhow::Error {
    Failure::undecided(
        "timeout",
        format!("`{name}` was not begun within {} s", timeout.as_secs()),
    )
    .hint("run again: what is there is kept; or give more time with `--timeout`")
    .into()
}

/// Marks the chain of steps that made the whole as long as it was.
fn mark_critical(timings: &mut [Timing], edges: &BTreeMap<&str, &[&str]>) {
    timings.sort_by_key(|it| (it.start_ms, it.end_ms));
    let mut current = timings
        .iter()
        .max_by_key(|it| it.end_ms)
        .map(|it| it.name.clone());
    while let Some(name) = current {
        let after = edges.get(name.as_str()).copied().unwrap_or_default();
        for timing in timings.iter_mut().filter(|it| it.name == name) {
            timing.critical = true;
        }
        current = timings
            .iter()
            .filter(|it| after.contains(&it.name.as_str()))
            .max_by_key(|it| it.end_ms)
            .map(|it| it.name.clone());
    }
}

/// Returns a bar per step on one axis of time, the critical ones marked.
pub fn chart(timings: &[Timing], width: usize) -> String {
    let total = timings.iter().map(|it| it.end_ms).max().unwrap_or(0).max(1);
    let names = timings.iter().map(|it| it.name.len()).max().unwrap_or(0);
    let room = width.saturating_sub(names + 14).clamp(10, 100) as u64;
    let mut text = String::new();
    for timing in timings {
        let column = |at: u64| usize::try_from(at * room / total).unwrap_or(0);
        let (start, end) = (column(timing.start_ms), column(timing.end_ms));
        let length = (end - start).max(1);
        let mark = if timing.critical { '█' } else { '░' };
        text.push_str(&format!(
            "{:names$} {}{}{} {:>6.1} s\n",
            timing.name,
            " ".repeat(start),
            mark.to_string().repeat(length),
            " ".repeat(
                usize::try_from(room)
                    .unwrap_or(0)
                    .saturating_sub(start + length)
            ),
            seconds(timing.end_ms - timing.start_ms),
        ));
    }
    text.push_str(&format!(
        "{:names$} total {:.1} s, █ is the critical path\n",
        "",
        seconds(total)
    ));
    text
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of minutes fit a f64"
)]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn sleep(ms: u64) -> impl FnOnce(Duration) -> anyhow::Result<()> + Send {
        move |_| {
            std::thread::sleep(Duration::from_millis(ms));
            Ok(())
        }
    }

    #[test]
    fn a_step_begins_when_what_it_needs_is_done_and_not_before() {
        let order = Mutex::new(Vec::new());
        let note = |name: &'static str| {
            let order = &order;
            move |_: Duration| {
                std::thread::sleep(Duration::from_millis(10));
                order.lock().unwrap().push(name);
                Ok(())
            }
        };
        let steps = vec![
            Step::new("apps", &["argo", "nodes"], note("apps")),
            Step::new("argo", &["cluster"], note("argo")),
            Step::new("cluster", &[], note("cluster")),
            Step::new("nodes", &["cluster"], note("nodes")),
        ];
        let (timings, result) = run(steps, LONG, &|_| {});
        result.unwrap();
        let order = order.into_inner().unwrap();
        assert_eq!((order[0], order[3]), ("cluster", "apps"));
        assert_eq!(timings.len(), 4);
    }

    #[test]
    fn what_need_not_wait_overlaps_and_the_longest_chain_is_critical() {
        let steps = vec![
            Step::new("pull", &[], sleep(20)),
            Step::new("create", &[], sleep(150)),
            Step::new("load", &["pull", "create"], sleep(60)),
            Step::new("crds", &["create"], sleep(10)),
        ];
        let (timings, result) = run(steps, LONG, &|_| {});
        result.unwrap();
        let critical: Vec<&str> = timings
            .iter()
            .filter(|it| it.critical)
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(critical, ["create", "load"]);
        let of = |name: &str| timings.iter().find(|it| it.name == name).unwrap();
        assert!(
            of("pull").start_ms < of("create").end_ms && of("crds").start_ms < of("load").end_ms
        );
    }

    #[test]
    fn nothing_begins_after_a_failure() {
        let begun = AtomicUsize::new(0);
        let steps = vec![
            Step::new("one", &[], |_| anyhow::bail!("no cluster")),
            Step::new("two", &["one"], |_| {
                begun.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }),
            Step::new("three", &["two"], |_| {
                begun.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }),
        ];
        let (_, result) = run(steps, LONG, &|_| {});
        assert_eq!(
            format!("{:#}", result.unwrap_err()),
            "`one` failed: no cluster"
        );
        assert_eq!(begun.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_step_gets_the_time_that_is_left() {
        let steps = vec![
            Step::new("one", &[], sleep(60)),
            Step::new("two", &["one"], |left| {
                assert!(left < Duration::from_millis(250), "{left:?}");
                Ok(())
            }),
        ];
        run(steps, Duration::from_millis(300), &|_| {}).1.unwrap();
        let steps = vec![
            Step::new("one", &[], sleep(30)),
            Step::new("two", &["one"], sleep(1)),
        ];
        let err = run(steps, Duration::from_millis(10), &|_| {})
            .1
            .unwrap_err();
        assert_eq!(autoscaleops_core::failure::code(&err), 11);
    }

    #[test]
    fn the_chart_has_a_bar_per_step_on_one_axis() {
        let timing = |name: &str, start_ms, end_ms, critical| Timing {
            name: name.to_owned(),
            start_ms,
            end_ms,
            critical,
        };
        let text = chart(
            &[
                timing("create", 0, 30_000, true),
                timing("pull", 0, 12_000, false),
                timing("load", 30_000, 40_000, true),
            ],
            60,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines[0].starts_with("create █") && lines[0].ends_with("30.0 s"),
            "{text}"
        );
        assert!(lines[1].contains('░') && !lines[1].contains('█'));
        assert!(lines[3].contains("total 40.0 s"));
    }
}
