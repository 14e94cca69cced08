//! What only trivy-gate reports. Every text in here comes from the scanned image, so it is made
//! printable on its way in.

use autoscaleops_core::{Finding as Line, Level, text};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    feeds::Feed,
    judge::{Cause, Decision},
    scan::{Class, Scan, Severity, Status},
    tally::Listed,
    time,
    waiver::{Form, Waiver, WaiverFile, Waivers},
};

/// The details of a verdict.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct GateDetails {
    /// Why the gate is closed, one sentence each.
    pub reasons: Vec<String>,
    /// What was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanDetails>,
    /// How many findings there are, by class and severity, the worst first.
    pub counts: Vec<Count>,
    /// How many findings do not count, by why.
    pub passed: std::collections::BTreeMap<String, u64>,
    /// The findings: what counts first, the worst first.
    pub listed: Vec<Item>,
    /// How many more would have been listed.
    pub unlisted: u64,
    /// What changed since the report that was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// Every waiver, and what it did.
    pub waivers: Vec<WaiverUse>,
    /// The waiver files that were read.
    pub waiver_files: Vec<WaiverFile>,
    /// The files with what is known of exploitation.
    pub feeds: Vec<Feed>,
    /// The SHA-256 of the effective policy, so that two verdicts can be told to rest on the same one.
    pub policy_sha256: String,
    /// The time at which was judged.
    #[schemars(with = "Option<String>")]
    pub judged_at: Option<Timestamp>,
}

/// What was scanned, as the report says.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct ScanDetails {
    /// The name under which it was scanned.
    pub artifact: String,
    /// `container_image`, …
    pub artifact_type: String,
    /// The operating system, `debian 12.8`.
    pub os: String,
    /// Whether that system gets no fixes any more.
    pub end_of_life: bool,
    /// The digest of the image's configuration.
    pub image_id: String,
    /// The digests under which registries know the image.
    pub digests: Vec<String>,
    /// The layers, uncompressed.
    pub diff_ids: Vec<String>,
    /// The version of Trivy, from 0.69 on.
    pub trivy_version: String,
    /// When the scan ended, from Trivy 0.48 on.
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// How many package databases, lock files and other files have results.
    pub results: usize,
    /// The SHA-256 of the report.
    pub report_sha256: String,
    /// The length of the report.
    pub report_bytes: u64,
}

/// How many findings of one class and severity there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Count {
    /// The class.
    pub class: Class,
    /// The severity.
    pub severity: Severity,
    /// All of them.
    pub found: u64,
    /// Those that count.
    pub blocking: u64,
}

/// One finding with what became of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Item {
    /// What it is about.
    pub class: Class,
    /// `CVE-…`, the rule of a secret, …
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The package.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub package: String,
    /// The installed version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub installed: String,
    /// The versions with the fix.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fixed: String,
    /// What the vendor says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The package database, lock file or other file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The file within it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The line in the target, zero where there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub line: usize,
    /// The package URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub purl: String,
    /// One line about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Where to read more.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub published: Option<Timestamp>,
    /// What became of it: `blocks`, `unfixed`, `waived`, …
    pub decision: String,
    /// Why, in words.
    pub because: String,
}

/// What changed between two reports.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Comparison {
    /// The earlier report, or nothing where there was none.
    pub old: String,
    /// The SHA-256 of the earlier report.
    pub old_sha256: String,
    /// Findings of the earlier report that are gone.
    pub gone: usize,
    /// Findings of the earlier report that are still there.
    pub persisting: usize,
    /// Findings that count although the earlier report is subtracted.
    pub new: u64,
}

/// A waiver, and what it did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WaiverUse {
    /// The id that it waives.
    pub id: String,
    /// The file that it stands in.
    pub file: String,
    /// The line in that file.
    pub line: usize,
    /// Who answers for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The day on which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Whether it works.
    pub state: WaiverState,
    /// How many findings it waives, or, expired, would have waived.
    pub findings: u64,
}

/// Whether a waiver works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaiverState {
    /// It waives something.
    Used,
    /// It waives something, and ends soon.
    Expiring,
    /// It waives nothing.
    Unused,
    /// It has ended.
    Expired,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(line: &usize) -> bool {
    *line == 0
}

impl ScanDetails {
    /// Returns what `scan` says, printable.
    pub(crate) fn new(scan: &Scan) -> Self {
        let os = scan.os.clone().unwrap_or_default();
        Self {
            artifact: clean(&scan.artifact_name),
            artifact_type: clean(&scan.artifact_type),
            os: clean(format!("{} {}", os.family, os.name).trim()),
            end_of_life: os.is_end_of_life,
            image_id: clean(&scan.image_id),
            digests: scan.digests.iter().map(|it| clean(it)).collect(),
            diff_ids: scan.diff_ids.iter().map(|it| clean(it)).collect(),
            trivy_version: clean(&scan.trivy_version),
            created_at: scan.created_at,
            results: scan.results,
            report_sha256: scan.sha256.clone(),
            report_bytes: scan.bytes,
        }
    }
}

impl Item {
    /// Returns the item for a listed finding.
    pub(crate) fn new(listed: &Listed, waivers: &Waivers) -> Self {
        let finding = &listed.finding;
        Self {
            class: finding.class,
            id: clean(&finding.id),
            severity: finding.severity,
            package: clean(&finding.package),
            installed: clean(&finding.installed),
            fixed: clean(&finding.fixed),
            status: finding.status,
            target: clean(&listed.target),
            path: clean(&finding.path),
            line: usize::try_from(finding.line).unwrap_or(0),
            purl: clean(&finding.purl),
            title: clean(&finding.title),
            url: Some(clean(&finding.url))
                .filter(|it| it.starts_with("https://"))
                .unwrap_or_default(),
            published: finding.published,
            decision: listed.judgement.decision.word().to_owned(),
            because: because(listed, waivers),
        }
    }

    /// Returns whether the finding counts.
    pub fn blocks(&self) -> bool {
        self.decision == "blocks"
    }

    /// Returns package and version, or the place where there is no package.
    pub fn place(&self) -> String {
        let place = if !self.package.is_empty() {
            format!("{} {}", self.package, self.installed)
        } else if !self.path.is_empty() {
            self.path.clone()
        } else if self.line > 0 {
            format!("{}:{}", self.target, self.line)
        } else {
            self.target.clone()
        };
        place.trim_end().to_owned()
    }

    /// Returns the finding as a line of the envelope.
    pub(crate) fn line(&self) -> Line {
        let level = if self.blocks() {
            Level::Error
        } else {
            Level::Note
        };
        let mut message = format!("{} {}", self.severity, self.place());
        if !self.fixed.is_empty() {
            message.push_str(&format!(", fixed in {}", self.fixed));
        }
        if !self.title.is_empty() {
            message.push_str(&format!(": {}", text::shorten(&self.title, 120)));
        }
        if !self.blocks() {
            message.push_str(&format!(" ({})", self.because));
        }
        Line::new(level, self.id.clone(), message)
    }
}

impl WaiverUse {
    /// Returns what `waiver` did.
    pub(crate) fn new(waiver: &Waiver, findings: u64, expiring_days: u32, now: Timestamp) -> Self {
        let state = if waiver.is_expired(now) {
            WaiverState::Expired
        } else if findings == 0 {
            WaiverState::Unused
        } else if waiver
            .days_left(now)
            .is_some_and(|it| it <= i64::from(expiring_days))
        {
            WaiverState::Expiring
        } else {
            WaiverState::Used
        };
        Self {
            id: clean(&waiver.id),
            file: clean(&waiver.file),
            line: waiver.line,
            owner: clean(&waiver.owner),
            reason: clean(&waiver.reason),
            expires: waiver.expires.map(time::date),
            state,
            findings,
        }
    }
}

/// Returns why the decision is what it is, in words.
pub(crate) fn because(listed: &Listed, waivers: &Waivers) -> String {
    let finding = &listed.finding;
    let judgement = &listed.judgement;
    let severity = finding.severity;
    let mut words = match &judgement.decision {
        Decision::Blocks(Cause::Severity)
            if finding.class == Class::Vulnerability && finding.is_fixable() =>
        {
            format!("{severity} with a fix")
        }
        Decision::Blocks(Cause::Severity) => format!("{severity} {}", finding.class.as_str()),
        Decision::Blocks(Cause::Exploited) => "known to be exploited".to_owned(),
        Decision::Blocks(Cause::Likely(score)) => format!("EPSS score {score}"),
        Decision::Below => format!("{severity} does not block"),
        Decision::Unfixed => match finding.status {
            Some(status) => format!("no fix yet: {}", status.as_str()),
            None => "no fix yet".to_owned(),
        },
        Decision::Tolerated => {
            format!(
                "status {} is tolerated",
                finding.status.map_or("unknown", Status::as_str)
            )
        }
        Decision::Known => "the earlier report has it too".to_owned(),
        Decision::Unlikely(score) => format!("EPSS score {score} is tolerated"),
        Decision::Grace(end) => format!("new: counts from {}", time::date(*end)),
        Decision::Waived(number) => waivers.all.get(*number).map_or_else(String::new, |waiver| {
            let who = match (&waiver.form, waiver.owner.as_str(), waiver.reason.as_str()) {
                (Form::Own, owner, reason) => format!("by {owner}: {reason}"),
                (_, _, "") => format!("in {}", waiver.file),
                (_, _, reason) => format!("in {}: {reason}", waiver.file),
            };
            format!("waived {} {who}", waiver.until())
        }),
        Decision::Suppressed => format!(
            "Trivy took it off its list: {}",
            finding.suppressed.as_deref().unwrap_or_default()
        ),
    };
    if let Some(waiver) = judgement.expired.and_then(|it| waivers.all.get(it)) {
        words.push_str(&format!(
            "; the waiver in {} line {} has expired",
            waiver.file, waiver.line
        ));
    }
    clean(&words)
}

fn clean(it: &str) -> String {
    text::shorten(&text::printable(it), 500)
}
