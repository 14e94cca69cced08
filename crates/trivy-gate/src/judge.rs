//! The decision on a single finding: values in, one answer out.

use jiff::{Timestamp, ToSpan as _};

use crate::{
    policy::Policy,
    scan::{Class, Finding, Severity, Target},
    waiver::{Answer, Waivers},
};

/// What becomes of a finding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// It counts against the image.
    Blocks(Cause),
    /// Its severity is not gated.
    Below,
    /// There is no fixed version.
    Unfixed,
    /// Its status is one that the policy tolerates.
    Tolerated,
    /// The report that is compared with has it already.
    Known,
    /// It will hardly be exploited, as the policy defines that.
    Unlikely(f64),
    /// It is so new that it does not count yet.
    Grace(Timestamp),
    /// The waiver with this number answers for it.
    Waived(usize),
    /// Trivy itself took it off its list.
    Suppressed,
}

/// Why a finding blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cause {
    /// By its severity.
    Severity,
    /// It is exploited, as the KEV catalogue says.
    Exploited,
    /// It will probably be exploited, as its EPSS score says.
    Likely(f64),
}

/// A decision, and the expired waiver that would have changed it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) decision: Decision,
    pub(crate) expired: Option<usize>,
}

impl Decision {
    /// Returns whether the finding counts.
    pub(crate) fn blocks(&self) -> bool {
        matches!(self, Self::Blocks(_))
    }

    /// Returns the decision as a word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Blocks(_) => "blocks",
            Self::Below => "below",
            Self::Unfixed => "unfixed",
            Self::Tolerated => "tolerated_status",
            Self::Known => "known",
            Self::Unlikely(_) => "unlikely",
            Self::Grace(_) => "grace",
            Self::Waived(_) => "waived",
            Self::Suppressed => "suppressed",
        }
    }
}

/// Decides on `finding`. `is_known` tells that the report that is compared with has it.
pub(crate) fn decide(
    policy: &Policy,
    waivers: &Waivers,
    target: &Target,
    finding: &Finding,
    is_known: bool,
) -> Judgement {
    let without_waivers = before_waivers(policy, finding, is_known);
    // Waivers come last, so that one that is not needed shows as unused.
    if !without_waivers.blocks() {
        return Judgement {
            decision: without_waivers,
            expired: None,
        };
    }
    match waivers.ask(policy.now, target, finding) {
        Answer::None => Judgement {
            decision: without_waivers,
            expired: None,
        },
        Answer::Expired(number) => Judgement {
            decision: without_waivers,
            expired: Some(number),
        },
        Answer::Waived(number) => Judgement {
            decision: Decision::Waived(number),
            expired: None,
        },
    }
}

fn before_waivers(policy: &Policy, finding: &Finding, is_known: bool) -> Decision {
    if finding.suppressed.is_some() && !policy.distrust_suppressed {
        return Decision::Suppressed;
    }
    let Some(cause) = cause(policy, finding) else {
        return Decision::Below;
    };
    if is_known {
        return Decision::Known;
    }
    if finding.class != Class::Vulnerability {
        return Decision::Blocks(cause);
    }
    let is_exploited = policy.feeds.is_exploited(&finding.id);
    if finding
        .status
        .is_some_and(|it| policy.ignore_statuses.contains(&it))
    {
        return Decision::Tolerated;
    }
    if policy.ignore_unfixed && !finding.is_fixable() && !is_exploited {
        return Decision::Unfixed;
    }
    let is_critical = finding.severity == Severity::Critical;
    if let (Some(limit), Some(score)) = (policy.tolerate_epss, policy.feeds.score(&finding.id))
        && score < limit
        && !is_exploited
        && !is_critical
    {
        return Decision::Unlikely(score);
    }
    let may_wait =
        (!is_critical || policy.grace_critical) && (!is_exploited || policy.grace_exploited);
    if let Some(end) = end_of_grace(policy, finding)
        && may_wait
    {
        return Decision::Grace(end);
    }
    Decision::Blocks(cause)
}

/// Returns why the finding would block; `None` when its severity is not gated.
fn cause(policy: &Policy, finding: &Finding) -> Option<Cause> {
    if finding.class == Class::Vulnerability {
        if policy.feeds.is_exploited(&finding.id) {
            return Some(Cause::Exploited);
        }
        if let (Some(limit), Some(score)) = (policy.block_epss, policy.feeds.score(&finding.id))
            && score >= limit
        {
            return Some(Cause::Likely(score));
        }
    }
    policy
        .gates(finding.class, finding.severity)
        .then_some(Cause::Severity)
}

/// Returns when the days of grace end, when they have begun and not ended. Without a date, or with
/// one in the future, there is no grace.
fn end_of_grace(policy: &Policy, finding: &Finding) -> Option<Timestamp> {
    let published = finding.published?;
    if policy.grace_days == 0 || published > policy.now {
        return None;
    }
    let end = published
        .checked_add((i64::from(policy.grace_days) * 24).hours())
        .ok()?;
    (policy.now < end).then_some(end)
}

#[cfg(test)]
mod tests;
