//! Stub programs that stand in for real ones on `PATH`, and remember how they were called.

use std::{
    env,
    ffi::OsString,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A temporary folder of stub programs.
///
/// ```
/// let stubs = autoscaleops_testkit::Stubs::new().program("trivy", "echo 'no space left' >&2; exit 1");
/// // tool!("trivy-gate").env("PATH", stubs.path())…
/// assert!(stubs.calls("trivy").is_empty());
/// ```
#[derive(Debug)]
pub struct Stubs {
    directory: TempDir,
}

impl Stubs {
    /// Makes an empty folder.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
        }
    }

    /// Adds a program: the body of a shell script, run after its arguments were written down.
    #[must_use]
    pub fn program(self, name: &str, body: &str) -> Self {
        let script = format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>\"$0.calls\"\n{body}\n");
        write_program(&self.directory.path().join(name), script.as_bytes());
        self
    }

    /// Returns the folder.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the path of one stub.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns a value for `PATH`: the stubs, then the machine's own folders.
    pub fn path(&self) -> OsString {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [self.directory.path().to_owned()]
            .into_iter()
            .chain(env::split_paths(&path));
        env::join_paths(folders).unwrap()
    }

    /// Returns the arguments of every call of a stub, one string a call.
    pub fn calls(&self, name: &str) -> Vec<String> {
        let path = self.directory.path().join(format!("{name}.calls"));
        fs::read_to_string(path)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// Writes an executable file through another process, so that no thread of this one that forks
/// meanwhile holds it open for writing ("text file busy").
pub fn write_program(path: &Path, bytes: &[u8]) {
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(
        shell.wait().unwrap().success(),
        "cannot write {}",
        path.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_remembers_its_arguments_and_does_what_it_was_told() {
        let stubs = Stubs::new().program("trivy", "echo out; exit 3");
        for argument in ["one", "two"] {
            let output = Command::new(stubs.file("trivy"))
                .args(["image", argument])
                .output()
                .unwrap();
            assert_eq!(
                (output.stdout.as_slice(), output.status.code()),
                (&b"out\n"[..], Some(3))
            );
        }
        assert_eq!(stubs.calls("trivy"), ["image one", "image two"]);
    }
}
