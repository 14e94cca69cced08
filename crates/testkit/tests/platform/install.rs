//! How an action comes by its program: from a release, and only from the right one.

use std::{fmt::Write as _, fs, path::Path};

use autoscaleops_testkit::{Stubs, command, peer, root, write_program};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A `gh` that downloads from a folder, and verifies or refuses as it is told, with gh's own exit codes: 1 for anything that
/// is wrong, 4 when nobody is signed in.
pub(crate) const GH: &str = r#"#!/bin/sh
echo "gh $*" >>"$GH_FOLDER/calls"
case "$1 $2" in
"release download")
    while [ "$1" != --dir ]; do shift; done
    cp "$GH_FOLDER"/release/* "$2"
    ;;
"--version ") echo "gh version $(cat "$GH_FOLDER/version" 2>/dev/null || echo 2.95.0) (2026-11-01)" ;;
"attestation verify")
    verdict=$(cat "$GH_FOLDER/verdict")
    case $verdict in
    1) echo "Error: verifying with issuer \"sigstore.dev\"" >&2 ;;
    4) echo "To get started with GitHub CLI, please run:  gh auth login" >&2 ;;
    esac
    exit "$verdict"
    ;;
*) exit 64 ;;
esac
"#;

/// What happened: the exit code, standard error, and the outputs.
struct Outcome {
    code: Option<i32>,
    error: String,
    outputs: String,
    calls: String,
}

fn install(folder: &TempDir, version: &str) -> Outcome {
    let path = folder.path();
    let bin = path.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let gh = bin.join("gh");
    write_program(&gh, GH.as_bytes());
    fs::write(path.join("outputs"), "").unwrap();
    let output = command(root().join(".github/actions/install.sh"))
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .envs([
            ("TOOL", "tag-bump"),
            ("SOURCE", "release"),
            ("VERSION", version),
            ("FOLDER", ""),
        ])
        .env("RUNNER_TEMP", path.join("temp"))
        .env("GITHUB_OUTPUT", path.join("outputs"))
        .env("GH_FOLDER", path)
        .output()
        .unwrap();
    Outcome {
        code: output.status.code(),
        error: String::from_utf8(output.stderr).unwrap(),
        outputs: fs::read_to_string(path.join("outputs")).unwrap(),
        calls: fs::read_to_string(path.join("calls")).unwrap_or_default(),
    }
}

/// Makes a release with one program in it, attested or not.
pub(crate) fn release(attested: bool) -> Option<TempDir> {
    if !cfg!(target_os = "linux") || peer("shasum").is_none() {
        return None;
    }
    let folder = TempDir::new().unwrap();
    let name = format!(
        "autoscaleops-9.8.7-{}-unknown-linux-gnu",
        std::env::consts::ARCH
    );
    let inside = folder.path().join(&name);
    fs::create_dir(&inside).unwrap();
    let program = inside.join("tag-bump");
    write_program(&program, b"#!/bin/sh\necho tag-bump 9.8.7\n");
    for (name, text) in [
        ("man/tag-bump.1", ".TH tag-bump 1\n"),
        ("completions/tag-bump.bash", "complete tag-bump\n"),
        ("completions/tag-bump.zsh", "#compdef tag-bump\n"),
        ("completions/tag-bump.fish", "complete -c tag-bump\n"),
    ] {
        let path = inside.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir(folder.path().join("release")).unwrap();
    let archive = folder.path().join("release").join(format!("{name}.tar.gz"));
    command("/bin/tar")
        .current_dir(folder.path())
        .arg("-czf")
        .arg(&archive)
        .arg(&name)
        .assert()
        .success();
    sum(&archive);
    fs::write(
        folder.path().join("verdict"),
        if attested { "0" } else { "1" },
    )
    .unwrap();
    Some(folder)
}

pub(crate) fn sum(archive: &Path) {
    let digest = Sha256::digest(fs::read(archive).unwrap());
    let hex = digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let name = archive.file_name().unwrap().to_str().unwrap();
    let other = "0".repeat(64);
    let sums = format!("{hex}  {name}\n{other}  autoscaleops-9.8.7-somewhere-else.tar.gz\n");
    fs::write(archive.with_file_name("SHA256SUMS"), sums).unwrap();
}

#[test]
fn a_release_with_the_right_sum_and_attestation_is_installed_once() {
    let Some(folder) = release(true) else { return };
    let outcome = install(&folder, "9.8.7");
    assert_eq!(outcome.code, Some(0), "{}", outcome.error);
    let program = outcome
        .outputs
        .trim()
        .strip_prefix("program=")
        .unwrap()
        .to_owned();
    command(&program)
        .assert()
        .success()
        .stdout_eq("tag-bump 9.8.7\n");
    assert!(
        outcome
            .calls
            .contains("gh release download cli-v9.8.7 --repo autoscaleops/autoscaleops")
    );
    assert!(outcome.calls.contains("gh attestation verify "));
    let again = install(&folder, "9.8.7");
    assert_eq!(
        again.calls, outcome.calls,
        "what is there is not downloaded again"
    );
}

#[test]
fn an_archive_that_is_not_the_one_that_was_summed_is_refused() {
    let Some(folder) = release(true) else { return };
    for entry in fs::read_dir(folder.path().join("release")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "gz") {
            let mut bytes = fs::read(&path).unwrap();
            bytes.push(0);
            fs::write(&path, bytes).unwrap();
        }
    }
    let outcome = install(&folder, "9.8.7");
    assert_eq!((outcome.code, outcome.outputs.as_str()), (Some(1), ""));
    assert!(
        outcome
            .error
            .contains("the checksum of autoscaleops-9.8.7-"),
        "{}",
        outcome.error
    );
    assert!(!outcome.calls.contains("attestation"));
}

#[test]
fn an_archive_that_nobody_summed_is_refused() {
    let Some(folder) = release(true) else { return };
    fs::write(folder.path().join("release/SHA256SUMS"), "").unwrap();
    let outcome = install(&folder, "9.8.7");
    assert_eq!((outcome.code, outcome.outputs.as_str()), (Some(1), ""));
}

#[test]
fn an_archive_that_another_workflow_built_is_refused() {
    let Some(folder) = release(false) else { return };
    let outcome = install(&folder, "9.8.7");
    assert_eq!((outcome.code, outcome.outputs.as_str()), (Some(1), ""));
    assert!(
        outcome
            .error
            .contains("is not attested by the release workflow of autoscaleops/autoscaleops"),
        "{}",
        outcome.error
    );
}

#[test]
fn a_version_that_is_no_version_downloads_nothing() {
    let Some(folder) = release(true) else { return };
    for version in ["latest", "1.x", "1.2.3; rm -rf /", "../../other", ""] {
        let outcome = install(&folder, version);
        assert_eq!(
            (outcome.code, outcome.outputs.as_str()),
            (Some(2), ""),
            "{version}"
        );
        assert_eq!(outcome.calls, "", "{version}");
    }
}

#[test]
fn a_code_that_is_accepted_is_an_output_and_any_other_fails_the_step() {
    let folder = TempDir::new().unwrap();
    let stubs = Stubs::new().program("program", "printf '%s\\n' \"$@\" >\"$SEEN\"; exit 10");
    for (accept, code) in [("0 10", 0), ("0", 10), ("", 10)] {
        fs::write(folder.path().join("outputs"), "").unwrap();
        let output = command(root().join(".github/actions/run.sh"))
            .args(["judge", "a b"])
            .env("PROGRAM", stubs.file("program"))
            .env("ACCEPT", accept)
            .env("MORE", "--flag\n$(touch hacked)\n--\nsh")
            .env("SEEN", folder.path().join("seen"))
            .env("RUNNER_TEMP", folder.path())
            .env("GITHUB_OUTPUT", folder.path().join("outputs"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{accept}");
        let outputs = fs::read_to_string(folder.path().join("outputs")).unwrap();
        assert!(outputs.starts_with("exit-code=10\nreport="), "{outputs}");
        let seen = fs::read_to_string(folder.path().join("seen")).unwrap();
        let seen: Vec<&str> = seen.lines().collect();
        // What comes from outside stays text, and the report's place is before the other program's own arguments.
        assert_eq!(seen[..4], ["judge", "a b", "--flag", "$(touch hacked)"]);
        assert_eq!((seen[4], &seen[6..]), ("--report", &["--", "sh"][..]));
    }
    assert!(!folder.path().join("hacked").exists());
}
