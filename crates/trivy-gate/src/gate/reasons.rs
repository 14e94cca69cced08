//! Why the gate is closed, or what it says when it is open, in words.

use autoscaleops_core::text;

use super::Gate;
use crate::{
    details::{WaiverState, WaiverUse},
    policy::BudgetUnit,
    scan::{Class, Scan, Severity},
    tally::Tally,
};

impl Gate {
    /// Returns why the gate is closed; nothing when it is open.
    pub(super) fn reasons(
        &self,
        scan: &Scan,
        tally: &Tally<'_>,
        uses: &[WaiverUse],
    ) -> Vec<String> {
        let unit = match self.policy.budget_unit {
            BudgetUnit::Finding => "",
            BudgetUnit::Cve => "different ",
        };
        let mut parts: Vec<String> = tally
            .excess()
            .into_iter()
            .map(|(severity, count, budget)| {
                let allowed = if budget > 0 {
                    format!(" ({budget} allowed)")
                } else {
                    String::new()
                };
                format!("{count} {unit}{severity}{allowed}")
            })
            .collect();
        if let Some(last) = parts.last_mut() {
            let fix = if self.policy.ignore_unfixed {
                " with a fix"
            } else {
                ""
            };
            let noun = if tally.blocking_of(Class::Vulnerability) == 1 {
                "vulnerability"
            } else {
                "vulnerabilities"
            };
            last.push_str(&format!(" {noun}{fix}"));
        }
        let mut reasons: Vec<String> = Vec::new();
        if !parts.is_empty() {
            reasons.push(join(&parts));
        }
        for (class, noun) in [
            (Class::Secret, "secret"),
            (Class::Misconfiguration, "misconfiguration"),
            (Class::License, "licence"),
        ] {
            let count = tally.blocking_of(class);
            if count > 0 {
                reasons.push(text::count(count, noun));
            }
        }
        if self.policy.fail_on_eol && scan.os.as_ref().is_some_and(|it| it.is_end_of_life) {
            reasons.push("an operating system that gets no fixes any more".to_owned());
        }
        let idle = uses
            .iter()
            .filter(|it| matches!(it.state, WaiverState::Unused | WaiverState::Expired))
            .count();
        if self.policy.fail_on_unused_waivers && idle > 0 {
            reasons.push(format!(
                "{} unused or expired",
                text::count(idle as u64, "waiver")
            ));
        }
        let waived: u64 = tally.used.values().sum();
        if let Some(limit) = self.policy.max_waived
            && waived > limit
        {
            reasons.push(format!(
                "{} ({limit} allowed)",
                text::count(waived, "waived finding")
            ));
        }
        reasons
    }

    /// Returns the sentence for an empty list.
    pub(super) fn nothing(&self) -> String {
        let gated = self.policy.gated(Class::Vulnerability);
        if gated.is_empty() {
            return "nothing that blocks".to_owned();
        }
        let names: Vec<&str> = gated.iter().map(|it| it.as_str()).collect();
        let fixable = if self.policy.ignore_unfixed {
            "fixable "
        } else {
            ""
        };
        format!("no {fixable}{} vulnerabilities", names.join(" or "))
    }
}

/// `2 CRITICAL and 5 HIGH`
pub(super) fn counted(tally: &Tally<'_>) -> String {
    let parts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .map(|it| (it, tally.of_severity(it)))
        .filter(|it| it.1 > 0)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    join(&parts)
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
