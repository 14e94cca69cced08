//! Git servers that ask who we are, fail for a while, or have somebody faster.

use std::{fs, path::Path};

use autoscaleops_testkit::{GitHttp, Remote, git};
use tempfile::tempdir;

use crate::support::{bump, daemon, real_git, report, wrapper};

const VALUES: &str = "image:\n  repository: acme/shop\n  tag: v1 # live\n";
const FILE: [&str; 3] = ["values.yaml", "--image", "acme/shop"];

fn remote() -> Remote {
    Remote::new(&[("values.yaml", VALUES)])
}

#[test]
fn a_token_opens_the_door_and_is_seen_nowhere() {
    for transport in ["git", "library"] {
        let remote = remote();
        let server = GitHttp::serve(
            remote.path().parent().unwrap(),
            Some(("x-access-token", "s3cret")),
        );
        let folder = tempdir().unwrap();
        let ask = |token: &str| {
            bump(folder.path())
                .env("AUTOSCALEOPS_GIT_TOKEN", token)
                .args([
                    "--repo",
                    &server.url("remote.git"),
                    "--transport",
                    transport,
                    "--tag",
                    "v2",
                    "-vvv",
                ])
                .args(FILE)
        };
        let (code, told, words) = report(ask("wrong"));
        assert_eq!(code, 3, "{transport}: {told}");
        assert_eq!(told["error"]["kind"], "remote_denied", "{told}");
        assert!(server.unauthorized() < 6, "{}", server.unauthorized());
        assert!(
            !words.contains("wrong") && !told.to_string().contains("wrong"),
            "{words}{told}"
        );
        let (code, told, words) = report(ask("s3cret"));
        assert_eq!(code, 0, "{transport}: {told}{words}");
        assert!(!words.contains("s3cret"), "{words}");
        assert_eq!(
            remote.read("main", "values.yaml"),
            VALUES.replace("v1", "v2")
        );
    }
}

#[test]
fn the_header_of_a_checkout_in_actions_is_used() {
    for transport in ["git", "library"] {
        let remote = remote();
        let server = GitHttp::serve(
            remote.path().parent().unwrap(),
            Some(("x-access-token", "s3cret")),
        );
        let clone = remote.clone_with(&[]);
        let url = server.url("remote.git");
        git(clone.path(), &["remote", "set-url", "origin", &url]);
        let origin = url.trim_end_matches("remote.git");
        // x-access-token:s3cret
        let header = "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46czNjcmV0".replace("basic", "Basic");
        git(
            clone.path(),
            &["config", &format!("http.{origin}.extraheader"), &header],
        );
        let (code, told, words) = report(bump(clone.path()).args(FILE).args([
            "--tag",
            "v2",
            "--push",
            "--transport",
            transport,
        ]));
        assert_eq!(code, 0, "{transport}: {told}{words}");
        assert_eq!(
            remote.read("main", "values.yaml"),
            VALUES.replace("v1", "v2")
        );
    }
}

#[test]
fn a_token_takes_the_place_of_the_header_of_a_checkout() {
    for transport in ["git", "library"] {
        let remote = remote();
        let server = GitHttp::serve(
            remote.path().parent().unwrap(),
            Some(("x-access-token", "s3cret")),
        );
        let clone = remote.clone_with(&[]);
        let url = server.url("remote.git");
        git(clone.path(), &["remote", "set-url", "origin", &url]);
        let origin = url.trim_end_matches("remote.git");
        let stale = "AUTHORIZATION: Basic eC1hY2Nlc3MtdG9rZW46b2xk";
        git(
            clone.path(),
            &["config", &format!("http.{origin}.extraheader"), stale],
        );
        let (code, told, words) = report(
            bump(clone.path())
                .env("AUTOSCALEOPS_GIT_TOKEN", "s3cret")
                .args(FILE)
                .args(["--tag", "v2", "--push", "--transport", transport]),
        );
        assert_eq!(code, 0, "{transport}: {told}{words}");
        if transport == "git" {
            assert_eq!(server.unauthorized(), 0, "sent at once, and alone");
        }
    }
}

#[test]
fn a_server_that_fails_for_a_moment_is_asked_again() {
    let remote = remote();
    let server = GitHttp::serve(remote.path().parent().unwrap(), None);
    server.refuse(2);
    let folder = tempdir().unwrap();
    let (code, told, words) = report(
        bump(folder.path())
            .args(["--repo", &server.url("remote.git"), "--tag", "v2"])
            .args(FILE),
    );
    assert_eq!(code, 0, "{told}{words}");
    // One that never answers is not asked for ever.
    server.refuse(10_000);
    let (code, told, _) = report(
        bump(folder.path())
            .args(["--repo", &server.url("remote.git"), "--tag", "v3"])
            .args(FILE),
    );
    assert_eq!(code, 3);
    assert_eq!(told["error"]["kind"], "remote_unreachable", "{told}");
}

#[test]
fn the_git_protocol_works_with_both_transports() {
    let remote = remote();
    let (_daemon, url) = daemon(&remote);
    let folder = tempdir().unwrap();
    for (transport, tag) in [("git", "v2"), ("library", "v3")] {
        let (code, told, words) = report(
            bump(folder.path())
                .args(["--repo", &url, "--transport", transport, "--tag", tag])
                .args(FILE),
        );
        assert_eq!(code, 0, "{transport}: {told}{words}");
        assert_eq!(
            remote.read("main", "values.yaml"),
            VALUES.replace("v1", tag)
        );
    }
}

/// A `git` before whose first push somebody else's commit sets the value to `tag`.
fn rival(folder: &Path, remote: &Remote, tag: &str) -> String {
    let script = folder.join("rival.sh");
    let text = format!(
        "set -e\nd=$(mktemp -d)\n{git} clone -q {url} $d\ncd $d\nsed -i 's/tag: v1/tag: {tag}/' values.yaml\n\
         {git} -c user.name=R -c user.email=r@x commit -qam rival\n{git} push -q origin HEAD:main\nrm -rf $d\n",
        git = real_git().display(),
        url = remote.path().display(),
    );
    fs::write(&script, text).unwrap();
    let flag = folder.join("flag");
    wrapper(
        folder,
        &format!(
            "case \" $* \" in *\" push \"*) if mkdir {flag} 2>/dev/null; then env -u GIT_DIR sh {script} >&2 || exit 99; fi;; esac\nexec $REAL \"$@\"",
            flag = flag.display(),
            script = script.display(),
        ),
    )
}

#[test]
fn somebody_elses_value_is_treated_as_asked() {
    // The rival's tag, ours, what to do, the code, the value at the end, commits at the end.
    let table = [
        ("v7", "v2", "fail", 10, "v7", 2),
        ("v7", "v2", "overwrite", 0, "v2", 3),
        ("v7", "v2", "skip", 0, "v7", 2),
        ("v1.7.0", "v1.2.0", "newer", 0, "v1.7.0", 2),
        ("v1.7.0", "v1.10.0", "newer", 0, "v1.10.0", 3),
        ("1a2b3c4", "5d6e7f8", "newer", 10, "1a2b3c4", 2),
        // The same value is no conflict.
        ("v2", "v2", "fail", 0, "v2", 2),
    ];
    for (theirs, ours, policy, code, value, commits) in table {
        let remote = remote();
        let folder = tempdir().unwrap();
        let path = rival(folder.path(), &remote, theirs);
        let (got, told, words) = report(
            bump(folder.path())
                .env("PATH", path)
                .args([
                    "--repo",
                    &remote.url(),
                    "--on-conflict",
                    policy,
                    "--tag",
                    ours,
                ])
                .args(FILE),
        );
        let case = format!("{theirs} {ours} {policy}: {told}{words}");
        assert_eq!(got, code, "{case}");
        assert_eq!(
            remote.read("main", "values.yaml"),
            VALUES.replace("v1", value),
            "{case}"
        );
        assert_eq!(remote.subjects("main").len(), commits, "{case}");
        assert_eq!(told["outputs"]["changed"], commits == 3, "{case}");
    }
}

#[test]
fn another_value_of_the_file_is_no_conflict() {
    let remote = Remote::new(&[("values.yaml", &format!("{VALUES}other:\n  tag: v1\n"))]);
    let folder = tempdir().unwrap();
    let script = "sed -i 's/^  tag: v1$/  tag: v7/' values.yaml";
    let path = rival(folder.path(), &remote, "v7");
    let file = folder.path().join("rival.sh");
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("sed -i 's/tag: v1/tag: v7/' values.yaml", script);
    fs::write(&file, text).unwrap();
    let (code, told, words) = report(
        bump(folder.path())
            .env("PATH", path)
            .args(["--repo", &remote.url(), "--tag", "v2"])
            .args(FILE),
    );
    assert_eq!(code, 0, "{told}{words}");
    assert_eq!(told["outputs"]["attempts"], 2);
    assert_eq!(
        remote.read("main", "values.yaml"),
        format!("{}other:\n  tag: v7\n", VALUES.replace("v1", "v2"))
    );
}
