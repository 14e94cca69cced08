//! The ends of deliver, promote and image-watch that nobody wants: each is red where it broke, the notice tells it, and
//! nothing is where it should not be.

use serde_json::json;

use crate::bench::{Bench, PROD};

const BRANCH: &str = "image-watch/demo-app-prod";

#[test]
fn a_registry_that_refuses_leaves_dev_as_it_was() {
    let Some(bench) = Bench::with_full_registry() else {
        return;
    };
    let run = bench.deliver("clean");
    run.ends("build=success scan=success publish=failure notify=success gate=failure");
    run.says("passed the gate, but was not pushed");
    assert_eq!((run.tags.len(), run.commits), (0, 1), "{}", run.log);
}

#[test]
fn an_image_that_cannot_be_attested_is_not_written_for_dev() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.tell("no-attestations", "");
    let run = bench.deliver("clean");
    run.ends("build=success scan=success publish=failure notify=success gate=failure");
    run.says(
        "passed the gate and is pushed, but could not be attested; the pipeline wrote it nowhere",
    );
    assert_eq!(run.commits, 1, "{}", run.log);
}

#[test]
fn a_branch_that_refuses_the_commit_is_told_from_everything_else() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.protect();
    let run = bench.deliver("clean");
    run.ends("build=success scan=success publish=success bump=failure notify=success gate=failure");
    run.says("is pushed, but dev still has the version before");
    assert_eq!((run.tags["acme/demo-app"].len(), run.commits), (1, 1));
}

#[test]
fn what_was_clean_last_week_is_not_promoted_today() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.deliver("clean");
    bench.a_hole_becomes_known();
    let run = bench.promote("1.4.0");
    run.ends("find=success scan=success notify=success gate=failure");
    run.says("1.4.0 is blocked: 1 critical, 0 high with a fix; not deployed");
    assert_eq!(run.tags["acme/demo-app"].len(), 1, "{:?}", run.tags);
}

#[test]
fn an_image_of_unknown_origin_is_not_promoted() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.deliver("clean");
    bench.tell("unattested", "");
    let run = bench.promote("1.4.0");
    run.ends("find=failure notify=success gate=failure");
    run.says("1.4.0 is not promoted: its image could not be shown to be of the deliver workflow");
    let verified = bench.calls_of_gh();
    assert!(
        verified.contains(&format!("@{} --repo acme/shop", run.digest)),
        "{verified}"
    );
}

#[test]
fn a_pull_request_that_is_open_is_left_in_peace_and_one_that_was_closed_too() {
    let Some(bench) = Bench::new(None) else {
        return;
    };
    bench.deliver("clean");
    bench.promote("1.4.0");
    bench.tell("no-app", "");
    let unable = bench.watch();
    unable.ends("prod=failure");
    unable.says("1.4.0 waits to be offered to prod");
    assert_eq!(bench.on_branch(BRANCH, PROD), None);

    std::fs::remove_file(bench.told("no-app")).unwrap();
    bench.watch().ends("prod=success");
    let offered = bench.tip(BRANCH);
    assert!(bench.calls_of_gh().contains("pr create --base main"));

    // The same look again, half an hour later: the branch stays, and with it the checks and approvals.
    let title = "prod: demo-app 1.4.0";
    let count = |words: &str| bench.calls_of_gh().matches(words).count();
    for (state, created, edited) in [("OPEN", 1, 0), ("CLOSED", 1, 0)] {
        let pulls = json!([{ "number": 7, "state": state, "title": title }]);
        bench.tell("pulls", &pulls.to_string());
        bench.watch().ends("prod=success");
        assert_eq!(bench.tip(BRANCH), offered, "{state}");
        assert_eq!((count("pr create"), count("pr edit")), (created, edited));
    }

    // A newer release moves the one that is open.
    bench.promote("1.5.0");
    let pulls = json!([{ "number": 7, "state": "OPEN", "title": title }]);
    bench.tell("pulls", &pulls.to_string());
    bench.watch().ends("prod=success");
    assert!(
        bench
            .on_branch(BRANCH, PROD)
            .unwrap()
            .contains("tag: \"1.5.0\"")
    );
    assert!(
        bench
            .calls_of_gh()
            .contains("pr edit 7 --title prod: demo-app 1.5.0")
    );
    assert_eq!(count("pr create"), 1);
}
