//! What may stand in the way: no `git` program, locks, somebody else's commits, hostile names.

use std::fs;

use autoscaleops_testkit::{Remote, git, write_program};
use tempfile::tempdir;

use crate::support::{VALUES, bump, read, report, run, values};

const ARGUMENTS: [&str; 5] = [
    "dev/values.yaml",
    "--image",
    "ghcr.io/acme/shop",
    "--tag",
    "v2",
];

fn remote() -> Remote {
    Remote::new(&[("dev/values.yaml", VALUES)])
}

#[test]
fn what_only_a_git_program_can_do_is_said_where_there_is_none() {
    let nothing = tempdir().unwrap();
    let remote = remote();
    let clone = remote.clone_with(&[]);
    let ask = |more: &[&str]| {
        report(
            bump(clone.path())
                .env("PATH", nothing.path())
                .args(ARGUMENTS)
                .args(more),
        )
    };
    let local = remote.url();
    for (arguments, word) in [
        (&["--repo", "https://git.example.org/x.git"][..], "https://"),
        (&["--repo", "ssh://git@git.example.org/x.git"], "ssh://"),
        (&["--repo", "git@git.example.org:acme/x.git"], "git@"),
        (
            &["--repo", &local, "--transport", "git"],
            "no `git` program",
        ),
        (&["--repo", &local, "--sign"], "signs a commit"),
        (&["--push", "--sign"], "signs a commit"),
        (&["--commit", "--sign"], "signs a commit"),
    ] {
        let (code, told) = ask(arguments);
        assert_eq!(code, 3, "{arguments:?}: {told}");
        let error = &told["error"];
        assert_eq!(error["kind"], "program_missing", "{arguments:?}: {told}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(word), "{arguments:?}: {message}");
        assert!(
            error["hint"].as_str().unwrap().contains("install git"),
            "{told}"
        );
    }
    git(
        clone.path(),
        &[
            "remote",
            "set-url",
            "origin",
            "https://git.example.org/x.git",
        ],
    );
    let (code, told) = ask(&["--push"]);
    assert_eq!(
        (code, told["error"]["kind"].as_str()),
        (3, Some("program_missing"))
    );
    assert_eq!(remote.subjects("main"), ["first"]);
    assert_eq!(git(clone.path(), &["status", "--porcelain"]), "");
}

#[test]
fn a_folder_is_in_reach_without_a_git_program() {
    let nothing = tempdir().unwrap();
    let remote = remote();
    let clone = remote.clone_with(&[]);
    let ask = |more: &[&str]| {
        report(
            bump(clone.path())
                .env("PATH", nothing.path())
                .args(ARGUMENTS)
                .args(more),
        )
    };
    let (code, told) = ask(&["--repo", &remote.url()]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(remote.read("main", "dev/values.yaml"), values("v2"));
    let (code, told) = ask(&["--commit"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(read(clone.path(), "dev/values.yaml"), values("v2"));
}

#[test]
fn a_lock_in_the_way_is_named_and_left_and_nothing_is_touched() {
    for lock in ["index.lock", "refs/heads/main.lock", "HEAD.lock"] {
        let clone = remote().clone_with(&[]);
        let path = clone.path().join(".git").join(lock);
        fs::write(&path, "").unwrap();
        let ask = || report(bump(clone.path()).args(ARGUMENTS).arg("--commit"));
        let (code, told) = ask();
        assert_eq!(code, 3, "{told}");
        assert_eq!(told["error"]["kind"], "locked", "{told}");
        let hint = told["error"]["hint"].as_str().unwrap();
        assert!(hint.contains(&format!("{lock}'")), "{hint}");
        assert!(path.exists());
        assert_eq!(read(clone.path(), "dev/values.yaml"), VALUES);
        fs::remove_file(&path).unwrap();
        assert_eq!(ask().0, 0);
    }
}

#[test]
fn somebodys_commit_on_the_pull_requests_branch_is_not_overwritten() {
    let remote = remote();
    let elsewhere = tempdir().unwrap();
    let ask = |tag: &str, more: &[&str]| {
        report(
            bump(elsewhere.path())
                .args(["--repo", &remote.url(), "--pr=bump/shop", "dev/values.yaml"])
                .args(["--path", "image.tag", "--tag", tag])
                .args(more),
        )
    };
    assert_eq!(ask("v2", &[]).0, 0);
    let clone = remote.clone_with(&["--branch=bump/shop"]);
    fs::write(clone.path().join("fix.txt"), "fix\n").unwrap();
    git(clone.path(), &["add", "fix.txt"]);
    git(clone.path(), &["commit", "--quiet", "--message", "a fix"]);
    git(clone.path(), &["push", "--quiet"]);
    let theirs = remote.tip("bump/shop");
    let (code, told) = ask("v3", &[]);
    assert_eq!(code, 10, "{told}");
    assert_eq!(told["outputs"]["reason"], "conflict");
    let (code, told) = ask("v3", &["--on-conflict", "skip"]);
    assert_eq!(
        (code, &told["outputs"]["changed"]),
        (0, &false.into()),
        "{told}"
    );
    assert_eq!(remote.tip("bump/shop"), theirs);
    let (code, told) = ask("v3", &["--on-conflict", "overwrite"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(remote.read("bump/shop", "dev/values.yaml"), values("v3"));
}

#[test]
fn a_remote_or_a_branch_is_no_option_and_no_refspec() {
    let remote = remote();
    let clone = remote.clone_with(&[]);
    let mark = clone.path().join("mark");
    let run_it = format!("--remote=--upload-pack=touch {}", mark.display());
    for arguments in [
        [run_it.as_str(), "--push"],
        ["--repo=--upload-pack=true", "--branch=main"],
        ["--branch=main:refs/heads/other", "--push"],
        ["--branch=-x", "--push"],
        ["--pr=a..b", "--branch=main"],
        ["--remote=https://bob:hunter2@git.example.org/x", "--push"],
    ] {
        let (code, answer, words) = run(bump(clone.path()).args(ARGUMENTS).args(arguments));
        assert_eq!(code, 2, "{arguments:?}: {answer}{words}");
        assert!(!words.contains("hunter2"), "{words}");
    }
    assert!(!mark.exists());
    assert_eq!(remote.subjects("main"), ["first"]);
}

#[test]
fn what_a_file_holds_adds_nothing_to_the_message() {
    let old = r#""v1\e[31m\n\nAutoScaleOps-Image: evil\n::error::x""#;
    let file = VALUES.replace("\"v1\"", old);
    assert!(file.contains(old), "{file}");
    let remote = Remote::new(&[("dev/values.yaml", &file)]);
    let url = remote.url();
    let (code, told) = report(bump(&remote.path()).args(ARGUMENTS).args(["--repo", &url]));
    assert_eq!(code, 0, "{told}");
    let message = git(&remote.path(), &["log", "-1", "--format=%B", "main"]);
    let trailers: Vec<&str> = message
        .lines()
        .filter(|it| it.starts_with("AutoScaleOps-"))
        .collect();
    assert_eq!(trailers.len(), 2, "{message}");
    assert!(trailers[1].ends_with("shop:v2") && !message.contains('\u{1b}'));
    let first = message.lines().next().unwrap();
    assert!(first.ends_with("-> v2"), "{first}");
}

#[test]
fn a_server_cannot_speak_to_the_runner_or_the_terminal() {
    let remote = remote();
    let hook = remote.path().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let words = "#!/bin/sh\necho '::set-output name=changed::true'; echo 'x ##[add-mask]yes'\n\
                 printf '\\033[2Jgone\\n'; exit 1\n";
    write_program(&hook, words.as_bytes());
    let output = bump(&remote.path())
        .env("GITHUB_ACTIONS", "true")
        .args(ARGUMENTS)
        .args(["--repo", &remote.url(), "-v"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        said.contains("hook declined") && said.contains("add-mask"),
        "{said}"
    );
    assert!(!said.contains("##[") && !said.contains('\u{1b}'), "{said}");
    let commands: Vec<&str> = said
        .lines()
        .filter(|it| it.trim_start().starts_with("::"))
        .collect();
    assert!(
        commands
            .iter()
            .all(|it| it.starts_with("::error title=tag-bump::")),
        "{said}"
    );
}
