//! Who has the last word on a finding.

use super::*;
use crate::{feeds::Feeds, policy::Settings, scan::Status};

fn policy(change: impl FnOnce(&mut Settings)) -> Policy {
    let mut settings = Settings::default();
    change(&mut settings);
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    Policy::new(&settings, Feeds::default(), now).unwrap()
}

fn flaw(severity: Severity) -> Finding {
    Finding {
        id: "CVE-1".to_owned(),
        severity,
        fixed: "1.1".to_owned(),
        status: Some(Status::Fixed),
        ..Finding::default()
    }
}

fn word(policy: &Policy, finding: &Finding, is_known: bool) -> &'static str {
    let target = Target::default();
    decide(policy, &Waivers::default(), &target, finding, is_known)
        .decision
        .word()
}

#[test]
fn a_fixed_version_or_the_status_makes_a_flaw_fixable() {
    let default = policy(|_| ());
    for (fixed, status, expected) in [
        ("1.1", None, "blocks"),
        ("1.1", Some(Status::WillNotFix), "blocks"),
        ("", Some(Status::Fixed), "blocks"),
        ("", Some(Status::Affected), "unfixed"),
        ("", None, "unfixed"),
    ] {
        let mut finding = flaw(Severity::High);
        fixed.clone_into(&mut finding.fixed);
        finding.status = status;
        assert_eq!(
            word(&default, &finding, false),
            expected,
            "{fixed} {status:?}"
        );
    }
}

#[test]
fn severity_comes_before_what_is_known_and_both_before_the_rest() {
    let tolerant = policy(|it| it.ignore_statuses = vec![Status::Fixed]);
    assert_eq!(word(&tolerant, &flaw(Severity::Medium), true), "below");
    assert_eq!(word(&tolerant, &flaw(Severity::High), true), "known");
    assert_eq!(
        word(&tolerant, &flaw(Severity::High), false),
        "tolerated_status"
    );
}

#[test]
fn grace_begins_with_publication_and_ends_to_the_second() {
    let week = policy(|it| it.grace_days = 7);
    for (published, severity, expected) in [
        ("2026-11-24T00:00:00Z", Severity::High, "grace"),
        ("2026-11-17T00:00:01Z", Severity::High, "grace"),
        ("2026-11-17T00:00:00Z", Severity::High, "blocks"),
        ("2026-11-24T00:00:01Z", Severity::High, "blocks"),
        ("2026-11-24T00:00:00Z", Severity::Critical, "blocks"),
    ] {
        let mut finding = flaw(severity);
        finding.published = Some(published.parse().unwrap());
        assert_eq!(
            word(&week, &finding, false),
            expected,
            "{published} {severity}"
        );
    }
    assert_eq!(
        word(&week, &flaw(Severity::High), false),
        "blocks",
        "without a date"
    );
}

#[test]
fn what_trivy_suppressed_stays_so_unless_it_is_distrusted() {
    let mut finding = flaw(Severity::Critical);
    finding.suppressed = Some("not_affected".to_owned());
    assert_eq!(word(&policy(|_| ()), &finding, false), "suppressed");
    let distrust = policy(|it| it.distrust_suppressed = true);
    assert_eq!(word(&distrust, &finding, false), "blocks");
}
