//! What gets into Git, and what does not.

use autoscaleops_testkit::{Background, Remote, git, wait_until};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use crate::support::{Folder, at, commits, one_image, registry, text};

pub(crate) const VALUES: &str =
    "# Values.\nimage:\n  tag: \"1.0.0\"     # promoted by hand\n\nother:\n  tag: 5\n";
pub(crate) const TARGET: &str = "name: prod\ntarget: {file: app/values.yaml, path: image.tag}";

#[test]
fn an_update_is_one_commit_that_changes_one_value() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let remote = Remote::new(&[("app/values.yaml", VALUES)]);
    let folder = Folder::clone_of(&remote, &one_image(&registry, "", TARGET));
    let (code, reports) = folder.check(&["--write"]);
    assert_eq!((code, text(&reports[0], "changed")), (0, "true".to_owned()));
    assert_eq!(text(&reports[0], "commit"), remote.tip("main"));
    assert_eq!(
        remote.read("main", "app/values.yaml"),
        VALUES.replace("\"1.0.0\"", "\"1.1.0\"")
    );
    assert_eq!(commits(&remote), 2);
    // The work tree is not ours, and nothing is written twice.
    assert_eq!(folder.read("app/values.yaml"), VALUES);
    let (code, reports) = folder.check(&["--write"]);
    assert_eq!(
        (code, text(&reports[0], "reason")),
        (0, "up_to_date".to_owned())
    );
    assert_eq!(commits(&remote), 2);
}

#[test]
fn all_images_of_a_branch_share_a_commit_with_the_message_of_the_configuration() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let image = format!("{}/acme/shop", registry.address());
    let remote = Remote::new(&[
        ("a.yaml", "tag: 1.0.0\n"),
        ("b.yaml", &format!("image: {image}:1.0.0\n")),
    ]);
    let mut folder = Folder::new(&format!(
        "image-watch:\n  repository: {}\n  branch: main\n  message: 'deploy: {{% for it in changes %}}{{{{ it.file }}}} {{% endfor %}}'\n  images:\n    - {{name: a, image: {image}, target: {{file: a.yaml, path: tag}}}}\n    - {{name: b, image: {image}, target: {{file: b.yaml}}}}\n    - {{name: c, image: {image}, current: 1.0.0}}\n",
        remote.url()
    ));
    for (name, value) in [("AUTHOR", "Ada"), ("COMMITTER", "Ada")] {
        folder
            .environment
            .push((format!("GIT_{name}_NAME"), value.to_owned()));
        folder
            .environment
            .push((format!("GIT_{name}_EMAIL"), "ada@example.org".to_owned()));
    }
    let (code, _) = folder.check(&["--write"]);
    assert_eq!(code, 0);
    assert_eq!(remote.read("main", "a.yaml"), "tag: 1.1.0\n");
    assert_eq!(
        remote.read("main", "b.yaml"),
        format!("image: {image}:1.1.0\n")
    );
    assert_eq!(commits(&remote), 2);
    assert!(
        remote.subjects("main")[0].starts_with("deploy: a.yaml b.yaml"),
        "{:?}",
        remote.subjects("main")
    );
}

#[test]
fn a_hold_that_a_colleague_has_just_pushed_is_honoured() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let remote = Remote::new(&[("app/values.yaml", VALUES)]);
    let folder = Folder::clone_of(&remote, &one_image(&registry, "", TARGET));
    for (comment, is_held) in [
        ("image-watch: hold", true),
        ("image-watch: hold until=2999-01-01", true),
        ("image-watch: hold until=2020-01-01", false),
    ] {
        remote.commit(
            &[(
                "app/values.yaml",
                &VALUES.replace("promoted by hand", comment),
            )],
            "hold",
        );
        let (code, reports) = folder.check(&["--write"]);
        assert_eq!(code, 0);
        let expected = if is_held { "held" } else { "update" };
        assert_eq!(text(&reports[0], "reason"), expected, "{comment}");
        assert_eq!(text(&reports[0], "candidate"), "1.1.0");
        assert!(!is_held || text(&reports[0], "why").starts_with("`1.1.0` is held"));
        // What a pipe would write is what is there.
        let subject = if is_held { "1.0.0" } else { "1.1.0" };
        assert_eq!(reports[0]["subject"]["tag"], subject);
    }
    // A day that is none neither holds nor lets go.
    remote.commit(
        &[(
            "app/values.yaml",
            &VALUES.replace("promoted by hand", "image-watch: hold until=soon"),
        )],
        "x",
    );
    assert_eq!(folder.check(&["--write"]).0, 2);
}

#[test]
fn a_rollback_is_not_overwritten_while_it_is_held_and_no_update_goes_back() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let values = VALUES.replace("1.0.0", "1.2.0");
    let remote = Remote::new(&[("app/values.yaml", &values)]);
    let folder = Folder::clone_of(&remote, &one_image(&registry, "", TARGET));
    let (code, reports) = folder.check(&["--write"]);
    assert_eq!(
        (code, text(&reports[0], "reason")),
        (0, "downgrade".to_owned())
    );
    assert_eq!(commits(&remote), 1);
    let (_, reports) = folder.check(&["--compat", "aiu"]);
    assert_eq!(text(&reports[0], "candidate"), "1.1.0");
}

#[test]
fn a_pull_request_has_one_branch_however_often_tags_come() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let remote = Remote::new(&[("app/values.yaml", VALUES)]);
    let folder = Folder::clone_of(&remote, &one_image(&registry, "", TARGET));
    let branches = || {
        git(
            &remote.path(),
            &[
                "for-each-ref",
                "--format=%(refname:short)",
                "refs/heads/image-watch",
            ],
        )
    };
    assert_eq!(folder.check(&["--write", "--pr"]).0, 0);
    let first = branches();
    assert_eq!(first.lines().count(), 1);
    registry.add("acme/shop", "1.2.0", &at(9));
    assert_eq!(folder.check(&["--write", "--pr"]).0, 0);
    assert_eq!(branches(), first);
    assert!(remote.read(&first, "app/values.yaml").contains("\"1.2.0\""));
    assert_eq!(commits(&remote), 1);
}

#[test]
fn a_failed_push_is_an_error_and_the_next_poll_lands() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let remote = Remote::new(&[("app/values.yaml", VALUES)]);
    let folder = Folder::clone_of(&remote, &one_image(&registry, "", TARGET));
    let hook = remote.path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho protected >&2\nexit 1\n").unwrap();
    let mut mode = std::fs::metadata(&hook).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    let (code, reports) = folder.check(&["--write"]);
    assert_eq!(
        (code, reports[0]["error"]["kind"].as_str()),
        (3, Some("push_refused")),
        "{reports:?}"
    );
    assert_eq!(commits(&remote), 1);
    std::fs::remove_file(&hook).unwrap();
    assert_eq!(folder.check(&["--write"]).0, 0);
    assert_eq!(commits(&remote), 2);
}

/// Starts the daemon, and returns it with the address of its figures.
fn daemon(folder: &Folder, arguments: &[&str]) -> (Background, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_image-watch"));
    command
        .current_dir(folder.path())
        .env("XDG_CACHE_HOME", folder.cache())
        .env("HOME", autoscaleops_testkit::home())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["run", "-o", "json", "--listen", "127.0.0.1:0"])
        .args(arguments);
    Background::start_until(&mut command, |line| {
        line.split("/healthz at ").nth(1).map(str::to_owned)
    })
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn figure(address: &str, name: &str) -> f64 {
    let metrics = get(address, "/metrics");
    let line = metrics.lines().find(|it| it.starts_with(name));
    line.and_then(|it| it.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

#[test]
fn the_daemon_promotes_what_appears_and_ends_cleanly() {
    let registry = registry(&["1.0.0"]);
    let remote = Remote::new(&[("app/values.yaml", VALUES)]);
    let folder = Folder::clone_of(&remote, &one_image(&registry, "", TARGET));
    let (mut daemon, address) = daemon(&folder, &["--write", "--interval", "50ms"]);
    let limit = Duration::from_secs(60);
    wait_until("a poll", limit, || {
        figure(&address, "image_watch_polls_total") > 0.0
    });
    registry.add("acme/shop", "1.1.0", &at(5));
    wait_until("the update", limit, || {
        remote.read("main", "app/values.yaml").contains("1.1.0")
    });
    wait_until("the figure", limit, || {
        figure(&address, "image_watch_updates_total{image=\"prod\"}") > 0.5
    });
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!(daemon.terminate().code(), Some(143));
    assert_eq!(commits(&remote), 2);
}

/// A day of polls every two minutes, 720 of them, as fast as they go.
#[test]
fn a_day_of_the_daemon_misses_nothing_writes_nothing_twice_and_does_not_grow() {
    const POLLS: f64 = 720.0;
    let registry = registry(&["1.0.0"]);
    let remote = Remote::new(&[("app/values.yaml", VALUES)]);
    let folder = Folder::clone_of(
        &remote,
        &one_image(&registry, "", &format!("strategy: semver\n{TARGET}")),
    );
    let (mut daemon, address) = daemon(&folder, &["--write", "--interval", "1ms"]);
    let limit = Duration::from_secs(120);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
        let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let polls = |count: f64| {
        wait_until("polls", limit, || {
            figure(&address, "image_watch_polls_total") >= count
        });
    };
    let mut written = 0;
    let mut warm = 0;
    // Twelve releases over the day, and each is there before the next one comes.
    for release in 1..=12_u32 {
        let tag = format!("1.{release}.0");
        registry.add("acme/shop", &tag, &at(release as usize));
        wait_until("the release", limit, || {
            remote.read("main", "app/values.yaml").contains(&tag)
        });
        written += 1;
        polls(POLLS / 12.0 * f64::from(release));
        if release == 3 {
            warm = resident();
        }
    }
    polls(POLLS);
    let end = resident();
    assert_eq!(daemon.terminate().code(), Some(143));
    assert_eq!(commits(&remote), 1 + written);
    let tags = git(&remote.path(), &["log", "--format=%s", "main"]);
    assert_eq!(tags.matches(" -> 1.").count(), written, "{tags}");
    // The pages of an allocator come and go; a leak of 720 polls does not stay within this.
    assert!(end < warm + 4_096, "grew from {warm} to {end} KiB");
}

/// A third writer: tag-bump where it is built, else what a person does.
fn by_hand(remote: &Remote, round: usize) {
    let (count, url) = (round.to_string(), remote.url());
    let message = format!("by hand {round}");
    if let Some(tag_bump) = autoscaleops_testkit::built("tag-bump") {
        let arguments = [
            "by-hand.yaml",
            "--repo",
            &url,
            "--path",
            "count",
            "--value",
            &count,
        ];
        let output = autoscaleops_testkit::command(tag_bump)
            .args(arguments)
            .args([
                "--push",
                "--author",
                "Ada <ada@example.org>",
                "--message",
                &message,
            ])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tag-bump: {said}");
        return;
    }
    let clone = remote.clone_with(&[]);
    std::fs::write(
        clone.path().join("by-hand.yaml"),
        format!("count: \"{count}\"\n"),
    )
    .unwrap();
    git(
        clone.path(),
        &["commit", "--quiet", "--all", "--message", &message],
    );
    let run = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(clone.path())
            .env("HOME", autoscaleops_testkit::home())
            .args(arguments)
            .output();
        output.is_ok_and(|it| it.status.success())
    };
    wait_until("the push by hand", Duration::from_secs(120), || {
        run(&["pull", "--quiet", "--rebase", "origin", "main"])
            && run(&["push", "--quiet", "origin", "main"])
    });
}

#[test]
fn two_daemons_and_tag_bump_lose_nothing() {
    let registry = registry(&["1.0.0"]);
    registry.add("acme/api", "2.0.0", &at(0));
    let host = registry.address();
    let files = [
        ("app/values.yaml", VALUES),
        ("api/values.yaml", "tag: 2.0.0\n"),
        ("by-hand.yaml", "count: \"0\"\n"),
    ];
    let remote = Remote::new(&files);
    let api = format!(
        "image-watch:\n  images:\n    - {{image: {host}/acme/api, target: {{file: api/values.yaml, path: tag}}}}\n    - {{name: prod, image: {host}/acme/shop, target: {{file: app/values.yaml, path: image.tag}}}}\n"
    );
    let one = Folder::clone_of(&remote, &one_image(&registry, "", TARGET));
    // The second one watches both, so that both race for the first image.
    let two = Folder::clone_of(&remote, &api);
    let (mut first, _) = daemon(&one, &["--write", "--interval", "5ms"]);
    let (mut second, _) = daemon(&two, &["--write", "--interval", "5ms"]);
    let limit = Duration::from_secs(120);
    for round in 1..=6_usize {
        registry.add("acme/shop", &format!("1.{round}.0"), &at(round));
        registry.add("acme/api", &format!("2.{round}.0"), &at(round));
        by_hand(&remote, round);
        wait_until("both images", limit, || {
            remote
                .read("main", "app/values.yaml")
                .contains(&format!("\"1.{round}.0\""))
                && remote.read("main", "api/values.yaml") == format!("tag: 2.{round}.0\n")
        });
    }
    first.terminate();
    second.terminate();
    assert_eq!(remote.read("main", "by-hand.yaml"), "count: \"6\"\n");
    let subjects = remote.subjects("main");
    for round in 1..=6 {
        assert!(
            subjects.contains(&format!("by hand {round}")),
            "{subjects:?}"
        );
    }
    // Each value of each image was written exactly once.
    let history = git(&remote.path(), &["log", "-p", "--format=", "main"]);
    for round in 1..=6 {
        assert_eq!(
            history.matches(&format!("+  tag: \"1.{round}.0\"")).count(),
            1,
            "{history}"
        );
        assert_eq!(
            history.matches(&format!("+tag: 2.{round}.0")).count(),
            1,
            "{history}"
        );
    }
    // Nothing else of the file moved.
    assert_eq!(
        remote.read("main", "app/values.yaml"),
        VALUES.replace("1.0.0", "1.6.0")
    );
}
