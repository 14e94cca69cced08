//! What blocks: the configuration, the flags over it, and the two read into one policy.

use std::collections::BTreeMap;

use autoscaleops_core::Failure;
use jiff::Timestamp;

use crate::{
    feeds::Feeds,
    scan::{Class, Severity, Status},
};

mod flags;
mod settings;

pub use flags::Flags;
pub(crate) use settings::BudgetUnit;
pub use settings::Settings;

/// The rules by which single findings are judged.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    severities: BTreeMap<Class, Vec<Severity>>,
    pub(crate) ignore_unfixed: bool,
    pub(crate) ignore_statuses: Vec<Status>,
    /// What is tolerated, by severity in ascending order.
    pub(crate) budgets: [u64; 5],
    pub(crate) budget_unit: BudgetUnit,
    pub(crate) grace_days: u32,
    pub(crate) grace_critical: bool,
    pub(crate) grace_exploited: bool,
    pub(crate) feeds: Feeds,
    pub(crate) block_epss: Option<f64>,
    pub(crate) tolerate_epss: Option<f64>,
    pub(crate) distrust_suppressed: bool,
    pub(crate) fail_on_eol: bool,
    pub(crate) fail_on_unused_waivers: bool,
    pub(crate) max_waived: Option<u64>,
    /// The time at which is judged.
    pub(crate) now: Timestamp,
}

impl Policy {
    /// Returns the policy that `settings` describe, judged at `now`.
    ///
    /// # Errors
    ///
    /// Fails on values without a meaning.
    pub(crate) fn new(settings: &Settings, feeds: Feeds, now: Timestamp) -> Result<Self, Failure> {
        let mut vulnerabilities = settings.severities.clone();
        if settings.fail_on_unknown {
            vulnerabilities.push(Severity::Unknown);
        }
        let severities = BTreeMap::from([
            (Class::Vulnerability, vulnerabilities),
            (Class::Secret, settings.secret_severities.clone()),
            (
                Class::Misconfiguration,
                settings.misconfiguration_severities.clone(),
            ),
            (Class::License, settings.license_severities.clone()),
        ]);
        if severities.values().all(Vec::is_empty) {
            return Err(usage(
                "no severity blocks in any class: such a gate would be open to everything",
            ));
        }
        for (name, score) in [
            ("block_epss", settings.block_epss),
            ("tolerate_epss", settings.tolerate_epss),
        ] {
            if score.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
                return Err(usage(format!("`{name}` is a probability, between 0 and 1")));
            }
            if score.is_some() && settings.epss.is_none() {
                return Err(usage(format!(
                    "`{name}` needs `epss`, the file with the scores"
                )));
            }
        }
        Ok(Self {
            severities,
            ignore_unfixed: settings.ignore_unfixed,
            ignore_statuses: settings.ignore_statuses.clone(),
            budgets: [
                settings.max_unknown,
                settings.max_low,
                settings.max_medium,
                settings.max_high,
                settings.max_critical,
            ],
            budget_unit: settings.budget_unit,
            grace_days: settings.grace_days,
            grace_critical: settings.grace_critical,
            grace_exploited: settings.grace_exploited,
            feeds,
            block_epss: settings.block_epss,
            tolerate_epss: settings.tolerate_epss,
            distrust_suppressed: settings.distrust_suppressed,
            fail_on_eol: settings.fail_on_eol,
            fail_on_unused_waivers: settings.fail_on_unused_waivers,
            max_waived: settings.max_waived,
            now,
        })
    }

    /// Returns whether findings of this class and severity block.
    pub(crate) fn gates(&self, class: Class, severity: Severity) -> bool {
        self.severities
            .get(&class)
            .is_some_and(|it| it.contains(&severity))
    }

    /// Returns the severities of `class` that block, the worst first.
    pub(crate) fn gated(&self, class: Class) -> Vec<Severity> {
        let mut all = self.severities.get(&class).cloned().unwrap_or_default();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup();
        all
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::usage(message)
        .kind_of("policy")
        .hint("trivy-gate config show")
}
