//! What several tests need.

use std::{fs, path::Path, sync::LazyLock};

use autoscaleops_testkit::{nonconforming, tool};
use serde_json::Value;
use snapbox::cmd::Command;

/// A values file as the story has it: quotes, an aligned comment, no line break at the end.
pub(crate) const VALUES: &str = "# dev\nimage:\n  repository: ghcr.io/acme/shop\n  tag: \"v1\"         # bumped here only\n\nhpa:\n  maxReplicas: 6   # six";

pub(crate) fn values(tag: &str) -> String {
    VALUES.replace("v1", tag)
}

/// The program in a folder, as somebody.
pub(crate) fn bump(folder: &Path) -> Command {
    tool!("tag-bump")
        .current_dir(folder)
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
}

/// Runs the program and returns its code, its answer and its words.
pub(crate) fn run(command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Runs the program for its JSON report, which must be as the schema says.
pub(crate) fn report(command: Command) -> (i32, Value) {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let asked = tool!("tag-bump").args(["config", "schema", "--of-report"]);
        serde_json::from_str(&run(asked).1).unwrap()
    });

    let (code, answer, words) = run(command.args(["-o", "json"]));
    let report =
        serde_json::from_str(&answer).unwrap_or_else(|err| panic!("{err}: {answer}{words}"));
    assert_eq!(nonconforming(&SCHEMA, &report), [""; 0], "{report}");
    (code, report)
}

pub(crate) fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(crate) fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}
