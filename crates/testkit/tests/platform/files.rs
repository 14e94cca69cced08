//! Reading the repository's own files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use autoscaleops_testkit::{command, peer};
use serde_json::Value;

/// The variable that names another root: a copy in which something is wrong, see `mutants`.
pub(crate) const ROOT: &str = "AUTOSCALEOPS_TEST_ROOT";

/// Returns the root of the repository, or of the copy under test.
#[expect(
    clippy::disallowed_methods,
    reason = "said by the test that made the copy"
)]
pub(crate) fn root() -> PathBuf {
    std::env::var_os(ROOT).map_or_else(autoscaleops_testkit::root, PathBuf::from)
}

/// Reads a file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads every document of a YAML text; empty ones are left out.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .filter(|document| document != &Value::Null)
        .collect()
}

/// Reads a YAML file of one document.
pub(crate) fn yaml(path: &str) -> Value {
    let mut all = documents(&read(path));
    assert_eq!(all.len(), 1, "{path}: one document");
    all.remove(0)
}

/// Lists the files of a folder with one of these endings, sorted, as paths from the root.
pub(crate) fn list(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings
                .iter()
                .any(|end| path.to_str().unwrap().ends_with(end))
            {
                found.push(relative(&path));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {endings:?} in {folder}");
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// What `helm template` made of a chart.
pub(crate) struct Rendered {
    /// The text, byte for byte.
    pub(crate) text: String,
    /// The objects in it.
    pub(crate) objects: Vec<Value>,
}

impl Rendered {
    /// Returns the objects of a kind.
    pub(crate) fn all<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        let kind = kind.to_owned();
        self.objects
            .iter()
            .filter(move |object| object["kind"] == kind.as_str())
    }

    /// Returns the one object of a kind.
    pub(crate) fn one(&self, kind: &str) -> &Value {
        let all: Vec<_> = self.all(kind).collect();
        assert_eq!(all.len(), 1, "one {kind}");
        all[0]
    }
}

/// Renders a chart with the real Helm: `Err` is what Helm said, `None` that there is no Helm.
pub(crate) fn helm(
    chart: &str,
    release: &str,
    namespace: &str,
    values: &[&str],
) -> Option<Result<Rendered, String>> {
    let mut helm = command(peer("helm")?).current_dir(root()).args([
        "template",
        release,
        chart,
        "--namespace",
        namespace,
    ]);
    for file in values {
        helm = helm.args(["--values", file]);
    }
    let output = helm.output().unwrap();
    if !output.status.success() {
        return Some(Err(String::from_utf8(output.stderr).unwrap()));
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let objects = documents(&text);
    Some(Ok(Rendered { text, objects }))
}

/// Renders the workload as an environment deploys it.
pub(crate) fn environment(name: &str) -> Option<Rendered> {
    let values = format!("charts/demo-app/values-{name}.yaml");
    let rendered = helm("charts/demo-app", "demo-app", name, &[&values])?;
    Some(rendered.unwrap_or_else(|error| panic!("{error}")))
}

/// Compares with a file that `SNAPSHOTS=overwrite` renews.
pub(crate) fn golden(actual: &str, path: &str) {
    let path: PathBuf = root().join(path);
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(actual, snapbox::Data::read_from(&path, None).raw());
}

/// Renders the Applications of the platform with Helm.
pub(crate) fn apps(values: &[&str]) -> Option<Rendered> {
    let rendered = helm("argocd/apps", "apps", "argocd", values)?;
    Some(rendered.unwrap_or_else(|error| panic!("{error}")))
}

/// Holds a folder's `# expect:` inputs against a chart: each is refused, and the message has the
/// expected words.
pub(crate) fn refused(chart: &str, folder: &str) {
    for file in list(folder, &[".yaml"]) {
        let text = read(&file);
        let expected = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# expect: "))
            .unwrap_or_else(|| panic!("{file}: no `# expect:` line"));
        let Some(rendered) = helm(chart, "demo-app", "dev", &[&file]) else {
            return;
        };
        let error = rendered
            .err()
            .unwrap_or_else(|| panic!("{file} was accepted"));
        assert!(
            error.contains(expected),
            "{file}: {expected} is not in\n{error}"
        );
    }
}
