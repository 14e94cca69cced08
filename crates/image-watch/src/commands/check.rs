//! `check`: one poll.

use autoscaleops_core::{Console, Format, Report, console::Look};

use crate::{
    book::{Book, Written},
    cli::{CheckArgs, Cli},
    commands::{Scene, warn_of_cache},
    details::{self, Details},
    poll::Outcome,
    review::{Review, State},
};

/// Polls once, and answers a line for each image.
pub(crate) fn run(
    cli: &Cli,
    args: &CheckArgs,
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
    let progress = console.spinner("asking registries");
    let cycle = scene.cycle(&book, &selected, args.write.write);
    drop(progress);
    let (outcomes, written) = cycle?;
    if let Some(trouble) = scene.watcher.trouble() {
        warn_of_cache(&trouble, console);
    }
    answer(&outcomes, &written, console)
}

/// Emits a line for each outcome, and returns the whole.
pub(crate) fn answer(
    outcomes: &[Outcome],
    written: &Written,
    console: &mut Console,
) -> anyhow::Result<Report<Details>> {
    for (outcome, commit) in outcomes.iter().zip(&written.commits) {
        console.emit::<Cli>(&mut details::line(outcome, commit.as_deref()))?;
    }
    if let Some(review) = &written.review {
        console.note(&told(review));
    }
    if outcomes.len() > 1 && console.format() == Format::Human {
        console.note(&details::whole(outcomes, &written.commits).summary);
    }
    let mut whole = match (outcomes, written.commits.as_slice()) {
        // One image: what it says is the whole answer, outputs for the CI included.
        ([outcome], [commit]) => details::line(outcome, commit.as_deref()),
        _ => details::whole(outcomes, &written.commits),
    };
    if let Some(review) = &written.review {
        whole = whole.output("pr_url", review.url.as_str());
    }
    Ok(whole.emitted())
}

/// Returns the sentence about a pull request.
pub(crate) fn told(review: &Review) -> String {
    let url = &review.url;
    match review.state {
        State::ToOpen => format!("open the pull request: {url}"),
        State::Open => format!("the pull request is open: {url}"),
        State::Closed => {
            format!("somebody has closed the pull request for this; it stays closed: {url}")
        }
    }
}

/// Returns the line about an image as people read it.
pub(crate) fn render(report: &Report<Details>, look: &Look) -> Option<String> {
    let [image] = report.details.images.as_slice() else {
        return None;
    };
    let name = look.bold(&image.name);
    let mut text = match (&image.current, &image.candidate) {
        (Some(current), Some(candidate)) if image.changed => {
            format!("{name}: {current} -> {}", look.bold(candidate))
        }
        (None, Some(candidate)) if image.changed => format!("{name}: {}", look.bold(candidate)),
        (Some(current), _) => format!("{name}: {current} stays"),
        _ => format!("{name}: {}", look.verdict(report.verdict)),
    };
    text.push_str(&format!("\n  {}", image.why));
    if let Some(hint) = report.error.as_ref().and_then(|it| it.hint.as_ref()) {
        text.push_str(&format!("\n  try: {hint}"));
    }
    if let Some(commit) = &image.commit {
        let short = commit.get(..12).unwrap_or(commit);
        let file = image.target.as_ref().map_or("", |it| it.file.as_str());
        text.push_str(&format!(
            "\n  {}",
            look.dim(&format!("written to {file} by commit {short}"))
        ));
    }
    text.push('\n');
    Some(text)
}
