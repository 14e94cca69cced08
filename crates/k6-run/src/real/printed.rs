//! What thresholds measured, read from the summary that k6 prints: its export does not say it.

use crate::details::LoadDetails;

/// Fills in what the thresholds of `details` measured, where it is not known yet.
pub(super) fn fill(details: &mut LoadDetails, summary: &str) {
    if details
        .thresholds
        .iter()
        .all(|it| it.value.is_some() || it.samples == Some(0))
    {
        return;
    }
    let (mut base, mut metric) = ("", String::new());
    let lines = summary
        .lines()
        .skip_while(|it| !it.contains("█ THRESHOLDS"))
        .skip(1)
        .take_while(|it| !it.contains('█'));
    for line in lines {
        let line = line.trim();
        let judged = line.strip_prefix("✓ '").or(line.strip_prefix("✗ '"));
        if let Some(rest) = judged {
            let Some((condition, value)) = rest.rsplit_once("' ") else {
                continue;
            };
            let value = value.rsplit_once('=').and_then(|it| number(it.1));
            let known = details.thresholds.iter_mut();
            for one in known.filter(|it| it.metric == metric && it.condition == condition) {
                if one.samples != Some(0) {
                    one.value = one.value.or(value);
                }
            }
        } else if line.starts_with('{') {
            metric = format!("{base}{line}");
        } else if !line.is_empty() {
            base = line;
            line.clone_into(&mut metric);
        }
    }
}

/// Reads a number as k6 prints it, times in milliseconds: `19.92ms`, `1m30s`, `65.11%`, `3.2`.
fn number(text: &str) -> Option<f64> {
    if let Some(percent) = text.strip_suffix('%') {
        return Some(percent.parse::<f64>().ok()? / 100.0);
    }
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let mut sum = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !(it.is_ascii_digit() || it == '.'))?;
        let value: f64 = rest[..end].parse().ok()?;
        let tail = &rest[end..];
        let (unit, factor) = [
            ("ns", 1e-6),
            ("µs", 1e-3),
            ("us", 1e-3),
            ("ms", 1.0),
            ("s", 1e3),
            ("m", 6e4),
            ("h", 3.6e6),
        ]
        .into_iter()
        .find(|it| tail.starts_with(it.0))?;
        sum += value * factor;
        rest = &tail[unit.len()..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::Threshold;

    #[test]
    fn what_k6_prints_is_what_was_measured() {
        let threshold = |metric: &str, condition: &str| Threshold {
            metric: metric.to_owned(),
            condition: condition.to_owned(),
            ok: true,
            ..Threshold::default()
        };
        let mut details = LoadDetails {
            thresholds: vec![
                threshold("http_req_duration", "p(99)<500"),
                threshold("http_req_duration{name:/load}", "p(99)<500"),
                threshold("checks", "rate>0.9"),
            ],
            ..LoadDetails::default()
        };
        let text = "\n  █ THRESHOLDS \n\n    checks\n    ✗ 'rate>0.9' rate=65.11%\n\n    http_req_duration\n    ✓ 'p(99)<500' p(99)=1.5s\n\n      {name:/load}\n      ✓ 'p(99)<500' p(99)=19.92ms\n\n\n  █ TOTAL RESULTS \n\n    ✓ 'p(99)<500' p(99)=7ms\n";
        fill(&mut details, text);
        let values: Vec<f64> = details
            .thresholds
            .iter()
            .filter_map(|it| it.value)
            .collect();
        assert_eq!(values, [1_500.0, 19.92, 0.651_1]);
    }

    #[test]
    fn numbers_have_many_units() {
        for (text, wanted) in [
            ("1m30s", Some(90_000.0)),
            ("344.92µs", Some(0.344_92)),
            ("0s", Some(0.0)),
            ("3.2", Some(3.2)),
            ("12 kB", None),
            ("s", None),
        ] {
            let close = match (number(text), wanted) {
                (Some(got), Some(wanted)) => (got - wanted).abs() < 1e-9,
                (got, wanted) => got == wanted,
            };
            assert!(close, "{text}: {:?}", number(text));
        }
    }
}
