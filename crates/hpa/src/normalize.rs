//! What the stabilization windows, the policies and the bounds leave of a wish.

use serde::{Deserialize, Serialize};

use crate::{
    moment::Moment,
    spec::{Behavior, PolicyKind, ScalingRules, SelectPolicy},
    state::{Recommendation, ScaleEvent, State, changed_within},
};

/// What a stabilization window made of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stabilized {
    /// The replicas after the window.
    pub replicas: i32,
    /// The past recommendation that holds it, where one does.
    pub held_by: Option<Recommendation>,
    /// The length of the window that holds it, in seconds.
    pub window_s: i32,
    /// Whether the wish was to grow (or to stay).
    pub is_up: bool,
}

/// What bounds and policies made of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The replicas that are left.
    pub replicas: i32,
    /// `DesiredWithinRange`, `TooManyReplicas`, `TooFewReplicas`, `ScaleUpLimit`, `ScaleDownLimit`.
    pub reason: &'static str,
}

/// Applies both windows: on the way up the lowest recommendation of the upward window, on the way
/// down the highest of the downward one. The raw wish is remembered.
pub fn stabilize(
    recommendations: &mut Vec<Recommendation>,
    current: i32,
    desired: i32,
    up_window_s: i32,
    down_window_s: i32,
    now: Moment,
) -> Stabilized {
    let (up_start, down_start) = (
        now.seconds_before(up_window_s),
        now.seconds_before(down_window_s),
    );
    let (mut low, mut high) = (desired, desired);
    let (mut low_by, mut high_by) = (None, None);
    let mut slot = None;
    for (index, past) in recommendations.iter().enumerate() {
        if past.at > up_start && past.replicas <= low {
            if past.replicas < low || low_by.is_some() {
                low_by = Some(latest(low_by, *past));
            }
            low = past.replicas;
        }
        if past.at > down_start && past.replicas >= high {
            if past.replicas > high || high_by.is_some() {
                high_by = Some(latest(high_by, *past));
            }
            high = past.replicas;
        }
        if past.at < up_start && past.at < down_start {
            slot = Some(index);
        }
    }
    let mut replicas = current;
    if replicas < low {
        replicas = low;
    }
    if replicas > high {
        replicas = high;
    }
    remember(recommendations, slot, desired, now);
    let is_up = desired >= current;
    let held = replicas != desired;
    Stabilized {
        replicas,
        held_by: if !held {
            None
        } else if is_up {
            low_by
        } else {
            holding(recommendations, current, desired, down_start)
        },
        window_s: if is_up { up_window_s } else { down_window_s },
        is_up,
    }
}

/// Of two recommendations of one size the later, else the new one.
fn latest(old: Option<Recommendation>, new: Recommendation) -> Recommendation {
    match old {
        Some(old) if old.replicas == new.replicas && old.at > new.at => old,
        _ => new,
    }
}

/// The recommendation that will be the last to hold a smaller target: of those in the window that
/// are at least the current size the latest, else the highest.
fn holding(
    recommendations: &[Recommendation],
    current: i32,
    desired: i32,
    start: Moment,
) -> Option<Recommendation> {
    let within = || {
        recommendations
            .iter()
            .filter(move |past| past.at > start && past.replicas > desired)
    };
    within()
        .filter(|past| past.replicas >= current)
        .max_by_key(|past| past.at)
        .or_else(|| within().max_by_key(|past| (past.replicas, past.at)))
        .copied()
}

/// The older rules: the highest recommendation of the controller's own window.
pub fn stabilize_legacy(
    recommendations: &mut Vec<Recommendation>,
    current: i32,
    desired: i32,
    window_s: i32,
    now: Moment,
) -> Stabilized {
    let start = now.seconds_before(window_s);
    let mut high = desired;
    let mut held_by = None;
    let mut slot = None;
    for (index, past) in recommendations.iter().enumerate() {
        if past.at < start {
            slot = Some(index);
        } else if past.replicas >= high {
            if past.replicas > high || held_by.is_some() {
                held_by = Some(latest(held_by, *past));
            }
            high = past.replicas;
        }
    }
    remember(recommendations, slot, desired, now);
    Stabilized {
        replicas: high,
        held_by,
        window_s,
        is_up: desired >= current,
    }
}

fn remember(
    recommendations: &mut Vec<Recommendation>,
    slot: Option<usize>,
    replicas: i32,
    now: Moment,
) {
    let new = Recommendation { replicas, at: now };
    match slot.and_then(|index| recommendations.get_mut(index)) {
        Some(place) => *place = new,
        None => recommendations.push(new),
    }
}

/// Applies policies and bounds to a stabilized wish.
pub fn limit(
    state: &State,
    behavior: &Behavior,
    current: i32,
    desired: i32,
    (min, max): (i32, i32),
    now: Moment,
) -> Limit {
    let (ups, downs) = (&state.scale_ups, &state.scale_downs);
    if desired > current {
        let policy = up_limit(current, ups, downs, &behavior.scale_up, now).max(current);
        let (most, reason) = if max > policy {
            (policy, "ScaleUpLimit")
        } else {
            (max, "TooManyReplicas")
        };
        if desired > most {
            return Limit {
                replicas: most,
                reason,
            };
        }
    } else if desired < current {
        let policy = down_limit(current, ups, downs, &behavior.scale_down, now).min(current);
        let (least, reason) = if min < policy {
            (policy, "ScaleDownLimit")
        } else {
            (min, "TooFewReplicas")
        };
        if desired < least {
            return Limit {
                replicas: least,
                reason,
            };
        }
    }
    Limit {
        replicas: desired,
        reason: "DesiredWithinRange",
    }
}

/// The older rules: at most `factor` times the current size at once, and at least four.
pub fn limit_legacy(current: i32, desired: i32, (min, max): (i32, i32), factor: f64) -> Limit {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the controller's own conversion"
    )]
    let growth = (factor * f64::from(current)).max(4.0) as i32;
    let (most, reason) = if max > growth {
        (growth, "ScaleUpLimit")
    } else {
        (max, "TooManyReplicas")
    };
    if desired < min {
        Limit {
            replicas: min,
            reason: "TooFewReplicas",
        }
    } else if desired > most {
        Limit {
            replicas: most,
            reason,
        }
    } else {
        Limit {
            replicas: desired,
            reason: "DesiredWithinRange",
        }
    }
}

/// Returns the largest size that the policies upwards allow now.
pub fn up_limit(
    current: i32,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    rules: &ScalingRules,
    now: Moment,
) -> i32 {
    let sizes = rules.policies.iter().map(|policy| {
        let start = size_at_start(current, ups, downs, policy.period_s, now);
        match policy.kind {
            PolicyKind::Pods => start.saturating_add(policy.value),
            // Floating point rounds 10 % of 100 up to 111; so does the controller.
            #[expect(clippy::cast_possible_truncation, reason = "the controller's own")]
            PolicyKind::Percent => {
                (f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)).ceil() as i32
            }
        }
    });
    match rules.select {
        SelectPolicy::Disabled => current,
        SelectPolicy::Max => sizes.max().unwrap_or(i32::MIN),
        SelectPolicy::Min => sizes.min().unwrap_or(i32::MAX),
    }
}

/// Returns the smallest size that the policies downwards allow now.
pub fn down_limit(
    current: i32,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    rules: &ScalingRules,
    now: Moment,
) -> i32 {
    let sizes = rules.policies.iter().map(|policy| {
        let start = size_at_start(current, ups, downs, policy.period_s, now);
        match policy.kind {
            PolicyKind::Pods => start.saturating_sub(policy.value),
            // What remains is cut to a whole number, so the removals are rounded up.
            #[expect(clippy::cast_possible_truncation, reason = "the controller's own")]
            PolicyKind::Percent => {
                (f64::from(start) * (1.0 - f64::from(policy.value) / 100.0)) as i32
            }
        }
    });
    match rules.select {
        SelectPolicy::Disabled => current,
        SelectPolicy::Max => sizes.min().unwrap_or(i32::MAX),
        SelectPolicy::Min => sizes.max().unwrap_or(i32::MIN),
    }
}

fn size_at_start(
    current: i32,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    period_s: i32,
    now: Moment,
) -> i32 {
    current
        .saturating_sub(changed_within(ups, period_s, now))
        .saturating_add(changed_within(downs, period_s, now))
}
