//! Every contract can be broken: each test of these modules fails when one line of the repository is made wrong. What
//! passes whatever one does to its files holds nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use autoscaleops_testkit::{built, command, peer, root};
use serde_json::Value;
use tempfile::TempDir;

use crate::files::{ROOT, yaml};

/// The modules whose tests are about files alone.
const CONTRACTS: [&str; 6] = [
    "argocd",
    "charts",
    "objects",
    "observability",
    "ports",
    "workflows",
];
const TABLE: &str = "crates/testkit/tests/platform/mutants.yaml";

/// Copies what the contracts read.
fn copy() -> TempDir {
    let copy = TempDir::new().unwrap();
    // The linter looks for a repository.
    fs::create_dir(copy.path().join(".git")).unwrap();
    for part in [
        ".github",
        "argocd",
        "charts",
        "docs",
        "scripts",
        "crates/demo-app/Dockerfile",
        "crates/testkit/tests/platform",
        "Cargo.toml",
        "README.md",
    ] {
        copy_part(&root().join(part), &copy.path().join(part));
    }
    copy
}

fn copy_part(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy_part(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// Runs tests of this program on a copy; returns those that failed, and all that is said.
fn failing(copy: &Path, arguments: &[&str]) -> (BTreeSet<String>, String) {
    let output = command(std::env::current_exe().unwrap())
        .args(arguments)
        .env(ROOT, copy)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = said
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .map(str::to_owned)
        .collect();
    (failed, said)
}

/// The names of the tests that the table has to break.
fn contracts() -> BTreeSet<String> {
    let output = command(std::env::current_exe().unwrap())
        .arg("--list")
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| {
            CONTRACTS
                .iter()
                .any(|module| name.starts_with(&format!("{module}::")))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_contract_fails_when_what_it_holds_is_broken() {
    // A test that skips itself would pass.
    for program in ["helm", "lua5.1", "zizmor", "actionlint"] {
        if peer(program).is_none() {
            return;
        }
    }
    for program in ["kind-up", "tag-bump"] {
        if built(program).is_none() {
            return;
        }
    }
    let copy = copy();
    let (failed, said) = failing(copy.path(), &CONTRACTS);
    assert!(failed.is_empty(), "a copy with nothing wrong in it: {said}");

    // By file, so that each is read once and put back once.
    let table = yaml(TABLE);
    let mut broken = BTreeMap::new();
    for row in table.as_array().unwrap() {
        let field = |key: &str| {
            row[key]
                .as_str()
                .unwrap_or_else(|| panic!("no {key}: {row}"))
        };
        let (test, from, to) = (field("test"), field("from"), field("to"));
        let path = copy.path().join(field("in"));
        let right = fs::read_to_string(&path).unwrap();
        let wrong = right.replace(from, to);
        assert_ne!(right, wrong, "{test}: nothing to break: {from}");
        fs::write(&path, wrong).unwrap();
        let (failed, said) = failing(copy.path(), &["--exact", test]);
        fs::write(&path, right).unwrap();
        assert_eq!(
            failed.len(),
            1,
            "{test} passes with `{from}` -> `{to}`: {said}"
        );
        broken.insert(test.to_owned(), Value::Null);
    }
    let untried: Vec<_> = contracts()
        .into_iter()
        .filter(|test| !broken.contains_key(test))
        .collect();
    assert!(untried.is_empty(), "{TABLE} breaks no file for {untried:?}");
}
