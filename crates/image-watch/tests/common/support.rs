//! What the tests of image-watch share: a folder with a configuration, and what the tool says there.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};

use autoscaleops_testkit::{Registry, Remote, git, tool};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with `autoscaleops.yaml` and a cache of its own.
pub(crate) struct Folder {
    directory: TempDir,
    pub(crate) environment: Vec<(String, String)>,
}

/// What the tool said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new(configuration: &str) -> Self {
        Self::within(TempDir::new().unwrap(), configuration)
    }

    /// A clone of a remote.
    pub(crate) fn clone_of(remote: &Remote, configuration: &str) -> Self {
        Self::within(remote.clone_with(&[]), configuration)
    }

    fn within(directory: TempDir, configuration: &str) -> Self {
        let this = Self {
            directory,
            environment: Vec::new(),
        };
        this.write("autoscaleops.yaml", configuration);
        this
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path().join(".git-ignored-cache")
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }

    /// Runs `image-watch` here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let mut command = tool!("image-watch")
            .current_dir(self.path())
            .env("XDG_CACHE_HOME", self.cache())
            .args(arguments);
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Runs `image-watch check -o json` here, and returns a report for each image.
    pub(crate) fn check(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let all = [&["check", "-o", "json"], arguments].concat();
        let said = self.run(&all);
        let reports = said
            .stdout
            .lines()
            .map(|it| serde_json::from_str(it).unwrap_or_else(|err| panic!("{err}: {said:?}")));
        (said.code, reports.collect())
    }

    /// Checks the only image, and returns the exit code with its candidate and reason.
    pub(crate) fn answer(&self) -> (i32, String, String) {
        let (code, reports) = self.check(&[]);
        let [report] = reports.as_slice() else {
            panic!("{reports:?}")
        };
        (code, text(report, "candidate"), text(report, "reason"))
    }
}

/// Returns an output of a report as text.
pub(crate) fn text(report: &Value, name: &str) -> String {
    match &report["outputs"][name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns a registry with these tags of `acme/shop`, each built an hour after the one before.
pub(crate) fn registry(tags: &[&str]) -> Registry {
    let registry = Registry::start();
    for (hour, tag) in tags.iter().enumerate() {
        registry.add("acme/shop", tag, &at(hour));
    }
    registry
}

/// Returns the time so many hours after a day that is long gone.
pub(crate) fn at(hour: usize) -> String {
    let (day, hour) = (hour / 24 + 1, hour % 24);
    format!("2024-01-{day:02}T{hour:02}:00:00Z")
}

/// Returns a configuration of one image of `registry`, with more keys of the section and the image.
pub(crate) fn one_image(registry: &Registry, section: &str, image: &str) -> String {
    let mut text = format!(
        "image-watch:\n  retries: 3\n  max_wait: 3s\n  timeout: 1s\n{section}  images:\n    - image: {}/acme/shop\n",
        registry.address()
    );
    for line in image.lines() {
        text.push_str(&format!("      {line}\n"));
    }
    text
}

/// Returns how many commits a branch has.
pub(crate) fn commits(remote: &Remote) -> usize {
    git(&remote.path(), &["rev-list", "--count", "main"])
        .parse()
        .unwrap()
}
