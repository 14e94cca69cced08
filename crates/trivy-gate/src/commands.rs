//! The other things that one can ask of the gate than a verdict on a report.

use std::path::{Path, PathBuf};

use autoscaleops_core::{Console, Failure, Finding as Line, Level, Report, Subject, Verdict, text};
use jiff::Timestamp;

use crate::{
    details::{GateDetails, Item, ScanDetails, WaiverState, WaiverUse},
    gate::{self, Gate},
    input::Input,
    policy::Settings,
    trivy,
    waiver::{Problem, Waivers},
};

/// Runs Trivy on `subject`, and judges the report that it writes.
///
/// # Errors
///
/// Fails when Trivy cannot run or does not finish, and when its report is no evidence.
pub(crate) fn scan_and_judge(
    gate: &Gate,
    subject: &trivy::Subject,
    console: &Console,
) -> anyhow::Result<Report<GateDetails>> {
    let scanned = trivy::scan(&gate.settings, subject, console)?;
    let input = Input::File(scanned.report.clone());
    let source = input.open(gate.settings.max_report_bytes)?;
    Ok(
        gate.judge_source(source, "the report of Trivy", None, |scan| {
            scanned.adopt(scan)
        })?,
    )
}

/// Judges what `new` adds over `old`.
///
/// # Errors
///
/// Fails when one of them is not a report, or they are of different things.
pub(crate) fn diff(
    gate: &Gate,
    old: &Path,
    new: &Path,
    force: bool,
) -> anyhow::Result<Report<GateDetails>> {
    if old == Path::new("-") {
        return Err(Failure::usage("the earlier report cannot come from standard input").into());
    }
    let (earlier, scan) = gate::earlier(old, &gate.settings)?;
    let report = gate.judge(&Input::of(new), Some(&earlier))?;
    if let (Some(scan), Some(found), false) = (scan, &report.details.scan, force) {
        same_thing(&ScanDetails::new(&scan), found)?;
    }
    Ok(report)
}

/// A comparison with a foreign report would take everything for new, or, worse, for known.
fn same_thing(old: &ScanDetails, new: &ScanDetails) -> Result<(), Failure> {
    let family = |it: &ScanDetails| it.os.split(' ').next().unwrap_or_default().to_owned();
    let repository = |it: &ScanDetails| {
        it.artifact
            .parse::<autoscaleops_core::image::ImageRef>()
            .map_or_else(
                |_| it.artifact.clone(),
                |it| format!("{}/{}", it.registry(), it.repository()),
            )
    };
    let (what, old, new) = if old.artifact_type != new.artifact_type {
        (
            "kinds of artifact",
            old.artifact_type.clone(),
            new.artifact_type.clone(),
        )
    } else if family(old) != family(new) {
        ("operating systems", family(old), family(new))
    } else if repository(old) != repository(new) {
        ("repositories", repository(old), repository(new))
    } else {
        return Ok(());
    };
    Err(Failure::undecided(
        "not_comparable",
        format!("the reports are of different {what}: `{old}` and `{new}`"),
    )
    .hint("compare reports of one image, or add `--force`"))
}

/// Says what becomes of the findings with this id.
///
/// # Errors
///
/// Fails when the report is not one.
pub(crate) fn explain(gate: &Gate, input: &Input, id: &str) -> anyhow::Result<Report<GateDetails>> {
    let (scan, found) = gate.explain(input, id)?;
    let shown = text::shorten(&text::printable(id), 80);
    let blocking = found.iter().filter(|it| it.1.blocks()).count();
    let items: Vec<Item> = found.into_iter().map(|it| it.0).collect();
    let (verdict, summary) = match (items.len(), blocking) {
        (0, _) => (Verdict::Undecided, format!("the report has no {shown}")),
        (all, 0) => (
            Verdict::Pass,
            format!(
                "{shown} does not block, in {}",
                text::count(all as u64, "place")
            ),
        ),
        (all, count) => (
            Verdict::Fail,
            format!(
                "{shown} blocks, in {count} of {}",
                text::count(all as u64, "place")
            ),
        ),
    };
    let lines: Vec<Line> = items.iter().map(Item::line).collect();
    let details = GateDetails {
        scan: Some(ScanDetails::new(&scan)),
        listed: items,
        judged_at: Some(gate.policy.now),
        ..GateDetails::default()
    };
    Ok(Report::new(verdict, summary, details)
        .subject(Subject::new("finding", shown))
        .output(
            "result",
            if verdict == Verdict::Pass {
                "pass"
            } else {
                "fail"
            },
        )
        .output("total", blocking)
        .findings(lines))
}

/// Checks waiver files.
///
/// # Errors
///
/// Fails on a file that cannot be read as one of the three formats, and on a report that is not one.
pub(crate) fn check_waivers(
    settings: Settings,
    files: &[PathBuf],
    against: Option<&Path>,
    now: Timestamp,
) -> anyhow::Result<Report<GateDetails>> {
    let mut waivers = Waivers::default();
    for path in files {
        waivers.read_any(path, settings.max_waiver_days, now)?;
    }
    let plain = Settings {
        waivers: Vec::new(),
        ignorefiles: Vec::new(),
        ..settings
    };
    let mut gate = Gate::new(plain, now)?;
    gate.waivers = waivers;
    let mut details = match against {
        Some(path) => {
            let input = Input::of(path);
            gate.uses(&input)?
        }
        None => GateDetails {
            // Without a report nobody knows what is used.
            waivers: gate
                .waivers
                .all
                .iter()
                .map(|it| WaiverUse::new(it, 1, gate.settings.expiring_days, now))
                .collect(),
            ..GateDetails::default()
        },
    };
    details.waiver_files.clone_from(&gate.waivers.files);
    details.judged_at = Some(now);
    let (lines, [expired, unused, expiring]) =
        waiver_lines(&gate.waivers.problems, &details.waivers);
    let all = text::count(details.waivers.len() as u64, "waiver");
    let in_files = text::count(files.len() as u64, "file");
    let problems = gate.waivers.problems.len() as u64;
    let verdict = if expired + unused + problems == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    details.reasons = [
        (expired, "expired"),
        (unused, "unused"),
        (problems, "unreadable"),
    ]
    .into_iter()
    .filter(|it| it.0 > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let state = if details.reasons.is_empty() {
        "in order".to_owned()
    } else {
        details.reasons.join(", ")
    };
    let soon = if expiring > 0 {
        format!(", {expiring} ending soon")
    } else {
        String::new()
    };
    let summary = format!("{all} in {in_files}: {state}{soon}");
    Ok(Report::new(verdict, summary, details)
        .output(
            "result",
            if verdict == Verdict::Pass {
                "pass"
            } else {
                "fail"
            },
        )
        .output("expired", expired)
        .output("unused", unused)
        .output("expiring", expiring)
        .findings(lines))
}

/// Returns a line for everything that somebody should do, and how many waivers have expired, are
/// unused, and end soon.
fn waiver_lines(problems: &[Problem], uses: &[WaiverUse]) -> (Vec<Line>, [u64; 3]) {
    let mut lines: Vec<Line> = problems
        .iter()
        .map(|it| Line::new(Level::Error, "waiver", it.message.clone()).at(&it.file, it.line, 0))
        .collect();
    let mut counts = [0u64; 3];
    for waiver in uses {
        let until = waiver.expires.as_deref().unwrap_or("never");
        let (level, message) = match waiver.state {
            WaiverState::Used => continue,
            WaiverState::Expired => {
                counts[0] += 1;
                (
                    Level::Error,
                    format!("the waiver for {} has expired on {until}", waiver.id),
                )
            }
            WaiverState::Unused => {
                counts[1] += 1;
                (
                    Level::Error,
                    format!("the waiver for {} waives nothing: remove it", waiver.id),
                )
            }
            WaiverState::Expiring => {
                counts[2] += 1;
                (
                    Level::Warning,
                    format!("the waiver for {} ends on {until}", waiver.id),
                )
            }
        };
        lines.push(Line::new(level, waiver.id.clone(), message).at(&waiver.file, waiver.line, 0));
    }
    (lines, counts)
}

impl Gate {
    /// Returns what each waiver does to the report in `input`.
    fn uses(&self, input: &Input) -> Result<GateDetails, Failure> {
        let report = self.judge(input, None)?;
        Ok(GateDetails {
            scan: report.details.scan,
            waivers: report.details.waivers,
            ..GateDetails::default()
        })
    }
}
