//! Decisions as tables. Each row of Image Updater's own tests runs with `--compat aiu`; beside it
//! stands what ours answer.

use std::collections::HashMap;

use super::*;
use crate::{
    platform::Platform,
    rule::{Compat, RuleText},
};

/// A registry made of a table. Counts what it is asked.
#[derive(Default)]
struct Known {
    facts: HashMap<String, Facts>,
    failing: Vec<String>,
    asked: Vec<String>,
    /// What a tag turns out to be once it was forgotten.
    moved: HashMap<String, Facts>,
}

impl Evidence for Known {
    type Error = String;

    fn facts(&mut self, tags: &[&str]) -> Vec<Result<Option<Facts>, String>> {
        tags.iter()
            .map(|tag| {
                self.asked.push(format!("facts {tag}"));
                if self.failing.iter().any(|it| it == tag) {
                    return Err(format!("429 for {tag}"));
                }
                Ok(self.facts.get(*tag).cloned())
            })
            .collect()
    }

    fn digest(&mut self, tag: &str) -> Result<Option<String>, String> {
        self.asked.push(format!("digest {tag}"));
        let known = self.moved.get(tag).or_else(|| self.facts.get(tag));
        Ok(known.map(|it| it.digest.clone()))
    }

    fn forget(&mut self, tag: &str) {
        if let Some(facts) = self.moved.get(tag) {
            self.facts.insert(tag.to_owned(), facts.clone());
        }
    }
}

const START: i64 = 1_700_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn image(digest: &str, created: Option<i64>) -> Facts {
    Facts {
        digest: digest.to_owned(),
        created: created.map(at),
        offered: vec![Platform::new("linux", "amd64", "")],
        ..Facts::default()
    }
}

/// Every tag is an image of its own, each built an hour after the one before.
fn world(tags: &[&str]) -> Known {
    let facts = tags.iter().zip(0_i64..).map(|(tag, index)| {
        let facts = image(&format!("sha256:{tag}"), Some(START + index * 3_600));
        ((*tag).to_owned(), facts)
    });
    Known {
        facts: facts.collect(),
        ..Known::default()
    }
}

struct Asked<'a> {
    rule: RuleText<'a>,
    tags: &'a [&'a str],
    current: Option<&'a str>,
    digest: Option<&'a str>,
    after: Option<&'a str>,
    after_digest: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn new(tags: &'a [&'a str]) -> Self {
        Self {
            rule: RuleText::default(),
            tags,
            current: None,
            digest: None,
            after: None,
            after_digest: None,
        }
    }

    fn of(&self, evidence: &mut Known) -> Result<Decision, String> {
        let rule = Rule::read(&self.rule).unwrap();
        let tags: Vec<String> = self.tags.iter().map(|it| (*it).to_owned()).collect();
        let question = Question {
            rule: &rule,
            tags: &tags,
            current_tag: self.current,
            current_digest: self.digest,
            after: self.after,
            after_digest: self.after_digest,
            now: at(START + 1_000_000),
        };
        decide(&question, evidence)
    }

    fn tag(&self) -> Option<String> {
        match self.of(&mut world(self.tags)).unwrap().answer {
            Answer::Update { tag, .. } => Some(tag),
            _ => None,
        }
    }
}

fn reason(decision: &Decision) -> &'static str {
    match &decision.answer {
        Answer::Update { .. } => "update",
        Answer::Keep { reason, .. } | Answer::Undecided { reason, .. } => reason,
    }
}

const VERSIONS: &[&str] = &["0.1", "0.5.1", "0.9", "1.0", "1.0.1", "1.1.2", "2.0.3"];
const OLD: &[&str] = &["0.1", "0.5.1", "0.9", "2.0.3"];
const WORDS: &[&str] = &["zz", "bb", "yy", "cc", "yy", "aa", "ll"];

#[test]
fn image_updaters_latest_version_rows_hold() {
    for (tags, strategy, constraint, expected) in [
        (VERSIONS, "semver", None, Some("2.0.3")),
        (VERSIONS, "semver", Some("^1.0"), Some("1.1.2")),
        (VERSIONS, "semver", Some("~1.0"), Some("1.0.1")),
        (
            &["v2.2.0", "v2.3.0-rc.0.18.g1abb7b5dd-ppc64le"],
            "semver",
            None,
            Some("v2.2.0"),
        ),
        (OLD, "semver", Some("~1.0"), None),
        (&[], "semver", Some("~1.0"), None),
        (WORDS, "newest-build", None, Some("ll")),
        (WORDS, "semver", None, None),
        (WORDS, "alphabetical", None, Some("zz")),
        (&["latest"], "digest", Some("latest"), Some("latest")),
        // Sorting: the spelling decides between equal versions.
        (
            &["v2.0.2", "v1.0", "v2.0.0", "v1.0.1", "v2.0.3", "v2.0"],
            "semver",
            None,
            Some("v2.0.3"),
        ),
        (&["v2.0.0", "v2.0"], "semver", None, Some("v2.0.0")),
        (
            &["wohoo", "bazar", "alpha", "jesus", "zebra"],
            "alphabetical",
            None,
            Some("zebra"),
        ),
    ] {
        for compat in [Compat::ImageUpdater, Compat::Ours] {
            // The current tag has no influence there, nor here while it does not sort after.
            for current in [None, Some("master")] {
                let mut asked = Asked::new(tags);
                asked.rule.strategy = strategy;
                asked.rule.constraint = constraint;
                asked.rule.compat = compat;
                asked.current = current.filter(|it| strategy != "alphabetical" || *it < "zz");
                assert_eq!(
                    asked.tag().as_deref(),
                    expected,
                    "{tags:?} {strategy} {compat:?}"
                );
            }
        }
    }
}

#[test]
fn image_updaters_sorting_rows_hold() {
    let names = ["v2.0.2", "v1.0", "v1.0.1", "v2.0.3", "v2.0"];
    for (dates, expected) in [
        (
            [4, 1, 0, 3, 2],
            ["v1.0.1", "v1.0", "v2.0", "v2.0.3", "v2.0.2"],
        ),
        (
            [0, 0, 0, 0, 0],
            ["v1.0", "v1.0.1", "v2.0", "v2.0.2", "v2.0.3"],
        ),
    ] {
        let mut asked = Asked::new(&names);
        asked.rule.strategy = "newest-build";
        asked.rule.compat = Compat::ImageUpdater;
        let mut known = Known::default();
        for (name, date) in names.iter().zip(dates) {
            known
                .facts
                .insert((*name).to_owned(), image(name, Some(date)));
        }
        let decision = asked.of(&mut known).unwrap();
        let order: Vec<&str> = decision.verdicts.iter().map(|it| it.tag.as_str()).collect();
        assert_eq!(order, expected);
    }
}

#[test]
fn a_digest_is_written_only_when_it_differs() {
    // As in Image Updater's rows about equal tags: digests win over names.
    for (current, expected) in [
        (None, "update"),
        (Some("sha256:other"), "update"),
        (Some("sha256:latest"), "up_to_date"),
    ] {
        for compat in [Compat::ImageUpdater, Compat::Ours] {
            let tags = ["1.0", "latest"];
            let mut asked = Asked::new(&tags);
            asked.rule.strategy = "digest";
            asked.rule.constraint = Some("latest");
            asked.rule.compat = compat;
            asked.current = Some("latest");
            asked.digest = current;
            let decision = asked.of(&mut world(&tags)).unwrap();
            assert_eq!(reason(&decision), expected, "{current:?} {compat:?}");
        }
    }
}

#[test]
fn a_failed_lookup_picks_an_older_tag_there_and_none_here() {
    let tags = ["a", "b", "c"];
    let mut asked = Asked::new(&tags);
    asked.rule.strategy = "newest-build";
    let mut limited = world(&tags);
    limited.failing = vec!["c".to_owned()];
    assert_eq!(asked.of(&mut limited).unwrap_err(), "429 for c");
    asked.rule.compat = Compat::ImageUpdater;
    let decision = asked.of(&mut limited).unwrap();
    assert!(
        matches!(&decision.answer, Answer::Update { tag, .. } if tag == "b"),
        "{decision:?}"
    );
}

#[test]
fn a_tie_of_different_images_is_broken_by_name_there_and_refused_here() {
    let tags = ["f33bacd", "latest", "old"];
    let mut asked = Asked::new(&tags);
    asked.rule.strategy = "newest-build";
    let mut known = Known::default();
    known
        .facts
        .insert("old".to_owned(), image("x", Some(START)));
    known
        .facts
        .insert("f33bacd".to_owned(), image("y", Some(START + 9)));
    known
        .facts
        .insert("latest".to_owned(), image("z", Some(START + 9)));
    let decision = asked.of(&mut known).unwrap();
    assert_eq!(reason(&decision), "tie");
    asked.rule.compat = Compat::ImageUpdater;
    let decision = asked.of(&mut known).unwrap();
    assert!(matches!(&decision.answer, Answer::Update { tag, .. } if tag == "latest"));
    // Two names of one image are no tie.
    asked.rule.compat = Compat::Ours;
    known
        .facts
        .insert("latest".to_owned(), image("y", Some(START + 9)));
    assert_eq!(reason(&asked.of(&mut known).unwrap()), "update");
}

#[test]
fn a_date_that_says_nothing_is_used_there_and_refused_here() {
    let tags = ["1", "2"];
    for created in [None, Some(0), Some(-62_135_596_800)] {
        let mut asked = Asked::new(&tags);
        asked.rule.strategy = "newest-build";
        let mut known = world(&tags);
        known.facts.insert("2".to_owned(), image("y", created));
        assert_eq!(reason(&asked.of(&mut known).unwrap()), "no_date");
        // An annotation helps.
        let annotated = Facts {
            annotated: Some(at(START + 10_000)),
            ..image("y", created)
        };
        known.facts.insert("2".to_owned(), annotated);
        assert!(
            matches!(asked.of(&mut known).unwrap().answer, Answer::Update { tag, .. } if tag == "2")
        );
        asked.rule.compat = Compat::ImageUpdater;
        assert!(
            matches!(asked.of(&mut known).unwrap().answer, Answer::Update { tag, .. } if tag == "1")
        );
    }
}

#[test]
fn what_sorts_before_the_current_tag_is_written_there_and_not_here() {
    let tags = ["1.0.0", "1.1.0"];
    for (current, strategy) in [("1.2.0", "semver"), ("2", "alphabetical")] {
        let mut asked = Asked::new(&tags);
        asked.rule.strategy = strategy;
        asked.current = Some(current);
        assert_eq!(reason(&asked.of(&mut world(&tags)).unwrap()), "downgrade");
        asked.rule.allow_downgrade = true;
        assert_eq!(reason(&asked.of(&mut world(&tags)).unwrap()), "update");
        asked.rule.allow_downgrade = false;
        asked.rule.compat = Compat::ImageUpdater;
        assert_eq!(asked.tag().as_deref(), Some("1.1.0"));
    }
    // A build date, of a current tag that the filters would drop.
    let tags = ["1", "2", "manual"];
    let mut asked = Asked::new(&tags);
    asked.rule.strategy = "newest-build";
    asked.rule.allow = Some("^[0-9]$");
    asked.current = Some("manual");
    assert_eq!(reason(&asked.of(&mut world(&tags)).unwrap()), "downgrade");
}

#[test]
fn a_tag_that_is_too_young_waits_and_the_one_before_it_may_go() {
    let tags = ["1.0.0", "1.1.0", "1.2.0"];
    let mut known = world(&tags);
    known
        .facts
        .insert("1.2.0".to_owned(), image("x", Some(START + 999_000)));
    let mut asked = Asked::new(&tags);
    asked.rule.min_age = Duration::from_secs(3_600);
    asked.current = Some("1.0.0");
    let decision = asked.of(&mut known).unwrap();
    assert!(matches!(&decision.answer, Answer::Update { tag, .. } if tag == "1.1.0"));
    let young = decision
        .verdicts
        .iter()
        .find(|it| it.tag == "1.2.0")
        .unwrap();
    assert_eq!(
        (young.standing, young.filter),
        (Standing::Waiting, "min_age")
    );

    asked.current = Some("1.1.0");
    assert_eq!(reason(&asked.of(&mut known).unwrap()), "waiting");

    // Without any date it stays closed, until this cache has known the tag long enough.
    known.facts.insert("1.2.0".to_owned(), image("x", None));
    assert_eq!(reason(&asked.of(&mut known).unwrap()), "waiting");
    let seen = Facts {
        first_seen: Some(at(START + 990_000)),
        ..image("x", None)
    };
    known.facts.insert("1.2.0".to_owned(), seen);
    assert_eq!(reason(&asked.of(&mut known).unwrap()), "update");
}

#[test]
fn an_image_that_lacks_a_platform_is_passed_over() {
    let tags = ["1.0.0", "1.1.0"];
    let mut known = world(&tags);
    known
        .facts
        .get_mut("1.0.0")
        .unwrap()
        .offered
        .push(Platform::new("linux", "arm64", ""));
    for strategy in ["semver", "newest-build"] {
        let mut asked = Asked::new(&tags);
        asked.rule.strategy = strategy;
        asked.rule.platforms = vec!["linux/amd64", "linux/arm64"];
        let decision = asked.of(&mut known).unwrap();
        assert!(
            matches!(&decision.answer, Answer::Update { tag, .. } if tag == "1.0.0"),
            "{strategy}"
        );
    }
    // There one of the wished platforms is enough, and only where metadata is read at all.
    let mut asked = Asked::new(&tags);
    asked.rule.strategy = "newest-build";
    asked.rule.platforms = vec!["linux/amd64", "linux/arm64"];
    asked.rule.compat = Compat::ImageUpdater;
    assert!(
        matches!(asked.of(&mut known).unwrap().answer, Answer::Update { tag, .. } if tag == "1.1.0")
    );
}

#[test]
fn production_waits_for_the_environment_before_it() {
    let tags = ["1.0.0", "1.1.0", "1.2.0"];
    let mut asked = Asked::new(&tags);
    asked.current = Some("1.0.0");
    asked.after = Some("1.1.0");
    assert_eq!(asked.tag().as_deref(), Some("1.1.0"));
    asked.after = Some("1.0.0");
    assert_eq!(reason(&asked.of(&mut world(&tags)).unwrap()), "waiting");
    asked.after = Some("dev-abc");
    assert_eq!(reason(&asked.of(&mut world(&tags)).unwrap()), "waiting");
}

#[test]
fn a_moving_tag_waits_until_the_environment_before_runs_its_image() {
    let tags = ["latest"];
    let mut asked = Asked::new(&tags);
    asked.rule.strategy = "digest";
    asked.rule.constraint = Some("latest");
    asked.current = Some("latest");
    asked.digest = Some("sha256:old");
    asked.after = Some("latest");
    for (before, expected) in [
        (Some("sha256:old"), "waiting"),
        (None, "waiting"),
        (Some("sha256:latest"), "update"),
    ] {
        asked.after_digest = before;
        let decision = asked.of(&mut world(&tags)).unwrap();
        assert_eq!(reason(&decision), expected, "{before:?}");
    }
}

#[test]
fn a_tag_without_an_image_is_passed_over() {
    let tags = ["1.0.0", "1.1.0"];
    let asked = Asked::new(&tags);
    let mut known = world(&tags);
    known.facts.remove("1.1.0");
    let decision = asked.of(&mut known).unwrap();
    assert!(matches!(&decision.answer, Answer::Update { tag, .. } if tag == "1.0.0"));
}

#[test]
fn a_tag_that_moved_is_looked_at_again() {
    let tags = ["a", "b"];
    let mut asked = Asked::new(&tags);
    asked.rule.strategy = "newest-build";
    let mut known = world(&tags);
    // What was remembered about `b` is old: it is now the oldest.
    known
        .moved
        .insert("b".to_owned(), image("sha256:moved", Some(START - 9)));
    let decision = asked.of(&mut known).unwrap();
    assert!(
        matches!(&decision.answer, Answer::Update { tag, .. } if tag == "a"),
        "{decision:?}"
    );
}

#[test]
fn an_unchanged_image_costs_no_lookup() {
    let mut asked = Asked::new(VERSIONS);
    asked.current = Some("2.0.3");
    asked.rule.platforms = vec!["linux/amd64"];
    asked.rule.min_age = Duration::from_secs(60);
    let mut known = world(VERSIONS);
    assert_eq!(reason(&asked.of(&mut known).unwrap()), "up_to_date");
    assert_eq!(known.asked, [""; 0]);
}

#[test]
fn nothing_left_says_what_dropped_how_many() {
    let tags = ["foo", "1.0.0-rc1", "bar"];
    let asked = Asked::new(&tags);
    let decision = asked.of(&mut world(&tags)).unwrap();
    let Answer::Undecided { reason, why } = decision.answer else {
        panic!("decided")
    };
    assert_eq!(reason, "no_candidate");
    assert_eq!(
        why,
        "none of 3 tags may run; dropped by constraint 1, version 2"
    );
}

#[test]
fn fluxs_rows_of_latest_versions_hold() {
    const TIMES: &[&str] = &[
        "1606234201",
        "1606364286",
        "1606334092",
        "1606334284",
        "1606334201",
    ];
    for (strategy, constraint, tags, expected) in [
        (
            "numerical",
            None,
            &["-62", "-88", "73", "72", "15", "16", "29", "-33", "-91"][..],
            Some("73"),
        ),
        (
            "numerical",
            None,
            &[
                "47.40896403322944",
                "53.47333823144817",
                "-50.41072694704882",
                "53.4",
            ],
            Some("53.47333823144817"),
        ),
        ("numerical", None, TIMES, Some("1606364286")),
        ("numerical", None, &["1"], Some("1")),
        ("numerical", None, &[], None),
        // There an error; here what is no number is passed over.
        ("numerical", None, &["0", "1a", "b"], Some("0")),
        (
            "alphabetical",
            None,
            &["16.04", "16.04.1", "16.10", "20.04", "20.10"],
            Some("20.10"),
        ),
        (
            "alphabetical",
            None,
            &["xenial", "yakkety", "zesty", "artful", "bionic"],
            Some("zesty"),
        ),
        ("alphabetical", None, TIMES, Some("1606364286")),
        (
            "alphabetical",
            None,
            &["rel-1606234201", "rel-1606364286", "rel-1606334092"],
            Some("rel-1606364286"),
        ),
        (
            "alphabetical",
            None,
            &[
                "2021-01-08T21-18-21Z",
                "1990-01-08T00-20-00Z",
                "2023-05-08T00-20-00Z",
            ],
            Some("2023-05-08T00-20-00Z"),
        ),
        (
            "semver",
            Some("1.0.x"),
            &["1.0.0", "1.0.0.1", "1.0.0p", "1.0.1", "1.2.0", "0.1.0"],
            Some("1.0.1"),
        ),
        (
            "semver",
            Some("1.0.x"),
            &["v1.2.3", "v1.0.0", "v0.1.0"],
            Some("v1.0.0"),
        ),
        (
            "semver",
            Some("1.0.x"),
            &["b1.2.3", "b1.0.0", "b0.1.0"],
            None,
        ),
        ("semver", Some("1.0.x"), &["1.2.0"], None),
    ] {
        let mut asked = Asked::new(tags);
        asked.rule.strategy = strategy;
        asked.rule.constraint = constraint;
        assert_eq!(asked.tag().as_deref(), expected, "{strategy} {tags:?}");
    }
}

/// Keel's policies in our words: what may follow `current`, and by which pre-releases.
fn as_keel<'a>(
    policy: &str,
    current: &'a str,
    matches_pre: bool,
    constraint: &'a str,
) -> RuleText<'a> {
    let pre = current.split_once('-').map(|it| it.1);
    RuleText {
        constraint: Some(constraint),
        pre_releases: true,
        allow: match pre {
            _ if !matches_pre || policy == "all" => None,
            None => Some("^[^-]*$"),
            Some("xx") => Some("-xx$"),
            Some(_) => Some("-metadata$"),
        },
        ..RuleText::default()
    }
}

#[test]
fn keels_rows_of_policies_hold() {
    for (policy, matches_pre, current, new, constraint, expected) in [
        ("all", false, "1.4.5", "1.4.3", "*", false),
        ("all", false, "1.4.5", "1.4.6", "*", true),
        ("all", false, "1.4.5", "1.4.5", "*", false),
        ("all", false, "1.4", "1.5", "*", true),
        ("major", false, "1.4.5", "1.5.5", "*", true),
        ("major", false, "1.4.5", "2.4.5", "*", true),
        ("patch", false, "1.4.5", "1.4.6", "~1.4", true),
        ("patch", false, "1.4", "1.4.6", "~1.4", true),
        ("patch", false, "1.4", "1.5.6", "~1.4", false),
        ("patch", false, "1.4.5", "1.4.4", "~1.4", false),
        ("patch", false, "1.4", "1.5", "~1.4", false),
        ("patch", false, "1.4.5", "2.4.6", "~1.4", false),
        ("patch", false, "1.4.5", "1.4.5", "~1.4", false),
        ("minor", false, "1.4.5", "1.5.5", "^1", true),
        ("minor", false, "1.4", "1.5", "^1", true),
        ("minor", false, "1.4.5", "1.4.6", "^1", true),
        ("minor", true, "1.4.5", "1.4.5-xx", "^1", false),
        ("minor", true, "v1.0.0", "v1.0.1-metadata", "^1", false),
        (
            "minor",
            true,
            "v1.0.0-metadata",
            "v1.0.1-metadata",
            "^1-0",
            true,
        ),
        ("minor", true, "1.4.5-xx", "1.4.6-xx", "^1", true),
        ("minor", true, "1.4.5-xx", "1.4.6-yy", "^1", false),
        ("all", false, "1.4.5", "3050", "*", false),
        ("all", false, "1.4.5-xx", "1.4.5-yy", "*", true),
        ("patch", false, "1.4.5-xx", "1.4.5-yy", "~1.4", true),
        // Its `force` with versions: no way back.
        ("all", false, "7.9.1-1-ubi8", "8.0.0", "*", true),
        ("all", false, "7.9.1-1-ubi8", "3.0.0", "*", false),
        ("all", false, "8.1.0", "8.0.0", "*", false),
        ("all", false, "1.2.3-4", "1.2.3-3", "*", false),
        ("all", false, "1.2.3-3", "1.2.3-4", "*", true),
        ("all", false, "7.9.1-1-ubi8", "7.9.1", "*", true),
    ] {
        let tags = if current == new {
            vec![current]
        } else {
            vec![current, new]
        };
        let mut asked = Asked::new(&tags);
        asked.rule = as_keel(policy, current, matches_pre, constraint);
        asked.current = Some(current);
        let found = asked.tag();
        let expected = expected.then_some(new);
        assert_eq!(found.as_deref(), expected, "{policy} {current} {new}");
    }
}

#[test]
fn keels_rows_of_globs_and_orders_hold() {
    // The last one of the tags that a pattern names; a pattern with `*` is `allow` here.
    for (allow, current, new, expected) in [
        ("^latest$", "latest", "latest", false),
        ("^latest$", "latest", "earliest", false),
        ("^lat", "latest", "latest", false),
        (r"^latest\.", "latest.20241321", "latest.20251321", true),
        (r"^latest\.", "latest.20251321", "latest.20241321", false),
    ] {
        let tags = if current == new {
            vec![current]
        } else {
            vec![current, new]
        };
        let mut asked = Asked::new(&tags);
        asked.rule.strategy = "alphabetical";
        asked.rule.allow = Some(allow);
        asked.current = Some(current);
        assert_eq!(asked.tag().is_some(), expected, "{allow} {current} {new}");
    }
    for (tags, expected) in [
        (
            &["3.0.0", "3.0.1", "7.9.1-1-ubi8", "8.0.0", "latest", "8.3.1"][..],
            &["latest", "3.0.0", "3.0.1", "7.9.1-1-ubi8", "8.0.0", "8.3.1"][..],
        ),
        (&["1.3", "2.5", "2.7", "3.8"], &["1.3", "2.5", "2.7", "3.8"]),
        (
            &["v1.0.0", "v1.2.0", "v1.1.0"],
            &["v1.0.0", "v1.1.0", "v1.2.0"],
        ),
        (&[], &[]),
    ] {
        let mut asked = Asked::new(tags);
        asked.rule.pre_releases = true;
        let decision = asked.of(&mut world(tags)).unwrap();
        let order: Vec<&str> = decision.verdicts.iter().map(|it| it.tag.as_str()).collect();
        assert_eq!(order, expected);
    }
}
