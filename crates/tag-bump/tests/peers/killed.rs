//! Killed at every step: nothing is left broken, and the next run does the work.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use autoscaleops_testkit::{Remote, git};
use tempfile::tempdir;

use crate::support::{bump, report, wrapper};

const VALUES: &str = "image:\n  repository: acme/shop\n  tag: v1 # live\n";

/// A `git` that kills who called it, at its N-th call: before, during or after its work.
const KILLER: &str = "\
n=$(cat \"$COUNT\" 2>/dev/null || echo 0); n=$((n + 1)); echo $n > \"$COUNT\"
if [ \"$n\" = \"$KILL_AT\" ]; then
  case $KILL_WHEN in
    before) kill -9 $PPID; exit 1;;
    during) kill -9 $PPID; exec $REAL \"$@\";;
    after) $REAL \"$@\"; kill -9 $PPID; exit 0;;
  esac
fi
exec $REAL \"$@\"";

fn check_remote(remote: &Remote) {
    assert_eq!(
        git(&remote.path(), &["fsck", "--strict", "--no-dangling"]),
        ""
    );
    let text = remote.read("main", "values.yaml");
    assert!(
        [VALUES.to_owned(), VALUES.replace("v1", "v2")].contains(&text),
        "{text}"
    );
}

/// Kills at each call of `git` in turn, and has the work done by another run. Returns the calls.
fn kill_everywhere(arguments: &[&str], with_checkout: bool) -> u32 {
    let mut kills = 0;
    for when in ["before", "during", "after"] {
        for at in 1.. {
            let remote = Remote::new(&[("values.yaml", VALUES)]);
            let folder = tempdir().unwrap();
            let path = wrapper(folder.path(), KILLER);
            let clone = remote.clone_with(&["--depth=1"]);
            let url = remote.url();
            remote.commit(&[("other.txt", "theirs\n")], "theirs");
            let place = if with_checkout {
                clone.path()
            } else {
                folder.path()
            };
            let temporary = folder.path().join("tmp");
            fs::create_dir(&temporary).unwrap();
            let ask = || {
                let command = bump(place)
                    .env("TMPDIR", &temporary)
                    .args(["values.yaml", "--image", "acme/shop", "--tag", "v2"])
                    .args(arguments);
                if with_checkout {
                    command
                } else {
                    command.args(["--repo", &url])
                }
            };
            let head = git(clone.path(), &["rev-parse", "HEAD"]);
            let status = ask()
                .env("PATH", &path)
                .env("COUNT", folder.path().join("count"))
                .env("KILL_AT", at.to_string())
                .env("KILL_WHEN", when)
                .output()
                .unwrap()
                .status;
            if let Some(code) = status.code() {
                assert_eq!(code, 0, "{when} {at}");
                break;
            }
            kills += 1;
            // A `git` that outlived us may still be at work.
            thread::sleep(Duration::from_millis(300));
            check_remote(&remote);
            if with_checkout {
                assert_eq!(git(clone.path(), &["rev-parse", "HEAD"]), head);
                assert_eq!(
                    git(clone.path(), &["status", "--porcelain"]),
                    "",
                    "{when} {at}"
                );
                git(clone.path(), &["fsck", "--strict", "--no-dangling"]);
            }
            let (code, told, words) = report(ask());
            assert_eq!(code, 0, "{when} {at}: {told}{words}");
            assert_eq!(
                remote.read("main", "values.yaml"),
                VALUES.replace("v1", "v2")
            );
            // What the killed run left is gone too.
            assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{when} {at}");
            // Whichever run did it, it was done once.
            assert_eq!(remote.subjects("main").len(), 3, "{when} {at}");
        }
    }
    kills
}

#[test]
fn without_a_checkout() {
    // The default branch, the fetch, the blob, the push, each in three ways.
    assert!(kill_everywhere(&[], false) >= 12);
}

#[test]
fn in_a_checkout() {
    assert!(kill_everywhere(&["--push"], true) >= 9);
}

/// Starts the program and kills it after `delay`.
fn kill_after(folder: &Path, arguments: &[&str], delay: Duration) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tag-bump"))
        .args(arguments)
        .current_dir(folder)
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(delay);
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn at_any_moment_of_an_edit_or_a_commit() {
    let remote = Remote::new(&[("values.yaml", VALUES)]);
    let clone = remote.clone_with(&[]);
    let file = clone.path().join("values.yaml");
    let new = VALUES.replace("v1", "v2");
    for round in 0..60 {
        fs::write(&file, VALUES).unwrap();
        kill_after(
            clone.path(),
            &["values.yaml", "--path", "image.tag", "--tag", "v2"],
            Duration::from_micros(round * 150),
        );
        let text = fs::read_to_string(&file).unwrap();
        assert!(text == VALUES || text == new, "{text}");
    }
    fs::write(&file, VALUES).unwrap();
    for round in 0..60 {
        let tag = format!("v{}", round + 3);
        let before = git(clone.path(), &["rev-parse", "HEAD"]);
        let arguments = [
            "values.yaml",
            "--path",
            "image.tag",
            "--tag",
            &tag,
            "--commit",
        ];
        kill_after(clone.path(), &arguments, Duration::from_micros(round * 250));
        git(clone.path(), &["fsck", "--strict", "--no-dangling"]);
        // A lock that a killed program leaves is Git's own way to be careful; people remove it.
        let _ = fs::remove_file(clone.path().join(".git/index.lock"));
        let _ = fs::remove_file(clone.path().join(".git/refs/heads/main.lock"));
        let (code, told, words) = report(bump(clone.path()).args(arguments));
        assert_eq!(code, 0, "{round}: {told}{words}");
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            VALUES.replace("v1", &tag)
        );
        assert_eq!(
            git(
                clone.path(),
                &["rev-list", "--count", &format!("{before}..HEAD")]
            ),
            "1"
        );
        assert_eq!(
            git(
                clone.path(),
                &["status", "--porcelain", "--untracked-files=no"]
            ),
            ""
        );
    }
}
