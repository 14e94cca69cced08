//! Steps that wait for each other and for nothing else, run side by side, with their times.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use autoscaleops_core::{Failure, failure, stop};

use crate::details::Phase;

/// What a step does. It gets the time that is left, and says in a few words what it did.
pub(crate) type Work<'a> = Box<dyn FnOnce(Duration) -> anyhow::Result<String> + Send + 'a>;

/// One step.
pub(crate) struct Step<'a> {
    name: &'static str,
    after: &'static [&'static str],
    work: Work<'a>,
}

impl<'a> Step<'a> {
    /// Returns a step that begins when all of `after` are done.
    pub(crate) fn new(
        name: &'static str,
        after: &'static [&'static str],
        work: impl FnOnce(Duration) -> anyhow::Result<String> + Send + 'a,
    ) -> Self {
        Self {
            name,
            after,
            work: Box::new(work),
        }
    }

    /// Returns the same step with other work, for a bring-up on paper.
    pub(crate) fn with(
        self,
        work: impl FnOnce(Duration) -> anyhow::Result<String> + Send + 'a,
    ) -> Self {
        Self::new(self.name, self.after, work)
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

enum Progress {
    Done,
    Failed,
}

struct Board {
    progress: BTreeMap<&'static str, Progress>,
    phases: Vec<Phase>,
    error: Option<anyhow::Error>,
}

/// Runs `steps`, each in a thread of its own, within `timeout`. `say` hears of every begin and end.
///
/// # Errors
///
/// Fails with the first error; steps that run then are let finish, later ones do not begin. The
/// phases come back in either case.
pub(crate) fn run(
    steps: Vec<Step<'_>>,
    timeout: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> (Vec<Phase>, anyhow::Result<()>) {
    let names: Vec<&'static str> = steps.iter().map(|it| it.name).collect();
    let edges: BTreeMap<&str, &[&str]> = steps.iter().map(|it| (it.name, it.after)).collect();
    let started = Instant::now();
    let board = Mutex::new(Board {
        progress: BTreeMap::new(),
        phases: Vec::new(),
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
                tracing::debug!("the phase `{}` begins", step.name);
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
                board.phases.push(Phase {
                    name: step.name.to_owned(),
                    start_ms: millis(begin),
                    elapsed_ms: millis(end.saturating_sub(begin)),
                    after: step.after.iter().map(|it| (*it).to_owned()).collect(),
                    critical: false,
                    note: result.as_ref().cloned().unwrap_or_default(),
                });
                let progress = match result {
                    Ok(_) => {
                        say(&format!(
                            "{} done in {:.1} s",
                            step.name,
                            end.saturating_sub(begin).as_secs_f64()
                        ));
                        Progress::Done
                    }
                    Err(err) => {
                        // A failure that names its kind says more than the step it came from.
                        let err = match failure::of(&err) {
                            Some(_) => err,
                            None => err.context(format!("the phase `{}` failed", step.name)),
                        };
                        board.error.get_or_insert(err);
                        Progress::Failed
                    }
                };
                board.progress.insert(step.name, progress);
                changed.notify_all();
            });
        }
    });
    let mut board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    mark_critical(&mut board.phases, &edges);
    let result = match board.error {
        Some(err) => Err(err),
        None => Ok(()),
    };
    (board.phases, result)
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

fn end(phase: &Phase) -> u64 {
    phase.start_ms + phase.elapsed_ms
}

/// Keeps of `steps` only `name` and what it needs.
///
/// # Errors
///
/// Fails when there is no such step, naming those that there are.
pub(crate) fn only<'a>(steps: Vec<Step<'a>>, name: &str) -> Result<Vec<Step<'a>>, Failure> {
    let names: Vec<&str> = steps.iter().map(|it| it.name).collect();
    let Some(wanted) = names.iter().find(|it| **it == name) else {
        return Err(Failure::usage(format!("there is no phase `{name}`"))
            .hint(format!("phases: {}", names.join(", "))));
    };
    let mut kept = vec![*wanted];
    let mut index = 0;
    while let Some(name) = kept.get(index) {
        let needed = steps
            .iter()
            .find(|it| it.name == *name)
            .map_or(&[][..], |it| it.after);
        for it in needed {
            if !kept.contains(it) {
                kept.push(it);
            }
        }
        index += 1;
    }
    Ok(steps
        .into_iter()
        .filter(|it| kept.contains(&it.name))
        .collect())
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
fn mark_critical(phases: &mut [Phase], edges: &BTreeMap<&str, &[&str]>) {
    phases.sort_by_key(|it| (it.start_ms, end(it)));
    let mut current = phases
        .iter()
        .max_by_key(|it| end(it))
        .map(|it| it.name.clone());
    while let Some(name) = current {
        let after = edges.get(name.as_str()).copied().unwrap_or_default();
        for phase in phases.iter_mut().filter(|it| it.name == name) {
            phase.critical = true;
        }
        current = phases
            .iter()
            .filter(|it| after.contains(&it.name.as_str()))
            .max_by_key(|it| end(it))
            .map(|it| it.name.clone());
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[expect(clippy::unnecessary_wraps, reason = "it is the end of a step's work")]
    fn done() -> anyhow::Result<String> {
        Ok(String::new())
    }

    fn sleep(ms: u64) -> impl FnOnce(Duration) -> anyhow::Result<String> + Send {
        move |_| {
            std::thread::sleep(Duration::from_millis(ms));
            done()
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
                done()
            }
        };
        let steps = vec![
            Step::new("apps", &["argo", "nodes"], note("apps")),
            Step::new("argo", &["cluster"], note("argo")),
            Step::new("cluster", &[], note("cluster")),
            Step::new("nodes", &["cluster"], note("nodes")),
        ];
        let (phases, result) = run(steps, LONG, &|_| {});
        result.unwrap();
        let order = order.into_inner().unwrap();
        assert_eq!((order[0], order[3]), ("cluster", "apps"));
        assert_eq!(phases.len(), 4);
    }

    #[test]
    fn what_need_not_wait_overlaps_and_the_longest_chain_is_critical() {
        let steps = vec![
            Step::new("pull", &[], sleep(20)),
            Step::new("create", &[], sleep(150)),
            Step::new("load", &["pull", "create"], sleep(60)),
            Step::new("crds", &["create"], sleep(10)),
        ];
        let (phases, result) = run(steps, LONG, &|_| {});
        result.unwrap();
        let critical: Vec<&str> = phases
            .iter()
            .filter(|it| it.critical)
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(critical, ["create", "load"]);
        let of = |name: &str| phases.iter().find(|it| it.name == name).unwrap();
        assert!(of("pull").start_ms < end(of("create")) && of("crds").start_ms < end(of("load")));
    }

    #[test]
    fn one_phase_brings_what_it_needs_and_no_more() {
        let steps = || {
            vec![
                Step::new("a", &[], |_| done()),
                Step::new("b", &["a"], |_| done()),
                Step::new("c", &["b"], |_| done()),
                Step::new("d", &["a"], |_| done()),
            ]
        };
        let names: Vec<&str> = only(steps(), "c")
            .unwrap()
            .iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(
            only(steps(), "x")
                .err()
                .unwrap()
                .remedy()
                .unwrap()
                .contains("a, b, c, d")
        );
    }

    #[test]
    fn nothing_begins_after_a_failure() {
        let begun = AtomicUsize::new(0);
        let steps = vec![
            Step::new("one", &[], |_| anyhow::bail!("no cluster")),
            Step::new("two", &["one"], |_| {
                begun.fetch_add(1, Ordering::SeqCst);
                done()
            }),
            Step::new("three", &["two"], |_| {
                begun.fetch_add(1, Ordering::SeqCst);
                done()
            }),
        ];
        let (_, result) = run(steps, LONG, &|_| {});
        assert_eq!(
            format!("{:#}", result.unwrap_err()),
            "the phase `one` failed: no cluster"
        );
        assert_eq!(begun.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_step_gets_the_time_that_is_left() {
        let steps = vec![
            Step::new("one", &[], sleep(60)),
            Step::new("two", &["one"], |left| {
                assert!(left < Duration::from_millis(250), "{left:?}");
                done()
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
        assert_eq!(failure::code(&err), 11);
    }
}
