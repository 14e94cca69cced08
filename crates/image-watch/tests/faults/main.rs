//! A registry that fails on purpose: each fault ends in the right tag or in exit code 3, and never
//! in a wrong tag.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::tests_outside_test_module, reason = "a test program")]

#[path = "../common/support.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use autoscaleops_testkit::{
    Registry,
    registry::{Reply, Seen, Sending, digest},
};
use support::{Folder, at, one_image, registry};

/// What a rule must end in under a fault.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The right tag.
    Right,
    /// Exit code 3 with this kind.
    Error(&'static str),
}

/// Runs one check of newest-build over three images, the newest being `c`, under a fault.
fn check(
    fault: impl Fn(&Seen) -> Option<Reply> + Send + 'static,
    end: End,
    name: &str,
) -> Registry {
    let registry = registry(&["a", "b", "c"]);
    registry.on_request(fault);
    let folder = Folder::new(&one_image(
        &registry,
        "",
        "strategy: newest-build\ncurrent: a",
    ));
    let (code, reports) = folder.check(&[]);
    let report = &reports[0];
    match end {
        End::Right => {
            assert_eq!(
                (code, report["outputs"]["candidate"].as_str()),
                (0, Some("c")),
                "{name}: {report}"
            );
        }
        End::Error(kind) => {
            assert_eq!(
                (code, report["error"]["kind"].as_str()),
                (3, Some(kind)),
                "{name}: {report}"
            );
            assert_eq!(report["outputs"]["changed"], false, "{name}");
            // What a pipe reads is no tag to write.
            assert_eq!(report["verdict"], "error", "{name}");
        }
    }
    registry
}

/// Answers with `reply` to requests that contain `part`, the first `times` of them.
fn first(times: u32, part: &'static str, reply: Reply) -> impl Fn(&Seen) -> Option<Reply> + Send {
    let count = AtomicU32::new(0);
    move |seen| {
        let fits = format!("{} {}", seen.method, seen.path).contains(part);
        (fits && count.fetch_add(1, Ordering::SeqCst) < times).then(|| reply.clone())
    }
}

const ALWAYS: u32 = u32::MAX;

#[test]
fn a_registry_that_is_busy_for_a_while_is_waited_for() {
    for part in ["/tags/list", "GET /v2/acme/shop/manifests/c", "/blobs/"] {
        let busy = Reply::new(429, "slow down");
        check(
            first(2, part, busy.clone()),
            End::Right,
            "without Retry-After",
        );
        check(
            first(2, part, busy.header("Retry-After", "0")),
            End::Right,
            "with Retry-After",
        );
        check(first(2, part, Reply::new(500, "")), End::Right, "500");
        check(
            first(1, part, Reply::new(503, "").header("Retry-After", "1")),
            End::Right,
            "503",
        );
    }
}

#[test]
fn a_registry_that_stays_busy_is_an_error_and_no_older_tag() {
    for part in ["/tags/list", "GET /v2/acme/shop/manifests/c"] {
        let busy = Reply::new(
            429,
            "toomanyrequests: You have reached your pull rate limit",
        );
        check(
            first(ALWAYS, part, busy.clone()),
            End::Error("rate_limited"),
            "429",
        );
        // A wait beyond our patience is not begun.
        let patient = check(
            first(ALWAYS, part, busy.header("Retry-After", "3600")),
            End::Error("rate_limited"),
            "a long wait",
        );
        let log = patient.take_log();
        let asked = log
            .iter()
            .filter(|it| it.contains(part.split(' ').next_back().unwrap()));
        assert_eq!(asked.count(), 1, "{log:?}");
        check(
            first(ALWAYS, part, Reply::new(500, "oops")),
            End::Error("registry_unavailable"),
            "500",
        );
    }
}

#[test]
fn the_last_pulls_are_left_to_others() {
    let list = Reply::new(200, "{\"tags\":[\"a\",\"b\",\"c\"]}");
    let plenty = list.clone().header("ratelimit-remaining", "10;w=21600");
    check(first(ALWAYS, "/tags/list", plenty), End::Right, "enough");
    let few = list.header("ratelimit-remaining", "9;w=21600");
    let registry = check(
        first(ALWAYS, "/tags/list", few),
        End::Error("rate_limited"),
        "few",
    );
    assert_eq!(registry.take_log().len(), 1, "a pull was spent");
}

#[test]
fn what_breaks_off_is_asked_for_again_and_never_half_believed() {
    let list = br#"{"name":"acme/shop","tags":["a","b","c"]}"#;
    let broken = Reply::new(200, list.to_vec()).sending(Sending::BrokenAfter(30));
    check(
        first(2, "/tags/list", broken.clone()),
        End::Right,
        "broken list, then whole",
    );
    check(
        first(ALWAYS, "/tags/list", broken),
        End::Error("unreachable"),
        "broken list",
    );
    // Whole by its length, and not by its form.
    let cut = Reply::new(200, br#"{"name":"acme/shop","tags":["a","b""#.to_vec());
    check(
        first(1, "/tags/list", cut.clone()),
        End::Right,
        "cut list, then whole",
    );
    check(
        first(ALWAYS, "/tags/list", cut),
        End::Error("protocol"),
        "cut list",
    );
    let broken = Reply::new(200, "x".repeat(100)).sending(Sending::BrokenAfter(10));
    check(
        first(2, "GET /v2/acme/shop/manifests/c", broken.clone()),
        End::Right,
        "broken manifest",
    );
    check(
        first(ALWAYS, "/blobs/", broken),
        End::Error("unreachable"),
        "broken configuration",
    );
}

#[test]
fn what_crawls_is_given_up() {
    let list = br#"{"name":"acme/shop","tags":["a","b"]}"#;
    let slow = Reply::new(200, list.to_vec()).sending(Sending::Slow(Duration::from_millis(200)));
    check(
        first(ALWAYS, "/tags/list", slow.clone()),
        End::Error("unreachable"),
        "slow list",
    );
    check(first(1, "/tags/list", slow), End::Right, "slow once");
}

#[test]
fn what_has_another_digest_is_not_believed() {
    let other = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"sha256:aaaa"},"layers":[]}"#;
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let lie = Reply::new(200, other.to_vec())
        .header("Content-Type", kind)
        .header("Docker-Content-Digest", digest(b"something else"));
    check(
        first(1, "GET /v2/acme/shop/manifests/c", lie.clone()),
        End::Right,
        "once",
    );
    check(
        first(ALWAYS, "GET /v2/acme/shop/manifests/c", lie),
        End::Error("protocol"),
        "always",
    );
    check(
        first(ALWAYS, "/blobs/", Reply::new(200, "{}")),
        End::Error("protocol"),
        "configuration",
    );
}

#[test]
fn schema_1_and_nonsense_are_refused() {
    let old = Reply::new(200, "{}").header(
        "Content-Type",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    );
    check(
        first(ALWAYS, "GET /v2/acme/shop/manifests/c", old),
        End::Error("protocol"),
        "schema 1",
    );
    let page = Reply::new(200, "<html>sign in</html>").header("Content-Type", "text/html");
    check(
        first(ALWAYS, "/tags/list", page),
        End::Error("protocol"),
        "a login page",
    );
    let huge = Reply::new(200, vec![b' '; 17 << 20]);
    check(
        first(ALWAYS, "/tags/list", huge),
        End::Error("protocol"),
        "17 MiB",
    );
}

#[test]
fn pages_that_never_end_are_no_list() {
    let count = AtomicU32::new(0);
    let endless = move |seen: &Seen| {
        seen.path.ends_with("/tags/list").then(|| {
            let page = count.fetch_add(1, Ordering::SeqCst);
            Reply::new(200, format!("{{\"tags\":[\"z{page}\"]}}")).header(
                "Link",
                format!("</v2/acme/shop/tags/list?last=z{page}>; rel=\"next\""),
            )
        })
    };
    check(endless, End::Error("protocol"), "a new tag on each page");
    let count = AtomicU32::new(0);
    let empty = move |seen: &Seen| {
        seen.path.ends_with("/tags/list").then(|| {
            let page = count.fetch_add(1, Ordering::SeqCst);
            Reply::new(200, "{\"tags\":null}").header(
                "Link",
                format!("</v2/acme/shop/tags/list?page={page}>; rel=\"next\""),
            )
        })
    };
    check(empty, End::Error("protocol"), "pages without tags");
}

#[test]
fn links_of_every_form_lead_to_every_tag() {
    for link in [
        "</v2/acme/shop/tags/list?page=2>; rel=\"next\"",
        "/v2/acme/shop/tags/list?page=2; rel=next",
        "<list?page=2>; rel=\"next\"",
        "<http://ADDRESS/v2/acme/shop/tags/list?page=2>; rel=\"next\"",
        // As behind a proxy that the registry does not know of.
        "<https://127.0.0.1:1/v2/acme/shop/tags/list?page=2>; rel=\"next\"",
    ] {
        let registry = registry(&["a", "b", "c"]);
        let link = link.replace("ADDRESS", &registry.address());
        let name = link.clone();
        registry.on_request(move |seen| {
            let is_list = seen.path.ends_with("/tags/list");
            match seen.query.as_str() {
                // The last page leads back to itself, as some registries' do.
                "page=2" if is_list => Some(
                    Reply::new(200, "{\"tags\":[\"b\",\"c\",\"not a tag\"]}")
                        .header("Link", link.clone()),
                ),
                _ if is_list => {
                    Some(Reply::new(200, "{\"tags\":[\"a\",\"b\"]}").header("Link", link.clone()))
                }
                _ => None,
            }
        });
        let folder = Folder::new(&one_image(&registry, "", "strategy: newest-build"));
        assert_eq!(folder.answer().1, "c", "{name}");
        let log = registry.take_log();
        assert_eq!(
            log.iter().filter(|it| it.contains("/tags/list")).count(),
            2,
            "{name}: {log:?}"
        );
    }
}

/// A registry with a password, and another host that listens to what it is told.
fn with_other_host(redirected: &'static str) -> (Registry, Registry, Folder) {
    let registry = registry(&["a", "b"]);
    let other = self::registry(&["a", "b", "zzz"]);
    registry.require_token(Some("ada:x"), 60);
    // Another host by name, this machine all the same.
    let port = other.address().rsplit(':').next().unwrap().to_owned();
    registry.on_request(move |seen| {
        let target = if seen.query.is_empty() {
            seen.path.clone()
        } else {
            format!("{}?{}", seen.path, seen.query)
        };
        let is_let_in = seen
            .authorization
            .as_deref()
            .is_some_and(|it| it.starts_with("Bearer"));
        (is_let_in && seen.path.contains(redirected)).then(|| {
            Reply::new(307, "").header("Location", format!("http://localhost:{port}{target}"))
        })
    });
    let mut folder = Folder::new(&one_image(
        &registry,
        &format!(
            "  registries: [{{host: '{}', credentials: 'env:LOGIN'}}]\n",
            registry.address()
        ),
        "strategy: newest-build",
    ));
    folder
        .environment
        .push(("LOGIN".to_owned(), "ada:x".to_owned()));
    (registry, other, folder)
}

#[test]
fn authorization_never_goes_to_another_host() {
    for part in ["/blobs/", "/manifests/", "/tags/list"] {
        let (_registry, other, folder) = with_other_host(part);
        let seen = Arc::new(AtomicU32::new(0));
        let leaked = Arc::clone(&seen);
        other.on_request(move |request| {
            if request.authorization.is_some() {
                leaked.fetch_add(1, Ordering::SeqCst);
            }
            None
        });
        let (code, reports) = folder.check(&[]);
        assert!(!other.take_log().is_empty(), "{part}: never redirected");
        assert_eq!(
            seen.load(Ordering::SeqCst),
            0,
            "{part}: a password went to another host"
        );
        // Blobs are proven by their digest; a list from elsewhere may name what is not there.
        if part == "/blobs/" {
            assert_eq!(
                (code, reports[0]["outputs"]["candidate"].as_str()),
                (0, Some("b")),
                "{reports:?}"
            );
        } else {
            assert_ne!(reports[0]["outputs"]["candidate"], "zzz", "{part}");
        }
    }
}

#[test]
fn another_hosts_challenge_is_not_answered() {
    let (registry, other, folder) = with_other_host("/tags/list");
    other.require_token(Some("ada:x"), 60);
    let (code, reports) = folder.check(&[]);
    assert_eq!(
        (code, reports[0]["error"]["kind"].as_str()),
        (3, Some("unauthorized")),
        "{reports:?}"
    );
    let log = other.take_log();
    assert!(log.iter().all(|it| !it.contains("/token")), "{log:?}");
    assert_eq!(
        registry
            .take_log()
            .iter()
            .filter(|it| it.contains("/token"))
            .count(),
        1
    );
}

#[test]
fn a_token_server_that_fails_is_an_error() {
    for (reply, kind) in [
        (Reply::new(500, ""), "registry_unavailable"),
        (Reply::new(200, "{}"), "protocol"),
        (Reply::new(200, "not json"), "protocol"),
        (Reply::new(401, ""), "unauthorized"),
        (Reply::new(403, ""), "unauthorized"),
    ] {
        let registry = registry(&["a"]);
        registry.require_token(None, 60);
        registry.on_request(first(ALWAYS, "/token", reply));
        let folder = Folder::new(&one_image(&registry, "", ""));
        let (code, reports) = folder.check(&[]);
        assert_eq!(
            (code, reports[0]["error"]["kind"].as_str()),
            (3, Some(kind)),
            "{reports:?}"
        );
    }
}

#[test]
fn credentials_are_not_sent_unencrypted_to_a_far_token_server() {
    let registry = registry(&["a"]);
    registry.on_request(|seen| {
        seen.authorization.is_none().then(|| {
            Reply::new(401, "").header(
                "WWW-Authenticate",
                "Bearer realm=\"http://token.invalid/t\",service=\"x\"",
            )
        })
    });
    let mut folder = Folder::new(&one_image(
        &registry,
        &format!(
            "  registries: [{{host: '{}', credentials: 'env:LOGIN'}}]\n",
            registry.address()
        ),
        "",
    ));
    folder
        .environment
        .push(("LOGIN".to_owned(), "ada:hunter2".to_owned()));
    let said = folder.run(&["check"]);
    assert_eq!(said.code, 3);
    assert!(
        said.stdout.contains("not sent without encryption"),
        "{said:?}"
    );
    assert!(!said.stdout.contains("hunter2") && !said.stderr.contains("hunter2"));
}

#[test]
fn a_registry_without_digests_in_its_headers_is_served_by_one_get() {
    let registry = registry(&["latest"]);
    let digest = registry.add("acme/shop", "latest", &at(3));
    registry.on_request(|seen| (seen.method == "HEAD").then(|| Reply::new(200, "")));
    let folder = Folder::new(&one_image(
        &registry,
        "",
        "strategy: digest\nconstraint: latest",
    ));
    assert_eq!(folder.answer().1, format!("latest@{digest}"));
    registry.on_request(|seen| (seen.method == "HEAD").then(|| Reply::new(405, "")));
    assert_eq!(folder.answer().1, format!("latest@{digest}"));
    assert_eq!(
        registry
            .take_log()
            .iter()
            .filter(|it| it.starts_with("GET"))
            .count(),
        2
    );
}

#[test]
fn a_tag_that_is_listed_and_has_no_image_is_passed_over() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    registry.on_request(|seen| {
        seen.path
            .ends_with("/manifests/1.1.0")
            .then(|| Reply::new(404, ""))
    });
    let folder = Folder::new(&one_image(&registry, "", ""));
    assert_eq!(
        folder.answer(),
        (0, "1.0.0".to_owned(), "update".to_owned())
    );
}

#[test]
fn no_more_requests_run_at_one_time_than_may() {
    let tags: Vec<String> = (0..24).map(|it| format!("build-{it}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    for (keys, most) in [
        ("", 8),
        ("  concurrency: 3\n", 3),
        ("  concurrency: 1\n", 1),
    ] {
        let registry = registry(&tags);
        registry.pause(Duration::from_millis(30));
        let folder = Folder::new(&one_image(&registry, keys, "strategy: newest-build"));
        let (code, reports) = folder.check(&[]);
        assert_eq!(
            (code, reports[0]["outputs"]["candidate"].as_str()),
            (0, Some("build-23")),
            "{reports:?}"
        );
        assert_eq!(registry.most_at_once(), most);
    }
}

#[test]
fn a_budget_of_requests_is_kept() {
    let registry = registry(&["a", "b", "c", "d", "e", "f"]);
    let folder = Folder::new(&one_image(
        &registry,
        "  max_requests: 5\n",
        "strategy: newest-build",
    ));
    let (code, reports) = folder.check(&[]);
    assert_eq!(
        (code, reports[0]["error"]["kind"].as_str()),
        (3, Some("budget")),
        "{reports:?}"
    );
    assert_eq!(registry.take_log().len(), 5);
}

#[test]
fn nobody_at_the_door_is_an_error() {
    let registry = registry(&[]);
    let folder = Folder::new(&one_image(&registry, "", ""));
    drop(registry);
    let (code, reports) = folder.check(&[]);
    assert_eq!(
        (code, reports[0]["error"]["kind"].as_str()),
        (3, Some("unreachable")),
        "{reports:?}"
    );
}
