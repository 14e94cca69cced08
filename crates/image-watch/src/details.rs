//! What image-watch reports: one line for each image, and the whole at the end.

use autoscaleops_core::{
    Failure, Finding, Level, Report, Subject, Verdict, exit,
    report::ErrorInfo,
    text::{printable, shorten},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{decision::TagVerdict, poll::Outcome, settings::Target};

/// The tool's own part of a report.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Details {
    /// The images that were polled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageDetails>,
    /// How every tag stands, for `tags` and `explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagVerdict>,
    /// The way of one tag through the filters, for `explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The text that `import` and `export-cr` made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What became of one image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ImageDetails {
    /// What it is called.
    pub name: String,
    /// The image, without a tag.
    pub image: String,
    /// What is written now.
    pub current: Option<String>,
    /// What should be written.
    pub candidate: Option<String>,
    /// Whether it should be, or was, written.
    pub changed: bool,
    /// A stable word: `update`, `up_to_date`, `held`, `waiting`, `downgrade`, `no_candidate`, `tie`, …
    pub reason: String,
    /// The sentence for people.
    pub why: String,
    /// How many requests it took.
    pub requests: u64,
    /// Where it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The commit that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// One step of a tag through the filters.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// The filter.
    pub filter: String,
    /// Whether the tag passed it.
    pub passed: bool,
    /// The reason for people.
    pub reason: String,
}

impl ImageDetails {
    /// Returns the details of an outcome.
    pub fn of(outcome: &Outcome) -> Self {
        let settled = outcome.result.as_ref().ok();
        let failure = outcome.result.as_ref().err();
        Self {
            name: outcome.name.clone(),
            image: outcome.image.name().to_owned(),
            current: outcome.current.as_ref().map(|it| it.version.to_string()),
            candidate: settled
                .and_then(|it| it.candidate.as_ref())
                .map(ToString::to_string),
            changed: settled.is_some_and(|it| it.is_update),
            reason: settled
                .map(|it| it.reason)
                .or(failure.map(Failure::kind))
                .unwrap_or_default()
                .to_owned(),
            why: settled
                .map(|it| it.why.clone())
                .or(failure.map(ToString::to_string))
                .unwrap_or_default(),
            requests: outcome.requests,
            target: outcome.target.clone(),
            commit: None,
        }
    }
}

/// Returns the line about one image.
pub fn line(outcome: &Outcome, commit: Option<&str>) -> Report<Details> {
    let details = ImageDetails {
        commit: commit.map(str::to_owned),
        ..ImageDetails::of(outcome)
    };
    let verdict = match &outcome.result {
        Ok(settled) if settled.is_decided => Verdict::Pass,
        Ok(_) => Verdict::Undecided,
        Err(_) => Verdict::Error,
    };
    let summary = match (&details.current, &details.candidate) {
        _ if verdict == Verdict::Error => details.why.clone(),
        (Some(current), Some(candidate)) if details.changed => {
            format!("{}: {current} -> {candidate}", details.name)
        }
        (None, Some(candidate)) if details.changed => format!("{}: {candidate}", details.name),
        _ => format!("{}: {}", details.name, details.why),
    };
    let mut report = Report::new(
        verdict,
        summary,
        Details {
            images: vec![details.clone()],
            ..Details::default()
        },
    )
    .output("name", details.name.as_str())
    .output("image", details.image.as_str())
    .output("current", details.current.clone())
    .output("candidate", details.candidate.clone())
    .output("changed", details.changed)
    .output("reason", details.reason.as_str())
    .output("why", details.why.as_str())
    .output("requests", details.requests);
    if let Some(target) = &details.target {
        report = report.output("file", target.file.as_str());
        if let Some(path) = &target.path {
            report = report.output("path", path.to_string());
        }
    }
    if let Some(commit) = commit {
        report = report.output("commit", commit);
    }
    // What the next tool of a pipe writes: where nothing is to change, what is there already.
    let subject = match &outcome.result {
        Ok(settled) if settled.is_update => settled.candidate.clone(),
        _ => outcome.current.as_ref().map(|it| it.version.clone()),
    };
    if let Some(version) = subject {
        report = report.subject(Subject {
            tag: Some(version.tag).filter(|it| !it.is_empty()),
            digest: version.digest,
            ..Subject::new("image", outcome.image.name())
        });
    }
    match &outcome.result {
        Ok(settled) if !settled.is_decided => {
            report = report.finding(Finding::new(
                Level::Warning,
                settled.reason,
                settled.why.clone(),
            ));
        }
        Ok(_) => {}
        Err(failure) => report = report.because(error_info(failure)),
    }
    report
}

/// Returns the title of a pull request for updates: the same updates have the same.
pub fn title(updates: &[ImageDetails]) -> String {
    let parts: Vec<String> = updates
        .iter()
        .map(|it| {
            let candidate = it.candidate.as_deref().unwrap_or_default();
            format!("{} {candidate}", it.name)
        })
        .collect();
    shorten(&format!("Update {}", parts.join(", ")), 200)
}

/// Returns what a reviewer should know about updates, Markdown.
pub fn letter(updates: &[ImageDetails]) -> String {
    let cell = |text: &str| printable(text).replace('|', "\\|").replace('`', "'");
    let mut text = "| image | file | from | to |\n| --- | --- | --- | --- |\n".to_owned();
    for it in updates {
        let file = it.target.as_ref().map_or("", |it| it.file.as_str());
        let cells = [
            it.image.as_str(),
            file,
            it.current.as_deref().unwrap_or_default(),
            it.candidate.as_deref().unwrap_or_default(),
        ];
        let cells: Vec<String> = cells.iter().map(|it| format!("`{}`", cell(it))).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push_str(
        "\nTo stay on what is there, close this. To stay on it for later releases too, add `# image-watch: hold` to the line of the tag.\n",
    );
    text
}

/// Returns the whole of a poll: as bad as its worst image.
pub fn whole(outcomes: &[Outcome], commits: &[Option<String>]) -> Report<Details> {
    let images: Vec<ImageDetails> = outcomes
        .iter()
        .enumerate()
        .map(|(index, it)| ImageDetails {
            commit: commits.get(index).cloned().flatten(),
            ..ImageDetails::of(it)
        })
        .collect();
    let count = |wanted: Verdict| {
        outcomes
            .iter()
            .filter(|it| match &it.result {
                Ok(settled) => {
                    settled.is_decided == (wanted == Verdict::Pass) && wanted != Verdict::Error
                }
                Err(_) => wanted == Verdict::Error,
            })
            .count()
    };
    let (failed, undecided) = (count(Verdict::Error), count(Verdict::Undecided));
    let changed = images.iter().filter(|it| it.changed).count();
    let verdict = match (failed, undecided) {
        (0, 0) => Verdict::Pass,
        (0, _) => Verdict::Undecided,
        _ => Verdict::Error,
    };
    let requests: u64 = images.iter().map(|it| it.requests).sum();
    let mut summary = format!("{} of {} images to update", changed, images.len());
    for (count, word) in [(undecided, "undecided"), (failed, "failed")] {
        if count > 0 {
            summary.push_str(&format!(", {count} {word}"));
        }
    }
    let mut report = Report::new(
        verdict,
        summary,
        Details {
            images,
            ..Details::default()
        },
    )
    .output("images", outcomes.len())
    .output("changed", changed > 0)
    .output("updates", changed)
    .output("undecided", undecided)
    .output("failed", failed)
    .output("requests", requests);
    for outcome in outcomes {
        match &outcome.result {
            Ok(settled) if settled.is_decided => {}
            Ok(settled) => {
                let text = format!("{}: {}", outcome.name, settled.why);
                report = report.finding(Finding::new(Level::Warning, settled.reason, text));
            }
            Err(failure) => {
                let text = format!("{}: {failure}", outcome.name);
                let kind = failure.kind().to_owned();
                report = report.finding(Finding::new(Level::Error, kind, text));
            }
        }
    }
    let worst = outcomes.iter().filter_map(|it| it.result.as_ref().err());
    // Of several faults the one that a caller can do most about: a wrong question before an absent answer.
    if let Some(failure) = worst.min_by_key(|it| (it.code() != exit::USAGE, it.code())) {
        report = report.because(error_info(failure));
    }
    report
}

/// Returns a failure as it stands in a report.
pub fn error_info(failure: &Failure) -> ErrorInfo {
    ErrorInfo {
        kind: failure.kind().to_owned(),
        code: failure.code(),
        message: failure.to_string(),
        causes: Vec::new(),
        hint: failure.remedy().map(str::to_owned),
        location: failure.location().cloned(),
    }
}
