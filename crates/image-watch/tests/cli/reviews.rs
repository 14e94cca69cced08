//! The pull request that `--pr` opens.

use std::sync::{Arc, Mutex};

use autoscaleops_testkit::{GitHttp, Registry, Remote, git, registry::Reply};
use serde_json::{Value, json};

use crate::{
    support::{Folder, at, one_image, registry},
    writes::{TARGET, VALUES},
};

const TOKEN: &str = "ghs_hunter2";

/// GitHub's API, as far as we use it.
struct Hub {
    api: Registry,
    pulls: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start() -> Self {
        let api = Registry::start();
        let pulls: Arc<Mutex<Vec<Value>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, log, address) = (Arc::clone(&pulls), Arc::clone(&asked), api.address());
        api.on_request(move |seen| {
            if seen.authorization.as_deref() != Some(&format!("Bearer {TOKEN}")) {
                return Some(Reply::new(401, "{\"message\":\"Bad credentials\"}"));
            }
            let mut pulls = kept.lock().unwrap();
            log.lock()
                .unwrap()
                .push(format!("{} {}", seen.method, seen.path));
            let sent: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
            let (status, answer) = match seen.method.as_str() {
                "GET" => (200, json!(pulls.iter().rev().collect::<Vec<_>>())),
                "POST" => {
                    let number = pulls.len() + 1;
                    let mut pull = sent;
                    pull["state"] = "open".into();
                    pull["html_url"] =
                        format!("https://github.example/acme/shop/pull/{number}").into();
                    pull["url"] = format!("http://{address}/repos/acme/shop/pulls/{number}").into();
                    pulls.push(pull.clone());
                    (201, pull)
                }
                _ => {
                    let pull = pulls.last_mut().unwrap();
                    pull["title"] = sent["title"].clone();
                    pull["body"] = sent["body"].clone();
                    (200, pull.clone())
                }
            };
            Some(Reply::new(status, answer.to_string()))
        });
        Self { api, pulls, asked }
    }
}

#[test]
fn the_pull_request_is_opened_once_and_a_closed_one_stays_closed() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let remote = Remote::new(&[("app/values.yaml", VALUES)]);
    let served = tempfile::TempDir::new().unwrap();
    let bare = remote.path().display().to_string();
    git(
        served.path(),
        &["clone", "--quiet", "--bare", &bare, "acme/shop.git"],
    );
    let host = GitHttp::serve(served.path(), Some(("x-access-token", TOKEN)));
    let url = host.url("acme/shop.git");
    let Hub { api, pulls, asked } = Hub::start();
    let section = format!("  repository: {url}\n  branch: main\n");
    let mut folder = Folder::new(&one_image(&registry, &section, TARGET));
    for (name, value) in [
        (
            "GITHUB_SERVER_URL",
            url.trim_end_matches("/acme/shop.git").to_owned(),
        ),
        ("GITHUB_API_URL", format!("http://{}", api.address())),
        ("AUTOSCALEOPS_GIT_TOKEN", TOKEN.to_owned()),
        ("GIT_AUTHOR_NAME", "Ada".to_owned()),
        ("GIT_AUTHOR_EMAIL", "ada@example.org".to_owned()),
        ("GIT_COMMITTER_NAME", "Ada".to_owned()),
        ("GIT_COMMITTER_EMAIL", "ada@example.org".to_owned()),
    ] {
        folder.environment.push((name.to_owned(), value));
    }
    let offered = |expected: &str| {
        let said = folder.run(&["check", "--write", "--pr", "-o", "json"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.stderr.contains(expected), "{expected}: {said:?}");
        assert!(!format!("{said:?}").contains(TOKEN), "{said:?}");
        std::mem::take(&mut *asked.lock().unwrap())
    };
    let (list, open) = ("GET /repos/acme/shop/pulls", "POST /repos/acme/shop/pulls");
    let first = "the pull request is open: https://github.example/acme/shop/pull/1";
    assert_eq!(offered(first), [list, open]);
    // Nothing new: it is looked for, and left as it is.
    assert_eq!(offered(first), [list]);
    let pull = pulls.lock().unwrap()[0].clone();
    assert_eq!(pull["title"], "Update prod 1.1.0");
    assert_eq!(pull["base"], "main");
    assert!(
        pull["head"].as_str().unwrap().starts_with("image-watch/"),
        "{pull}"
    );
    assert!(
        pull["body"]
            .as_str()
            .unwrap()
            .contains("| `1.0.0` | `1.1.0` |"),
        "{pull}"
    );
    // Another release: the same pull request.
    registry.add("acme/shop", "1.2.0", &at(9));
    assert_eq!(offered(first), [list, "PATCH /repos/acme/shop/pulls/1"]);
    assert_eq!(pulls.lock().unwrap()[0]["title"], "Update prod 1.2.0");
    // Somebody does not want it, and is not asked again, until there is another release.
    pulls.lock().unwrap()[0]["state"] = "closed".into();
    assert_eq!(offered("it stays closed"), [list]);
    registry.add("acme/shop", "1.3.0", &at(10));
    assert_eq!(offered("shop/pull/2"), [list, open]);
    // What is not allowed is no success.
    api.on_request(|_| Some(Reply::new(403, "{\"message\":\"Resource not accessible\"}")));
    let (code, reports) = folder.check(&["--write", "--pr"]);
    assert_eq!(
        (code, reports[0]["error"]["kind"].as_str()),
        (3, Some("pull_request")),
        "{reports:?}"
    );
    assert_eq!(
        git(
            &served.path().join("acme/shop.git"),
            &["rev-list", "--count", "main"]
        ),
        "1"
    );
}
