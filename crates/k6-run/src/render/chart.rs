//! Curves over time, one above the other on one axis, drawn as SVG that needs no script.

use autoscaleops_core::text::xml;

use crate::quantity;

/// Units of the drawing, stretched to the page.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 100.0;
/// So many places of a curve tell their value to a pointer.
const TOLD: usize = 120;

/// The time that all charts show, in seconds since the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    /// When the load ended, where the charts go on beyond it.
    pub(super) load_ended: Option<f64>,
}

/// A curve.
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    /// Its colour, as a class of the page.
    pub(super) class: &'a str,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether a value holds until the next one.
    pub(super) steps: bool,
    /// Whether it is filled.
    pub(super) filled: bool,
}

/// A chart: curves with one scale.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) curves: Vec<Curve<'a>>,
    /// Values that are lines across the chart, with their names.
    pub(super) limits: Vec<(f64, String)>,
    pub(super) told: fn(f64) -> String,
    /// Whether the scale has whole numbers only.
    pub(super) whole: bool,
}

/// Draws the charts with the axis under them.
pub(super) fn draw(charts: &[Chart<'_>], axis: Axis) -> String {
    let mut out = String::from("<section class=\"charts\">\n<h2>Over time</h2>\n");
    for chart in charts {
        out.push_str(&one(chart, axis));
    }
    out.push_str("<div class=\"axis\" aria-hidden=\"true\">");
    for at in ticks(axis.from, axis.to, 6, false) {
        let left = (at - axis.from) / (axis.to - axis.from) * 100.0;
        // The first and the last label stay inside the page.
        let edge = match left {
            it if it < 4.0 => " class=\"first\"",
            it if it > 96.0 => " class=\"last\"",
            _ => "",
        };
        out.push_str(&format!(
            "<span{edge} style=\"left:{left:.2}%\">{}</span>",
            quantity::clock(at)
        ));
    }
    out.push_str("</div>\n</section>\n");
    out
}

fn one(chart: &Chart<'_>, axis: Axis) -> String {
    let highest = chart.curves.iter().flat_map(|it| &it.points).map(|it| it.1);
    let highest = highest.filter(|it| it.is_finite()).fold(0.0, f64::max);
    // A limit far above the curve would press it flat.
    let limits: Vec<&(f64, String)> = chart
        .limits
        .iter()
        .filter(|it| it.0 > 0.0 && it.0 <= highest * 4.0)
        .collect();
    let top = limits.iter().map(|it| it.0).fold(highest, f64::max);
    // A curve that is nothing but zero needs no fractions.
    let whole = chart.whole || top <= 0.0;
    let lines = ticks(0.0, if top > 0.0 { top } else { 1.0 }, 3, whole);
    let step = lines.get(1).copied().unwrap_or(1.0);
    let top = (top / step).ceil().max(1.0) * step;
    let y = |value: f64| HEIGHT - value.clamp(0.0, top) / top * HEIGHT;
    let x = |at: f64| ((at - axis.from) / (axis.to - axis.from)).clamp(0.0, 1.0) * WIDTH;
    let mut svg = String::new();
    let mut labels = String::new();
    for value in ticks(0.0, top, 3, whole) {
        let place = y(value);
        svg.push_str(&format!(
            "<path class=\"grid\" d=\"M0 {place:.1}H{WIDTH}\"/>"
        ));
        labels.push_str(&format!(
            "<span style=\"top:{:.1}%\">{}</span>",
            place / HEIGHT * 100.0,
            xml(&(chart.told)(value))
        ));
    }
    if let Some(end) = axis.load_ended {
        let place = x(end);
        svg.push_str(&format!(
            "<path class=\"end\" d=\"M{place:.1} 0V{HEIGHT}\"/>"
        ));
    }
    for (value, name) in limits {
        let place = y(*value);
        svg.push_str(&format!(
            "<path class=\"limit\" d=\"M0 {place:.1}H{WIDTH}\"><title>{}</title></path>",
            xml(name)
        ));
    }
    for curve in &chart.curves {
        svg.push_str(&drawn(curve, x, y));
    }
    svg.push_str(&told(chart, axis, x));
    let legend: Vec<String> = chart
        .curves
        .iter()
        .map(|it| format!("<span class=\"key {}\">{}</span>", it.class, xml(it.name)))
        .collect();
    let legend = if chart.curves.len() > 1 {
        legend.concat()
    } else {
        String::new()
    };
    let title = xml(chart.title);
    let most = match highest {
        0.0 => "0".to_owned(),
        more => xml(&(chart.told)(more)),
    };
    format!(
        "<figure><figcaption>{title} <span class=\"keys\">{legend}</span><span class=\"max\">max {most}</span></figcaption><div class=\"plot\"><div class=\"scale\" aria-hidden=\"true\">{labels}</div><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}, at most {most}\">{svg}</svg></div></figure>\n"
    )
}

fn drawn(curve: &Curve<'_>, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let (mut first, mut last) = (None, (0.0, 0.0));
    for (at, value) in curve.points.iter().filter(|it| it.1.is_finite()) {
        let (right, up) = (x(*at), y(*value));
        if first.is_none() {
            first = Some(right);
            path.push_str(&format!("M{right:.1} {up:.1}"));
        } else if curve.steps {
            path.push_str(&format!("H{right:.1}V{up:.1}"));
        } else {
            path.push_str(&format!("L{right:.1} {up:.1}"));
        }
        last = (right, up);
    }
    let Some(first) = first else {
        return String::new();
    };
    let class = curve.class;
    let area = if curve.filled {
        format!(
            "<path class=\"area {class}\" d=\"{path}L{:.1} {HEIGHT}L{first:.1} {HEIGHT}Z\"/>",
            last.0
        )
    } else {
        String::new()
    };
    format!("{area}<path class=\"curve {class}\" d=\"{path}\"/>")
}

/// Fields over the chart that tell a pointer what is there.
fn told(chart: &Chart<'_>, axis: Axis, x: impl Fn(f64) -> f64) -> String {
    let Some(points) = chart.curves.first().map(|it| &it.points) else {
        return String::new();
    };
    let stride = points.len().div_ceil(TOLD).max(1);
    let mut out = String::new();
    let mut left = x(axis.from);
    for (place, (at, _)) in points.iter().enumerate().step_by(stride) {
        let next = points.get(place + stride).map_or(axis.to, |it| it.0);
        let right = x(f64::midpoint(*at, next));
        let mut text = quantity::clock(*at);
        for curve in &chart.curves {
            let after = curve.points.partition_point(|it| it.0 <= *at);
            if let Some((_, value)) = after.checked_sub(1).and_then(|it| curve.points.get(it)) {
                text.push_str(&format!(" · {} {}", curve.name, (chart.told)(*value)));
            }
        }
        out.push_str(&format!(
            "<rect x=\"{left:.1}\" y=\"0\" width=\"{:.1}\" height=\"{HEIGHT}\"><title>{}</title></rect>",
            (right - left).max(0.0),
            xml(&text)
        ));
        left = right;
    }
    format!("<g class=\"told\">{out}</g>")
}

/// Returns round values between two, about as many as wanted.
fn ticks(from: f64, to: f64, wanted: u32, whole: bool) -> Vec<f64> {
    let span = (to - from).max(1e-9);
    let rough = span / f64::from(wanted);
    let size = 10_f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter();
    let mut step = factors
        .map(|it| it * size)
        .find(|it| *it >= rough)
        .unwrap_or(size * 10.0);
    if whole {
        step = step.ceil();
    }
    let mut at = (from / step).ceil() * step;
    let mut found = Vec::new();
    while at <= to + span * 1e-6 && found.len() < 50 {
        found.push(at);
        at += step;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)]) -> String {
        let curve = Curve {
            name: "x",
            class: "line",
            points: points.to_vec(),
            steps: false,
            filled: true,
        };
        let chart = Chart {
            title: "x",
            curves: vec![curve],
            limits: vec![(8.0, "limit".to_owned()), (1e6, "far".to_owned())],
            told: quantity::number,
            whole: false,
        };
        let axis = Axis {
            from: 0.0,
            to: 2.0,
            load_ended: None,
        };
        draw(&[chart], axis)
    }

    #[test]
    fn a_chart_stays_inside_its_frame() {
        let drawn = chart(&[(1.0, 5.0), (2.0, 10.0), (9.0, 0.0), (10.0, f64::INFINITY)]);
        assert!(
            drawn.contains("M500.0 50.0L1000.0 0.0L1000.0 100.0"),
            "{drawn}"
        );
        assert!(drawn.contains(">limit<") && !drawn.contains(">far<"));
    }

    #[test]
    fn nothing_to_draw_is_no_trouble() {
        assert!(chart(&[]).contains("max 0"));
        assert!(chart(&[(1.0, 0.0)]).contains("<svg"));
    }

    #[test]
    fn scales_have_round_numbers() {
        assert_eq!(ticks(0.0, 114.6, 3, false), [0.0, 50.0, 100.0]);
        assert_eq!(ticks(0.0, 3.0, 3, true), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(0.0, 1.0, 3, true), [0.0, 1.0]);
        assert_eq!(
            ticks(-5.0, 25.0, 6, false),
            [-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
        );
    }
}
