//! The chart of a timeline as SVG: utilization, replicas and conditions on one time axis.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{
    recording::{Condition, Point},
    timeline::Timeline,
};

/// The colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Light or dark, as the reader's system is.
    Auto,
    /// Light, for a renderer that knows no media queries.
    Light,
    /// Dark, likewise.
    Dark,
}

const LIGHT: &str = "\
.bg{fill:#ffffff}.text{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d1d9e0}.band{fill:#1a7f37;fill-opacity:.12}\
.load{fill:#0969da;fill-opacity:.07}.gap{fill:#59636e;fill-opacity:.25}.use{stroke:#0969da}.target{stroke:#1a7f37}\
.size{stroke:#8250df}.ready{fill:#8250df;fill-opacity:.18}.bound{stroke:#59636e}.wish{stroke:#9a6700}\
.good{fill:#1a7f37;fill-opacity:.75}.warn{fill:#bf8700;fill-opacity:.85}.bad{fill:#cf222e;fill-opacity:.8}.chip{fill:#ffffff}";
const DARK: &str = "\
.bg{fill:#0d1117}.text{fill:#f0f6fc}.soft{fill:#9198a1}.grid{stroke:#30363d}.band{fill:#3fb950;fill-opacity:.14}\
.load{fill:#4493f8;fill-opacity:.10}.gap{fill:#9198a1;fill-opacity:.25}.use{stroke:#4493f8}.target{stroke:#3fb950}\
.size{stroke:#ab7df8}.ready{fill:#ab7df8;fill-opacity:.22}.bound{stroke:#9198a1}.wish{stroke:#d29922}\
.good{fill:#238636}.warn{fill:#9e6a03}.bad{fill:#da3633}.chip{fill:#ffffff}";
const SHARED: &str = "\
text{font-family:'DejaVu Sans',system-ui,sans-serif;font-size:11px}.big{font-size:13px;font-weight:bold}\
.grid{stroke-width:1}.use,.size{fill:none;stroke-width:2}.target,.bound{fill:none;stroke-width:1.2;stroke-dasharray:5 4}\
.wish{fill:none;stroke-width:1.4}.right{text-anchor:end}.mid{text-anchor:middle}";

/// The smallest chart that can be read.
const MIN_WIDTH: f64 = 320.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 40.0;
const PANEL: f64 = 150.0;
const BETWEEN: f64 = 34.0;
const STRIP: f64 = 18.0;

/// Where things are.
struct Frame<'a> {
    timeline: &'a Timeline,
    width: f64,
    span: f64,
    svg: String,
}

/// Returns the chart, `width` pixels wide.
pub fn svg(timeline: &Timeline, width: f64, theme: Theme) -> String {
    let width = width.max(MIN_WIDTH);
    let height = TOP + PANEL + BETWEEN + PANEL + BETWEEN + 3.0 * (STRIP + 6.0) + 30.0;
    let style = match theme {
        Theme::Auto => format!("{SHARED}{LIGHT}@media(prefers-color-scheme:dark){{{DARK}}}"),
        Theme::Light => format!("{SHARED}{LIGHT}"),
        Theme::Dark => format!("{SHARED}{DARK}"),
    };
    let mut frame = Frame {
        timeline,
        width,
        span: timeline.seconds(timeline.end).max(1.0),
        svg: String::new(),
    };
    let path = timeline.path();
    let title = escape(&format!("{}: {path}", timeline.hpa));
    let _ = write!(
        frame.svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title><style>{style}</style><rect class=\"bg\" width=\"100%\" height=\"100%\"/>"
    );
    let shown = short(&title, width);
    let _ = write!(
        frame.svg,
        "<text class=\"text big\" x=\"8\" y=\"18\">{shown}</text>"
    );
    let bottom = height - 26.0;
    frame.background(bottom);
    frame.utilization(TOP);
    frame.replicas(TOP + PANEL + BETWEEN);
    frame.conditions(TOP + 2.0 * (PANEL + BETWEEN));
    frame.time_axis(bottom);
    frame.svg.push_str("</svg>");
    frame.svg
}

impl Frame<'_> {
    fn x(&self, at: Timestamp) -> f64 {
        self.x_of(self.timeline.seconds(at))
    }

    fn x_of(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.span).clamp(0.0, 1.0) * (self.width - LEFT - RIGHT)
    }

    fn rect(&mut self, class: &str, (x1, x2): (f64, f64), y: f64, height: f64, title: &str) {
        let width = (x2 - x1).max(0.5);
        let title = escape(title);
        let _ = write!(
            self.svg,
            "<rect class=\"{class}\" x=\"{x1:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{title}</title></rect>"
        );
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let text = escape(text);
        let _ = write!(
            self.svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        );
    }

    fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = write!(
            self.svg,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// The time of the load, and the gaps of the watch.
    fn background(&mut self, bottom: f64) {
        let height = bottom - TOP;
        if let Some(begin) = self.timeline.command_started {
            let end = self.timeline.command_ended.unwrap_or(self.timeline.end);
            let (x1, x2) = (self.x(begin), self.x(end));
            self.rect("load", (x1, x2), TOP, height, "load");
            let inside = x2.min(self.width - RIGHT) - 4.0;
            self.text("soft right", inside.max(x1 + 30.0), TOP + 12.0, "load");
        }
        for (at, lasted_ms) in self.timeline.gaps.clone() {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a recording")]
            let lasted = lasted_ms as f64 / 1_000.0;
            let end = self.timeline.seconds(at);
            let xs = (self.x_of(end - lasted), self.x_of(end));
            self.rect(
                "gap",
                xs,
                TOP,
                height,
                &format!("not watched for {lasted:.1} s"),
            );
        }
    }

    /// A horizontal grid with labels; returns the scale from value to y.
    fn grid(&mut self, top: f64, most: f64, unit: &str) -> impl Fn(f64) -> f64 + use<> {
        let step = nice(most / 4.0);
        let most = (most / step).ceil() * step;
        let y = move |value: f64| top + PANEL - (value / most).clamp(0.0, 1.0) * PANEL;
        let mut value = 0.0;
        while value <= most + step / 2.0 {
            self.line("grid", (LEFT, y(value)), (self.width - RIGHT, y(value)));
            self.text(
                "soft right",
                LEFT - 5.0,
                y(value) + 4.0,
                &format!("{value:.0}{unit}"),
            );
            value += step;
        }
        y
    }

    fn utilization(&mut self, top: f64) {
        let points = &self.timeline.points;
        let target = points.iter().rev().find_map(|(_, point)| point.target);
        let most = points
            .iter()
            .filter_map(|(_, point)| point.utilization)
            .max();
        let most = f64::from(most.unwrap_or(0).max(target.unwrap_or(50) * 2));
        let y = self.grid(top, most, "%");
        if let Some(target) = target {
            let target = f64::from(target);
            let xs = (LEFT, self.width - RIGHT);
            let (high, low) = (y(target * 1.1), y(target * 0.9));
            self.rect("band", xs, high, low - high, "tolerance");
            self.line("target", (LEFT, y(target)), (self.width - RIGHT, y(target)));
        }
        let path = self.steps(|point| point.utilization.map(|value| y(f64::from(value))));
        let _ = write!(self.svg, "<path class=\"use\" d=\"{path}\"/>");
        self.legend(top - 6.0, "utilization seen by the controller");
    }

    fn replicas(&mut self, top: f64) {
        let points = &self.timeline.points;
        let most = points
            .iter()
            .map(|(_, point)| point.max.max(point.size()).max(point.ready.unwrap_or(0)))
            .max()
            .unwrap_or(1);
        let y = self.grid(top, f64::from(most.max(1)), "");
        let area = self.area(top + PANEL, |point| {
            point.ready.map(|ready| y(f64::from(ready)))
        });
        let _ = write!(self.svg, "<path class=\"ready\" d=\"{area}\"/>");
        for bound in [
            self.steps(|point| Some(y(f64::from(point.min)))),
            self.steps(|point| Some(y(f64::from(point.max)))),
        ] {
            let _ = write!(self.svg, "<path class=\"bound\" d=\"{bound}\"/>");
        }
        let wished: Vec<(f64, i32)> = self
            .timeline
            .points
            .iter()
            .filter_map(|(at, point)| {
                let wish = point.recommended.filter(|wish| *wish != point.size())?;
                Some((self.x(*at), wish.min(most)))
            })
            .collect();
        for (x, wish) in wished {
            let cy = y(f64::from(wish));
            let _ = write!(
                self.svg,
                "<circle class=\"wish\" cx=\"{x:.1}\" cy=\"{cy:.1}\" r=\"3\"/>"
            );
        }
        let size = self.steps(|point| Some(y(f64::from(point.size()))));
        let _ = write!(self.svg, "<path class=\"size\" d=\"{size}\"/>");
        for step in self.timeline.steps() {
            let (x, change) = (self.x(step.at), step.to - step.from);
            let label = if change > 0 {
                format!("+{change}")
            } else {
                format!("−{}", -change)
            };
            let middle = f64::midpoint(y(f64::from(step.from)), y(f64::from(step.to)));
            let x = (x + 5.0).min(self.width - RIGHT - 14.0);
            self.text("text", x, middle + 4.0, &label);
        }
        self.legend(top - 6.0, "wanted (line), ready (area), asked for (rings)");
    }

    /// Three strips: whether metrics are known, what holds, what limits.
    fn conditions(&mut self, top: f64) {
        type Read = fn(&Point) -> Option<&Condition>;
        let strips: [(&str, Read); 3] = [
            ("metrics", |point| point.active.as_ref()),
            ("able", |point| point.able.as_ref()),
            ("limited", |point| point.limited.as_ref()),
        ];
        self.legend(top - 6.0, "conditions");
        for (index, (name, read)) in (0_u8..).zip(strips) {
            let y = top + f64::from(index) * (STRIP + 6.0);
            self.text("soft right", LEFT - 5.0, y + 13.0, name);
            let mut runs: Vec<(Timestamp, Timestamp, Condition)> = Vec::new();
            for (at, point) in &self.timeline.points {
                let Some(condition) = read(point) else {
                    continue;
                };
                match runs.last_mut() {
                    Some(run) if run.2.reason == condition.reason => {}
                    last => {
                        if let Some(run) = last {
                            run.1 = *at;
                        }
                        runs.push((*at, self.timeline.end, condition.clone()));
                    }
                }
            }
            for (from, to, condition) in runs {
                let xs = (self.x(from), self.x(to));
                let class = match (name, condition.holds) {
                    ("limited", true) => "warn",
                    ("limited", false) | (_, true) if !condition.reason.contains("Stabilized") => {
                        "good"
                    }
                    (_, true) => "warn",
                    _ => "bad",
                };
                self.rect(class, xs, y, STRIP, &condition.reason);
                let room = (xs.1 - xs.0) / 6.4;
                #[expect(clippy::cast_precision_loss, reason = "a word")]
                if condition.reason.len() as f64 <= room {
                    self.text("chip", xs.0 + 4.0, y + 13.0, &condition.reason);
                }
            }
        }
    }

    fn time_axis(&mut self, bottom: f64) {
        let ticks = (self.width / 110.0).clamp(3.0, 12.0);
        let step = nice_time(self.span / ticks);
        let mut at = 0.0;
        while at <= self.span {
            let x = self.x_of(at);
            self.line("grid", (x, bottom), (x, bottom + 4.0));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "seconds of a recording"
            )]
            let seconds = at.round() as u64;
            let label = if step < 60.0 {
                format!("{}:{:02}", seconds / 60, seconds % 60)
            } else if seconds >= 3_600 {
                format!("{}h{:02}", seconds / 3_600, seconds % 3_600 / 60)
            } else {
                format!("{} min", seconds / 60)
            };
            self.text("soft mid", x.min(self.width - 18.0), bottom + 17.0, &label);
            at += step;
        }
    }

    fn legend(&mut self, y: f64, text: &str) {
        let text = short(text, self.width - LEFT);
        self.text("soft", LEFT + 4.0, y, &text);
    }

    /// A line that keeps each value until the next point, broken where there is none.
    fn steps(&self, value: impl Fn(&Point) -> Option<f64>) -> String {
        let mut path = String::new();
        let mut drawn: Option<f64> = None;
        for (at, point) in &self.timeline.points {
            let x = self.x(*at);
            if drawn.is_some() {
                let _ = write!(path, "H{x:.1}");
            }
            let next = value(point);
            match (drawn, next) {
                (None, Some(y)) => {
                    let _ = write!(path, "M{x:.1} {y:.1}");
                }
                (Some(before), Some(y)) if (before - y).abs() > 0.01 => {
                    let _ = write!(path, "V{y:.1}");
                }
                _ => {}
            }
            drawn = next;
        }
        if drawn.is_some() {
            let end = self.x(self.timeline.end);
            let _ = write!(path, "H{end:.1}");
        }
        path
    }

    /// The area under such a line.
    fn area(&self, floor: f64, value: impl Fn(&Point) -> Option<f64>) -> String {
        let mut path = String::new();
        let points = &self.timeline.points;
        for (index, (at, point)) in points.iter().enumerate() {
            let Some(y) = value(point) else { continue };
            let end = points
                .get(index + 1)
                .map_or(self.timeline.end, |(at, _)| *at);
            let (x1, x2) = (self.x(*at), self.x(end));
            if x2 - x1 > 0.05 {
                let _ = write!(path, "M{x1:.1} {floor:.1}V{y:.1}H{x2:.1}V{floor:.1}Z");
            }
        }
        path
    }
}

/// Cuts a text to what fits.
fn short(text: &str, width: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of characters"
    )]
    let room = (width / 6.6) as usize;
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let cut: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{cut}…")
}

/// A round number of at least `rough`.
fn nice(rough: f64) -> f64 {
    let magnitude = 10_f64.powf(rough.max(0.25).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough.max(0.25))
        .unwrap_or(magnitude * 10.0)
        .max(1.0)
}

fn nice_time(rough: f64) -> f64 {
    [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0, 21_600.0, 86_400.0,
    ]
    .into_iter()
    .find(|step| *step >= rough)
    .unwrap_or((rough / 86_400.0).ceil() * 86_400.0)
}

/// Makes a text safe within XML, and drops what XML cannot hold.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
