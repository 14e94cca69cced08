//! Lengths of time as k6 writes them: `1m30s`, `250ms`, or a number of milliseconds.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A length of time in a script's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Reads a duration such as `1h2m3.5s`, or a bare number of milliseconds.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(millis / 1e3).ok();
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|at| *at > 0)?;
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += value * unit;
        rest = &rest[letters..];
    }
    Duration::try_from_secs_f64(total).ok()
}

/// Writes a duration as Go does: `1m30s`, `250ms`, `1.5s`.
pub fn text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let (value, unit) = if nanos < 1_000 {
            (nanos as f64, "ns")
        } else if nanos < 1_000_000 {
            (nanos as f64 / 1e3, "µs")
        } else {
            (nanos as f64 / 1e6, "ms")
        };
        return format!("{value}{unit}");
    }
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let rest = (seconds % 60) as f64 + f64::from(duration.subsec_nanos()) / 1e9;
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Millis(f64),
            Text(String),
        }
        let parsed = match Form::deserialize(deserializer)? {
            Form::Millis(millis) => Duration::try_from_secs_f64(millis / 1e3)
                .map_err(|_| de::Error::custom(format!("{millis} is not a duration")))?,
            Form::Text(text) => parse(&text)
                .ok_or_else(|| de::Error::custom(format!("`{text}` is not a duration")))?,
        };
        Ok(Self(parsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_units_or_is_in_milliseconds() {
        assert_eq!(parse("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("1.5s"), Some(Duration::from_millis(1_500)));
        assert_eq!(parse("250"), Some(Duration::from_millis(250)));
        assert_eq!(parse("1d2h"), Some(Duration::from_secs(93_600)));
        for wrong in ["", "s", "1x", "1s2", "-1s", "1..2s", "NaN", "inf"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_duration_is_written_as_go_writes_it() {
        for (millis, wanted) in [
            (0, "0s"),
            (250, "250ms"),
            (1_500, "1.5s"),
            (90_000, "1m30s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(text(Duration::from_millis(millis)), wanted);
        }
    }
}
