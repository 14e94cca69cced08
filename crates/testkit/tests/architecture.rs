//! The shape of the workspace: arrows point one way, files say what they are for, and only core
//! touches the streams.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use autoscaleops_testkit::root;
use serde_json::Value;

/// Every arrow between our packages that may exist, as drawn in docs/architecture.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("autoscaleops-core", &[]),
    ("autoscaleops-gitops", &["autoscaleops-core"]),
    ("autoscaleops-hpa", &[]),
    ("autoscaleops-k6-engine", &["autoscaleops-core"]),
    (
        "autoscaleops-rehearsal",
        &[
            "autoscaleops-core",
            "autoscaleops-gitops",
            "autoscaleops-hpa",
        ],
    ),
    ("demo-app", &[]),
    ("hpa-watch", &["autoscaleops-core", "autoscaleops-hpa"]),
    ("image-watch", &["autoscaleops-core", "autoscaleops-gitops"]),
    ("k6-run", &["autoscaleops-core", "autoscaleops-k6-engine"]),
    ("kind-up", &["autoscaleops-core", "autoscaleops-rehearsal"]),
    ("tag-bump", &["autoscaleops-core", "autoscaleops-gitops"]),
    ("trivy-gate", &["autoscaleops-core"]),
    ("autoscaleops-testkit", &[]),
];

/// The longest the shipped part of a source file may be. 250 lines is the aim.
const MOST_LINES: usize = 450;

/// Files that are longer still and wait for their seam. None may join them.
const LONGER: &[&str] = &[];

#[test]
fn arrows_between_our_packages_point_down() {
    let packages = packages();
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    for (name, package) in &packages {
        let targets = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("`{name}` is not in the picture"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let target = dependency["name"].as_str().unwrap();
            if !packages.contains_key(target) {
                continue;
            }
            // Tests may use the kit, and drive the tools' libraries together in it.
            let in_tests = dependency["kind"] == "dev"
                && (target == "autoscaleops-testkit" || name == "autoscaleops-testkit");
            assert!(
                in_tests || targets.contains(&target),
                "`{name}` must not depend on `{target}`: see docs/architecture.md"
            );
        }
    }
    assert_eq!(
        packages.len(),
        ARROWS.len(),
        "the picture shows a package that is gone"
    );
}

#[test]
fn nothing_but_tests_depends_on_the_kit() {
    for (name, package) in packages() {
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_kit = dependency["name"] == "autoscaleops-testkit";
            assert!(
                !is_kit || dependency["kind"] == "dev",
                "`{name}` ships the test kit"
            );
        }
    }
}

#[test]
fn a_package_takes_versions_from_the_workspace() {
    for (name, package) in packages() {
        let manifest = fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        for line in manifest.lines() {
            assert!(
                !line.contains("version = \"") && !line.contains("path = \"../"),
                "`{name}` names a version or path itself: {line}"
            );
        }
    }
}

#[test]
fn a_package_is_held_to_every_lint_of_the_workspace() {
    let read = |path: &Path| {
        fs::read_to_string(path)
            .unwrap()
            .parse::<toml::Table>()
            .unwrap()
    };
    let workspace = read(&root().join("Cargo.toml"));
    for (name, package) in packages() {
        let manifest = read(Path::new(package["manifest_path"].as_str().unwrap()));
        let own = &manifest["lints"];
        if own.get("workspace").is_some() {
            continue;
        }
        // The engine alone may contain `unsafe`, so it cannot take over a lint that forbids it.
        assert_eq!(name, "autoscaleops-k6-engine", "has lints of its own");
        for group in ["rust", "clippy"] {
            for (lint, level) in workspace["workspace"]["lints"][group].as_table().unwrap() {
                assert!(
                    lint == "unsafe_code"
                        || level.as_str() == Some("allow")
                        || own[group].get(lint) == Some(level),
                    "`{name}` has left out {group}::{lint}"
                );
            }
        }
        assert_eq!(
            own["clippy"]["undocumented_unsafe_blocks"].as_str(),
            Some("warn")
        );
    }
}

#[test]
fn a_tools_main_only_hands_over() {
    for tool in [
        "kind-up",
        "trivy-gate",
        "tag-bump",
        "image-watch",
        "hpa-watch",
        "k6-run",
    ] {
        let text =
            fs::read_to_string(root().join("crates").join(tool).join("src/main.rs")).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with("//"))
            .count();
        assert!(
            code <= 5,
            "crates/{tool}/src/main.rs has {code} lines of code; the tool belongs in lib.rs"
        );
    }
}

#[test]
fn each_file_says_what_it_is_for() {
    let silent = sources().into_iter().filter(|path| {
        let text = fs::read_to_string(path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|said| said.len() < 8)
    });
    assert_eq!(
        names(silent),
        "",
        "these do not open with `//!` and their purpose"
    );
}

#[test]
fn no_source_file_outgrows_its_reader() {
    let (mut long, mut no_longer) = (Vec::new(), Vec::new());
    for path in sources().into_iter().filter(|path| !is_test(path)) {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let lines = shipped(&text).lines().count();
        match (lines > MOST_LINES, LONGER.contains(&name.as_str())) {
            (true, false) => long.push(format!("{name}: {lines} lines")),
            (false, true) => no_longer.push(name),
            _ => {}
        }
    }
    assert_eq!(
        long.join("\n"),
        "",
        "these have more than {MOST_LINES} lines; find the seam in them"
    );
    assert_eq!(
        no_longer.join("\n"),
        "",
        "these found their seam; take them off the list"
    );
}

#[test]
fn only_core_writes_to_the_streams_and_reads_the_environment() {
    let forbidden = [
        "print_stdout",
        "print_stderr",
        "io::stdout()",
        "println!(",
        "env::var(",
        "env::var_os(",
    ];
    let mut found = Vec::new();
    for path in sources().into_iter().filter(|path| !is_test(path)) {
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        // The workload is no tool, and the kit never ships.
        if ["core", "demo-app", "testkit"]
            .iter()
            .any(|home| name.starts_with(&format!("crates/{home}/")))
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for line in shipped(&text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            // Asking whether it is a terminal writes nothing.
            if forbidden.iter().any(|what| line.contains(what)) && !line.contains("is_terminal") {
                found.push(format!("{name}: {}", line.trim()));
            }
        }
    }
    assert_eq!(
        found.join("\n"),
        "",
        "results go through `Console`, the environment through `config::env`"
    );
}

/// Our packages by name, as cargo sees them.
#[test]
fn each_row_of_faults_and_of_threats_names_tests_that_exist() {
    let mut tests = String::new();
    for path in sources() {
        tests.push_str(&fs::read_to_string(path).unwrap());
    }
    for (document, least) in [("docs/reliability.md", 20), ("docs/security.md", 15)] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let mut is_table = false;
        let mut seen = 0;
        for line in text.lines() {
            let last = line.trim_end_matches([' ', '|']).rsplit(" | ").next();
            let last = last.unwrap_or_default();
            if !line.starts_with('|') {
                is_table = false;
            } else if matches!(last, "test" | "a test that holds it") {
                is_table = true;
            } else if is_table && !line.starts_with("| ---") {
                seen += 1;
                let quoted = last.split('`').skip(1).step_by(2);
                let named: Vec<&str> = quoted.filter(|it| it.contains('_')).collect();
                assert!(!named.is_empty(), "{document} names no test: {line}");
                for name in named {
                    let is_there = tests.contains(&format!("fn {name}("));
                    assert!(is_there, "{document}: there is no test `{name}`");
                }
            }
        }
        assert!(seen >= least, "{document}: only {seen} rows were found");
    }
}

fn packages() -> BTreeMap<String, Value> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test of the workspace asks cargo"
    )]
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            (
                package["name"].as_str().unwrap().to_owned(),
                package.clone(),
            )
        })
        .collect()
}

/// Every Rust file under crates/.
fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("crates"), &mut found);
    assert!(found.len() > 20, "only {} files found", found.len());
    found.sort();
    found
}

/// The part of a file before its unit tests.
fn shipped(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests").next().unwrap()
}

/// The paths below the root, one a line.
fn names(paths: impl Iterator<Item = PathBuf>) -> String {
    let names = paths.map(|path| path.strip_prefix(root()).unwrap().display().to_string());
    names.collect::<Vec<_>>().join("\n")
}

/// Whether a file holds tests, examples or benchmarks alone.
fn is_test(path: &Path) -> bool {
    let path = path.to_string_lossy();
    ["/tests/", "/examples/", "/benches/"]
        .iter()
        .any(|folder| path.contains(folder))
        || path.ends_with("/tests.rs")
}
