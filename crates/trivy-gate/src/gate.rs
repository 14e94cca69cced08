//! From a report to a verdict: read, judge, sum up.

use std::path::Path;

use autoscaleops_core::{
    Failure, Finding as Line, Level, Report, Verdict, report::ErrorInfo, text,
};
use serde_json::Value;

use crate::{
    baseline::Baseline,
    details::{Comparison, Count, GateDetails, Item, ScanDetails},
    digest::sha256,
    evidence::Expectations,
    input::Input,
    json::source::Source,
    judge::Decision,
    policy::{Policy, Settings},
    scan::{self, Scan, Severity},
    tally::Tally,
    waiver::Waivers,
};

mod lines;
mod reasons;
mod subject;

use reasons::counted;
use subject::{shown, subject};

/// Everything that a verdict rests on but the report.
pub(crate) struct Gate {
    pub(crate) settings: Settings,
    pub(crate) policy: Policy,
    pub(crate) waivers: Waivers,
    pub(crate) expectations: Expectations,
}

/// The earlier report, and what was in it.
pub(crate) struct Earlier {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) baseline: Baseline,
    pub(crate) is_there: bool,
}

impl Gate {
    /// Reads the report in `input` and judges it.
    ///
    /// # Errors
    ///
    /// Fails when the report is not one, or is no evidence.
    pub(crate) fn judge(
        &self,
        input: &Input,
        earlier: Option<&Earlier>,
    ) -> Result<Report<GateDetails>, Failure> {
        let source = input.open(self.settings.max_report_bytes)?;
        self.judge_source(source, input.name(), earlier, |_| Ok(()))
    }

    /// Reads the report that `source` delivers and judges it. `adopt` sees the scan before the
    /// evidence is checked.
    ///
    /// # Errors
    ///
    /// Fails when the report is not one, or is no evidence.
    pub(crate) fn judge_source(
        &self,
        source: Source,
        name: &str,
        earlier: Option<&Earlier>,
        adopt: impl FnOnce(&mut Scan) -> Result<(), Failure>,
    ) -> Result<Report<GateDetails>, Failure> {
        let mut tally = Tally::new(&self.policy, &self.waivers, self.settings.max_listed);
        if let Some(earlier) = earlier {
            tally = tally.against(&earlier.baseline);
        }
        let mut scan = scan::read(source, name, &mut tally)?;
        adopt(&mut scan)?;
        self.expectations.check(&scan, self.policy.now)?;
        tally.sort();
        Ok(self.sum_up(&scan, &tally, earlier))
    }

    fn sum_up(
        &self,
        scan: &Scan,
        tally: &Tally<'_>,
        earlier: Option<&Earlier>,
    ) -> Report<GateDetails> {
        let subject = subject(scan, self.expectations.reference());
        let name = shown(&subject);
        let uses = self.waiver_uses(tally);
        let reasons = self.reasons(scan, tally, &uses);
        let verdict = if reasons.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let summary = match (verdict, earlier) {
            (Verdict::Pass, Some(earlier)) if earlier.is_there => {
                format!("{name} brings nothing new that blocks")
            }
            (Verdict::Pass, _) if tally.total() > 0 => {
                format!("{} in {name}, within the budget", counted(tally))
            }
            (Verdict::Pass, _) => format!("{} in {name}", self.nothing()),
            (_, Some(earlier)) if earlier.is_there => {
                format!("new in {name}: {}", reasons.join("; "))
            }
            _ => format!("{name} has {}", reasons.join("; ")),
        };
        let details = GateDetails {
            scan: Some(ScanDetails::new(scan)),
            counts: counts(tally),
            passed: tally
                .passed
                .iter()
                .map(|(word, count)| ((*word).to_owned(), *count))
                .collect(),
            listed: tally
                .listed
                .iter()
                .map(|it| Item::new(it, &self.waivers))
                .collect(),
            unlisted: tally.unlisted,
            comparison: earlier.map(|it| Comparison {
                old: text::printable(&it.name),
                old_sha256: it.sha256.clone(),
                gone: it.baseline.len() - tally.seen_of(&it.baseline),
                persisting: tally.seen_of(&it.baseline),
                new: tally.total(),
            }),
            waivers: uses,
            waiver_files: self.waivers.files.clone(),
            feeds: self.policy.feeds.sources.clone(),
            policy_sha256: digest(&self.settings),
            judged_at: Some(self.policy.now),
            reasons,
        };
        let lines: Vec<Line> = self.lines(scan, &details);
        let result = if verdict == Verdict::Pass {
            "pass"
        } else {
            "fail"
        };
        Report::new(verdict, summary, details)
            .subject(subject)
            .output("result", result)
            .output("high", tally.of_severity(Severity::High))
            .output("critical", tally.of_severity(Severity::Critical))
            .output("total", tally.total())
            .output("unfixed", tally.unfixed.values().sum::<u64>())
            .output("waived", tally.used.values().sum::<u64>())
            .output("unique", tally.unique.len())
            .findings(lines)
    }

    /// Returns what becomes of every finding with this id, whatever becomes of it.
    ///
    /// # Errors
    ///
    /// Fails when the report is not one.
    pub(crate) fn explain(
        &self,
        input: &Input,
        id: &str,
    ) -> Result<(Scan, Vec<(Item, Decision)>), Failure> {
        let mut tally =
            Tally::new(&self.policy, &self.waivers, self.settings.max_listed).watching(id);
        let scan = scan::read(
            input.open(self.settings.max_report_bytes)?,
            input.name(),
            &mut tally,
        )?;
        tally.sort();
        let items = tally
            .listed
            .iter()
            .filter(|it| it.finding.id == id)
            .map(|it| (Item::new(it, &self.waivers), it.judgement.decision.clone()))
            .collect();
        Ok((scan, items))
    }
}

/// Returns the report of a gate that could not judge: it opens nothing, and every output is there.
pub(crate) fn no_verdict(failure: &anyhow::Error) -> Report<GateDetails> {
    let info = ErrorInfo::of(failure);
    let verdict = if info.code == autoscaleops_core::exit::UNDECIDED {
        Verdict::Undecided
    } else {
        Verdict::Error
    };
    let mut report = Report::new(verdict, info.message.clone(), GateDetails::default())
        .output("result", "error")
        .output("error_kind", info.kind.clone());
    for name in ["high", "critical", "total", "unfixed", "waived", "unique"] {
        // Empty, never zero: nothing was counted.
        report = report.output(name, Value::Null);
    }
    let mut line = Line::new(Level::Error, info.kind.clone(), info.message.clone());
    line.location.clone_from(&info.location);
    report.finding(line).because(info)
}

fn counts(tally: &Tally<'_>) -> Vec<Count> {
    let mut counts: Vec<Count> = tally
        .all
        .iter()
        .map(|(kind, found)| Count {
            class: kind.0,
            severity: kind.1,
            found: *found,
            blocking: tally.blocking.get(kind).copied().unwrap_or(0),
        })
        .collect();
    counts.sort_unstable_by_key(|it| (it.class, std::cmp::Reverse(it.severity)));
    counts
}

fn digest(settings: &Settings) -> String {
    let text = serde_json::to_string(settings).unwrap_or_default();
    sha256(text)
}

/// Reads an earlier report to compare with. One that is not there is no baseline: all is new.
///
/// # Errors
///
/// Fails when there is a file, and it is not a report.
pub(crate) fn earlier(
    path: &Path,
    settings: &Settings,
) -> Result<(Earlier, Option<Scan>), Failure> {
    let mut baseline = Baseline::default();
    let name = path.display().to_string();
    if !path.exists() {
        return Ok((
            Earlier {
                name,
                sha256: String::new(),
                baseline,
                is_there: false,
            },
            None,
        ));
    }
    let input = Input::File(path.to_owned());
    let scan = scan::read(
        input.open(settings.max_report_bytes)?,
        input.name(),
        &mut baseline,
    )?;
    baseline.made_at = scan.created_at;
    Ok((
        Earlier {
            name,
            sha256: scan.sha256.clone(),
            baseline,
            is_there: true,
        },
        Some(scan),
    ))
}
