//! A timeline as a page, a picture, a table or test results.

use std::fmt::Write as _;

use autoscaleops_core::{Failure, Verdict};

use crate::{
    chart::{self, Theme, escape},
    expectation::{Outcome, overall},
    timeline::Timeline,
};

/// The story of a timeline, one line a step.
pub fn story(timeline: &Timeline) -> Vec<String> {
    let mut told: Vec<(f64, String)> = Vec::new();
    let mut tell = |at, text: String| told.push((timeline.seconds(at), text));
    if let Some(at) = timeline.command_started {
        tell(at, "the load begins".to_owned());
    }
    if let Some(at) = timeline.command_ended {
        tell(at, "the load ends".to_owned());
    }
    let mut previous: Option<&crate::recording::Point> = None;
    for (at, point) in &timeline.points {
        if let Some(before) = previous {
            if before.size() != point.size() {
                let load = point
                    .utilization
                    .map_or(String::new(), |percent| format!(", utilization {percent}%"));
                tell(
                    *at,
                    format!("{} → {} replicas{load}", before.size(), point.size()),
                );
            }
            if before.ready != point.ready
                && let Some(ready) = point.ready
            {
                tell(*at, format!("{ready} ready"));
            }
            if before.is_known() != point.is_known() {
                let word = if point.is_known() { "known" } else { "unknown" };
                tell(*at, format!("the metrics are {word}"));
            }
        }
        previous = Some(point);
    }
    for (at, _, reason, message) in &timeline.events {
        tell(*at, format!("{reason}: {message}"));
    }
    for (at, lasted_ms) in &timeline.gaps {
        tell(*at, format!("not watched for {lasted_ms} ms before this"));
    }
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    told.into_iter()
        .map(|(at, text)| format!("{at:>7.1} s  {text}"))
        .collect()
}

const PAGE_STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--text:#1f2328;--soft:#59636e;--line:#d1d9e0;--good:#1a7f37;--bad:#cf222e;--maybe:#9a6700}\
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--text:#f0f6fc;--soft:#9198a1;--line:#30363d;--good:#3fb950;--bad:#f85149;--maybe:#d29922}}\
body{margin:0 auto;max-width:1000px;padding:16px;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,sans-serif}\
h1{font-size:1.35rem;margin:.2rem 0}p{margin:.3rem 0;color:var(--soft)}svg{display:block;width:100%;height:auto;margin:12px 0}\
.narrow{display:none}@media(max-width:640px){.wide{display:none}.narrow{display:block}body{padding:10px}}\
table{border-collapse:collapse;width:100%;margin:8px 0}td,th{border-bottom:1px solid var(--line);padding:4px 8px;text-align:left;vertical-align:top}\
pre{overflow-x:auto;font-size:13px}.pass{color:var(--good)}.fail,.error{color:var(--bad)}.undecided{color:var(--maybe)}";

/// One self-contained page, with its data.
pub fn html(timeline: &Timeline, outcomes: &[Outcome], lines: &str) -> String {
    let mut page = String::new();
    let name = escape(&timeline.hpa);
    let path = escape(&timeline.path());
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{name}: {path}</title><style>{PAGE_STYLE}</style></head><body>\n<h1>{name}: {path}</h1>\n<p>{} to {}, changes of size: {}, turns: {}</p>\n",
        timeline.start.strftime("%Y-%m-%d %H:%M:%S UTC"),
        timeline.end.strftime("%H:%M:%S UTC"),
        timeline.steps().len(),
        timeline.reversals(),
    );
    if !outcomes.is_empty() {
        page.push_str("<table><tr><th>expected</th><th>verdict</th><th>observed</th></tr>");
        for outcome in outcomes {
            let verdict = outcome.verdict.as_str();
            let _ = write!(
                page,
                "<tr><td>{}: {}</td><td class=\"{verdict}\">{verdict}</td><td>{}</td></tr>",
                escape(&outcome.id),
                escape(&outcome.expected),
                escape(&outcome.observed)
            );
        }
        page.push_str("</table>\n");
    }
    let _ = write!(
        page,
        "<div class=\"wide\">{}</div>\n<div class=\"narrow\">{}</div>\n",
        chart::svg(timeline, 960.0, Theme::Auto),
        chart::svg(timeline, 380.0, Theme::Auto)
    );
    page.push_str("<details open><summary>What happened</summary><pre>");
    for line in story(timeline) {
        page.push_str(&escape(&line));
        page.push('\n');
    }
    page.push_str("</pre></details>\n");
    // `</` would end the element early; in JSON it may be written with a backslash.
    let data = lines.replace("</", "<\\/").replace("<!", "<\\u0021");
    let _ = write!(
        page,
        "<details><summary>Data</summary><p>The recording, as JSON Lines, is in the element <code>recording</code> of this page.</p></details>\n<script type=\"application/jsonl\" id=\"recording\">\n{data}</script>\n</body></html>\n"
    );
    page
}

/// Returns the chart as PNG.
///
/// # Errors
///
/// Fails when the picture is too large to be drawn.
pub fn png(timeline: &Timeline, width: f64, theme: Theme) -> Result<Vec<u8>, Failure> {
    let problem = |what: String| Failure::error("png", format!("cannot draw the chart: {what}"));
    let mut options = resvg::usvg::Options::default();
    let fonts = options.fontdb_mut();
    // A bare container has no fonts at all.
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let svg = chart::svg(timeline, width, theme);
    let tree =
        resvg::usvg::Tree::from_str(&svg, &options).map_err(|err| problem(err.to_string()))?;
    let size = tree.size().to_int_size();
    let mut pixmap = resvg::tiny_skia::Pixmap::new(size.width() * 2, size.height() * 2)
        .ok_or_else(|| problem("too large".to_owned()))?;
    resvg::render(
        &tree,
        resvg::tiny_skia::Transform::from_scale(2.0, 2.0),
        &mut pixmap.as_mut(),
    );
    pixmap.encode_png().map_err(|err| problem(err.to_string()))
}

/// One row a point.
pub fn csv(timeline: &Timeline) -> String {
    let mut table = String::from(
        "t_iso,t_s,util_pct,target,min,max,current,desired,spec,ready,rec,limit_reason,able_reason,active\n",
    );
    let number = |value: Option<i32>| value.map_or(String::new(), |value| value.to_string());
    for (at, point) in &timeline.points {
        let reason = |condition: &Option<crate::recording::Condition>| {
            condition
                .as_ref()
                .map_or(String::new(), |condition| field(&condition.reason))
        };
        let active = match &point.active {
            Some(condition) => condition.holds.to_string(),
            None => String::new(),
        };
        let _ = writeln!(
            table,
            "{at},{:.3},{},{},{},{},{},{},{},{},{},{},{},{active}",
            timeline.seconds(*at),
            number(point.utilization),
            number(point.target),
            point.min,
            point.max,
            point.current,
            point.desired,
            number(point.spec),
            number(point.ready),
            number(point.recommended),
            reason(&point.limited),
            reason(&point.able),
        );
    }
    table
}

/// Quotes a field where it needs it, and takes the power of a formula from it.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// The expectations as test results.
pub fn junit(name: &str, path: &str, seconds: f64, outcomes: &[Outcome]) -> String {
    let failures = outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::Fail)
        .count();
    let skipped = outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::Undecided)
        .count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escape(name);
    let _ = writeln!(
        xml,
        "<testsuites>\n  <testsuite name=\"hpa-watch {name}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\">",
        outcomes.len()
    );
    for outcome in outcomes {
        let _ = write!(
            xml,
            "    <testcase classname=\"{name}\" name=\"{}: {}\" time=\"{:.3}\"",
            escape(&outcome.id),
            escape(&outcome.expected),
            outcome.after_s.unwrap_or(0.0)
        );
        let observed = escape(&outcome.observed);
        let _ = match outcome.verdict {
            Verdict::Pass => writeln!(xml, "/>"),
            Verdict::Undecided => writeln!(xml, "><skipped message=\"{observed}\"/></testcase>"),
            _ => writeln!(xml, "><failure message=\"{observed}\"/></testcase>"),
        };
    }
    let verdict = overall(outcomes);
    let _ = writeln!(
        xml,
        "    <system-out>{}: {verdict}</system-out>\n  </testsuite>\n</testsuites>",
        escape(path)
    );
    xml
}
