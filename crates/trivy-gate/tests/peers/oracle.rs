//! `trivy convert` as oracle: what of a report it keeps, alone in an empty folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use autoscaleops_testkit::peer;
use serde_json::Value;
use tempfile::TempDir;

/// Keeps only vulnerabilities that can be fixed; findings of other classes stay.
const UNFIXED: &str = "package trivy
default ignore = false
ignore { input.VulnerabilityID; not fixable }
fixable { input.Status == \"fixed\" }
fixable { input.FixedVersion != \"\" }
";

/// A finding in the words of both: class, target, id, package, version, fixed version, path.
pub(crate) type Kept = Vec<[String; 7]>;

/// How Trivy is asked.
#[derive(Clone, Copy, Default)]
pub(crate) struct Question<'a> {
    pub(crate) severities: &'a str,
    pub(crate) only_fixable: bool,
    pub(crate) ignorefile: Option<&'a Path>,
}

/// The real Trivy.
pub(crate) struct Oracle {
    program: PathBuf,
}

impl Oracle {
    pub(crate) fn find() -> Option<Self> {
        Some(Self {
            program: peer("trivy")?,
        })
    }

    /// Returns what Trivy keeps of a report, or `None` when it refuses the report.
    pub(crate) fn convert(&self, report: &[u8], question: Question<'_>) -> Option<Kept> {
        let folder = TempDir::new().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("in.json"), report).unwrap();
        fs::write(file("unfixed.rego"), UNFIXED).unwrap();
        fs::write(file("empty"), "").unwrap();
        let mut command = Command::new(&self.program);
        command
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .args([
                "convert", "--quiet", "--format", "json", "--output", "out.json",
            ])
            .args(["--severity", question.severities, "--ignorefile"])
            .arg(question.ignorefile.unwrap_or(&file("empty")));
        if question.only_fixable {
            command.args(["--ignore-policy", "unfixed.rego"]);
        }
        let output = command.arg("in.json").output().unwrap();
        output
            .status
            .success()
            .then(|| kept_by_trivy(&fs::read(file("out.json")).unwrap()))
    }
}

/// Calls `work` with every item, two at a time, and returns what it found.
pub(crate) fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let found = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((number, item)) = next else { break };
                    let result = work(item);
                    found.lock().unwrap().insert(number, result);
                }
            });
        }
    });
    found.into_inner().unwrap().into_values().collect()
}

fn kept_by_trivy(report: &[u8]) -> Kept {
    let report: Value = serde_json::from_slice(report).unwrap();
    let mut kept = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for result in report["Results"].as_array().into_iter().flatten() {
        for (key, class, id, package, version, fixed, path) in [
            (
                "Vulnerabilities",
                "vulnerability",
                "VulnerabilityID",
                "PkgName",
                "InstalledVersion",
                "FixedVersion",
                "PkgPath",
            ),
            ("Secrets", "secret", "RuleID", "-", "-", "-", "-"),
            (
                "Misconfigurations",
                "misconfiguration",
                "ID",
                "-",
                "-",
                "-",
                "-",
            ),
            (
                "Licenses", "license", "Name", "PkgName", "-", "-", "FilePath",
            ),
        ] {
            for finding in result[key].as_array().into_iter().flatten() {
                let field = |name: &str| text(&finding[name]);
                kept.push([
                    class.to_owned(),
                    printable(&text(&result["Target"])),
                    printable(&field(id)),
                    printable(&field(package)),
                    printable(&field(version)),
                    printable(&field(fixed)),
                    printable(&field(path)),
                ]);
            }
        }
    }
    kept.sort();
    kept
}

/// Returns what trivy-gate counts against the image, from its details.
pub(crate) fn kept_by_gate(details: &trivy_gate::GateDetails) -> Kept {
    assert_eq!(details.unlisted, 0, "the list is complete");
    let value = serde_json::to_value(&details.listed).unwrap();
    let mut kept: Kept = value
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["decision"] == "blocks")
        .map(|it| {
            [
                "class",
                "target",
                "id",
                "package",
                "installed",
                "fixed",
                "path",
            ]
            .map(|key| it[key].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    kept.sort();
    kept
}

/// As trivy-gate shows texts: printable, cut to 500 characters.
fn printable(text: &str) -> String {
    autoscaleops_core::text::shorten(&autoscaleops_core::text::printable(text), 500)
}
