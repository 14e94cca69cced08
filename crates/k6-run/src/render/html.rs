//! The result as one page that needs nothing else.

use autoscaleops_core::{Report, Verdict, text::xml};

use super::chart::{self, Axis, Chart, Curve};
use crate::{
    compare::{Comparison, Course},
    details::{LoadDetails, Point},
    quantity,
};

const STYLE: &str = include_str!("page.css");

/// Returns the result as a page.
pub(super) fn page(report: &Report<LoadDetails>) -> String {
    let details = &report.details;
    let word = report.verdict.as_str();
    let class = match report.verdict {
        Verdict::Pass => "pass",
        Verdict::Undecided => "undecided",
        _ => "fail",
    };
    let subject = report.subject.as_ref().map(|it| it.name.as_str());
    let script = xml(subject.unwrap_or(&details.script));
    let mut body = format!(
        "<header><p class=\"verdict {class}\">{word}</p><h1>{script}</h1><p>{}</p><p class=\"dim\">{}</p></header>\n",
        xml(&report.summary),
        xml(&about(details))
    );
    let told = |it: &&autoscaleops_core::Finding| !report.summary.starts_with(&it.message);
    let findings: Vec<String> = report
        .findings
        .iter()
        .filter(told)
        .map(|it| {
            format!(
                "<li class=\"{}\">{}</li>",
                it.level.as_str(),
                xml(&it.message)
            )
        })
        .collect();
    if !findings.is_empty() {
        let findings = findings.concat();
        body.push_str(&format!("<ul class=\"findings\">{findings}</ul>\n"));
    }
    if let Some(comparison) = &details.comparison {
        body.push_str(&changes(comparison));
    }
    body.push_str(&tiles(details));
    body.push_str(&charts(details));
    body.push_str(&tables(details));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{word} · {script}</title>\n<style>{STYLE}</style></head>\n<body>\n<main>\n{body}<footer>k6-run {}</footer>\n</main>\n</body></html>\n",
        xml(&report.version)
    )
}

fn about(details: &LoadDetails) -> String {
    let mut parts = Vec::new();
    if let Some(began) = details.started_at {
        parts.push(began.strftime("%F %T UTC").to_string());
    }
    if details.duration_ms > 0.0 {
        parts.push(format!("took {}", quantity::time(details.duration_ms)));
    }
    if !details.engine.is_empty() {
        parts.push(format!("engine {}", details.engine));
    }
    if let Some(generator) = &details.generator {
        let busy = quantity::percent((generator.busy * 100.0).round() / 100.0);
        parts.push(format!("generator {busy} busy"));
        if let Some(late) = generator.start_lag_p99_ms {
            parts.push(format!(
                "arrivals up to {} late (p99)",
                quantity::time(late)
            ));
        }
    }
    parts.join(" · ")
}

fn tiles(details: &LoadDetails) -> String {
    let tiles: Vec<String> = super::numbers(details)
        .into_iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", xml(&value)))
        .collect();
    if tiles.is_empty() {
        return String::new();
    }
    format!("<dl class=\"tiles\">{}</dl>\n", tiles.concat())
}

fn charts(details: &LoadDetails) -> String {
    let points = &details.timeline;
    let steps = || details.scaling.iter().flat_map(|it| &it.steps);
    if points.len() < 2 && details.scaling.is_empty() {
        return String::new();
    }
    let load_ended = points.last().map_or(details.duration_ms / 1e3, |it| it.at);
    let from = steps().map(|it| it.at).fold(0.0, f64::min);
    let to = steps().map(|it| it.at).fold(load_ended, f64::max);
    let axis = Axis {
        from,
        to: to.max(from + 1.0),
        load_ended: (to > load_ended * 1.02).then_some(load_ended),
    };
    let of = |value: fn(&Point) -> Option<f64>| -> Vec<(f64, f64)> {
        let values = points.iter().filter_map(|it| Some((it.at, value(it)?)));
        let mut values: Vec<(f64, f64)> = values.collect();
        // What is known at the end of the first second is of all of it.
        if let Some(first) = values.first().filter(|it| it.0 <= points[0].at) {
            values.insert(0, (0.0, first.1));
        }
        values
    };
    let curve = |name, class, value: fn(&Point) -> Option<f64>| Curve {
        name,
        class,
        points: of(value),
        steps: false,
        filled: true,
    };
    let chart = |title, curves, told| Chart {
        title,
        curves,
        limits: Vec::new(),
        told,
        whole: false,
    };
    let mut all = Vec::new();
    if !points.is_empty() {
        let requests = curve("requests", "line", |it| Some(it.requests));
        all.push(chart("Requests a second", vec![requests], quantity::number));
        let mut failures = vec![curve("failed", "bad", |it| Some(it.failed))];
        if points.iter().any(|it| it.dropped > 0.0) {
            failures.push(curve("not started", "warm", |it| Some(it.dropped)));
        }
        all.push(chart("Failed a second", failures, quantity::number));
        let timed = |it: &Point| Some(it.latency_ms).filter(|it| *it > 0.0);
        let mut durations = vec![curve("mean", "cool", timed)];
        if points.iter().any(|it| it.p95_ms.is_some()) {
            durations.insert(0, curve("p(95)", "warm", |it| it.p95_ms));
        }
        all.push(Chart {
            limits: limits(details),
            ..chart("Duration of requests", durations, quantity::time)
        });
        #[expect(clippy::cast_precision_loss, reason = "a number of virtual users")]
        let vus = Curve {
            steps: true,
            ..curve("VUs", "calm", |it| Some(it.vus as f64))
        };
        all.push(Chart {
            whole: true,
            ..chart("Virtual users", vec![vus], quantity::number)
        });
    }
    let titles: Vec<String> = details
        .scaling
        .iter()
        .map(|it| format!("Replicas of {} ({} to {})", it.hpa, it.min, it.max))
        .collect();
    for (scaling, title) in details.scaling.iter().zip(&titles) {
        #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
        let of = |value: fn(&crate::details::Step) -> Option<u64>| -> Vec<(f64, f64)> {
            let steps = scaling.steps.iter();
            steps
                .filter_map(|it| Some((it.at, value(it)? as f64)))
                .collect()
        };
        let stair = |name, class, points, filled| Curve {
            name,
            class,
            points,
            steps: true,
            filled,
        };
        let mut curves = vec![stair("wanted", "line", of(|it| Some(it.wanted)), false)];
        let ready = of(|it| it.ready);
        if !ready.is_empty() {
            curves.push(stair("ready", "good", ready, true));
        }
        all.push(Chart {
            whole: true,
            ..chart(title, curves, quantity::number)
        });
    }
    chart::draw(&all, axis)
}

/// Returns the upper limits that thresholds set on the duration of requests.
fn limits(details: &LoadDetails) -> Vec<(f64, String)> {
    let own = details.thresholds.iter();
    own.filter(|it| it.metric == "http_req_duration")
        .filter_map(|it| {
            let limit = it.condition.split_once('<')?.1.trim_start_matches('=');
            let value = limit.trim().parse().ok()?;
            Some((value, format!("threshold {}", it.condition)))
        })
        .collect()
}

fn table(title: &str, heads: &[&str], rows: &[String]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: String = heads
        .iter()
        .map(|it| match it.strip_prefix('#') {
            Some(number) => format!("<th class=\"n\">{number}</th>"),
            None => format!("<th>{it}</th>"),
        })
        .collect();
    let rows = rows.join("</tr><tr>");
    format!(
        "<section><h2>{title}</h2><div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody><tr>{rows}</tr></tbody></table></div></section>\n"
    )
}

fn tables(details: &LoadDetails) -> String {
    let mut thresholds: Vec<(bool, String)> = details
        .thresholds
        .iter()
        .map(|one| {
            let is_fault = super::is_fault(details, one);
            let (class, mark) = match (is_fault, one.ok) {
                (false, _) => ("good", "✓ held"),
                (true, false) => ("bad", "✗ missed"),
                (true, true) => ("bad", "✗ no samples"),
            };
            let row = format!(
                "<td class=\"{class}\">{mark}</td><td><code>{}</code></td><td class=\"w\">{}</td><td class=\"n\">{}</td>",
                xml(&one.condition),
                xml(&one.metric),
                quantity::measured(details, one)
            );
            (!is_fault, row)
        })
        .collect();
    thresholds.sort_by_key(|it| it.0);
    let thresholds: Vec<String> = thresholds.into_iter().map(|it| it.1).collect();
    let mut checks: Vec<_> = details.checks.iter().collect();
    checks.sort_by_key(|it| it.fails == 0);
    let checks: Vec<String> = checks
        .into_iter()
        .map(|check| {
            let (class, mark) = if check.fails > 0 { ("bad", "✗") } else { ("good", "✓") };
            #[expect(clippy::cast_precision_loss, reason = "a number of checks")]
            let share = check.passes as f64 / (check.passes + check.fails).max(1) as f64;
            format!(
                "<td class=\"{class}\">{mark}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
                xml(&check.path()),
                check.passes,
                check.fails,
                quantity::percent(share)
            )
        })
        .collect();
    table(
        "Thresholds",
        &["", "condition", "metric", "#measured"],
        &thresholds,
    ) + &table(
        "Checks",
        &["", "check", "#passed", "#failed", "#share"],
        &checks,
    ) + &metrics(details)
}

/// Trends side by side, and everything else in a second table.
fn metrics(details: &LoadDetails) -> String {
    let trends: Vec<_> = details
        .metrics
        .iter()
        .filter(|it| it.1.kind == "trend")
        .collect();
    let order = ["avg", "min", "med", "max"];
    let mut columns: Vec<&str> = Vec::new();
    for (_, metric) in &trends {
        for key in metric.values.keys() {
            if !columns.contains(&key.as_str()) {
                columns.push(key);
            }
        }
    }
    let rank = |key: &str| {
        let known = order.iter().position(|it| *it == key);
        let percent = key
            .strip_prefix("p(")
            .and_then(|it| it.strip_suffix(')')?.parse().ok());
        (known.unwrap_or(order.len()), percent.unwrap_or(0.0_f64))
    };
    columns.sort_by(|one, other| {
        let (one, other) = (rank(one), rank(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    let rows: Vec<String> = trends
        .iter()
        .map(|(name, metric)| {
            let cells: Vec<String> = columns
                .iter()
                .map(|key| {
                    let value = metric.values.get(*key);
                    let text = value.map_or_else(String::new, |it| quantity::of(metric, key, *it));
                    format!("<td class=\"n\">{text}</td>")
                })
                .collect();
            format!("<td>{}</td>{}", xml(name), cells.concat())
        })
        .collect();
    let escaped: Vec<String> = columns.iter().map(|it| format!("#{}", xml(it))).collect();
    let mut heads = vec!["metric"];
    heads.extend(escaped.iter().map(String::as_str));
    let others: Vec<String> = details
        .metrics
        .iter()
        .filter(|it| it.1.kind != "trend")
        .map(|(name, metric)| {
            let value = |key: &str| {
                let value = metric.values.get(key);
                value.map_or_else(String::new, |it| quantity::of(metric, key, *it))
            };
            let (first, second) = match metric.kind.as_str() {
                "counter" => (value("count"), value("rate")),
                "gauge" => (
                    value("value"),
                    format!("{} to {}", value("min"), value("max")),
                ),
                _ => {
                    let counts =
                        ["passes", "fails"].map(|it| metric.values.get(it).unwrap_or(&0.0));
                    let total = quantity::number(counts[0] + counts[1]);
                    let hits = quantity::number(*counts[0]);
                    (value("rate"), format!("{hits} of {total}"))
                }
            };
            format!(
                "<td>{}</td><td class=\"n\">{first}</td><td class=\"n\">{second}</td>",
                xml(name)
            )
        })
        .collect();
    table("Times and other distributions", &heads, &rows)
        + &table(
            "Counts, shares and levels",
            &["metric", "#value", "#"],
            &others,
        )
}

fn changes(comparison: &Comparison) -> String {
    let rows: Vec<String> = comparison
        .changes
        .iter()
        .map(|it| {
            let (class, mark) = match it.course {
                Course::Worse => ("bad", "✗ worse"),
                Course::Better => ("good", "✓ better"),
                Course::Same => ("dim", "same"),
                Course::Unclear => ("warn", "? unclear"),
            };
            format!(
                "<td class=\"{class}\">{mark}</td><td>{} {}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n {class}\">{}</td><td class=\"n\">{}</td>",
                xml(&it.metric),
                xml(&it.value),
                it.told(it.base),
                it.told(it.head),
                it.difference(),
                it.band()
            )
        })
        .collect();
    let title = format!("Against {}", xml(&comparison.base));
    table(
        &title,
        &["", "value", "#base", "#head", "#change", "#noise"],
        &rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_says_cannot_become_markup() {
        let bad = "<script>alert(1)</script>";
        let details = LoadDetails {
            script: bad.to_owned(),
            engine: bad.to_owned(),
            checks: vec![crate::details::Check {
                name: bad.to_owned(),
                ..Default::default()
            }],
            metrics: [(
                bad.to_owned(),
                crate::details::Metric {
                    kind: "trend".to_owned(),
                    values: [(bad.to_owned(), 1.0)].into(),
                    ..Default::default()
                },
            )]
            .into(),
            ..LoadDetails::default()
        };
        let page = page(&Report::new(Verdict::Pass, "<b>x</b>", details));
        assert!(
            !page.contains("<script>") && !page.contains("<b>x"),
            "{page}"
        );
    }

    #[test]
    fn load_and_replicas_stand_on_one_axis() {
        let step = |at, wanted| crate::details::Step {
            at,
            wanted,
            ready: Some(wanted),
        };
        let details = LoadDetails {
            timeline: (1..=10)
                .map(|it| Point {
                    at: f64::from(it),
                    requests: 5.0,
                    ..Point::default()
                })
                .collect(),
            scaling: vec![crate::details::Scaling {
                hpa: "dev/shop".to_owned(),
                min: 1,
                max: 3,
                steps: vec![step(-10.0, 1), step(5.0, 3), step(40.0, 1)],
            }],
            ..LoadDetails::default()
        };
        let page = page(&Report::new(Verdict::Pass, "x", details));
        // 50 s wide: the load ends at 20 of them, the scaling out is at 15.
        assert!(page.contains("class=\"end\" d=\"M400.0 0"), "{page}");
        assert!(page.contains("M0.0 66.7H300.0V0.0H1000.0V66.7"), "{page}");
        assert_eq!(page.matches("class=\"axis\"").count(), 1);
    }
}
