//! Numbers for people: times, amounts and shares in the unit that suits them.

use crate::details::{LoadDetails, Metric, Threshold};

/// Writes a value of a metric: `p(95)` of a time as `15.19 ms`, `rate` of checks as `99.2 %`.
pub(crate) fn of(metric: &Metric, label: &str, value: f64) -> String {
    match (metric.kind.as_str(), label) {
        ("rate", "rate" | "value") => percent(value),
        ("counter", "rate") => format!("{}/s", plain(metric, value)),
        ("rate", _) | ("trend", "count") => number(value),
        _ => plain(metric, value),
    }
}

fn plain(metric: &Metric, value: f64) -> String {
    match metric.contains.as_str() {
        "time" => time(value),
        "data" => data(value),
        _ => number(value),
    }
}

/// Writes what a threshold measured.
pub(crate) fn measured(details: &LoadDetails, one: &Threshold) -> String {
    let Some(value) = one.value else {
        let word = match one.samples {
            Some(0) => "no samples",
            _ => "–",
        };
        return word.to_owned();
    };
    let label = one.condition.split(['<', '>', '=', '!']).next();
    let label = label.unwrap_or_default().trim();
    let base = one.metric.split('{').next().unwrap_or_default();
    let metric = details.metrics.get(&one.metric);
    match metric.or_else(|| details.metrics.get(base)) {
        Some(metric) => of(metric, label, value),
        None => number(value),
    }
}

/// Writes a share of one in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", cut(share * 100.0, 2))
}

/// Writes milliseconds in the unit that suits them.
pub(crate) fn time(millis: f64) -> String {
    let size = millis.abs();
    if size == 0.0 {
        "0 ms".to_owned()
    } else if size < 1.0 {
        format!("{} µs", cut(millis * 1e3, if size < 0.01 { 2 } else { 0 }))
    } else if size < 1e3 {
        format!("{} ms", cut(millis, if size < 100.0 { 2 } else { 1 }))
    } else if size < 12e4 {
        format!("{} s", cut(millis / 1e3, 2))
    } else {
        let seconds = (millis / 1e3).round();
        format!(
            "{}m{:02}s",
            (seconds / 60.0).trunc(),
            (seconds % 60.0).abs()
        )
    }
}

/// Writes seconds since the start: `45 s`, `2m05s`, `3h20m`.
pub(crate) fn clock(seconds: f64) -> String {
    let (sign, whole) = (
        if seconds <= -0.5 { "−" } else { "" },
        seconds.abs().round(),
    );
    let (minutes, rest) = ((whole / 60.0).trunc(), whole % 60.0);
    if whole < 60.0 {
        format!("{sign}{whole} s")
    } else if whole < 3_600.0 {
        match rest {
            0.0 => format!("{sign}{minutes} min"),
            _ => format!("{sign}{minutes}m{rest:02}s"),
        }
    } else {
        format!("{sign}{}h{:02}m", (minutes / 60.0).trunc(), minutes % 60.0)
    }
}

/// Writes bytes.
pub(crate) fn data(bytes: f64) -> String {
    let (mut value, mut unit) = (bytes, "B");
    for next in ["kB", "MB", "GB", "TB"] {
        if value.abs() < 1e3 {
            break;
        }
        (value, unit) = (value / 1e3, next);
    }
    format!(
        "{} {unit}",
        cut(value, usize::from(value.abs() < 10.0 && unit != "B"))
    )
}

/// Writes a number, thousands apart, with as many decimals as matter.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size < 1e4 {
        let decimals = match size {
            _ if size >= 100.0 => 1,
            _ if size >= 1.0 => 2,
            _ => 4,
        };
        return cut(value, decimals);
    }
    let digits = format!("{size:.0}");
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of things: `1 request`, `12,345 requests`.
pub(crate) fn count(count: f64, noun: &str) -> String {
    let ending = if (count - 1.0).abs() < 1e-9 { "" } else { "s" };
    format!("{} {noun}{ending}", number(count))
}

/// Rounds to so many decimals, without zeros at the end.
fn cut(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_the_unit_that_suits_them() {
        for (got, wanted) in [
            (time(0.0), "0 ms"),
            (time(0.344_92), "345 µs"),
            (time(15.186), "15.19 ms"),
            (time(999.94), "999.9 ms"),
            (time(1_500.0), "1.5 s"),
            (time(150_000.0), "2m30s"),
            (percent(0.646_5), "64.65 %"),
            (percent(1.0), "100 %"),
            (data(999.0), "999 B"),
            (data(6_800.0), "6.8 kB"),
            (data(118_208.0), "118 kB"),
            (number(88.873), "88.87"),
            (number(1_234_567.2), "1,234,567"),
            (number(0.000_3), "0.0003"),
            (clock(45.2), "45 s"),
            (clock(125.0), "2m05s"),
            (clock(120.0), "2 min"),
            (clock(-12.0), "−12 s"),
            (clock(12_000.0), "3h20m"),
        ] {
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn a_value_is_told_as_its_metric_is() {
        let metric = |kind: &str, contains: &str| Metric {
            kind: kind.to_owned(),
            contains: contains.to_owned(),
            ..Metric::default()
        };
        assert_eq!(of(&metric("rate", "default"), "rate", 0.5), "50 %");
        assert_eq!(of(&metric("trend", "time"), "p(95)", 2.0), "2 ms");
        assert_eq!(of(&metric("trend", "time"), "count", 2.0), "2");
        assert_eq!(of(&metric("counter", "data"), "rate", 2e3), "2 kB/s");
    }
}
