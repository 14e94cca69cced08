//! What the controller remembers of one autoscaler from sync to sync.

use serde::{Deserialize, Serialize};

use crate::{condition::Conditions, moment::Moment, spec::ScalingRules};

/// A raw recommendation of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// How many replicas the metrics asked for.
    pub replicas: i32,
    /// When.
    pub at: Moment,
}

/// A change of the replica count that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleEvent {
    /// By how many replicas, always positive.
    pub change: i32,
    /// When.
    pub at: Moment,
    /// Whether it is older than every policy's period, and its slot may be used again.
    #[serde(default)]
    pub is_outdated: bool,
}

/// What the controller remembers of one autoscaler. The default is one that was never synced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Raw recommendations. Nothing before the first sync, which adds the current size.
    pub recommendations: Option<Vec<Recommendation>>,
    /// Changes upwards.
    pub scale_ups: Vec<ScaleEvent>,
    /// Changes downwards.
    pub scale_downs: Vec<ScaleEvent>,
    /// The conditions as last written.
    pub conditions: Conditions,
    /// `status.desiredReplicas` as last written.
    pub desired_replicas: i32,
    /// `status.currentReplicas` as last written.
    pub current_replicas: i32,
    /// When the target was last scaled.
    pub last_scale: Option<Moment>,
}

impl State {
    /// Writes down a change that was carried out, in a slot that ran out or in a new one.
    pub fn store_scale_event(
        &mut self,
        before: i32,
        after: i32,
        up: &ScalingRules,
        down: &ScalingRules,
        now: Moment,
    ) {
        let (events, rules) = if after > before {
            (&mut self.scale_ups, up)
        } else {
            (&mut self.scale_downs, down)
        };
        let oldest = now.seconds_before(rules.longest_period_s());
        let mut slot = None;
        for (index, event) in events.iter_mut().enumerate() {
            if event.at < oldest {
                event.is_outdated = true;
            }
            if event.is_outdated {
                slot = Some(index);
            }
        }
        let event = ScaleEvent {
            change: after.saturating_sub(before).saturating_abs(),
            at: now,
            is_outdated: false,
        };
        match slot.and_then(|index| events.get_mut(index)) {
            Some(place) => *place = event,
            None => events.push(event),
        }
    }
}

/// Returns the sum of the changes within the last `period_s` seconds. One that lies exactly at the
/// start of the period is no longer in it.
pub(crate) fn changed_within(events: &[ScaleEvent], period_s: i32, now: Moment) -> i32 {
    let start = now.seconds_before(period_s);
    events
        .iter()
        .filter(|event| event.at > start)
        .fold(0_i32, |sum, event| sum.saturating_add(event.change))
}
