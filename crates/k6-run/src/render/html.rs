//! The result as one page that needs nothing else.

use autoscaleops_core::{Report, Verdict};

use crate::{
    details::{LoadDetails, Point},
    verdict::short,
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
    let script = escape(&details.script);
    let mut body = format!(
        "<header><p class=\"verdict {class}\">{word}</p><h1>{script}</h1><p>{}</p></header>\n",
        escape(&report.summary)
    );
    if !report.findings.is_empty() {
        body.push_str("<ul class=\"findings\">");
        for finding in &report.findings {
            body.push_str(&format!(
                "<li><b>{}</b> {}</li>",
                escape(&finding.id),
                escape(&finding.message)
            ));
        }
        body.push_str("</ul>\n");
    }
    body.push_str(&tiles(details));
    body.push_str(&charts(details));
    body.push_str(&tables(details));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{script} · {word}</title>\n<style>{STYLE}</style></head>\n<body>\n<main>\n{body}<footer>k6-run {} · engine: {}</footer>\n</main>\n</body></html>\n",
        escape(&report.version),
        escape(&details.engine)
    )
}

fn tiles(details: &LoadDetails) -> String {
    let value = |metric: &str, name: &str| details.value(metric, name);
    let tiles = [
        ("requests", value("http_reqs", "count").map(short)),
        (
            "requests/s",
            value("http_reqs", "rate").map(|it| format!("{it:.1}")),
        ),
        (
            "failed",
            value("http_req_failed", "rate").map(|it| format!("{:.2} %", it * 100.0)),
        ),
        (
            "median",
            value("http_req_duration", "med").map(|it| format!("{} ms", short(it))),
        ),
        (
            "p(95)",
            value("http_req_duration", "p(95)").map(|it| format!("{} ms", short(it))),
        ),
        ("iterations", Some(details.iterations.to_string())),
        ("VUs", Some(details.vus_max.to_string())),
    ];
    let tiles: Vec<String> = tiles
        .into_iter()
        .filter_map(|(name, value)| Some(format!("<div><dt>{name}</dt><dd>{}</dd></div>", value?)))
        .collect();
    format!("<dl class=\"tiles\">{}</dl>\n", tiles.concat())
}

fn charts(details: &LoadDetails) -> String {
    let points = &details.timeline;
    if points.len() < 2 {
        return String::new();
    }
    let end = points.last().map_or(1.0, |it| it.at);
    let of = |value: fn(&Point) -> f64| {
        points
            .iter()
            .map(|it| (it.at, value(it)))
            .collect::<Vec<_>>()
    };
    #[expect(clippy::cast_precision_loss, reason = "a number of virtual users")]
    let vus = of(|it| it.vus as f64);
    let mut out = String::from("<section class=\"charts\">\n");
    out.push_str(&chart(
        "Requests a second",
        &of(|it| it.requests),
        end,
        "line",
        false,
    ));
    out.push_str(&chart(
        "Failed a second",
        &of(|it| it.failed),
        end,
        "bad",
        false,
    ));
    out.push_str(&chart(
        "Mean duration in ms",
        &of(|it| it.latency_ms),
        end,
        "warm",
        false,
    ));
    out.push_str(&chart("Virtual users", &vus, end, "calm", true));
    if !details.replicas.is_empty() {
        #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
        let replicas: Vec<(f64, f64)> = details
            .replicas
            .iter()
            .map(|it| (it.0, it.1 as f64))
            .collect();
        out.push_str(&chart("Replicas", &replicas, end, "line", true));
    }
    out.push_str("</section>\n");
    out
}

/// Draws a curve over time, as steps where values hold until they change.
fn chart(title: &str, points: &[(f64, f64)], end: f64, class: &str, steps: bool) -> String {
    let (width, height) = (600.0, 120.0);
    let top = points.iter().map(|it| it.1).fold(0.0, f64::max);
    let scale = if top > 0.0 { height / top } else { 0.0 };
    let mut path = String::new();
    let mut last = 0.0;
    for (place, (at, value)) in points.iter().enumerate() {
        let (x, y) = ((at / end).clamp(0.0, 1.0) * width, height - value * scale);
        if place == 0 {
            path.push_str(&format!("M0 {y:.1}L{x:.1} {y:.1}"));
        } else if steps {
            path.push_str(&format!("L{x:.1} {last:.1}L{x:.1} {y:.1}"));
        } else {
            path.push_str(&format!("L{x:.1} {y:.1}"));
        }
        last = y;
    }
    if steps {
        path.push_str(&format!("L{width} {last:.1}"));
    }
    let (top, end) = (short(top), short(end.round()));
    format!(
        "<figure><figcaption>{title} <span>max {top}</span></figcaption><svg viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}, at most {top}\"><path class=\"area {class}\" d=\"{path}L{width} {height}L0 {height}Z\"/><path class=\"curve {class}\" d=\"{path}\"/></svg><div class=\"axis\"><span>0 s</span><span>{end} s</span></div></figure>\n"
    )
}

fn table(title: &str, heads: &[&str], rows: &[String]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads = heads.join("</th><th>");
    let rows = rows.join("</tr><tr>");
    format!(
        "<section><h2>{title}</h2><div class=\"scroll\"><table><tr><th>{heads}</th></tr><tr>{rows}</tr></table></div></section>\n"
    )
}

fn tables(details: &LoadDetails) -> String {
    let thresholds: Vec<String> = details
        .thresholds
        .iter()
        .map(|one| {
            let value = one.value.map_or_else(|| "no samples".to_owned(), short);
            let (class, mark) = if one.ok { ("good", "held") } else { ("bad", "missed") };
            let (metric, condition) = (escape(&one.metric), escape(&one.condition));
            format!("<td>{metric}</td><td><code>{condition}</code></td><td class=\"n\">{value}</td><td class=\"{class}\">{mark}</td>")
        })
        .collect();
    let checks: Vec<String> = details
        .checks
        .iter()
        .map(|check| {
            let class = if check.fails > 0 { "bad n" } else { "n" };
            let name = format!("{} {}", check.group.replace("::", " › "), check.name);
            format!(
                "<td>{}</td><td class=\"n\">{}</td><td class=\"{class}\">{}</td>",
                escape(&name),
                check.passes,
                check.fails
            )
        })
        .collect();
    let metrics: Vec<String> = details
        .metrics
        .iter()
        .map(|(name, metric)| {
            let values: Vec<String> = metric
                .values
                .iter()
                .map(|(key, value)| format!("{key}={}", short(*value)))
                .collect();
            format!(
                "<td>{}</td><td>{}</td>",
                escape(name),
                escape(&values.join("  "))
            )
        })
        .collect();
    table(
        "Thresholds",
        &["metric", "condition", "measured", ""],
        &thresholds,
    ) + &table("Checks", &["check", "passed", "failed"], &checks)
        + &table("Metrics", &["metric", "values"], &metrics)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_says_cannot_become_markup() {
        let details = LoadDetails {
            script: "<script>alert(1)</script>".to_owned(),
            ..LoadDetails::default()
        };
        let page = page(&Report::new(Verdict::Pass, "<b>x</b>", details));
        assert!(!page.contains("<script>") && !page.contains("<b>x"));
    }

    #[test]
    fn a_chart_stays_inside_its_frame() {
        let drawn = chart(
            "x",
            &[(1.0, 5.0), (2.0, 10.0), (9.0, 0.0)],
            2.0,
            "line",
            false,
        );
        assert!(drawn.contains("L600.0 0.0") && drawn.contains("L600.0 120.0"));
    }
}
