//! docs/observability.svg: every panel of every dashboard, drawn from what a real Prometheus answers.
//!
//! `SNAPSHOTS=overwrite cargo test --package demo-app --test dashboards picture` plays the story and draws it anew.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use autoscaleops_testkit::{Background, peer, root};
use serde_json::Value;

use crate::{
    exporter,
    live::{http, start},
    queries::{Query, dashboards},
    story,
};

const PICTURE: &str = "docs/observability.svg";
const STYLE: &str = "text{fill:#24292f;font-size:11px}.h{font-size:13px;font-weight:600}.r{font-size:15px;font-weight:600}.m{fill:#57606a}\
.card{fill:#fff;stroke:#d0d7de}.grid{stroke:#d8dee4}.page{fill:#f6f8fa}.l{fill:none;stroke-width:1.8}.t{stroke-dasharray:6 5}\
.s0{stroke:#0969da}.s1{stroke:#bf8700}.s2{stroke:#1a7f37}.s3{stroke:#8250df}.b0{fill:#0969da}.b1{fill:#bf8700}.b2{fill:#1a7f37}.b3{fill:#8250df}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.m{fill:#9198a1}.card{fill:#151b23;stroke:#3d444d}.grid{stroke:#2f3742}.page{fill:#0d1117}\
.s0{stroke:#4493f8}.s1{stroke:#d29922}.s2{stroke:#3fb950}.s3{stroke:#ab7df8}.b0{fill:#4493f8}.b1{fill:#d29922}.b2{fill:#3fb950}.b3{fill:#ab7df8}}";

/// One line of a panel: its name, and its values by second.
type Series = (String, Vec<(f64, f64)>);

#[test]
fn the_picture_has_every_panel() {
    let drawn = fs::read_to_string(root().join(PICTURE)).unwrap();
    if std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite") {
        if let Some(new) = draw() {
            fs::write(root().join(PICTURE), new).unwrap();
        }
        return;
    }
    for (file, board) in dashboards() {
        for panel in board["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(
                drawn.contains(&format!(">{}</text>", escaped(title))),
                "{file}: {title} is not in {PICTURE}; see {}",
                file!()
            );
        }
    }
}

/// Plays the story before Prometheus, and draws what it saw.
fn draw() -> Option<String> {
    let prometheus = peer("prometheus")?;
    let folder = tempfile::tempdir().unwrap();
    let (_app, app) = Background::start_until(
        Command::new(env!("CARGO_BIN_EXE_demo-app")).args(["--listen", "127.0.0.1:0"]),
        |line| line.rsplit_once("http://")?.1.parse::<SocketAddr>().ok(),
    );
    let cluster = exporter::serve(story::exposition);
    let (_server, address) = start(&prometheus, folder.path(), app, cluster);
    let begun = Instant::now();
    let first = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let users = story::users(begun.elapsed().as_secs_f64());
                for path in ["/", "/version", "/ready"] {
                    http(app, path, "");
                }
                let mut sent = 0.0;
                while sent < users {
                    http(app, "/load?ms=20", "");
                    sent += 1.0;
                }
                thread::sleep(Duration::from_millis(700));
            }
        });
        thread::sleep(Duration::from_secs(story::LENGTH.into()));
        stop.store(true, Ordering::Relaxed);
    });
    let mut page = Page::default();
    for (_, board) in dashboards() {
        if board["uid"] != "autoscaleops-app" {
            page.heading(board["title"].as_str().unwrap());
        }
        for panel in board["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            if panel["type"] == "row" {
                page.heading(title);
                continue;
            }
            let mut series = Vec::new();
            for target in panel["targets"].as_array().unwrap() {
                series.extend(ask(address, target, first));
            }
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
            page.panel(title, unit.unwrap(), panel["type"] == "bargauge", &series);
        }
    }
    Some(page.end())
}

/// Asks for a query's values, second by second.
fn ask(address: SocketAddr, target: &Value, first: u64) -> Vec<Series> {
    let query = Query {
        place: String::new(),
        text: target["expr"].as_str().unwrap().to_owned(),
    };
    let mut form = String::from("query=");
    for byte in query.filled("app", "10s", "95s").bytes() {
        write!(form, "%{byte:02X}").unwrap();
    }
    let last = first + u64::from(story::LENGTH);
    write!(form, "&start={first}&end={last}&step=1").unwrap();
    let body = http(address, "/api/v1/query_range", &form);
    let json = body.find('{').map_or("null", |start| &body[start..]);
    let answer: Value = serde_json::from_str(json).unwrap();
    let legend = target["legendFormat"].as_str().unwrap();
    let mut found: Vec<Series> = answer["data"]["result"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(|series| {
            let mut name = legend.to_owned();
            for (label, value) in series["metric"].as_object().unwrap() {
                name = name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap());
            }
            let values = series["values"].as_array().unwrap().iter();
            let values = values.filter_map(|pair| {
                let value: f64 = pair[1].as_str()?.parse().ok()?;
                value.is_finite().then_some((
                    pair[0].as_f64()? - f64::from(u32::try_from(first).unwrap()),
                    value,
                ))
            });
            (name.trim().to_owned(), values.collect())
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// The page, filled card by card, three in a line.
#[derive(Default)]
struct Page {
    body: String,
    column: u32,
    top: u32,
}

impl Page {
    fn heading(&mut self, text: &str) {
        if self.column > 0 {
            self.column = 0;
            self.top += 184;
        }
        writeln!(
            self.body,
            "<text class=\"r\" x=\"8\" y=\"{}\">{}</text>",
            self.top + 24,
            escaped(text)
        )
        .unwrap();
        self.top += 34;
    }

    fn panel(&mut self, title: &str, unit: &str, bars: bool, series: &[Series]) {
        let (x, y) = (320 * self.column, self.top);
        write!(
            self.body,
            "<g transform=\"translate({x},{y})\"><rect class=\"card\" x=\"6\" y=\"4\" width=\"308\" height=\"172\" rx=\"6\"/><text class=\"h\" x=\"18\" y=\"26\">{}</text>",
            escaped(title)
        )
        .unwrap();
        if bars {
            self.bars(series);
        } else {
            self.lines(unit, series);
        }
        self.body.push_str("</g>\n");
        self.column += 1;
        if self.column == 3 {
            self.column = 0;
            self.top += 184;
        }
    }

    fn bars(&mut self, series: &[Series]) {
        let last = |one: &Series| one.1.last().map_or(0.0, |value| value.1);
        let top = series.iter().map(last).fold(1.0, f64::max);
        for (index, one) in series.iter().take(4).enumerate() {
            let y = 44 + 30 * index;
            write!(
                self.body,
                "<text x=\"18\" y=\"{}\">{}</text><rect class=\"b{index}\" x=\"90\" y=\"{y}\" width=\"{:.0}\" height=\"15\" rx=\"2\"/><text x=\"{:.0}\" y=\"{}\">{:.0}</text>",
                y + 12,
                escaped(&one.0),
                160.0 * last(one) / top,
                96.0 + 160.0 * last(one) / top,
                y + 12,
                last(one)
            )
            .unwrap();
        }
    }

    fn lines(&mut self, unit: &str, series: &[Series]) {
        let values = series.iter().flat_map(|one| &one.1).map(|value| value.1);
        let highest = values.fold(0.0, f64::max);
        let top = if highest > 0.0 { nice(highest) } else { 1.0 };
        for part in [0.0, 0.5, 1.0] {
            let y = 142.0 - 100.0 * part;
            write!(
                self.body,
                "<line class=\"grid\" x1=\"64\" x2=\"302\" y1=\"{y}\" y2=\"{y}\"/><text class=\"m\" x=\"59\" y=\"{}\" text-anchor=\"end\">{}</text>",
                y + 4.0,
                amount(unit, top * part)
            )
            .unwrap();
        }
        let mut x = 18;
        for (index, (name, values)) in series.iter().take(4).enumerate() {
            let mut path = String::new();
            let mut before = f64::NEG_INFINITY;
            for (second, value) in values {
                // A gap is a gap.
                let pen = if second - before > 2.0 { 'M' } else { 'L' };
                write!(
                    path,
                    "{pen}{:.1},{:.1}",
                    64.0 + 238.0 * second / f64::from(story::LENGTH),
                    142.0 - 100.0 * value / top
                )
                .unwrap();
                before = *second;
            }
            let dashed = if name.starts_with("target") { " t" } else { "" };
            write!(
                self.body,
                "<path class=\"l s{index}{dashed}\" d=\"{path}\"/>"
            )
            .unwrap();
            let short: String = name.chars().take(22).collect();
            let width = 22 + 6 * short.chars().count();
            // The rest of the names would stand outside the card.
            if x + width > 312 {
                continue;
            }
            write!(
                self.body,
                "<rect class=\"b{index}\" x=\"{x}\" y=\"159\" width=\"8\" height=\"3\"/><text class=\"m\" x=\"{}\" y=\"164\">{}</text>",
                x + 12,
                escaped(&short)
            )
            .unwrap();
            x += width;
        }
        if series.is_empty() {
            self.body.push_str("<text class=\"m\" x=\"183\" y=\"96\" text-anchor=\"middle\">nothing to show, as it should be</text>");
        }
    }

    fn end(mut self) -> String {
        if self.column > 0 {
            self.top += 184;
        }
        let height = self.top + 30;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 {height}\" role=\"img\" aria-labelledby=\"t d\" font-family=\"system-ui,sans-serif\">\n<title id=\"t\">Every panel of the dashboards</title><desc id=\"d\">Ten users come and go within 95 seconds: requests and CPU rise, one pod becomes three and one again.</desc>\n<style>{STYLE}</style>\n<rect class=\"page\" width=\"960\" height=\"{height}\"/>\n{}<text class=\"m\" x=\"10\" y=\"{}\">95 seconds before a real Prometheus. The application and its requests are real; what a cluster and k6 would tell is played.</text>\n</svg>\n",
            self.body,
            height - 12
        )
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn nice(value: f64) -> f64 {
    let mut top = 1e-3;
    loop {
        for step in [1.0, 2.0, 5.0] {
            if top * step >= value {
                return top * step;
            }
        }
        top *= 10.0;
    }
}

fn amount(unit: &str, value: f64) -> String {
    match unit {
        "percent" => format!("{value} %"),
        "bytes" => format!("{:.0} MB", value / 1e6),
        "s" => format!("{:.0} ms", value * 1000.0),
        _ => format!("{value}"),
    }
}

fn escaped(text: &str) -> String {
    let marks = BTreeMap::from([('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")]);
    text.chars()
        .map(|letter| {
            marks
                .get(&letter)
                .map_or_else(|| letter.to_string(), |&mark| mark.to_owned())
        })
        .collect()
}
