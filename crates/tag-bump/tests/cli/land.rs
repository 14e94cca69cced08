//! `--commit`, `--push`, `--repo` and `--pr` on a remote in a folder.

use std::{fs, path::Path};

use autoscaleops_testkit::{Remote, git, tool, write_program};
use tempfile::tempdir;

use crate::support::{VALUES, bump, read, report, run, values, write};

const ARGUMENTS: [&str; 5] = [
    "dev/values.yaml",
    "--image",
    "ghcr.io/acme/shop",
    "--tag",
    "v2",
];

fn remote() -> Remote {
    Remote::new(&[("dev/values.yaml", VALUES), ("other.txt", "x\n")])
}

/// Everything of a checkout that a failed push may not touch.
fn state(clone: &Path) -> (String, Vec<u8>, String, String, String) {
    (
        git(clone, &["rev-parse", "HEAD"]),
        fs::read(clone.join(".git/index")).unwrap(),
        read(clone, "dev/values.yaml"),
        read(clone, "other.txt"),
        git(clone, &["for-each-ref"]),
    )
}

#[test]
fn a_push_lands_one_commit_with_its_trailers() {
    let remote = remote();
    let clone = remote.clone_with(&[]);
    let (code, told) = report(
        bump(clone.path())
            .args(ARGUMENTS)
            .args(["--commit", "--push"]),
    );
    assert_eq!(code, 0, "{told}");
    assert_eq!(remote.read("main", "dev/values.yaml"), values("v2"));
    assert_eq!(remote.read("main", "other.txt"), "x\n");
    assert_eq!(told["outputs"]["commit"], remote.tip("main"));
    assert_eq!(
        remote.subjects("main"),
        ["ghcr.io/acme/shop: v1 -> v2", "first"]
    );
    let trailers = git(
        &remote.path(),
        &["log", "-1", "--format=%(trailers)", "main"],
    );
    assert_eq!(
        trailers,
        "AutoScaleOps-Tool: tag-bump 0.1.0\nAutoScaleOps-Image: ghcr.io/acme/shop:v2"
    );
    // The checkout comes along, since nothing else happened.
    assert_eq!(
        git(clone.path(), &["rev-parse", "HEAD"]),
        remote.tip("main")
    );
    assert_eq!(git(clone.path(), &["status", "--porcelain"]), "");
    // Done again there is nothing to do, and no commit.
    let (code, told) = report(bump(clone.path()).args(ARGUMENTS).arg("--push"));
    assert_eq!((code, &told["outputs"]["changed"]), (0, &false.into()));
    assert_eq!(remote.subjects("main").len(), 2);
}

#[test]
fn others_commits_and_own_edits_are_left_alone() {
    let remote = remote();
    let clone = remote.clone_with(&[]);
    remote.commit(&[("other.txt", "theirs\n")], "theirs");
    write(clone.path(), "dev/values.yaml", "edited by hand\n");
    write(clone.path(), "staged.txt", "s\n");
    git(clone.path(), &["add", "staged.txt"]);
    let before = state(clone.path());
    let (code, ..) = run(bump(clone.path())
        .args(ARGUMENTS)
        .args(["--commit", "--push"]));
    assert_eq!(code, 0);
    assert_eq!(remote.read("main", "dev/values.yaml"), values("v2"));
    assert_eq!(remote.read("main", "other.txt"), "theirs\n");
    assert_eq!(remote.subjects("main")[1..], ["theirs", "first"]);
    let after = state(clone.path());
    assert_eq!(
        (before.0, before.1, before.2, before.3),
        (after.0, after.1, after.2, after.3)
    );
}

#[test]
fn a_refused_push_leaves_everything_as_it_was_and_is_tried_once() {
    for transport in ["git", "library"] {
        let remote = remote();
        let clone = remote.clone_with(&[]);
        let log = remote.path().join("pushes");
        let hook = remote.path().join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        let text = format!(
            "#!/bin/sh\necho x >> {}\necho 'only on Mondays' >&2\nexit 1\n",
            log.display()
        );
        write_program(&hook, text.as_bytes());
        let before = state(clone.path());
        let (code, told) =
            report(
                bump(clone.path())
                    .args(ARGUMENTS)
                    .args(["--push", "--transport", transport]),
            );
        // The library writes into a folder without running its hooks.
        if transport == "library" {
            assert_eq!(code, 0, "{told}");
            continue;
        }
        assert_eq!(code, 3);
        assert_eq!(told["error"]["kind"], "push_refused");
        assert!(
            told["error"]["message"]
                .as_str()
                .unwrap()
                .contains("only on Mondays"),
            "{told}"
        );
        assert_eq!(fs::read_to_string(&log).unwrap(), "x\n");
        assert_eq!(before, state(clone.path()));
        assert_eq!(remote.subjects("main"), ["first"]);
    }
}

#[test]
fn a_commit_alone_holds_the_change_and_nothing_else() {
    let remote = remote();
    let clone = remote.clone_with(&[]);
    // Edited and staged by hand: neither goes into the commit, and both stay.
    write(clone.path(), "other.txt", "edited\n");
    let staged = format!("{VALUES}\nstaged: 1");
    write(clone.path(), "dev/values.yaml", &staged);
    git(clone.path(), &["add", "dev/values.yaml"]);
    let edited = format!("{staged}\nedited: 2");
    write(clone.path(), "dev/values.yaml", &edited);
    let (code, told) = report(bump(clone.path()).args(ARGUMENTS).arg("--commit"));
    assert_eq!(code, 0, "{told}");
    let show = |what: &str| git(clone.path(), &["show", what]);
    assert_eq!(show("HEAD:dev/values.yaml"), values("v2"));
    assert_eq!(show(":dev/values.yaml"), staged.replace("v1", "v2"));
    assert_eq!(
        read(clone.path(), "dev/values.yaml"),
        edited.replace("v1", "v2")
    );
    assert_eq!(read(clone.path(), "other.txt"), "edited\n");
    assert_eq!(
        git(clone.path(), &["show", "--format=", "--name-only", "HEAD"]),
        "dev/values.yaml"
    );
    assert_eq!(remote.subjects("main"), ["first"]);
}

#[test]
fn a_repository_needs_no_checkout_with_either_transport() {
    for transport in ["git", "library"] {
        let remote = remote();
        let elsewhere = tempdir().unwrap();
        for (branch, tag) in [(None, "v2"), (Some("main"), "1.10")] {
            let mut command = bump(elsewhere.path())
                .args([
                    "--repo",
                    &remote.url(),
                    "--transport",
                    transport,
                    "./dev/values.yaml",
                ])
                .args(["--path", "image.tag", "--tag", tag]);
            if let Some(branch) = branch {
                command = command.args(["--branch", branch]);
            }
            let (code, told) = report(command);
            assert_eq!(code, 0, "{transport}: {told}");
            assert_eq!(
                remote.read("main", "dev/values.yaml"),
                values(tag),
                "{transport}"
            );
        }
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        assert_eq!(remote.subjects("main").len(), 3);
        assert_eq!(git(&remote.path(), &["fsck", "--strict"]), "");
    }
}

#[test]
fn what_is_wrong_with_the_question_is_said_before_anything_is_done() {
    let remote = remote();
    let elsewhere = tempdir().unwrap();
    let ask = |arguments: &[&str]| {
        run(bump(elsewhere.path())
            .args(["--repo", &remote.url()])
            .args(arguments))
    };
    let value = ["--path", "image.tag", "--tag", "v2"];
    let table: [(&[&str], i32, &str); 6] = [
        (&["values.yaml"], 2, "there is `dev/values.yaml`"),
        (&["../values.yaml"], 2, "leads out of it"),
        (&[".git/config"], 2, "Git's own files"),
        (&["dev"], 2, "it is a folder"),
        (
            &["dev/values.yaml", "--branch", "prod"],
            2,
            "no branch `prod`",
        ),
        (
            &["dev/values.yaml", "--message", "{{ nonsense }}"],
            2,
            "template",
        ),
    ];
    for (arguments, code, words) in table {
        let arguments: Vec<&str> = arguments.iter().chain(&value).copied().collect();
        let (got, _, said) = ask(&arguments);
        assert_eq!(got, code, "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let (code, _, said) = run(bump(elsewhere.path())
        .args(["--repo", "https://bob:hunter2@example.org/x.git", "f"])
        .args(value));
    assert_eq!(code, 2);
    assert!(
        said.contains("holds a password") && !said.contains("hunter2"),
        "{said}"
    );
    let (code, _, said) = run(bump(elsewhere.path())
        .args(["--repo", "/no/such/repository", "f"])
        .args(value));
    assert_eq!(code, 3, "{said}");
    let (code, _, said) = run(bump(elsewhere.path())
        .args(["f.yaml", "--push"])
        .args(value));
    assert_eq!(code, 2);
    assert!(said.contains("not in a Git repository"), "{said}");
    assert_eq!(remote.subjects("main"), ["first"]);
}

#[test]
fn somebody_commits_or_nobody_does() {
    let remote = remote();
    let elsewhere = tempdir().unwrap();
    let nobody = || {
        tool!("tag-bump")
            .current_dir(elsewhere.path())
            .args(["--repo", &remote.url()])
            .args(ARGUMENTS)
    };
    let (code, _, said) = run(nobody());
    assert_eq!(code, 2);
    assert!(
        said.contains("nobody to commit as") && said.contains("--author"),
        "{said}"
    );
    let (code, ..) = run(nobody().env("GITHUB_ACTIONS", "true").arg("--no-ci"));
    assert_eq!(code, 0);
    let author = |branch: &str| git(&remote.path(), &["log", "-1", "--format=%an|%cn", branch]);
    assert_eq!(author("main"), "github-actions[bot]|github-actions[bot]");
    let (code, ..) = run(nobody()
        .args(["--author", "Grace <grace@example.org>", "--tag=v2"])
        .args(["--expect-old", "v2"]));
    assert_eq!(code, 2, "the tag is given twice");
}

#[test]
fn the_message_is_the_callers() {
    let remote = remote();
    let elsewhere = tempdir().unwrap();
    let (code, ..) = run(bump(elsewhere.path())
        .args(["--repo", &remote.url()])
        .args(ARGUMENTS)
        .args([
            "--message",
            "deploy({{ branch }}): {{ image | upper }} {{ old }} to {{ new }}",
            "--skip-ci",
            "--sign-off",
        ]));
    assert_eq!(code, 0);
    assert_eq!(
        remote.subjects("main")[0],
        "deploy(main): GHCR.IO/ACME/SHOP v1 to v2 [skip ci]"
    );
    let trailers = git(
        &remote.path(),
        &[
            "log",
            "-1",
            "--format=%(trailers:key=Signed-off-by)",
            "main",
        ],
    );
    assert_eq!(trailers, "Signed-off-by: Ada <ada@example.org>");
}

#[test]
fn one_value_has_one_branch_for_its_pull_request() {
    let remote = remote();
    let elsewhere = tempdir().unwrap();
    let ask = |tag: &str| {
        report(bump(elsewhere.path()).args([
            "--repo",
            &remote.url(),
            "--pr",
            "dev/values.yaml",
            "--path",
            "image.tag",
            "--tag",
            tag,
        ]))
    };
    let (code, first) = ask("v2");
    assert_eq!(code, 0, "{first}");
    let branch = first["outputs"]["pr_branch"].as_str().unwrap().to_owned();
    assert!(
        branch.starts_with("tag-bump/") && branch.len() == 17,
        "{branch}"
    );
    assert_eq!(remote.subjects("main"), ["first"]);
    assert_eq!(remote.read(&branch, "dev/values.yaml"), values("v2"));
    // The same again does not push again.
    let tip = remote.tip(&branch);
    let (_, same) = ask("v2");
    assert_eq!(same["outputs"]["commit"], tip);
    // A newer one takes the place of the older one, on the tip of today.
    remote.commit(&[("other.txt", "y\n")], "theirs");
    let (_, second) = ask("v3");
    assert_eq!(second["outputs"]["pr_branch"], branch);
    assert_eq!(
        remote.subjects(&branch),
        ["image.tag: v1 -> v3", "theirs", "first"]
    );
    let (code, ..) = run(bump(elsewhere.path())
        .args(["--repo", &remote.url(), "--pr", "--skip-ci"])
        .args(ARGUMENTS));
    assert_eq!(code, 2);
}

#[test]
fn a_full_clone_stays_full_and_a_shallow_one_brings_no_history() {
    let remote = remote();
    for round in 0..20 {
        remote.commit(&[("other.txt", &format!("{round}\n"))], "more");
    }
    let full = remote.clone_with(&[]);
    let shallow = remote.clone_with(&["--depth=1", "--branch=main"]);
    remote.commit(&[("other.txt", "theirs\n")], "theirs");
    let (code, told) = report(bump(full.path()).args(ARGUMENTS).arg("--push"));
    assert_eq!(code, 0, "{told}");
    assert!(!full.path().join(".git/shallow").exists());
    assert_eq!(
        git(full.path(), &["rev-list", "--count", "origin/main"]),
        "23"
    );
    let (code, told) = report(bump(shallow.path()).args([
        "dev/values.yaml",
        "--path",
        "image.tag",
        "--tag",
        "v3",
        "--push",
    ]));
    assert_eq!(code, 0, "{told}");
    let commits = git(shallow.path(), &["rev-list", "--count", "--all"]);
    assert!(commits.parse::<u32>().unwrap() <= 4, "{commits}");
    assert_eq!(git(shallow.path(), &["fsck", "--strict"]), "");
    assert_eq!(remote.read("main", "dev/values.yaml"), values("v3"));
}

#[test]
fn file_and_environment_say_how_it_lands() {
    let remote = remote();
    let elsewhere = tempdir().unwrap();
    write(
        elsewhere.path(),
        "autoscaleops.yaml",
        "tag-bump:\n  message: 'deploy {{ new }}'\n  skip_ci: true\n  branch: no-such-branch\n",
    );
    let ask = || {
        bump(elsewhere.path())
            .env("AUTOSCALEOPS_TAG_BUMP_BRANCH", "main")
            .args(["--repo", &remote.url()])
            .args(ARGUMENTS)
    };
    let (code, _, words) = run(ask());
    assert_eq!(code, 0, "{words}");
    assert_eq!(remote.subjects("main")[0], "deploy v2 [skip ci]");
    write(
        elsewhere.path(),
        "autoscaleops.yaml",
        "tag-bump:\n  mesage: x\n",
    );
    let (code, _, words) = run(ask());
    assert_eq!(code, 2);
    assert!(words.contains("message"), "{words}");
}

#[test]
fn a_remote_that_is_a_relative_path_starts_at_the_work_tree() {
    let remote = remote();
    let clone = remote.clone_with(&[]);
    let up: String = clone.path().components().skip(1).map(|_| "../").collect();
    let relative = format!("{up}{}", remote.path().strip_prefix("/").unwrap().display());
    git(clone.path(), &["remote", "set-url", "origin", &relative]);
    let (code, told) = report(
        bump(clone.path())
            .args(ARGUMENTS)
            .args(["--commit", "--push"]),
    );
    assert_eq!(code, 0, "{told}");
    assert_eq!(remote.read("main", "dev/values.yaml"), values("v2"));
}
