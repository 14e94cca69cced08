//! A real registry (docker-registry), filled and asked by a real client (skopeo).
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::disallowed_methods, reason = "a test starts its peers")]
#![expect(clippy::tests_outside_test_module, reason = "a test program")]

#[path = "../common/support.rs"]
mod support;

mod real;

use real::Real;
use support::{Folder, at, text};

/// Tags of one and the same image, besides those that are different.
const BULK: usize = 3_000;

/// A registry with a few different images, and very many names for one of them.
fn filled(real: &Real) {
    for (hour, tag) in [
        "1.2.3",
        "1.10.0",
        "2.0.0-rc1",
        "dev-20240105-aaaaaaa",
        "dev-20240104-bbbbbbb",
    ]
    .into_iter()
    .enumerate()
    {
        real.push(tag, &[("linux/amd64", &at(hour))]);
    }
    real.push(
        "1.11.0",
        &[("linux/amd64", &at(1)), ("linux/arm64", &at(2))],
    );
    real.push(
        "moving",
        &[("linux/amd64", &at(1)), ("linux/arm64", &at(2))],
    );
    real.alias("1.2.3", (0..BULK).map(|it| format!("build-{it:04}")));
}

fn image(real: &Real, rule: &str) -> String {
    let mut text = format!(
        "image-watch:\n  images:\n    - image: {}/acme/shop\n",
        real.address()
    );
    for line in rule.lines() {
        text.push_str(&format!("      {line}\n"));
    }
    text
}

#[test]
fn each_strategy_finds_its_tag_behind_a_password_and_a_private_authority() {
    let Some(real) = Real::start_secured() else {
        return;
    };
    filled(&real);
    let moving = real.digest("moving");
    for (rule, expected, requests) in [
        // Refused, the list, and whether the tag is there.
        (
            "constraint: '^1'\nplatform: linux/arm64",
            "1.11.0",
            vec![
                "GET tags 401",
                "GET tags 200",
                "HEAD 1.11.0 200",
                "GET manifest 200",
            ],
        ),
        (
            "constraint: '<1.11'",
            "1.10.0",
            vec!["GET tags 401", "GET tags 200", "HEAD 1.10.0 200"],
        ),
        (
            "constraint: '*-0'\nplatform: linux/amd64\nignore: ['1.*']",
            "2.0.0-rc1",
            vec![
                "GET tags 401",
                "GET tags 200",
                "HEAD 2.0.0-rc1 200",
                "GET manifest 200",
                "GET blob 200",
            ],
        ),
        (
            "strategy: alphabetical\nallow: '^dev-'",
            "dev-20240105-aaaaaaa",
            vec![
                "GET tags 401",
                "GET tags 200",
                "HEAD dev-20240105-aaaaaaa 200",
            ],
        ),
        (
            "strategy: numerical\nextract: '^dev-(\\d+)-'",
            "dev-20240105-aaaaaaa",
            vec![
                "GET tags 401",
                "GET tags 200",
                "HEAD dev-20240105-aaaaaaa 200",
            ],
        ),
        (
            "strategy: numerical\nextract: '^build-(\\d+)$'",
            "build-2999",
            vec!["GET tags 401", "GET tags 200", "HEAD build-2999 200"],
        ),
        (
            "strategy: newest-build\nallow: '^dev-'",
            "dev-20240104-bbbbbbb",
            vec![
                "GET tags 401",
                "GET tags 200",
                "GET manifest 200",
                "GET manifest 200",
                "GET blob 200",
                "GET blob 200",
            ],
        ),
        (
            "strategy: digest\nconstraint: moving",
            &format!("moving@{moving}"),
            vec!["HEAD moving 401", "HEAD moving 200"],
        ),
    ] {
        let folder = real.folder(&image(&real, rule));
        real.take_log();
        let (code, reports) = folder.check(&["--ca-file", &real.ca_file()]);
        assert_eq!(
            (code, text(&reports[0], "candidate").as_str()),
            (0, expected),
            "{rule}: {reports:?}"
        );
        // Requests that ran side by side may be logged in any order.
        let mut log = real.take_log();
        let head = log.len().min(2);
        log[head..].sort();
        let mut requests = requests;
        let head = requests.len().min(2);
        requests[head..].sort_unstable();
        assert_eq!(log, requests, "{rule}");
        assert_eq!(
            text(&reports[0], "requests"),
            log.len().to_string(),
            "{rule}"
        );
    }
}

#[test]
fn every_tag_that_skopeo_lists_is_judged() {
    let Some(real) = Real::start_open() else {
        return;
    };
    filled(&real);
    let folder = real.folder("image-watch: {}\n");
    let said = folder.run(&[
        "tags",
        &format!("{}/acme/shop", real.address()),
        "-o",
        "json",
    ]);
    let report: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let mut judged: Vec<&str> = report["details"]["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["tag"].as_str().unwrap())
        .collect();
    let mut listed = real.list();
    judged.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed.len(), BULK + 7);
    assert_eq!(judged, listed);
}

#[test]
fn a_warm_poll_costs_the_list_and_what_is_new() {
    let Some(real) = Real::start_open() else {
        return;
    };
    filled(&real);
    let rule = "strategy: newest-build\nallow: '^(dev-|build-00|1.11)'\nplatform: linux/amd64\ncurrent: dev-20240104-bbbbbbb";
    let folder = real.folder(&image(&real, rule));
    real.take_log();
    let check = |folder: &Folder| text(&folder.check(&[]).1[0], "reason");
    assert_eq!(check(&folder), "up_to_date");
    // 100 names of one image, two others, and an index of which one platform counts.
    let cold = real.take_log();
    let count = |log: &[String], part: &str| log.iter().filter(|it| it.contains(part)).count();
    assert_eq!(count(&cold, "GET manifest"), 100 + 2 + 1 + 1, "{cold:?}");
    assert_eq!(check(&folder), "up_to_date");
    assert_eq!(real.take_log(), ["GET tags 200"]);
    real.push("dev-20240201-ccccccc", &[("linux/amd64", &at(99))]);
    real.take_log();
    assert_eq!(check(&folder), "update");
    assert_eq!(
        real.take_log(),
        ["GET tags 200", "GET manifest 200", "GET blob 200"]
    );
}

#[test]
fn a_tag_that_moves_is_seen_by_its_digest() {
    let Some(real) = Real::start_open() else {
        return;
    };
    real.push("latest", &[("linux/amd64", &at(1))]);
    let rule = format!(
        "strategy: digest\nconstraint: latest\ncurrent: latest@{}",
        real.digest("latest")
    );
    let folder = real.folder(&image(&real, &rule));
    assert_eq!(text(&folder.check(&[]).1[0], "reason"), "up_to_date");
    real.push("latest", &[("linux/amd64", &at(2))]);
    let (_, reports) = folder.check(&[]);
    assert_eq!(
        text(&reports[0], "candidate"),
        format!("latest@{}", real.digest("latest"))
    );
}
