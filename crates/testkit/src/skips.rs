//! What a test needs and a machine may lack: real programs and recorded data. Asking for one that
//! is absent writes down that the test was skipped.

use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use crate::root;

/// Returns the path of a real program, from `.tools/bin` (`scripts/dev-tools.sh`) or from `PATH`.
///
/// Where it is absent the running test is written down as skipped, and should return.
pub fn peer(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skip(&format!("no program `{name}`"));
    }
    found
}

/// Returns the path of a file or folder under `../shared` beside the repository, test data that
/// is not part of it. Where it is absent the running test is written down as skipped.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = root()
        .parent()
        .map(|parent| parent.join("shared").join(path))
        .filter(|path| path.exists());
    if found.is_none() {
        skip(&format!("no ../shared/{path}"));
    }
    found
}

/// Returns the address of a Docker engine that answers (`unix:///…`), for `DOCKER_HOST`.
///
/// `scripts/test.sh` starts one where it may. Without one the running test is written down as skipped.
pub fn docker() -> Option<String> {
    let program = peer("docker")?;
    let host = env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    let answer = Command::new(program)
        .args(["--host", &host, "info"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if answer.is_ok_and(|status| status.success()) {
        Some(host)
    } else {
        skip("no running Docker engine");
        None
    }
}

/// Writes down that the running test is skipped, and why.
pub fn skip(reason: &str) {
    let line = format!("{}\t{reason}\n", running_test());
    eprint!("skipped: {line}");
    if let Some(path) = env::var_os("AUTOSCALEOPS_SKIPS") {
        // One write of one line: appends of several test processes do not mix.
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        assert!(written.is_ok(), "cannot write the skip down: {written:?}");
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    [root().join(".tools/bin")]
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The test program without its hash, and the test within it.
fn running_test() -> String {
    let program = env::current_exe().ok();
    let stem = program
        .as_deref()
        .and_then(Path::file_stem)
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let program = stem
        .rsplit_once('-')
        .map_or(stem.as_str(), |(name, _)| name);
    format!(
        "{program}::{}",
        thread::current().name().unwrap_or("unnamed")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_on_the_path_is_found() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find("no-such-program-anywhere"), None);
    }

    #[test]
    fn a_running_test_knows_its_name() {
        assert_eq!(
            running_test(),
            "autoscaleops_testkit::skips::tests::a_running_test_knows_its_name"
        );
    }
}
