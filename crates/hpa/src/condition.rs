//! The conditions in an autoscaler's status, with the controller's reasons and messages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It holds.
    True,
    /// It does not hold.
    False,
}

impl Status {
    /// Returns `True` or `False`, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Whether it holds.
    pub status: Status,
    /// The word for programs.
    pub reason: Cow<'static, str>,
    /// The sentence for people.
    pub message: Cow<'static, str>,
    /// When the status (not the reason) last changed.
    pub since: Moment,
}

/// All conditions of an autoscaler; each is absent until the first sync that sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Whether the target can be read and scaled.
    pub able_to_scale: Option<Condition>,
    /// Whether the metrics can be read.
    pub scaling_active: Option<Condition>,
    /// Whether the wish was cut by bounds or policies.
    pub scaling_limited: Option<Condition>,
    /// Whether the autoscaler itself scaled to zero (Kubernetes 1.36 and later).
    pub scaled_to_zero: Option<Condition>,
}

impl Conditions {
    /// Returns the conditions that are set, with their names, in the API's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Condition)> {
        [
            ("AbleToScale", &self.able_to_scale),
            ("ScalingActive", &self.scaling_active),
            ("ScalingLimited", &self.scaling_limited),
            ("ScaledToZero", &self.scaled_to_zero),
        ]
        .into_iter()
        .filter_map(|(name, condition)| Some((name, condition.as_ref()?)))
    }
}

/// Sets a condition; the time of the last change moves only with the status.
pub(crate) fn set(
    place: &mut Option<Condition>,
    status: Status,
    reason: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
    now: Moment,
) {
    let since = match place {
        Some(old) if old.status == status => old.since,
        _ => now,
    };
    *place = Some(Condition {
        status,
        reason: reason.into(),
        message: message.into(),
        since,
    });
}
