//! `tags` and `explain`: how tags stand, and why.

use autoscaleops_core::{Console, Failure, Report, Subject, Verdict, console::Look, text};

use crate::{
    book::Book,
    cli::{Cli, ExplainArgs, RuleArgs, TagsArgs},
    commands::Scene,
    decision::{Standing, TagVerdict},
    details::{Details, Step},
    poll::{Outcome, Request, Settled},
    settings::Image,
};

/// Names longer than this do not widen the column of names.
const WIDTH: usize = 36;

struct Seen {
    image: Image,
    outcome: Outcome,
}

fn look(cli: &Cli, name: &str, rule: &RuleArgs, console: &Console) -> anyhow::Result<Seen> {
    let mut scene = Scene::of(cli)?;
    let image = scene.image(name, rule)?;
    let names: Vec<Image> = scene.images.clone();
    let book = Book::open(&scene.settings, &scene.images, &scene.folder, false, None)?;
    let mut current = book.read(std::slice::from_ref(&image))?;
    let after = match image
        .after
        .as_ref()
        .and_then(|it| names.iter().find(|image| image.name == *it))
    {
        None => None,
        Some(before) => book
            .read(std::slice::from_ref(before))?
            .pop()
            .transpose()?
            .flatten(),
    };
    let request = Request {
        image: &image,
        current: current.pop().transpose()?.flatten(),
        after: after.map(|it| it.version),
    };
    let progress = console.spinner("asking the registry");
    let polled = scene.watcher.poll(&[request], jiff::Timestamp::now());
    drop(progress);
    let outcome = polled?
        .pop()
        .ok_or_else(|| Failure::error("bug", "the poll had no outcome"))?;
    Ok(Seen { image, outcome })
}

fn report(look: &Seen, settled: &Settled, summary: String, details: Details) -> Report<Details> {
    let verdict = if settled.is_decided {
        Verdict::Pass
    } else {
        Verdict::Undecided
    };
    Report::new(verdict, summary, details)
        .subject(Subject::new("image", look.image.image.name()))
        .output("image", look.image.image.name())
        .output("strategy", look.image.rule.strategy.name())
        .output(
            "current",
            look.outcome
                .current
                .as_ref()
                .map(|it| it.version.to_string()),
        )
        .output(
            "candidate",
            settled.candidate.as_ref().map(ToString::to_string),
        )
        .output("reason", settled.reason)
        .output("requests", look.outcome.requests)
}

/// Prints every tag.
pub(crate) fn tags(
    cli: &Cli,
    args: &TagsArgs,
    console: &mut Console,
) -> anyhow::Result<Report<Details>> {
    let look = look(cli, &args.image, &args.rule, console)?;
    let settled = look.outcome.result.clone()?;
    let summary = format!("{}: {}", look.image.name, settled.why);
    let details = Details {
        tags: settled.verdicts.clone(),
        ..Details::default()
    };
    Ok(report(&look, &settled, summary, details).output("tags", settled.verdicts.len()))
}

/// Prints the way of one tag.
pub(crate) fn explain(
    cli: &Cli,
    args: &ExplainArgs,
    console: &mut Console,
) -> anyhow::Result<Report<Details>> {
    let look = look(cli, &args.image, &args.rule, console)?;
    let settled = look.outcome.result.clone()?;
    let row = settled.verdicts.iter().find(|it| it.tag == args.tag);
    let steps = steps(&look.image, &args.tag, row, &settled);
    let called = format!("`{}`", text::printable(&args.tag));
    let decisive = steps.iter().rev().find(|it| !it.passed);
    let reason = decisive.map(|it| it.reason.as_str());
    let summary = match (row, reason.or(row.map(|it| &*it.reason))) {
        (Some(_), Some(reason)) if reason.starts_with(&called) => reason.to_owned(),
        (Some(_), Some(reason)) => format!("{called}: {reason}"),
        _ => format!("{} has no tag {called}", look.image.image.name()),
    };
    let details = Details {
        tags: row.cloned().into_iter().collect(),
        steps,
        ..Details::default()
    };
    let standing = row.map_or("absent", |it| standing(it.standing));
    Ok(report(&look, &settled, summary, details)
        .output("tag", args.tag.as_str())
        .output("standing", standing))
}

fn steps(image: &Image, tag: &str, row: Option<&TagVerdict>, settled: &Settled) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |filter: &str, passed: bool, reason: String| {
        steps.push(Step {
            filter: filter.to_owned(),
            passed,
            reason,
        });
        passed
    };
    if !step(
        "exists",
        row.is_some(),
        if row.is_some() {
            "the registry lists it".to_owned()
        } else {
            let known = settled.verdicts.iter().map(|it| it.tag.as_str());
            match text::nearest(tag, known) {
                Some(nearest) => format!("the registry does not list it; there is `{nearest}`"),
                None => "the registry does not list it".to_owned(),
            }
        },
    ) {
        return steps;
    }
    for (filter, outcome) in image.rule.trace(tag) {
        let passed = outcome.is_ok();
        let reason = outcome.unwrap_or_else(|it| it.reason);
        if !step(filter, passed, reason) {
            return steps;
        }
    }
    let Some(row) = row else { return steps };
    let chosen = settled
        .verdicts
        .iter()
        .find(|it| it.standing == Standing::Chosen);
    let passed = matches!(row.standing, Standing::Chosen | Standing::Current);
    let reason = match chosen {
        Some(chosen) if row.standing != Standing::Chosen && row.filter == "order" => {
            format!("`{}` comes after it", chosen.tag)
        }
        _ => row.reason.clone().into_owned(),
    };
    step(
        row.filter,
        passed && chosen.is_none_or(|it| it.tag == row.tag),
        reason,
    );
    if row.standing == Standing::Chosen && !settled.is_update {
        step(settled.reason, false, settled.why.clone());
    }
    steps
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Chosen => "chosen",
        Standing::Current => "current",
        Standing::Eligible => "eligible",
        Standing::Waiting => "waiting",
        Standing::Dropped => "dropped",
    }
}

/// Returns a table of tags, or the steps of one, as people read them.
pub(crate) fn render(report: &Report<Details>, look: &Look) -> Option<String> {
    if !report.details.steps.is_empty() {
        let mut text = format!("{}\n", look.bold(&report.summary));
        for step in &report.details.steps {
            let mark = if step.passed { "ok  " } else { "no  " };
            text.push_str(&format!("  {mark}{:<11} {}\n", step.filter, step.reason));
        }
        return Some(text);
    }
    if report.details.tags.is_empty() {
        return None;
    }
    // One very long name, such as a signature's, is no reason to push all others apart.
    let lengths = report.details.tags.iter().map(|it| it.tag.chars().count());
    let width = lengths.filter(|it| *it <= WIDTH).max().unwrap_or(WIDTH);
    let mut text = String::new();
    for row in &report.details.tags {
        let created = row
            .created
            .map_or_else(String::new, |it| format!("{it:.0}  "));
        let filter = match row.filter {
            "order" => String::new(),
            filter => format!("{filter}: "),
        };
        let line = format!(
            "{:<width$}  {:<8}  {created}{filter}{}",
            row.tag,
            standing(row.standing),
            row.reason
        );
        let line = match row.standing {
            Standing::Chosen => look.bold(&line),
            Standing::Dropped => look.dim(&line),
            _ => line,
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&format!("{}\n", report.summary));
    Some(text)
}
