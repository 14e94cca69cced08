//! What an earlier report had, so that only what is new counts.
//!
//! A finding is recognised by class, id, package and place. The version is no part of it, so that
//! an update that does not fix the flaw brings nothing new; nor is the name of the image, which
//! Trivy writes into the target of system packages.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    policy::Policy,
    scan::{Class, Finding, Severity, Sink, Target},
    tally::{Print, print},
};

/// The findings of the earlier report.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    entries: HashMap<Print, Entry>,
    /// When the earlier report was made, where it tells.
    pub(crate) made_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The worst severity under which it was found.
    severity: Severity,
    is_fixable: bool,
}

/// A finding of the new report, looked up.
pub(crate) struct Found {
    pub(crate) key: Print,
    entry: Option<Entry>,
    made_at: Option<Timestamp>,
}

impl Found {
    /// Returns whether the earlier report had the finding, and it counted there as it does now. A
    /// raised severity, a fix that has appeared and exploitation that became known make it new.
    pub(crate) fn is_known(&self, policy: &Policy, finding: &Finding) -> bool {
        let Some(entry) = self.entry else {
            return false;
        };
        let was_exploited = policy.feeds.was_exploited(&finding.id, self.made_at);
        let got_exploited = policy.feeds.is_exploited(&finding.id) && !was_exploited;
        let was_gated = was_exploited || policy.gates(finding.class, entry.severity);
        let got_fix = finding.class == Class::Vulnerability
            && policy.ignore_unfixed
            && finding.is_fixable()
            && !entry.is_fixable;
        was_gated && finding.severity <= entry.severity && !got_fix && !got_exploited
    }
}

impl Baseline {
    /// Looks up a finding of the new report.
    pub(crate) fn find(&self, target: &Target, finding: &Finding) -> Found {
        let key = key(target, finding);
        Found {
            key,
            entry: self.entries.get(&key).copied(),
            made_at: self.made_at,
        }
    }

    /// Returns whether a finding with this key is in it.
    pub(crate) fn has(&self, key: &Print) -> bool {
        self.entries.contains_key(key)
    }

    /// Returns how many different findings there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Sink for Baseline {
    fn finding(&mut self, target: &Target, finding: &Finding) {
        if finding.suppressed.is_some() {
            return;
        }
        let found = Entry {
            severity: finding.severity,
            is_fixable: finding.is_fixable(),
        };
        self.entries
            .entry(key(target, finding))
            .and_modify(|it| {
                it.severity = it.severity.max(found.severity);
                it.is_fixable |= found.is_fixable;
            })
            .or_insert(found);
    }

    fn end_of_target(&mut self) {}
}

fn key(target: &Target, finding: &Finding) -> Print {
    let place = match (finding.class, target.class.as_str()) {
        (Class::Vulnerability, "os-pkgs") => "",
        (Class::Vulnerability, _) if !finding.path.is_empty() => &finding.path,
        (Class::License, _) => &finding.path,
        _ => &target.name,
    };
    print(&[
        finding.class.as_str(),
        &target.class,
        &finding.id,
        &finding.package,
        place,
    ])
}
