//! What tag-bump reports.

use autoscaleops_core::{Report, Subject, Verdict, text};
use autoscaleops_gitops::{Changed, Landed, LandedValue, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

/// Where a change went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Nowhere: it was only looked at, or a gate was closed.
    #[default]
    Nowhere,
    /// Into the file.
    File,
    /// Into a commit on the checkout's branch.
    Commit,
    /// Onto the remote's branch.
    Branch,
    /// Onto a branch for a pull request.
    PullRequest,
}

/// The tool's own part of a report.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct BumpDetails {
    /// Where the change went.
    pub place: Place,
    /// Whether nothing was written, because that was asked for.
    pub dry_run: bool,
    /// Every value, changed or not.
    pub values: Vec<LandedValue>,
    /// The change as a unified diff, empty when there is none.
    pub diff: String,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit that it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The branch that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The branch that was pushed for a pull request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_branch: Option<String>,
    /// Where to open the pull request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_url: Option<String>,
    /// How often the tip of the branch was read and built upon; zero without a remote.
    pub attempts: u32,
    /// Whether the checkout was brought along to the new commit.
    pub checkout_updated: bool,
}

impl BumpDetails {
    /// Returns the details of an edit in place.
    pub(crate) fn in_place(
        file: &str,
        image: Option<&str>,
        values: Vec<Changed>,
        diff: String,
    ) -> Self {
        Self {
            place: Place::File,
            values: values
                .into_iter()
                .map(|value| LandedValue {
                    file: file.to_owned(),
                    image: image.map(str::to_owned),
                    outcome: if value.changed {
                        Outcome::Changed
                    } else {
                        Outcome::Unchanged
                    },
                    value,
                })
                .collect(),
            diff,
            ..Self::default()
        }
    }

    /// Returns the details of what landed.
    pub(crate) fn landed(place: Place, landed: Landed) -> Self {
        Self {
            place,
            values: landed.values,
            diff: landed.diff,
            commit: landed.commit,
            base: Some(landed.base),
            branch: Some(landed.branch),
            review_branch: landed.review_branch,
            review_url: landed.review_url,
            attempts: landed.attempts,
            ..Self::default()
        }
    }

    fn is_changed(&self) -> bool {
        self.values.iter().any(|it| it.outcome == Outcome::Changed)
    }

    /// Returns the report.
    pub(crate) fn report(self) -> Report<Self> {
        let first = self.values.first().cloned();
        let changed = self.is_changed();
        let mut report =
            Report::new(Verdict::Pass, self.summary(), self).output("changed", changed);
        let Some(first) = first else {
            return report;
        };
        let image = first
            .image
            .clone()
            .or_else(|| first.value.repository.clone());
        if let Some(image) = &image {
            let (tag, digest) = match first.value.new.split_once('@') {
                Some((tag, digest)) => (tag, Some(digest.to_owned())),
                None => (first.value.new.as_str(), None),
            };
            report = report.output("image", image.as_str()).subject(Subject {
                tag: Some(tag.to_owned()).filter(|it| !it.is_empty()),
                digest,
                ..Subject::new("image", image.as_str())
            });
        }
        report = report
            .output("file", first.file.as_str())
            .output("path", first.value.path.as_str())
            .output("old", first.value.old.as_str())
            .output("new", first.value.new.as_str());
        let attempts = report.details.attempts;
        if attempts > 0 {
            report = report.output("attempts", attempts);
        }
        for (name, value) in [
            ("commit", report.details.commit.clone()),
            ("branch", report.details.branch.clone()),
            ("pr_branch", report.details.review_branch.clone()),
            ("pr_url", report.details.review_url.clone()),
        ] {
            if let Some(value) = value {
                report = report.output(name, value);
            }
        }
        report
    }

    fn summary(&self) -> String {
        let Some(first) = self.values.first() else {
            return "nothing to do".to_owned();
        };
        let name = first
            .image
            .as_ref()
            .or(first.value.repository.as_ref())
            .unwrap_or(&first.value.path);
        let old = if first.value.old.is_empty() {
            "(none)"
        } else {
            &first.value.old
        };
        let more = match self.values.len() {
            1 => String::new(),
            count => format!(", {} in all", text::count(count as u128, "value")),
        };
        let what = match first.outcome {
            Outcome::Changed if first.value.old == first.value.new => {
                format!("{name} {old} is in quotes now")
            }
            Outcome::Changed => format!("{name} {old} -> {}", first.value.new),
            Outcome::Unchanged => format!("{name} is {} already", first.value.new),
            Outcome::Skipped => format!("{name} is left at {old}, which somebody else set"),
        };
        let would = if self.dry_run { "would be " } else { "" };
        let commit = self
            .commit
            .as_deref()
            .map(|it| it.chars().take(10).collect::<String>())
            .unwrap_or_default();
        let branch = self.branch.as_deref().unwrap_or_default();
        let review = self.review_branch.as_deref().unwrap_or_default();
        let place = match self.place {
            _ if !self.is_changed() => ", nothing to do".to_owned(),
            Place::File if self.dry_run => ", nothing written".to_owned(),
            Place::Nowhere | Place::File => String::new(),
            Place::Commit => format!(", {would}committed on {branch} as {commit}"),
            Place::Branch => format!(", {would}landed on {branch} as {commit}"),
            Place::PullRequest => format!(", {would}pushed to {review} as {commit} for {branch}"),
        };
        text::printable(&format!("{}: {what}{more}{place}", first.file))
    }
}
