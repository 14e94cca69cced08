//! Rules as tables: what Image Updater's own tests ask for, and beside it what ours answer.

use super::*;

fn rule<'a>(edit: impl FnOnce(&mut RuleText<'a>)) -> Rule {
    let mut text = RuleText::default();
    edit(&mut text);
    Rule::read(&text).unwrap()
}

fn problem<'a>(edit: impl FnOnce(&mut RuleText<'a>)) -> RuleError {
    let mut text = RuleText::default();
    edit(&mut text);
    Rule::read(&text).unwrap_err()
}

#[test]
fn image_updaters_allow_rows_hold_and_ours_refuse_instead() {
    // Pattern, tag, Image Updater's answer, ours (`None`: an error at load).
    for (pattern, tag, theirs, ours) in [
        ("any", "MatchFuncAny any tag name", true, Some(true)),
        ("ANY", "MatchFuncAny any tag name", true, Some(false)),
        ("other", "MatchFuncNone any tag name", false, Some(false)),
        (
            "not-regexp:a-z",
            "MatchFuncNone any tag name",
            false,
            Some(false),
        ),
        (
            "regexp:[aA-zZ]",
            "MatchFuncRegexp-tag-name",
            true,
            Some(true),
        ),
        (
            "RegExp:[aA-zZ]",
            "MatchFuncRegexp-tag-name",
            true,
            Some(true),
        ),
        ("regexp:[aA-zZ", "MatchFuncNone-tag-name", false, None),
        // A space that a user left behind the colon.
        ("regexp: ^dev-", "dev-1", false, Some(true)),
        // Not anchored.
        ("regexp:[0-9]", "v1-x", true, Some(true)),
        ("", "whatever", true, Some(true)),
    ] {
        let theirs_rule = rule(|it| {
            it.strategy = "alphabetical";
            it.allow = Some(pattern);
            it.compat = Compat::ImageUpdater;
        });
        assert_eq!(
            theirs_rule.screen(tag).is_ok(),
            theirs,
            "theirs: {pattern} {tag}"
        );
        let ours_rule = Rule::read(&RuleText {
            strategy: "alphabetical",
            allow: Some(pattern),
            ..RuleText::default()
        });
        assert_eq!(
            ours_rule.ok().map(|it| it.screen(tag).is_ok()),
            ours,
            "ours: {pattern} {tag}"
        );
    }
}

#[test]
fn a_malformed_glob_is_ignored_there_and_refused_here() {
    let theirs = rule(|it| {
        it.ignore = vec!["[", "*-rc"];
        it.compat = Compat::ImageUpdater;
    });
    assert!(theirs.screen("1.0.0").is_ok());
    assert_eq!(problem(|it| it.ignore = vec!["["]).field, "ignore");
    let all = rule(|it| it.ignore = vec!["*"]);
    assert_eq!(all.screen("1.0.0").unwrap_err().filter, "ignore");
}

#[test]
fn an_unknown_strategy_is_semver_there_and_refused_here() {
    let theirs = rule(|it| {
        it.strategy = "newest";
        it.compat = Compat::ImageUpdater;
    });
    assert_eq!(theirs.strategy, Strategy::Semver);
    assert!(
        problem(|it| it.strategy = "newest-biuld")
            .problem
            .contains("`newest-build`")
    );
}

#[test]
fn an_invalid_constraint_stops_both() {
    for compat in [Compat::Ours, Compat::ImageUpdater] {
        let error = problem(|it| {
            it.constraint = Some("latest");
            it.compat = compat;
        });
        assert_eq!(error.field, "constraint");
    }
    assert!(
        problem(|it| it.strategy = "digest")
            .problem
            .contains("needs the tag")
    );
}

#[test]
fn a_constraint_that_would_do_nothing_is_refused_here() {
    let theirs = rule(|it| {
        it.strategy = "newest-build";
        it.constraint = Some("^1.0");
        it.compat = Compat::ImageUpdater;
    });
    assert!(theirs.screen("2.0.0").is_ok());
    let error = problem(|it| {
        it.strategy = "newest-build";
        it.constraint = Some("^1.0");
    });
    assert_eq!(error.field, "constraint");
}

#[test]
fn a_number_without_a_dot_is_a_version_only_where_it_is_asked_for() {
    for (tag, constraint, loose, theirs, ours) in [
        ("1234567", None, false, true, false),
        ("20240101", None, false, true, false),
        ("v3", None, false, true, false),
        ("1234567", None, true, true, true),
        ("20240101", Some(">=2024"), false, true, true),
        ("1.2", None, false, true, true),
        ("1-alpine", Some("*-0"), false, true, false),
    ] {
        for (compat, expected) in [(Compat::ImageUpdater, theirs), (Compat::Ours, ours)] {
            let rule = rule(|it| {
                it.constraint = constraint;
                it.loose = loose;
                it.compat = compat;
            });
            assert_eq!(
                rule.screen(tag).is_ok(),
                expected,
                "{tag} {constraint:?} {compat:?}"
            );
        }
    }
}

#[test]
fn an_underscore_stands_for_a_plus_sign_here() {
    let theirs = rule(|it| it.compat = Compat::ImageUpdater);
    assert_eq!(theirs.screen("1.2.3_build1").unwrap_err().filter, "version");
    let ours = rule(|_| ());
    let Key::Version(version) = ours.screen("1.2.3_build1").unwrap() else {
        panic!("not a version")
    };
    assert_eq!((version.patch, version.build.as_str()), (3, "build1"));
    assert!(ours.screen("1.2.3_a_b").is_err());
}

#[test]
fn signatures_and_attestations_are_no_candidates_here() {
    let hex = "a".repeat(64);
    let ours = rule(|it| it.strategy = "alphabetical");
    let theirs = rule(|it| {
        it.strategy = "alphabetical";
        it.compat = Compat::ImageUpdater;
    });
    for ending in ["", ".sig", ".att", ".sbom"] {
        let tag = format!("sha256-{hex}{ending}");
        assert_eq!(ours.screen(&tag).unwrap_err().filter, "artifact");
        assert!(theirs.screen(&tag).is_ok());
    }
    assert!(ours.screen("sha256-short").is_ok());
}

#[test]
fn a_part_of_the_tag_can_be_compared() {
    let numbers = rule(|it| {
        it.strategy = "numerical";
        it.extract = Some(r"^dev-(?P<ts>\d{14})-[0-9a-f]{7}$");
    });
    let newer = numbers.screen("dev-20240102150405-abcdef0").unwrap();
    let older = numbers.screen("dev-20231231235959-fffffff").unwrap();
    assert!(newer.compare(&older).is_gt());
    assert_eq!(numbers.screen("1.2.3").unwrap_err().filter, "extract");

    let versions = rule(|it| {
        it.extract = Some(r"^(?:release-)?(?P<value>\d+\.\d+\.\d+)-alpine$");
        it.constraint = Some("<2");
    });
    assert!(versions.screen("release-1.10.0-alpine").is_ok());
    assert_eq!(
        versions.screen("2.0.0-alpine").unwrap_err().filter,
        "constraint"
    );

    assert!(
        problem(|it| it.extract = Some("^dev-"))
            .problem
            .contains("no group")
    );
    let error = problem(|it| {
        it.extract = Some("(.*)");
        it.strategy = "newest-build";
    });
    assert_eq!(error.field, "extract");
}

#[test]
fn a_pre_release_says_why_it_is_dropped() {
    let ours = rule(|it| it.constraint = Some("^2.0"));
    let dropped = ours.screen("2.3.0-rc.1").unwrap_err();
    assert!(dropped.reason.contains("pre-release"), "{dropped:?}");
    assert!(
        rule(|it| it.constraint = Some("^2.0-0"))
            .screen("2.3.0-rc.1")
            .is_ok()
    );
}

#[test]
fn pre_releases_are_admitted_where_that_is_said() {
    for (constraint, tag, expected) in [
        (None, "2.3.0-rc.1", true),
        (Some("^2.0"), "2.3.0-rc.1", true),
        (Some("^2.0"), "3.0.0-rc.1", false),
        // It comes before 2.0.0.
        (Some("^2.0"), "2.0.0-rc.1", false),
    ] {
        let rule = rule(|it| {
            it.constraint = constraint;
            it.pre_releases = true;
        });
        assert_eq!(rule.screen(tag).is_ok(), expected, "{constraint:?} {tag}");
    }
    let error = problem(|it| {
        it.strategy = "alphabetical";
        it.pre_releases = true;
    });
    assert_eq!(error.field, "pre_releases");
}

#[test]
fn of_several_comparators_the_one_that_refuses_is_named() {
    for (constraint, tag, expected) in [
        (
            ">=1.1, <2, !=1.2.3",
            "1.2.3",
            "`!=1.2.3` of `>=1.1, <2, !=1.2.3` does not admit it",
        ),
        (">1.1 <3", "4.3.2", "`<3` of `>1.1 <3` does not admit it"),
        ("1.1 - 3", "4.3.2", "`<= 3` of `1.1 - 3` does not admit it"),
        ("^1.1", "4.3.2", "`^1.1` does not admit it"),
        ("^1 || ^2", "4.3.2", "`^1 || ^2` does not admit it"),
    ] {
        let dropped = rule(|it| it.constraint = Some(constraint)).screen(tag);
        assert_eq!(dropped.unwrap_err().reason, expected);
    }
}

#[test]
fn a_platform_that_is_none_matches_nothing_there_and_is_refused_here() {
    let theirs = rule(|it| {
        it.platforms = vec!["linux-amd64"];
        it.compat = Compat::ImageUpdater;
    });
    assert!(!theirs.platforms[0].takes(&Platform::new("linux", "amd64", "")));
    assert_eq!(
        problem(|it| it.platforms = vec!["linux-amd64"]).field,
        "platform"
    );
    // Without a wish Image Updater takes its own platform, ours take any.
    assert_eq!(
        rule(|it| it.compat = Compat::ImageUpdater).platforms.len(),
        1
    );
    assert!(rule(|_| ()).platforms.is_empty());
}

#[test]
fn an_expression_that_is_none_is_told_in_one_line() {
    let error = problem(|it| it.allow = Some("^v(\\d+"));
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    assert!(error.to_string().contains("unclosed group"), "{error}");
}

#[test]
fn fluxs_rows_of_filters_hold() {
    const BUILDS: &[&str] = &[
        "123-123.123.abcd123-debug",
        "123-123.123.abcd123",
        "123-123.123.abcd456-debug",
        "123-123.123.abcd456",
    ];
    for (pattern, is_extract, tags, expected) in [
        ("", false, &["a"][..], &["a"][..]),
        (
            "^ver",
            false,
            &["ver1", "ver2", "ver3", "rel1"],
            &["ver1", "ver2", "ver3"],
        ),
        (
            r"ver(\d+)",
            true,
            &["ver1", "ver2", "ver3", "rel1"],
            &["1", "2", "3"],
        ),
        (
            r"^(123-[0-9]+\.[0-9]+\.[a-z0-9]+-debug)",
            false,
            BUILDS,
            &["123-123.123.abcd123-debug", "123-123.123.abcd456-debug"],
        ),
        (
            r"^(?P<value>123-[0-9]+\.[0-9]+\.[a-z0-9]+[^-debug])",
            true,
            BUILDS,
            &[
                "123-123.123.abcd123",
                "123-123.123.abcd123",
                "123-123.123.abcd456",
                "123-123.123.abcd456",
            ],
        ),
        (
            r"^(?P<value>123-[0-9]+\.[0-9]+\.[a-z0-9]+$)",
            true,
            BUILDS,
            &["123-123.123.abcd123", "123-123.123.abcd456"],
        ),
    ] {
        let rule = rule(|it| {
            it.strategy = "alphabetical";
            if is_extract {
                it.extract = Some(pattern);
            } else {
                it.allow = Some(pattern);
            }
        });
        // Flux keeps one tag of each extracted value, ours keep all and decide by name.
        let kept: Vec<String> = tags
            .iter()
            .filter_map(|it| match rule.screen(it) {
                Ok(Key::Text(text)) => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(kept, expected, "{pattern}");
    }
}

#[test]
fn fluxs_rows_of_ranges_hold() {
    for (constraint, expected) in [
        ("1.0.x", true),
        ("^1.0", true),
        ("=1.0.0", true),
        ("~1.0", true),
        (">=1.0", true),
        (">0,<2.0", true),
        ("1.0.0p", false),
        ("1x", false),
        ("x1", false),
        ("-1", false),
        ("a", false),
    ] {
        let text = RuleText {
            constraint: Some(constraint),
            ..RuleText::default()
        };
        assert_eq!(Rule::read(&text).is_ok(), expected, "{constraint}");
    }
}
