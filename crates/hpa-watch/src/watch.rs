//! Shows autoscalers as they change: a table on a terminal, a line a change off it.

use std::io::{self, IsTerminal as _};

use autoscaleops_core::{
    Console, Format, Report, Subject, Verdict, cluster::ClusterArgs, time::Span,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Cli,
    details::Details,
    live::{self, Next, Selection},
    recording::{Entry, Line, Point, Writer},
};

mod screen;

/// Options of `watch`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct WatchArgs {
    /// Autoscalers; all of the namespace where none is named
    pub names: Vec<String>,

    /// Namespace of the autoscalers
    #[arg(long, short, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// All namespaces
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    pub all_namespaces: bool,

    /// Time to watch instead of until Ctrl-C
    #[arg(long = "for", value_name = "SPAN")]
    pub duration: Option<Span>,

    /// One line a change on a terminal too
    #[arg(long)]
    pub plain: bool,

    /// File to write a recording to as well
    #[arg(long, value_name = "FILE")]
    pub record: Option<std::path::PathBuf>,
}

/// One change of what is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// `namespace/name`, empty at the end.
    pub hpa: String,
    /// What it looks like now; absent for an event or an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<Box<Point>>,
    /// What happened, where it is no change of the looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// Runs `watch`.
///
/// # Errors
///
/// Fails when the cluster cannot be watched.
pub fn run(
    args: &WatchArgs,
    cluster: &ClusterArgs,
    console: &mut Console,
) -> anyhow::Result<Report<Details>> {
    let selection = Selection {
        names: args.names.clone(),
        namespace: args.namespace.clone(),
        all: args.all_namespaces,
        // Of a whole cluster the autoscalers alone are followed.
        targets: !args.all_namespaces,
    };
    let mut writer = match &args.record {
        Some(path) => Some(Writer::create(path)?),
        None => None,
    };
    let on_screen = console.format() == Format::Human && !args.plain && io::stdout().is_terminal();
    let timeout = args.duration.map(|span| span.0);
    let mut problem: Option<io::Error> = None;
    let mut changes = 0_u64;
    let mut shown: std::collections::BTreeMap<String, Point> = std::collections::BTreeMap::new();
    let mut screen = if on_screen {
        Some(screen::Screen::open(console.look().color)?)
    } else {
        None
    };
    let reason = live::follow_with(cluster, &selection, timeout, |line| {
        let step = (|| {
            if let (Some(writer), Some(line)) = (&mut writer, &line) {
                writer.write(line)?;
            }
            if let Some(screen) = &mut screen {
                return screen.take(line.as_ref());
            }
            let Some(line) = line else {
                return Ok(Next::Go);
            };
            let Some(mut report) = change(line, &mut shown) else {
                return Ok(Next::Go);
            };
            changes += 1;
            console.emit::<Cli>(&mut report)?;
            Ok(Next::Go)
        })();
        step.unwrap_or_else(|err| {
            problem = Some(err);
            Next::Stop
        })
    });
    drop(screen);
    let reason = reason?;
    if let Some(err) = problem {
        return Err(err.into());
    }
    let details = Change {
        at: Timestamp::now(),
        hpa: String::new(),
        point: None,
        event: Some(format!("ended: {reason}")),
    };
    let summary = format!("watched {changes} changes");
    Ok(Report::new(Verdict::Pass, summary, Details::Change(details)).emitted())
}

/// The report of a line, where the line changes what a reader sees.
fn change(
    line: Line,
    shown: &mut std::collections::BTreeMap<String, Point>,
) -> Option<Report<Details>> {
    let (hpa, point, event) = match line.entry {
        Entry::Point { hpa, point } => {
            // A countdown is no change, nor is a measurement that asks for nothing else.
            if !point.why.is_empty() || shown.contains_key(&hpa) {
                let mut looks = (*point).clone();
                looks.why.clear();
                looks.held_until = None;
                looks.measured = None;
                if shown.get(&hpa) == Some(&looks) {
                    return None;
                }
                shown.insert(hpa.clone(), looks);
            }
            (hpa, Some(point), None)
        }
        Entry::Event {
            hpa,
            reason,
            message,
            ..
        } => (hpa, None, Some(format!("{reason}: {message}"))),
        Entry::Deleted { hpa } => {
            shown.remove(&hpa);
            (hpa, None, Some("deleted".to_owned()))
        }
        Entry::Gap { what, lasted_ms } => (
            String::new(),
            None,
            Some(format!("the watch of {what} was lost for {lasted_ms} ms")),
        ),
        _ => return None,
    };
    let summary = match (&point, &event) {
        (Some(point), _) => describe(point),
        (_, Some(event)) => event.clone(),
        _ => String::new(),
    };
    let details = Change {
        at: line.at,
        hpa: hpa.clone(),
        point,
        event,
    };
    Some(
        Report::new(Verdict::Pass, summary, Details::Change(details))
            .subject(Subject::new("hpa", hpa)),
    )
}

/// A point in a line.
pub fn describe(point: &Point) -> String {
    let mut text = format!(
        "{}  {} of {}..{}",
        usage(point),
        point.size(),
        point.min,
        point.max
    );
    if let Some(ready) = point.ready {
        text.push_str(&format!(", {ready} ready"));
        if let Some(measured) = point.measured {
            text.push_str(&format!(", {measured}% now"));
        }
        if let Some(band) = point.band {
            text.push_str(&format!(", {}..{}% holds", band.low, band.high));
        }
    }
    if point.desired != point.size() && point.desired != 0 {
        text.push_str(&format!(", wants {}", point.desired));
    }
    if !point.why.is_empty() {
        text.push_str(&format!("  {}", point.why));
    } else if let Some(active) = point.active.as_ref().filter(|active| !active.holds) {
        text.push_str(&format!("  {}: {}", active.reason, active.message));
    }
    if !point.not_checked.is_empty() {
        text.push_str(&format!("; not checked: {}", point.not_checked.join(", ")));
    }
    text
}

/// The use and its target.
fn usage(point: &Point) -> String {
    if !point.metric.is_empty() {
        return point.metric.clone();
    }
    let percent = |value: Option<i32>| value.map_or("?".to_owned(), |value| format!("{value}%"));
    format!("{}/{}", percent(point.utilization), percent(point.target))
}

/// The line for people.
pub fn render(change: &Change) -> String {
    let at = change.at.strftime("%H:%M:%S");
    let text = match (&change.point, &change.event) {
        (Some(point), _) => describe(point),
        (_, Some(event)) => event.clone(),
        _ => String::new(),
    };
    autoscaleops_core::text::printable(&format!("{at}  {}  {text}", change.hpa))
}
