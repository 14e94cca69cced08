//! Temporary Git repositories, made with the real `git`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::home;

/// Runs `git` in a folder, and returns its trimmed standard output. Panics when it fails.
///
/// Configuration of the machine and of the user is left out; author and date are fixed.
pub fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let output = command
        .current_dir(directory)
        .args(arguments)
        .envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
        ])
        .envs([
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.org"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.org"),
        ])
        .env("HOME", home())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?} in {}: {}",
        directory.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// A bare repository in a temporary folder, with a branch `main`: what a hosting service would be.
#[derive(Debug)]
pub struct Remote {
    directory: TempDir,
}

impl Remote {
    /// Makes a remote whose first commit holds these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        git(
            directory.path(),
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "remote.git",
            ],
        );
        let this = Self { directory };
        // Partial and shallow fetches of single commits, as hosting services allow them.
        for key in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
            git(&this.path(), &["config", key, "true"]);
        }
        this.commit(files, "first");
        this
    }

    /// Returns the bare repository's folder.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("remote.git")
    }

    /// Returns the address to clone from.
    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// Adds a commit to `main`, as another person would, and returns its id.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        let folder = TempDir::new().unwrap();
        let work = folder.path();
        git(work, &["init", "--quiet", "--initial-branch=main", "."]);
        git(work, &["remote", "add", "origin", &self.url()]);
        if !git(&self.path(), &["for-each-ref", "refs/heads/main"]).is_empty() {
            git(work, &["pull", "--quiet", "origin", "main"]);
        }
        for (name, text) in files {
            let path = work.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        git(work, &["add", "--all"]);
        git(
            work,
            &["commit", "--quiet", "--allow-empty", "--message", message],
        );
        git(work, &["push", "--quiet", "origin", "main"]);
        git(work, &["rev-parse", "HEAD"])
    }

    /// Clones into a new temporary folder. Further arguments go to `git clone`.
    pub fn clone_with(&self, arguments: &[&str]) -> TempDir {
        let folder = TempDir::new().unwrap();
        let url = self.url();
        let all: Vec<&str> = ["clone", "--quiet"]
            .iter()
            .chain(arguments)
            .copied()
            .chain([url.as_str(), "."])
            .collect();
        git(folder.path(), &all);
        git(folder.path(), &["config", "user.name", "Ada"]);
        git(folder.path(), &["config", "user.email", "ada@example.org"]);
        folder
    }

    /// Returns a file's text at the tip of a branch, byte for byte.
    pub fn read(&self, branch: &str, file: &str) -> String {
        let output = Command::new("git")
            .current_dir(self.path())
            .args(["cat-file", "blob", &format!("{branch}:{file}")])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "no {file} on {branch}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the subjects of a branch's commits, newest first.
    pub fn subjects(&self, branch: &str) -> Vec<String> {
        git(&self.path(), &["log", "--format=%s", branch])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Returns the id of a branch's tip.
    pub fn tip(&self, branch: &str) -> String {
        git(&self.path(), &["rev-parse", branch])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_grows_by_commits_and_can_be_cloned() {
        let remote = Remote::new(&[("charts/app/values.yaml", "tag: 1\r\n")]);
        let tip = remote.commit(&[("other.txt", "x")], "second");
        assert_eq!(remote.tip("main"), tip);
        assert_eq!(remote.subjects("main"), ["second", "first"]);
        assert_eq!(remote.read("main", "charts/app/values.yaml"), "tag: 1\r\n");

        let clone = remote.clone_with(&["--depth=1"]);
        assert_eq!(git(clone.path(), &["rev-list", "--count", "HEAD"]), "1");
        assert_eq!(
            fs::read_to_string(clone.path().join("other.txt")).unwrap(),
            "x"
        );
    }
}
