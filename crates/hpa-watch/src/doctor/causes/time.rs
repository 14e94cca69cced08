//! Causes that time shows: a controller that does nothing, and one that goes to and fro.

use autoscaleops_hpa::{Moment, kubernetes::moment};
use serde_json::Value;

use super::Case;
use crate::doctor::{
    Weight,
    snapshot::{Snapshot, Waited},
};

/// By how many points the controller's utilization may differ from the one that is measured.
const DIFFERENT: i32 = 5;
/// How long a controller may leave a new autoscaler alone, in seconds.
const PATIENCE_S: u64 = 60;
/// How old a sign of life of the controller manager may be, in seconds. It renews it every 2 s.
const ALIVE_S: u64 = 60;
/// How often the direction must have turned to be called thrashing. Events are kept for an hour.
const TURNS: usize = 4;

/// Returns whether the controller last saw something else than is measured now, so that only time
/// can tell whether it reacts.
pub fn lags(snapshot: &Snapshot) -> bool {
    Case::of(snapshot).lag().is_some()
}

impl Case<'_> {
    /// What the controller last saw, and what is measured now, where the two differ.
    fn lag(&self) -> Option<(i32, i32)> {
        let now = self.proposal()?;
        let (seen, measured) = (now.seen?, now.proposal.utilization?);
        ((seen - measured).abs() > DIFFERENT).then_some((seen, measured))
    }

    /// Whether the controller does anything at all.
    pub(super) fn silence(&mut self) {
        let snapshot = self.snapshot;
        if self.status.conditions.as_ref().is_none_or(Vec::is_empty) {
            let age = snapshot.created.map(|created| snapshot.now - created);
            let Some(age) = age.filter(|age| age.as_secs() >= PATIENCE_S) else {
                let text = [
                    "nothing has happened yet".to_owned(),
                    "status.conditions is empty".to_owned(),
                    "it is new: the controller looks at each autoscaler every 15 s".to_owned(),
                    "wait a minute".to_owned(),
                ];
                self.add(Weight::Info, "new", text);
                return;
            };
            self.silent(format!(
                "status.conditions is empty, and it was made {} s ago",
                age.as_secs()
            ));
            return;
        }
        // What the controller says that it cannot do is a sign of life, once that is explained.
        let is_explained = self.is_failing("ScalingActive").is_some()
            && !self.found.causes.is_empty()
            || self.is_failing("AbleToScale").is_some();
        match (self.lag(), snapshot.waited) {
            (Some((seen, measured)), Some(Waited::InVain(waited))) => self.silent(format!(
                "status.currentMetrics says {seen}%, metrics.k8s.io shows {measured}%, and no status was written for {} s",
                waited.as_secs()
            )),
            (Some(_), Some(Waited::Answered)) => {}
            (Some(_), None) => {
                self.not_checked("whether the controller reacts (the wait for it was broken off)");
            }
            // What it saw is what is: it has looked lately. What keeps it from working is said.
            (None, _) if self.agrees() || is_explained || self.is_managed_alive() => {}
            (None, _) => self.not_checked(
                "whether the controller reacts at all (nothing that it reads can be compared; `hpa-watch watch` shows it)",
            ),
        }
    }

    /// Whether what the controller last saw is what is measured now.
    fn agrees(&self) -> bool {
        self.proposal()
            .is_some_and(|now| now.seen.is_some() && now.proposal.utilization.is_some())
            && self.lag().is_none()
    }

    /// Whether the controller manager has given a sign of life. One that is old says nothing: the
    /// clocks may differ, and some clusters keep it elsewhere.
    fn is_managed_alive(&self) -> bool {
        let lease = self.snapshot.lease.known();
        let renewed = lease.and_then(|lease| moment(lease["spec"]["renewTime"].as_str()?));
        renewed.is_some_and(|renewed| {
            let (a, b) = (self.snapshot.now - renewed, renewed - self.snapshot.now);
            a.max(b).as_secs() < ALIVE_S
        })
    }

    fn silent(&mut self, evidence: String) {
        let text = [
            "nothing changes at all".to_owned(),
            evidence,
            "the controller of the autoscalers does not run, or does not get round to this one"
                .to_owned(),
            "look at kube-controller-manager, its logs and its flag --controllers; on a managed cluster ask its provider"
                .to_owned(),
        ];
        self.add(Weight::Error, "controller_silent", text);
    }

    /// Whether it goes to and fro.
    pub(super) fn thrash(&mut self) {
        let Some(events) = self.snapshot.events.known() else {
            return;
        };
        let own = self.snapshot.hpa.metadata.name.as_deref();
        let rescales: Vec<Rescale> = events
            .iter()
            .filter(|event| event["involvedObject"]["name"].as_str() == own)
            .filter_map(Rescale::of)
            .collect();
        let Some(turns) = Turns::of(&rescales) else {
            return;
        };
        if turns.number < TURNS {
            return;
        }
        let advice = turns.longest_low_s.map_or(
            "lengthen spec.behavior.scaleDown.stabilizationWindowSeconds".to_owned(),
            |low| {
                format!(
                    "a downscale window (stabilizationWindowSeconds) of {} s would have bridged the lows",
                    (low + 15).min(3_600)
                )
            },
        );
        let text = [
            "the replicas go to and fro".to_owned(),
            format!(
                "events SuccessfulRescale: the direction turned at least {} times in {} s",
                turns.number, turns.within_s
            ),
            "the window is shorter than the swings of the load, or the target is near both sizes"
                .to_owned(),
            format!("{advice}; try it with `hpa-watch simulate`"),
        ];
        self.add(Weight::Warning, "thrash", text);
    }
}

/// An event of a change of size, which stands for several of the same words.
#[derive(Debug)]
struct Rescale {
    is_up: bool,
    first: Moment,
    last: Moment,
    count: u64,
}

impl Rescale {
    fn of(event: &Value) -> Option<Self> {
        if event["reason"] != "SuccessfulRescale" {
            return None;
        }
        let message = event["message"].as_str()?;
        let is_up = if message.contains("above target")
            || message.contains("below Spec.MinReplicas")
        {
            true
        } else if message.contains("below target") || message.contains("above Spec.MaxReplicas") {
            false
        } else {
            return None;
        };
        let time = |name: &str| event[name].as_str().and_then(moment);
        let last = time("lastTimestamp").or_else(|| time("eventTime"))?;
        Some(Self {
            is_up,
            first: time("firstTimestamp").unwrap_or(last),
            last,
            count: event["count"].as_u64().unwrap_or(1),
        })
    }
}

/// How often the direction turned, at least.
#[derive(Debug, PartialEq)]
struct Turns {
    number: usize,
    within_s: u64,
    /// The longest time from the way down to the next way up, in seconds.
    longest_low_s: Option<u64>,
}

impl Turns {
    fn of(rescales: &[Rescale]) -> Option<Self> {
        let mut steps: Vec<(Moment, bool)> = rescales
            .iter()
            .flat_map(|rescale| {
                [
                    (rescale.first, rescale.is_up),
                    (rescale.last, rescale.is_up),
                ]
            })
            .collect();
        steps.sort_by_key(|step| step.0);
        let (first, last) = (steps.first()?.0, steps.last()?.0);
        let mut seen = 0;
        let mut longest_low_s = None;
        for pair in steps.windows(2) {
            if let [before, after] = pair
                && before.1 != after.1
            {
                seen += 1;
                if after.1 {
                    longest_low_s = longest_low_s.max(Some((after.0 - before.0).as_secs()));
                }
            }
        }
        // To come to the same size in the same direction again, it must have turned twice.
        let again = rescales.iter().map(|rescale| rescale.count).max()? - 1;
        let again = usize::try_from(again.saturating_mul(2)).unwrap_or(usize::MAX);
        Some(Self {
            number: seen.max(again),
            within_s: (last - first).as_secs(),
            longest_low_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rescale(is_up: bool, first: i64, last: i64, count: u64) -> Rescale {
        Rescale {
            is_up,
            first: Moment::seconds(first),
            last: Moment::seconds(last),
            count,
        }
    }

    #[test]
    fn one_way_out_and_back_in_steps_turns_once() {
        let steps = [
            rescale(true, 0, 0, 1),
            rescale(true, 15, 15, 1),
            rescale(false, 300, 300, 1),
            rescale(false, 315, 315, 1),
        ];
        assert_eq!(
            Turns::of(&steps),
            Some(Turns {
                number: 1,
                within_s: 315,
                longest_low_s: None
            })
        );
        assert_eq!(Turns::of(&[]), None);
    }

    #[test]
    fn events_that_were_folded_count_as_often_as_they_say() {
        let steps = [rescale(true, 0, 600, 4), rescale(false, 120, 720, 4)];
        let turns = Turns::of(&steps).unwrap();
        assert_eq!((turns.number, turns.within_s), (6, 720));
        assert_eq!(turns.longest_low_s, Some(480));
    }
}
