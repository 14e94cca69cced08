//! What changed between two results, as a table for a terminal.

use anstyle::{AnsiColor, Style};
use autoscaleops_core::{Look, text::shorten};

use crate::compare::{Change, Comparison, Course};

/// Returns the changes, in the columns of the terminal.
pub(super) fn changes(comparison: &Comparison, look: &Look) -> String {
    if comparison.changes.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 6]> = comparison.changes.iter().map(row).collect();
    let head = ["", "value", "base", "head", "change", "noise"].map(str::to_owned);
    let mut widths = [0; 6];
    for row in rows.iter().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    // Names give way where the terminal is narrow.
    let others: usize = widths.iter().sum::<usize>() - widths[1] + 10;
    widths[1] = widths[1].min(look.width.saturating_sub(others).max(12));
    let mut out = line(&head, widths, |text| look.dim(text));
    for (row, change) in rows.iter().zip(&comparison.changes) {
        let style = match change.course {
            Course::Worse => AnsiColor::Red.on_default(),
            Course::Better => AnsiColor::Green.on_default(),
            Course::Unclear => AnsiColor::Yellow.on_default(),
            Course::Same => Style::new(),
        };
        out.push_str(&line(row, widths, |text| look.paint(style, text)));
    }
    out
}

fn row(change: &Change) -> [String; 6] {
    let word = match change.course {
        Course::Worse => "worse",
        Course::Better => "better",
        Course::Same => "same",
        Course::Unclear => "unclear",
    };
    [
        word.to_owned(),
        format!("{} {}", change.metric, change.value),
        change.told(change.base),
        change.told(change.head),
        change.difference(),
        change.band(),
    ]
}

fn line(cells: &[String; 6], widths: [usize; 6], paint: impl Fn(&str) -> String) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(place, (cell, width))| {
            let cell = shorten(cell, width);
            if place < 2 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        })
        .collect();
    format!("{}\n", paint(padded.join("  ").trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_keeps_to_the_columns_of_the_terminal() {
        let change = Change {
            metric: "http_req_duration{name:/a/very/long/path/of/some/service}".to_owned(),
            value: "p(95)".to_owned(),
            unit: "time".to_owned(),
            base: 100.0,
            head: 140.0,
            noise: 10.0,
            course: Course::Worse,
        };
        let comparison = Comparison {
            changes: vec![change],
            ..Comparison::default()
        };
        for width in [80, 160] {
            let look = Look {
                width,
                color: false,
            };
            let text = changes(&comparison, &look);
            assert!(text.lines().all(|it| it.chars().count() <= width), "{text}");
            assert!(
                text.contains("+40.0 %") && text.contains("±10.0 %"),
                "{text}"
            );
        }
    }
}
