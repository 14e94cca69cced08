//! Signatures that the real `git` verifies.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use autoscaleops_testkit::{Remote, git, peer};
use tempfile::tempdir;

use crate::support::{bump, report};

const VALUES: &str = "image:\n  repository: acme/shop\n  tag: v1\n";

fn ask(clone: &Path, tag: &str) -> snapbox::cmd::Command {
    bump(clone).args([
        "values.yaml",
        "--image",
        "acme/shop",
        "--tag",
        tag,
        "--push",
    ])
}

#[test]
fn an_ssh_key_signs() {
    let Some(keygen) = peer("ssh-keygen") else {
        return;
    };
    let keys = tempdir().unwrap();
    let key = keys.path().join("key");
    let status = Command::new(keygen)
        .args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "ada@example.org",
            "-f",
        ])
        .arg(&key)
        .status()
        .unwrap();
    assert!(status.success());
    let signers = keys.path().join("signers");
    fs::write(
        &signers,
        format!(
            "ada@example.org {}",
            fs::read_to_string(key.with_extension("pub")).unwrap()
        ),
    )
    .unwrap();
    let remote = Remote::new(&[("values.yaml", VALUES)]);
    let clone = remote.clone_with(&[]);
    git(clone.path(), &["config", "gpg.format", "ssh"]);
    git(
        clone.path(),
        &[
            "config",
            "gpg.ssh.allowedSignersFile",
            signers.to_str().unwrap(),
        ],
    );
    git(
        clone.path(),
        &["config", "user.signingKey", key.to_str().unwrap()],
    );
    let is_good = || git(clone.path(), &["log", "-1", "--format=%G?", "origin/main"]);

    let (code, told, words) = report(ask(clone.path(), "v2").arg("--sign"));
    assert_eq!(code, 0, "{told}{words}");
    assert_eq!(is_good(), "G");
    // As Git is configured, and against it.
    git(clone.path(), &["config", "commit.gpgSign", "true"]);
    let (code, ..) = report(ask(clone.path(), "v3"));
    assert_eq!((code, is_good()), (0, "G".to_owned()));
    let (code, ..) = report(ask(clone.path(), "v4").arg("--no-sign"));
    assert_eq!((code, is_good()), (0, "N".to_owned()));
    // What cannot be signed does not land.
    let (code, told, _) = report(ask(clone.path(), "v5").arg("--sign=/no/such/key"));
    assert_eq!(code, 1, "{told}");
    assert_eq!(
        remote.read("main", "values.yaml"),
        VALUES.replace("v1", "v4")
    );
    let (code, told, _) =
        report(ask(clone.path(), "v5").args(["--sign", "--transport", "library"]));
    assert_eq!(code, 3, "{told}");
}

#[test]
fn a_gpg_key_signs() {
    let Some(gpg) = peer("gpg") else { return };
    let home = tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let status = Command::new(&gpg)
        .env("GNUPGHOME", home.path())
        .args([
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            "--quick-generate-key",
            "Ada <ada@example.org>",
            "ed25519",
            "sign",
        ])
        .status()
        .unwrap();
    assert!(status.success());
    let remote = Remote::new(&[("values.yaml", VALUES)]);
    let clone = remote.clone_with(&[]);
    let command = ask(clone.path(), "v2")
        .arg("--sign=ada@example.org")
        .env("GNUPGHOME", home.path());
    let (code, told, words) = report(command);
    assert_eq!(code, 0, "{told}{words}");
    let verified = Command::new("git")
        .args(["verify-commit", "origin/main"])
        .current_dir(clone.path())
        .env("GNUPGHOME", home.path())
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    // The agent that gpg started is ended by its own folder's going.
    let _ = Command::new("gpgconf")
        .env("GNUPGHOME", home.path())
        .args(["--kill", "all"])
        .status();
}
