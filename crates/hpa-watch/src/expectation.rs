//! What autoscaling is expected to do, such as `>=3 within 3m`, and whether it did.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use autoscaleops_core::{Verdict, time::Span};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{recording::Point, timeline::Timeline};

/// How a number of replicas is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    AtMost,
    Exactly,
}

/// A number of replicas, and the time within which it is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    comparison: Comparison,
    replicas: i32,
    /// The time.
    pub within: Span,
}

impl Goal {
    fn is_met(&self, replicas: i32) -> bool {
        match self.comparison {
            Comparison::AtLeast => replicas >= self.replicas,
            Comparison::AtMost => replicas <= self.replicas,
            Comparison::Exactly => replicas == self.replicas,
        }
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = || format!("`{text}` is not of the form `>=3 within 3m` or `<=1 within 8m`");
        let (condition, span) = text.split_once("within").ok_or_else(problem)?;
        let condition = condition.trim();
        let (comparison, number) = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("==", Comparison::Exactly),
            ("=", Comparison::Exactly),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, condition.strip_prefix(sign)?)))
        .ok_or_else(problem)?;
        Ok(Self {
            comparison,
            replicas: number.trim().parse().map_err(|_| problem())?,
            within: span.parse()?,
        })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison {
            Comparison::AtLeast => ">=",
            Comparison::AtMost => "<=",
            Comparison::Exactly => "==",
        };
        write!(f, "{sign}{} within {}", self.replicas, self.within)
    }
}

impl Serialize for Goal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Goal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Goal {
    fn schema_name() -> Cow<'static, str> {
        "Goal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a number of replicas and the time to reach it in",
            "pattern": "^\\s*(>=|<=|==?)\\s*[0-9]+\\s*within\\s+\\S",
            "examples": [">=3 within 3m", "<=1 within 8m"],
        })
    }
}

/// Which number is held against a goal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Ready pods on the way out, wanted replicas on the way back
    #[default]
    Auto,
    /// Ready pods
    Ready,
    /// Wanted replicas of the target
    Spec,
}

/// The options that say what is expected.
#[derive(Clone, Debug, Default, clap::Args, Serialize)]
pub struct ExpectationArgs {
    /// Replicas to be reached from the beginning of the load, such as `>=3 within 3m`
    #[arg(long, value_name = "GOAL")]
    pub out: Option<Goal>,

    /// Replicas to be reached again from the end of the load, such as `<=1 within 8m`
    #[arg(long, value_name = "GOAL")]
    pub back: Option<Goal>,

    /// How often the direction may turn; one way out and back turns once
    #[arg(long, value_name = "NUMBER")]
    pub max_reversals: Option<usize>,

    /// Fail when the metrics were unknown after they had been known
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub never_unknown: bool,

    /// Which number is held against the goals (default auto)
    #[arg(long, value_enum, value_name = "WHICH")]
    pub measure: Option<Measure>,
}

/// All that is expected.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    /// Replicas to be reached from the beginning of the load.
    pub out: Option<Goal>,
    /// Replicas to be reached again from the end of the load.
    pub back: Option<Goal>,
    /// How often the direction may turn.
    pub max_reversals: Option<usize>,
    /// Whether metrics that were known must stay known.
    pub never_unknown: bool,
    /// Which number is held against the goals.
    pub measure: Measure,
}

/// One expectation and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// `out`, `back`, `max_reversals` or `never_unknown`.
    pub id: String,
    /// What was expected.
    pub expected: String,
    /// Whether it came true.
    pub verdict: Verdict,
    /// What happened, as a sentence.
    pub observed: String,
    /// After how many seconds it came true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_s: Option<f64>,
}

/// Whether the recording is over, or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// More may come: what is missing is not yet decided.
    Growing,
    /// Nothing more comes.
    Complete,
}

impl Expectations {
    /// Returns whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.out.is_none()
            && self.back.is_none()
            && self.max_reversals.is_none()
            && !self.never_unknown
    }

    /// Holds the expectations against a timeline. An expectation that more evidence could still
    /// decide is `undecided`.
    pub fn judge(&self, timeline: &Timeline, evidence: Evidence) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let begin = timeline.command_started.unwrap_or(timeline.start);
        let mut reached = None;
        if let Some(goal) = self.out {
            let is_ready = self.measure != Measure::Spec;
            let judged = Self::goal("out", goal, timeline, begin, is_ready);
            reached = judged.1;
            outcomes.push(judged.0);
        }
        if let Some(goal) = self.back {
            let from = timeline.command_ended.or(reached);
            let is_ready = self.measure == Measure::Ready;
            match (from, self.out.is_some() && reached.is_none()) {
                (Some(from), false) => {
                    let from = reached.map_or(from, |reached| reached.max(from));
                    outcomes.push(Self::goal("back", goal, timeline, from, is_ready).0);
                }
                _ => outcomes.push(Outcome {
                    id: "back".to_owned(),
                    expected: goal.to_string(),
                    verdict: Verdict::Undecided,
                    observed: "there was nothing to come back from".to_owned(),
                    after_s: None,
                }),
            }
        }
        if let Some(most) = self.max_reversals {
            let reversals = timeline.reversals();
            let verdict = if reversals > most {
                Verdict::Fail
            } else if evidence == Evidence::Growing {
                Verdict::Undecided
            } else {
                Verdict::Pass
            };
            outcomes.push(Outcome {
                id: "max_reversals".to_owned(),
                expected: format!("at most {most}"),
                verdict,
                observed: format!(
                    "the direction turned {reversals} times: {}",
                    timeline.path()
                ),
                after_s: None,
            });
        }
        if self.never_unknown {
            outcomes.push(known_throughout(timeline, evidence));
        }
        if let Some(back) = timeline.set_back {
            let timed = outcomes.iter_mut().filter(|it| it.after_s.is_some());
            for outcome in timed.filter(|it| it.verdict == Verdict::Pass) {
                outcome.verdict = Verdict::Undecided;
                outcome.observed.push_str(&format!(
                    ", but the clock was set back by {} in between",
                    Span(whole(back))
                ));
            }
        }
        outcomes
    }

    /// One goal: reached in time, reached too late, missed, or not yet decided.
    fn goal(
        id: &str,
        goal: Goal,
        timeline: &Timeline,
        from: Timestamp,
        is_ready: bool,
    ) -> (Outcome, Option<Timestamp>) {
        let number = |point: &Point| {
            if is_ready {
                point.ready.unwrap_or(point.current)
            } else {
                point.size()
            }
        };
        // What holds at `from` is the last point before it.
        let held = timeline.points.iter().rev().find(|(at, _)| *at <= from);
        let later = timeline.points.iter().filter(|(at, _)| *at > from);
        let at = held
            .filter(|(_, point)| goal.is_met(number(point)))
            .map(|_| from)
            .or_else(|| {
                later
                    .clone()
                    .find(|(_, point)| goal.is_met(number(point)))
                    .map(|(at, _)| *at)
            });
        let unit = if is_ready { "ready" } else { "replicas" };
        let mut outcome = Outcome {
            id: id.to_owned(),
            expected: goal.to_string(),
            verdict: Verdict::Undecided,
            observed: String::new(),
            after_s: None,
        };
        if let Some(at) = at {
            let after = since(from, at);
            outcome.after_s = Some(after.as_secs_f64());
            outcome.verdict = if after <= goal.within.0 {
                Verdict::Pass
            } else {
                Verdict::Fail
            };
            outcome.observed = format!("reached after {}", Span(whole(after)));
            return (outcome, Some(at));
        }
        let watched = since(from, timeline.end);
        let numbers = held
            .into_iter()
            .chain(later)
            .map(|(_, point)| number(point));
        let nearest = match goal.comparison {
            Comparison::AtMost => numbers.min(),
            _ => numbers.max(),
        };
        let nearest = nearest.map_or("nothing was seen".to_owned(), |number| {
            format!("came to {number} {unit}")
        });
        let settled = timeline.ended.as_deref() == Some("settled");
        let unknown = !timeline.points.iter().any(|(_, point)| point.is_known());
        if watched > goal.within.0 || (settled && !unknown) {
            outcome.verdict = Verdict::Fail;
            outcome.observed = format!("not reached: {nearest} in {}", Span(whole(watched)));
        } else {
            outcome.observed = format!(
                "not decided: {nearest}, but only {} were watched",
                Span(whole(watched))
            );
        }
        if unknown {
            outcome.verdict = Verdict::Undecided;
            outcome
                .observed
                .push_str("; the metrics were never known (see `hpa-watch doctor`)");
        }
        (outcome, None)
    }
}

fn known_throughout(timeline: &Timeline, evidence: Evidence) -> Outcome {
    let mut known = false;
    let mut lost = None;
    for (at, point) in &timeline.points {
        if point.is_known() {
            known = true;
        } else if known && point.active.is_some() {
            lost = Some(*at);
            break;
        }
    }
    let (verdict, observed) = match (lost, known) {
        (Some(at), _) => (
            Verdict::Fail,
            format!("unknown after {:.0} s", timeline.seconds(at)),
        ),
        (None, true) if evidence == Evidence::Complete => {
            (Verdict::Pass, "known throughout".to_owned())
        }
        (None, true) => (Verdict::Undecided, "known so far".to_owned()),
        (None, false) => (
            Verdict::Undecided,
            "the metrics were never known".to_owned(),
        ),
    };
    Outcome {
        id: "never_unknown".to_owned(),
        expected: "metrics known throughout".to_owned(),
        verdict,
        observed,
        after_s: None,
    }
}

/// Returns the worst verdict: a failure, else something undecided, else a pass.
pub fn overall(outcomes: &[Outcome]) -> Verdict {
    let has = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
    if has(Verdict::Fail) {
        Verdict::Fail
    } else if outcomes.is_empty() || has(Verdict::Undecided) {
        Verdict::Undecided
    } else {
        Verdict::Pass
    }
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests;
