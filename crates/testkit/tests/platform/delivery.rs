//! The deliver and promote workflows, run by act on this machine: a real registry, a real Git
//! remote, the real Trivy, skopeo and tools. Only the actions of others are stood in for.

use regex::Regex;

use crate::bench::Bench;

#[test]
fn a_clean_image_is_published_and_written_for_dev() {
    let Some(run) = Bench::new(None).map(|bench| bench.deliver("clean")) else {
        return;
    };
    for job in ["build", "scan", "publish", "bump", "notify", "gate"] {
        assert_eq!(
            run.jobs.get(job).map(String::as_str),
            Some("success"),
            "{job}: {}",
            run.log
        );
    }
    assert_eq!(run.jobs.get("quarantine"), None, "{}", run.log);
    let tags = &run.tags["acme/demo-app"];
    assert_eq!(tags.len(), 1, "{tags:?}");
    assert!(
        Regex::new(r"^dev-\d{14}-[0-9a-f]{7}$")
            .unwrap()
            .is_match(&tags[0]),
        "{tags:?}"
    );
    assert_eq!(run.commits, 2);
    assert!(
        run.values.contains(&format!("tag: \"{}\"", tags[0])),
        "{}",
        run.values
    );
    // The bytes that were built are the bytes that are attested.
    assert!(
        run.attested
            .trim_end()
            .ends_with(&format!("/acme/demo-app@{}", run.digest)),
        "{}",
        run.attested
    );
    assert!(
        run.log.contains("is pushed, and written for dev in"),
        "{}",
        run.log
    );
}

#[test]
fn a_vulnerable_image_is_kept_apart_and_changes_nothing() {
    let Some(run) = Bench::new(None).map(|bench| bench.deliver("vulnerable")) else {
        return;
    };
    for job in ["build", "scan", "quarantine", "notify"] {
        assert_eq!(
            run.jobs.get(job).map(String::as_str),
            Some("success"),
            "{job}: {}",
            run.log
        );
    }
    assert_eq!(
        run.jobs.get("gate").map(String::as_str),
        Some("failure"),
        "{}",
        run.log
    );
    assert_eq!(
        (run.jobs.get("publish"), run.jobs.get("bump")),
        (None, None),
        "{}",
        run.log
    );
    assert!(!run.tags.contains_key("acme/demo-app"), "{:?}", run.tags);
    let tags = &run.tags["acme/demo-app-quarantine"];
    assert!(
        tags.len() == 1 && tags[0].starts_with("quarantine-"),
        "{tags:?}"
    );
    assert_eq!((run.commits, run.attested.as_str()), (1, ""));
    assert!(run.log.contains("is blocked: "), "{}", run.log);
}

#[test]
fn a_scan_that_breaks_opens_nothing() {
    // Ends as if all were well, and has written half a report.
    let broken = "#!/bin/sh\necho '{\"SchemaVersion\": 2, \"Results\": [' >scan.json\n";
    let Some(run) = Bench::new(Some(broken)).map(|bench| bench.deliver("clean")) else {
        return;
    };
    for job in ["scan", "gate"] {
        assert_eq!(
            run.jobs.get(job).map(String::as_str),
            Some("failure"),
            "{job}: {}",
            run.log
        );
    }
    for job in ["publish", "quarantine", "bump"] {
        assert_eq!(run.jobs.get(job), None, "{job}: {}", run.log);
    }
    assert_eq!((run.tags.len(), run.commits), (0, 1));
    assert!(
        run.log
            .contains("was not scanned to an end: nothing was pushed or deployed"),
        "{}",
        run.log
    );
}

#[test]
fn a_version_tag_gives_the_delivered_bytes_their_version() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    let delivered = bench.deliver("clean");
    let run = bench.promote("1.4.0");
    for job in ["find", "scan", "publish", "notify", "gate"] {
        assert_eq!(
            run.jobs.get(job).map(String::as_str),
            Some("success"),
            "{job}: {}",
            run.log
        );
    }
    assert_eq!(bench.digest_of("1.4.0"), delivered.digest);
    assert_eq!(run.tags["acme/demo-app"].len(), 2, "{:?}", run.tags);
    assert!(run.log.contains("1.4.0 is published"), "{}", run.log);
    // Again, as after a run that was cut off: the same bytes are no conflict.
    let again = bench.promote("1.4.0");
    assert_eq!(again.jobs["publish"], "success", "{}", again.log);
}

#[test]
fn a_version_is_given_once() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.deliver("vulnerable");
    bench.copy("demo-app-quarantine", "1.4.0");
    let there = bench.digest_of("1.4.0");
    bench.deliver("clean");
    let run = bench.promote("1.4.0");
    assert_eq!(
        (run.jobs["publish"].as_str(), run.jobs["gate"].as_str()),
        ("failure", "failure"),
        "{}",
        run.log
    );
    assert!(
        run.log.contains("is there already, with other contents"),
        "{}",
        run.log
    );
    assert_eq!(bench.digest_of("1.4.0"), there);
}

#[test]
fn a_commit_that_was_not_delivered_is_not_promoted() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.deliver("vulnerable");
    let run = bench.promote("1.4.0");
    assert_eq!(
        (run.jobs["find"].as_str(), run.jobs["gate"].as_str()),
        ("failure", "failure"),
        "{}",
        run.log
    );
    assert_eq!(
        (run.jobs.get("scan"), run.jobs.get("publish")),
        (None, None)
    );
    assert!(!run.tags.contains_key("acme/demo-app"), "{:?}", run.tags);
}

#[test]
fn a_release_is_offered_to_prod_once_and_no_release_is_no_failure() {
    const PROD: &str = "charts/demo-app/values-prod.yaml";
    const BRANCH: &str = "image-watch/demo-app-prod";
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.deliver("clean");
    let none = bench.watch();
    assert_eq!(none.jobs["prod"], "success", "{}", none.log);
    assert_eq!(bench.on_branch(BRANCH, PROD), None, "{}", none.log);

    bench.promote("1.4.0");
    let run = bench.watch();
    assert_eq!(run.jobs["prod"], "success", "{}", run.log);
    let offered = bench.on_branch(BRANCH, PROD).unwrap();
    assert!(offered.contains("tag: \"1.4.0\""), "{offered}");
    let main = bench.on_branch("main", PROD).unwrap();
    assert!(!main.contains("1.4.0"), "a person merges it: {main}");
    let calls = bench.calls_of_gh();
    let opened =
        "pr create --base main --head image-watch/demo-app-prod --title prod: demo-app 1.4.0";
    assert!(calls.contains(opened), "{calls}");
}
