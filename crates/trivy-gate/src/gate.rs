//! From a report to a verdict: read, judge, sum up.

use std::path::Path;

use autoscaleops_core::{
    Failure, Finding as Line, Level, Report, Subject, Verdict, image::ImageRef, report::ErrorInfo,
    text,
};
use serde_json::Value;

use crate::{
    baseline::Baseline,
    details::{Comparison, Count, GateDetails, Item, ScanDetails, WaiverState, WaiverUse},
    digest::sha256,
    evidence::Expectations,
    input::Input,
    json::source::Source,
    judge::Decision,
    policy::{BudgetUnit, Policy, Settings},
    scan::{self, Class, Scan, Severity},
    tally::Tally,
    waiver::Waivers,
};

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

    /// Returns why the gate is closed; nothing when it is open.
    fn reasons(&self, scan: &Scan, tally: &Tally<'_>, uses: &[WaiverUse]) -> Vec<String> {
        let unit = match self.policy.budget_unit {
            BudgetUnit::Finding => "",
            BudgetUnit::Cve => "different ",
        };
        let mut parts: Vec<String> = tally
            .excess()
            .into_iter()
            .map(|(severity, count, budget)| {
                let allowed = if budget > 0 {
                    format!(" ({budget} allowed)")
                } else {
                    String::new()
                };
                format!("{count} {unit}{severity}{allowed}")
            })
            .collect();
        if let Some(last) = parts.last_mut() {
            let fix = if self.policy.ignore_unfixed {
                " with a fix"
            } else {
                ""
            };
            let noun = if tally.blocking_of(Class::Vulnerability) == 1 {
                "vulnerability"
            } else {
                "vulnerabilities"
            };
            last.push_str(&format!(" {noun}{fix}"));
        }
        let mut reasons: Vec<String> = Vec::new();
        if !parts.is_empty() {
            reasons.push(join(&parts));
        }
        for (class, noun) in [
            (Class::Secret, "secret"),
            (Class::Misconfiguration, "misconfiguration"),
            (Class::License, "licence"),
        ] {
            let count = tally.blocking_of(class);
            if count > 0 {
                reasons.push(text::count(count, noun));
            }
        }
        if self.policy.fail_on_eol && scan.os.as_ref().is_some_and(|it| it.is_end_of_life) {
            reasons.push("an operating system that gets no fixes any more".to_owned());
        }
        let idle = uses
            .iter()
            .filter(|it| matches!(it.state, WaiverState::Unused | WaiverState::Expired))
            .count();
        if self.policy.fail_on_unused_waivers && idle > 0 {
            reasons.push(format!(
                "{} unused or expired",
                text::count(idle as u64, "waiver")
            ));
        }
        let waived: u64 = tally.used.values().sum();
        if let Some(limit) = self.policy.max_waived
            && waived > limit
        {
            reasons.push(format!(
                "{} ({limit} allowed)",
                text::count(waived, "waived finding")
            ));
        }
        reasons
    }

    /// Returns the sentence for an empty list.
    fn nothing(&self) -> String {
        let gated = self.policy.gated(Class::Vulnerability);
        if gated.is_empty() {
            return "nothing that blocks".to_owned();
        }
        let names: Vec<&str> = gated.iter().map(|it| it.as_str()).collect();
        let fixable = if self.policy.ignore_unfixed {
            "fixable "
        } else {
            ""
        };
        format!("no {fixable}{} vulnerabilities", names.join(" or "))
    }

    fn waiver_uses(&self, tally: &Tally<'_>) -> Vec<WaiverUse> {
        self.waivers
            .all
            .iter()
            .enumerate()
            .map(|(number, waiver)| {
                let count = |of: &std::collections::HashMap<usize, u64>| {
                    of.get(&number).copied().unwrap_or(0)
                };
                let findings = count(&tally.used) + count(&tally.missed);
                WaiverUse::new(
                    waiver,
                    findings,
                    self.settings.expiring_days,
                    self.policy.now,
                )
            })
            .collect()
    }

    /// Returns the lines of the envelope: what counts, what to look at, what passed.
    fn lines(&self, scan: &Scan, details: &GateDetails) -> Vec<Line> {
        let mut lines: Vec<Line> = details
            .listed
            .iter()
            .filter(|it| it.blocks())
            .map(Item::line)
            .collect();
        if let Some(os) = scan.os.as_ref().filter(|it| it.is_end_of_life) {
            let level = if self.policy.fail_on_eol {
                Level::Error
            } else {
                Level::Warning
            };
            let name = text::printable(&format!("{} {}", os.family, os.name));
            lines.push(Line::new(
                level,
                "end_of_life",
                format!(
                    "{name} gets no fixes any more, so that unfixed vulnerabilities stay unfixed"
                ),
            ));
        }
        for problem in &self.waivers.problems {
            lines.push(
                Line::new(Level::Warning, "waiver", problem.message.clone()).at(
                    &problem.file,
                    problem.line,
                    0,
                ),
            );
        }
        for waiver in &details.waivers {
            let message = match waiver.state {
                WaiverState::Used => continue,
                WaiverState::Unused => {
                    format!("the waiver for {} waives nothing: remove it", waiver.id)
                }
                WaiverState::Expired => format!("the waiver for {} has expired", waiver.id),
                WaiverState::Expiring => format!(
                    "the waiver for {} ends on {}",
                    waiver.id,
                    waiver.expires.as_deref().unwrap_or_default()
                ),
            };
            lines.push(Line::new(Level::Warning, "waiver", message).at(
                &waiver.file,
                waiver.line,
                0,
            ));
        }
        lines.extend(
            details
                .listed
                .iter()
                .filter(|it| !it.blocks())
                .map(Item::line),
        );
        lines
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

/// Returns what was scanned. The tag is the expected one where the archive has no name.
fn subject(scan: &Scan, expected: Option<&ImageRef>) -> Subject {
    let candidates = [&scan.artifact_name, &scan.reference]
        .into_iter()
        .chain(&scan.tags);
    let named: Vec<ImageRef> = candidates.filter_map(|it| it.parse().ok()).collect();
    let image = expected
        .or_else(|| {
            named
                .iter()
                .find(|it| it.tag().is_some() || it.digest().is_some())
        })
        .or_else(|| named.first());
    let is_image = scan.artifact_type == "container_image";
    match image.filter(|_| is_image) {
        Some(image) => {
            let known = || {
                scan.digests
                    .iter()
                    .filter_map(|it| it.parse::<ImageRef>().ok())
                    .find(|it| it.same_repository(image))
                    .and_then(|it| it.digest().map(ToString::to_string))
            };
            Subject {
                kind: "image".to_owned(),
                name: image.name().to_owned(),
                tag: image.tag().map(ToString::to_string),
                digest: image.digest().map(ToString::to_string).or_else(known),
            }
        }
        None => Subject::new(
            if is_image { "archive" } else { "artifact" },
            text::shorten(&text::printable(&scan.artifact_name), 200),
        ),
    }
}

fn shown(subject: &Subject) -> String {
    match (&subject.tag, &subject.digest) {
        (Some(tag), _) => format!("{}:{tag}", subject.name),
        (None, Some(digest)) => format!("{}@{digest}", subject.name),
        (None, None) => subject.name.clone(),
    }
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

/// `2 CRITICAL and 5 HIGH`
fn counted(tally: &Tally<'_>) -> String {
    let parts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .map(|it| (it, tally.of_severity(it)))
        .filter(|it| it.1 > 0)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    join(&parts)
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
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
