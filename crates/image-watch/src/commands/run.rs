//! `run`: the daemon.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use autoscaleops_core::{Console, Failure, Report, Verdict, failure, retry::random_fraction, stop};

use crate::{
    book::{Book, Written},
    cli::{Cli, RunArgs},
    commands::{Scene, check, warn_of_cache},
    details::{self, Details},
    monitor::Monitor,
    poll::Outcome,
};

/// Polls until it is asked to stop.
pub(crate) fn run(
    cli: &Cli,
    args: &RunArgs,
    console: &mut Console,
) -> anyhow::Result<Report<Details>> {
    let mut scene = Scene::of(cli)?;
    let selected = scene.select(&args.names)?;
    let book = Book::open(
        &scene.settings,
        &scene.images,
        &scene.folder,
        args.write.write,
        cli.http.ca_file.clone(),
    )?;
    let interval = scene.settings.interval.0;
    // A poll may take as long as a wait that a registry asked for.
    let monitor = Monitor::new(interval * 3 + scene.settings.max_wait.0 * 2);
    if let Some(address) = &args.listen {
        let bound = monitor.serve(address)?;
        console.note(&format!("serving /metrics and /healthz at {bound}"));
    }
    console.note(&format!(
        "watching {} images every {}",
        selected.len(),
        scene.settings.interval
    ));
    let mut told = HashMap::new();
    let mut is_troubled = false;
    let mut polls = 0_u64;
    let mut updates = 0_u64;
    while !stop::requested() {
        let started = Instant::now();
        let (outcomes, written) = match scene.cycle(&book, &selected, args.write.write) {
            Ok(cycle) => cycle,
            Err(err) => {
                console.warn(&failure::explain(&err));
                (failed(&scene, &selected, &err), nothing(selected.len()))
            }
        };
        let trouble = scene.watcher.trouble();
        // A daemon says it once, and not at every poll.
        if let Some(trouble) = trouble.as_ref().filter(|_| !is_troubled) {
            warn_of_cache(trouble, console);
        }
        is_troubled = trouble.is_some();
        polls += 1;
        updates += written.commits.iter().flatten().count() as u64;
        let requests: Vec<(String, u64)> = scene
            .watcher
            .hosts()
            .map(|it| (it.name().to_owned(), it.requests()))
            .collect();
        monitor.count(
            &outcomes,
            &written.commits,
            requests.into_iter(),
            started.elapsed(),
        );
        tell(&outcomes, &written, &mut told, console)?;
        if args.polls.is_some_and(|it| polls >= it) || pause(interval, started) {
            break;
        }
    }
    let summary = format!("{polls} polls, {updates} updates written");
    Ok(Report::new(Verdict::Pass, summary, Details::default())
        .output("polls", polls)
        .output("updates", updates))
}

/// Waits for the next poll; returns whether a stop was asked for. A little chance keeps daemons
/// that were started together from polling together.
fn pause(interval: Duration, started: Instant) -> bool {
    let spread = interval.mul_f64(0.05 * random_fraction());
    stop::wait((interval + spread).saturating_sub(started.elapsed()))
}

/// Emits the lines that say something new, and those of updates that somebody still has to write.
fn tell(
    outcomes: &[Outcome],
    written: &Written,
    told: &mut HashMap<String, String>,
    console: &mut Console,
) -> anyhow::Result<()> {
    for (outcome, commit) in outcomes.iter().zip(&written.commits) {
        let mut line = details::line(outcome, commit.as_deref());
        let is_pending = outcome.result.as_ref().is_ok_and(|it| it.is_update);
        let news = format!("{:?} {}", line.verdict, line.summary);
        let known = told.insert(outcome.name.clone(), news.clone());
        if is_pending || known.as_ref() != Some(&news) {
            console.emit::<Cli>(&mut line)?;
        }
    }
    if let Some(review) = &written.review {
        console.note(&check::told(review));
    }
    Ok(())
}

fn nothing(count: usize) -> Written {
    Written {
        commits: vec![None; count],
        review: None,
    }
}

/// Returns the outcomes of a poll that could not even begin.
fn failed(scene: &Scene, selected: &[usize], err: &anyhow::Error) -> Vec<Outcome> {
    let failure = failure::of(err)
        .cloned()
        .unwrap_or_else(|| Failure::error("poll", err.to_string()));
    let images = selected.iter().filter_map(|it| scene.images.get(*it));
    images
        .map(|image| Outcome {
            name: image.name.clone(),
            image: image.image.clone(),
            target: image.target.clone(),
            current: None,
            requests: 0,
            result: Err(failure.clone()),
        })
        .collect()
}
