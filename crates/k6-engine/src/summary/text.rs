//! The summary for people, laid out as k6 does.

use super::{Row, Shape, rows};
use crate::{
    metrics::{Contains, Kind},
    run::Finished,
};

/// What stands under each heading; everything else is the script's own.
const HEADINGS: [(&str, &[&str]); 4] = [
    ("HTTP", &["http_req", "http_reqs"]),
    (
        "EXECUTION",
        &["iteration", "dropped_iterations", "vus", "group_duration"],
    ),
    ("NETWORK", &["data_"]),
    ("WEBSOCKET", &["ws_"]),
];

/// Parts of a request that are told only when a threshold asks for them.
const HIDDEN: [&str; 6] = [
    "http_req_blocked",
    "http_req_connecting",
    "http_req_tls_handshaking",
    "http_req_sending",
    "http_req_waiting",
    "http_req_receiving",
];

/// Returns the summary as text. `paint` colours a mark or a number as good or bad.
pub fn text(
    finished: &mut Finished,
    shape: &Shape,
    paint: &dyn Fn(bool, &str) -> String,
) -> String {
    let rows = rows(finished, shape);
    let mut out = String::new();
    thresholds(finished, &rows, shape, paint, &mut out);
    out.push_str("\n\n  █ TOTAL RESULTS \n");
    checks(finished, paint, &mut out);
    let cells: Vec<(usize, Vec<String>)> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (at, cells(row, shape)))
        .collect();
    let shown = |row: &Row| {
        let base = row.name.split('{').next().unwrap_or_default();
        base != "checks"
            && base != "group_duration"
            && !(HIDDEN.contains(&base) && row.thresholds.is_empty())
    };
    let label = |row: &Row| match row.name.split_once('{') {
        Some((_, rest)) => format!("  {{ {} }}", rest.trim_end_matches('}')),
        None => row.name.clone(),
    };
    let visible: Vec<&(usize, Vec<String>)> =
        cells.iter().filter(|it| shown(&rows[it.0])).collect();
    let width = visible
        .iter()
        .map(|it| label(&rows[it.0]).chars().count())
        .max()
        .unwrap_or(0)
        + 3;
    let mut columns = [Vec::new(), Vec::new()];
    for (at, cells) in &visible {
        let kind = usize::from(rows[*at].kind == Kind::Trend);
        for (place, cell) in cells.iter().enumerate() {
            if columns[kind].len() <= place {
                columns[kind].push(0);
            }
            columns[kind][place] = columns[kind][place].max(cell.chars().count());
        }
    }
    let mut section = |heading: &str, belongs: &dyn Fn(&str) -> bool| {
        let mut begun = false;
        for (at, cells) in &visible {
            let row = &rows[*at];
            if !belongs(&row.name) {
                continue;
            }
            if !begun {
                begun = true;
                out.push_str(&format!("\n    {heading}\n"));
            }
            let widths = &columns[usize::from(row.kind == Kind::Trend)];
            let padded: Vec<String> = cells
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            let line = format!("    {:.<width$}: {}", label(row), padded.join(" "));
            out.push_str(line.trim_end());
            out.push('\n');
        }
    };
    let known = |name: &str| {
        HEADINGS
            .iter()
            .any(|it| it.1.iter().any(|prefix| name.starts_with(prefix)))
    };
    section("CUSTOM", &|name| !known(name));
    for (heading, prefixes) in HEADINGS {
        section(heading, &|name| {
            prefixes.iter().any(|it| name.starts_with(it))
        });
    }
    out
}

fn thresholds(
    finished: &Finished,
    rows: &[Row],
    shape: &Shape,
    paint: &dyn Fn(bool, &str) -> String,
    out: &mut String,
) {
    if finished.thresholds.is_empty() {
        return;
    }
    out.push_str("\n  █ THRESHOLDS \n");
    let mut names: Vec<&str> = finished
        .thresholds
        .iter()
        .map(|it| it.metric.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut last_base = "";
    for name in names {
        let (base, suffix) = match name.split_once('{') {
            Some((base, rest)) => (base, Some(rest.trim_end_matches('}'))),
            None => (name, None),
        };
        let indent = if suffix.is_some() { "      " } else { "    " };
        if base != last_base {
            out.push_str(&format!("\n    {base}\n"));
            if suffix.is_some() {
                out.push_str("    ");
            }
            last_base = base;
        }
        if let Some(suffix) = suffix {
            out.push_str(&format!("\n      {{{suffix}}}\n"));
        }
        let contains = rows
            .iter()
            .find(|it| it.name == name)
            .map(|it| (it.contains, it.kind));
        for one in finished.thresholds.iter().filter(|it| it.metric == name) {
            let mark = paint(one.holds, if one.holds { "✓" } else { "✗" });
            let value = match (one.value, contains) {
                (None, _) => "no samples".to_owned(),
                (Some(value), Some((_, Kind::Rate))) => percent(value),
                (Some(value), Some((contains, _))) => quantity(value, contains, shape),
                (Some(value), None) => plain(value),
            };
            out.push_str(&format!(
                "{indent}{mark} '{}' {}={value}\n",
                one.source, one.label
            ));
        }
    }
}

fn checks(finished: &Finished, paint: &dyn Fn(bool, &str) -> String, out: &mut String) {
    let (passes, total) = finished.totals.rate(crate::metrics::CHECKS);
    if total == 0 {
        return;
    }
    let fails = total - passes;
    let rate = total as f64 / finished.duration.as_secs_f64().max(1e-9);
    let share = |count: u64| percent(count as f64 / total as f64);
    out.push_str(&format!(
        "\n    {:.<35}: {total:<6} {}/s\n",
        "checks_total",
        plain(rate)
    ));
    out.push_str(&format!(
        "    {:.<35}: {} {passes} out of {total}\n",
        "checks_succeeded",
        share(passes)
    ));
    out.push_str(&format!(
        "    {:.<35}: {} {fails} out of {total}\n\n",
        "checks_failed",
        share(fails)
    ));
    let mut names: Vec<(&str, u64, u64)> = Vec::new();
    for (_, name, passes, fails) in &finished.totals.checks.all {
        match names.iter_mut().find(|it| it.0 == name) {
            Some(known) => {
                known.1 += passes;
                known.2 += fails;
            }
            None => names.push((name, *passes, *fails)),
        }
    }
    for (name, passes, fails) in names {
        if fails == 0 {
            out.push_str(&format!("    {} {name}\n", paint(true, "✓")));
        } else {
            let share = 100 * passes / (passes + fails);
            let mark = paint(false, "✗");
            out.push_str(&format!(
                "    {mark} {name}\n      ↳  {share}% — ✓ {passes} / ✗ {fails}\n"
            ));
        }
    }
}

fn cells(row: &Row, shape: &Shape) -> Vec<String> {
    let find = |name: &str| {
        row.values
            .iter()
            .find(|it| it.0 == name)
            .map_or(0.0, |it| it.1)
    };
    let told = |value: f64| quantity(value, row.contains, shape);
    match row.kind {
        Kind::Counter => vec![told(find("count")), format!("{}/s", told(find("rate")))],
        Kind::Gauge => vec![
            told(find("value")),
            format!("min={}", told(find("min"))),
            format!("max={}", told(find("max"))),
        ],
        Kind::Rate => {
            let (hits, misses) = (find("passes"), find("fails"));
            vec![
                percent(find("rate")),
                format!("{hits} out of {}", hits + misses),
            ]
        }
        Kind::Trend => row
            .values
            .iter()
            .map(|(name, value)| {
                let value = if name == "count" {
                    plain(*value)
                } else {
                    told(*value)
                };
                format!("{name}={value}")
            })
            .collect(),
    }
}

fn quantity(value: f64, contains: Contains, shape: &Shape) -> String {
    match contains {
        Contains::Time => time(value, shape.time_unit.as_deref()),
        Contains::Data => data(value),
        Contains::Default => plain(value),
    }
}

/// Cuts to two decimals, without zeros at the end.
fn short(value: f64) -> String {
    let text = format!("{:.2}", (value * 100.0 + 1e-9).trunc() / 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(share: f64) -> String {
    format!("{:.2}%", (share * 1e4 + 1e-9).trunc() / 100.0)
}

fn time(millis: f64, unit: Option<&str>) -> String {
    match unit {
        Some("s") => return format!("{:.2}s", millis / 1e3),
        Some("ms") => return format!("{millis:.2}ms"),
        Some("us") => return format!("{:.2}µs", millis * 1e3),
        _ => {}
    }
    if millis == 0.0 {
        "0s".to_owned()
    } else if millis < 0.001 {
        format!("{}ns", (millis * 1e6).trunc())
    } else if millis < 1.0 {
        format!("{}µs", short(millis * 1e3))
    } else if millis < 1e3 {
        format!("{}ms", short(millis))
    } else if millis < 6e4 {
        format!("{}s", short(millis / 1e3))
    } else {
        let seconds = (millis / 1e3).round();
        let (minutes, rest) = ((seconds / 60.0).trunc(), seconds % 60.0);
        if minutes < 60.0 {
            format!("{minutes}m{rest}s")
        } else {
            format!("{}h{}m{rest}s", (minutes / 60.0).trunc(), minutes % 60.0)
        }
    }
}

fn data(bytes: f64) -> String {
    let (mut value, mut units) = (bytes, ["kB", "MB", "GB", "TB"].iter());
    if value.abs() < 1e3 {
        return format!("{} B", value.round());
    }
    let mut unit = "B";
    while value.abs() >= 1e3 {
        let Some(next) = units.next() else { break };
        value /= 1e3;
        unit = next;
    }
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_get_the_unit_that_suits_them() {
        for (millis, wanted) in [
            (0.0, "0s"),
            (0.344_92, "344.92µs"),
            (4.567, "4.56ms"),
            (1_500.0, "1.5s"),
            (90_000.0, "1m30s"),
            (3.5, "3.5ms"),
        ] {
            assert_eq!(time(millis, None), wanted);
        }
        assert_eq!(time(4.567, Some("s")), "0.00s");
    }

    #[test]
    fn amounts_are_written_as_k6_writes_them() {
        assert_eq!(data(6_800.0), "6.8 kB");
        assert_eq!(data(12.0), "12 B");
        assert_eq!(percent(0.9), "90.00%");
        assert_eq!(percent(0.857_142), "85.71%");
        assert_eq!(plain(19.284_292), "19.284292");
        assert_eq!(plain(60.0), "60");
    }
}
