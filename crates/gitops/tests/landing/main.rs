//! Several changes landed as one commit, from every kind of checkout, with both transports.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use autoscaleops_gitops::{
    Address, Change, Edit, LandError, Landed, Landing, Message, NewValue, OnConflict, Outcome,
    Source, TransportKind, land,
};
use autoscaleops_testkit::{GitHttp, Remote, git};
use tempfile::TempDir;

const DEV: &str = "image:\n  repository: acme/shop\n  tag: v1 # live\n";
const APPS: &str = "a:\n  image: acme/a:v1\nb:\n  image: acme/b:v1\n";

fn remote() -> Remote {
    Remote::new(&[
        ("dev/values.yaml", DEV),
        ("apps.yaml", APPS),
        ("deep/er/and/deeper/x.txt", "x\n"),
    ])
}

fn landing(source: Source) -> Landing {
    Landing {
        identity: Some("Ada <ada@example.org>".parse().unwrap()),
        ..Landing::new(source, Message::of_tool("image-watch 0.1.0"))
    }
}

fn change(file: &str, image: &str, tag: &str) -> Change {
    let edit = Edit::new(
        Address::Image(image.to_owned()),
        NewValue::tag(tag.parse().unwrap()),
    );
    Change {
        file: file.to_owned(),
        edit,
        expect: None,
        image: Some(image.to_owned()),
    }
}

fn three() -> [Change; 3] {
    [
        change("dev/values.yaml", "acme/shop", "v2"),
        change("apps.yaml", "acme/a", "v3"),
        change("apps.yaml", "acme/b", "v4"),
    ]
}

fn check(remote: &Remote, landed: &Landed) {
    assert_eq!(landed.commit.as_deref(), Some(remote.tip("main").as_str()));
    assert_eq!(
        remote.read("main", "dev/values.yaml"),
        DEV.replace("v1", "v2")
    );
    assert_eq!(
        remote.read("main", "apps.yaml"),
        "a:\n  image: acme/a:v3\nb:\n  image: acme/b:v4\n"
    );
    assert_eq!(remote.read("main", "deep/er/and/deeper/x.txt"), "x\n");
    assert_eq!(remote.subjects("main"), ["update 3 images", "first"]);
    assert_eq!(
        git(&remote.path(), &["fsck", "--strict", "--no-dangling"]),
        ""
    );
}

#[test]
fn several_changes_are_one_commit() {
    for transport in [TransportKind::Git, TransportKind::Library] {
        let remote = remote();
        let server = GitHttp::serve(remote.path().parent().unwrap(), None);
        let url = server.url("remote.git");
        let landed = land(
            &Landing {
                transport,
                ..landing(Source::Url(url))
            },
            &three(),
        )
        .unwrap();
        check(&remote, &landed);
        assert!(
            landed
                .values
                .iter()
                .all(|it| it.outcome == Outcome::Changed)
        );
        let body = git(&remote.path(), &["log", "-1", "--format=%b", "main"]);
        assert!(body.contains("apps.yaml: b.image v1 -> v4"), "{body}");
        assert!(body.contains("AutoScaleOps-Image: acme/a:v3"), "{body}");
    }
}

#[test]
fn every_kind_of_checkout_will_do() {
    let kinds: [&[&str]; 6] = [
        &[],
        &["--depth=1"],
        &["--filter=blob:none"],
        &["--filter=tree:0"],
        &["--filter=blob:none", "--depth=1", "--sparse"],
        &["--no-checkout"],
    ];
    for kind in kinds {
        let remote = remote();
        let clone = remote.clone_with(kind);
        remote.commit(&[("other.txt", "theirs\n")], "theirs");
        let before = git(clone.path(), &["rev-parse", "HEAD"]);
        let landed = land(
            &landing(Source::Checkout(clone.path().to_owned())),
            &three(),
        );
        let landed = landed.unwrap_or_else(|err| panic!("{kind:?}: {err}"));
        assert_eq!(landed.commit, Some(remote.tip("main")), "{kind:?}");
        assert_eq!(
            remote.subjects("main"),
            ["update 3 images", "theirs", "first"],
            "{kind:?}"
        );
        assert_eq!(remote.read("main", "other.txt"), "theirs\n");
        assert_eq!(git(clone.path(), &["rev-parse", "HEAD"]), before);
        git(clone.path(), &["fsck", "--strict", "--no-dangling"]);
    }
}

#[test]
fn a_linked_work_tree_is_a_checkout_too() {
    let remote = remote();
    let clone = remote.clone_with(&[]);
    let linked = TempDir::new().unwrap();
    let folder = linked.path().join("w");
    git(
        clone.path(),
        &[
            "worktree",
            "add",
            "--quiet",
            "-b",
            "side",
            folder.to_str().unwrap(),
        ],
    );
    let of_side = Landing {
        branch: Some("main".to_owned()),
        ..landing(Source::Checkout(folder))
    };
    check(&remote, &land(&of_side, &three()).unwrap());
}

#[test]
fn one_wrong_change_lands_none() {
    let remote = remote();
    let mut changes = three();
    changes[2] = change("apps.yaml", "acme/none", "v2");
    let err = land(&landing(Source::Url(remote.url())), &changes).unwrap_err();
    assert!(
        matches!(&err, LandError::Edit { file, .. } if file == "apps.yaml"),
        "{err}"
    );
    changes[2] = change("none.yaml", "acme/none", "v2");
    let err = land(&landing(Source::Url(remote.url())), &changes).unwrap_err();
    assert!(matches!(err, LandError::File { .. }), "{err}");
    assert_eq!(remote.subjects("main"), ["first"]);
}

#[test]
fn what_somebody_else_set_is_skipped_and_the_rest_lands() {
    let remote = remote();
    let mut changes = three();
    changes[1].expect = Some("v0".to_owned());
    let source = || Source::Url(remote.url());
    let err = land(&landing(source()), &changes).unwrap_err();
    assert!(
        matches!(&err, LandError::Conflict { found, .. } if found == "v1"),
        "{err}"
    );
    let skipping = Landing {
        on_conflict: OnConflict::Skip,
        ..landing(source())
    };
    let landed = land(&skipping, &changes).unwrap();
    let outcomes: Vec<Outcome> = landed.values.iter().map(|it| it.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Changed, Outcome::Skipped, Outcome::Changed]
    );
    assert_eq!(
        remote.read("main", "apps.yaml"),
        "a:\n  image: acme/a:v1\nb:\n  image: acme/b:v4\n"
    );
}

#[test]
fn a_trial_pushes_nothing_and_shows_everything() {
    let remote = remote();
    let trial = Landing {
        dry_run: true,
        ..landing(Source::Url(remote.url()))
    };
    let landed = land(&trial, &three()).unwrap();
    assert!(
        landed.diff.contains("+  image: acme/b:v4"),
        "{}",
        landed.diff
    );
    assert_eq!(remote.subjects("main"), ["first"]);
}

#[test]
fn modes_stay_and_links_are_not_followed() {
    let remote = remote();
    let clone = remote.clone_with(&[]);
    std::os::unix::fs::symlink("apps.yaml", clone.path().join("link.yaml")).unwrap();
    git(clone.path(), &["add", "link.yaml"]);
    git(
        clone.path(),
        &["update-index", "--chmod=+x", "dev/values.yaml"],
    );
    git(clone.path(), &["commit", "--quiet", "--message", "modes"]);
    git(clone.path(), &["push", "--quiet"]);
    let source = || Source::Url(remote.url());
    land(
        &landing(source()),
        &[change("dev/values.yaml", "acme/shop", "v2")],
    )
    .unwrap();
    let listed = git(&remote.path(), &["ls-tree", "main", "dev/values.yaml"]);
    assert!(listed.starts_with("100755"), "{listed}");
    let err = land(&landing(source()), &[change("link.yaml", "acme/a", "v2")]).unwrap_err();
    assert!(err.to_string().contains("symbolic link"), "{err}");
}

#[test]
fn the_seeds_own_file_changes_in_one_line() {
    // The file before the commit in which another program changed seven lines of it.
    let before = "replicaCount: 2\n\nimage:\n  repository: saadpatel2400/devops-app\n  tag: v1\n\nservice:\n  nodePort: 30007   # dev\n\nhpa:\n  maxReplicas: 6";
    let remote = Remote::new(&[("AutoScaleOps/values-dev.yaml", before)]);
    let landed = land(
        &landing(Source::Url(remote.url())),
        &[change(
            "AutoScaleOps/values-dev.yaml",
            "docker.io/saadpatel2400/devops-app",
            "dev-d6189e7",
        )],
    )
    .unwrap();
    let changed: Vec<&str> = landed
        .diff
        .lines()
        .filter(|it| {
            (it.starts_with('-') || it.starts_with('+'))
                && !it.starts_with("---")
                && !it.starts_with("+++")
        })
        .collect();
    assert_eq!(changed, ["-  tag: v1", "+  tag: dev-d6189e7"]);
    assert_eq!(
        remote.read("main", "AutoScaleOps/values-dev.yaml"),
        before.replace("v1", "dev-d6189e7")
    );
    // The path as that program was given it names no file, and none is made.
    let err = land(
        &landing(Source::Url(remote.url())),
        &[change(
            "AutoScaleOps/AutoScaleOps/values-dev.yaml",
            "saadpatel2400/devops-app",
            "v2",
        )],
    )
    .unwrap_err();
    let failure = err.failure();
    assert_eq!(
        failure.remedy(),
        Some("there is `AutoScaleOps/values-dev.yaml`")
    );
    assert!(autoscaleops_gitops::inner_path(Path::new("a/../../b")).is_err());
}
