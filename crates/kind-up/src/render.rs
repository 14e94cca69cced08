//! The answer as people read it.

use autoscaleops_core::{Look, Report, text};

use crate::details::{Details, Phase};

/// Returns the answer for a person.
pub(crate) fn human(report: &Report<Details>, look: &Look) -> String {
    let details = &report.details;
    if let Some(text) = &details.text {
        return text.clone();
    }
    let mut lines = vec![format!(
        "{} {}",
        look.verdict(report.verdict),
        report.summary
    )];
    if details.stand_in && !details.nodes.is_empty() {
        lines.push(
            look.dim("  an embedded stand-in, no cluster: pods are processes of this machine"),
        );
    }
    for check in &details.checks {
        lines.push(format!(
            "  {:<5} {:<14} {}",
            check.outcome, check.id, check.found
        ));
        if !check.remedy.is_empty() && check.outcome != "pass" {
            lines.push(format!("                       try: {}", check.remedy));
        }
    }
    for step in &details.steps {
        lines.push(
            format!("  {:<9} {:<34} {}", step.action, step.subject, step.note)
                .trim_end()
                .to_owned(),
        );
    }
    for drift in &details.drift {
        lines.push(format!(
            "  drift     {:<24} wanted {}, found {}",
            drift.what, drift.wanted, drift.found
        ));
    }
    table(
        &mut lines,
        &["NODE", "READY", "VERSION"],
        details.nodes.iter().map(|it| {
            vec![
                it.name.clone(),
                if it.ready { "yes" } else { "no" }.to_owned(),
                it.version.clone(),
            ]
        }),
    );
    table(
        &mut lines,
        &["APPLICATION", "SYNC", "HEALTH", "REVISION"],
        details.applications.iter().map(|it| {
            let revision = it.revision.get(..7).unwrap_or(&it.revision).to_owned();
            vec![
                it.name.clone(),
                it.sync.clone(),
                it.health.clone(),
                revision,
            ]
        }),
    );
    // Whole: the end of a reason is often what matters.
    for it in details
        .applications
        .iter()
        .filter(|it| !it.cause.is_empty())
    {
        let cause = text::shorten(&text::printable(&it.cause), 600);
        lines.push(format!("  {}: {cause}", it.name));
    }
    table(
        &mut lines,
        &["SERVICE", "ADDRESS"],
        details
            .addresses
            .iter()
            .map(|it| vec![it.name.clone(), it.url.clone()]),
    );
    if !details.phases.is_empty() {
        lines.push(String::new());
        lines.extend(bars(&details.phases, look.width));
    }
    if let Some(kubeconfig) = &details.kubeconfig {
        lines.push(String::new());
        lines.push(format!("  kubectl --kubeconfig {kubeconfig} get pods -A"));
    }
    lines.join("\n") + "\n"
}

fn table(lines: &mut Vec<String>, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(index, it)| {
            rows.iter()
                .filter_map(|row| row.get(index))
                .map(|it| it.chars().count())
                .chain([it.len()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("  {}", padded.join("  ").trim_end())
    };
    lines.push(String::new());
    lines.push(line(head.to_vec()));
    for row in &rows {
        lines.push(line(row.iter().map(String::as_str).collect()));
    }
}

/// Returns a bar for each phase, as long as it took, where it stood, the critical path marked.
pub(crate) fn bars(phases: &[Phase], width: usize) -> Vec<String> {
    let end = phases
        .iter()
        .map(|it| it.start_ms + it.elapsed_ms)
        .max()
        .unwrap_or(0)
        .max(1);
    let name = phases.iter().map(|it| it.name.len()).max().unwrap_or(0);
    let note = phases.iter().map(|it| it.note.len()).max().unwrap_or(0);
    let room = width.saturating_sub(name + 16).clamp(10, 60);
    // What each did stands behind its time where the terminal is wide enough for all of them.
    let has_notes = name + room + note + 18 <= width;
    let scale = |ms: u64| usize::try_from(ms * room as u64 / end).unwrap_or(0);
    let mut lines: Vec<String> = phases
        .iter()
        .map(|it| {
            let start = scale(it.start_ms).min(room - 1);
            let length = scale(it.elapsed_ms).clamp(1, room - start);
            let mark = if it.critical { "█" } else { "░" };
            let bar = format!("{}{}", " ".repeat(start), mark.repeat(length));
            let note = if has_notes { it.note.as_str() } else { "" };
            let line = format!(
                "  {:<name$}  {bar:<room$}  {:>9}  {note}",
                it.name,
                duration(it.elapsed_ms)
            );
            line.trim_end().to_owned()
        })
        .collect();
    lines.push(format!(
        "  {:<name$}  █ critical path, ░ beside it; {} in all",
        "",
        duration(end)
    ));
    lines
}

/// Returns a length as people read it: milliseconds below a second.
fn duration(ms: u64) -> String {
    if ms < 1000 {
        format!("{ms} ms")
    } else {
        format!("{}.{} s", ms / 1000, ms % 1000 / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stands_where_its_phase_did_and_fits() {
        let phase = |name: &str, start_ms, elapsed_ms, critical| Phase {
            name: name.to_owned(),
            start_ms,
            elapsed_ms,
            critical,
            ..Phase::default()
        };
        let lines = bars(
            &[
                phase("a", 0, 500, true),
                phase("b", 500, 500, false),
                phase("c", 999, 0, false),
            ],
            37,
        );
        assert_eq!(lines[0], "  a  ██████████               500 ms");
        assert_eq!(lines[1], "  b            ░░░░░░░░░░     500 ms");
        assert!(lines[2].contains('░'));
        assert!(lines[3].ends_with("in all"));
    }
}
