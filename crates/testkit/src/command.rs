//! Command lines whose environment does not depend on the machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use snapbox::cmd::Command;

/// Variables with one of these beginnings are taken out of a tool's environment.
const FOREIGN_PREFIXES: &[&str] = &[
    "ACTIONS_",
    "AUTOSCALEOPS_",
    "AWS_",
    "CARGO_",
    "DOCKER_",
    "GIT_",
    "GITHUB_",
    "HELM_",
    "K6_",
    "KUBE",
    "RUNNER_",
    "RUST_",
    "TRIVY_",
    "XDG_",
];

/// Variables of exactly these names are taken out as well, in either case.
const FOREIGN_NAMES: &[&str] = &[
    "ALL_PROXY",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// Returns a command for `program` with a scrubbed environment: nothing of GitHub, of our own
/// configuration, of proxies or of credentials, an empty home folder, no colours, 100 columns.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", home());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_foreign) {
            command = command.env_remove(name);
        }
    }
    command
}

/// Whether a variable would let the machine's state into a test.
fn is_foreign(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    // Kept: `command` has just set it.
    upper != "GIT_CONFIG_NOSYSTEM"
        && (FOREIGN_NAMES.contains(&upper.as_str())
            || FOREIGN_PREFIXES
                .iter()
                .any(|prefix| upper.starts_with(prefix)))
}

/// Returns an empty home folder for this test process, inside the build folder.
pub fn home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let program = env::current_exe().unwrap();
        let name = program.file_name().unwrap().to_owned();
        // target/debug/deps/NAME-HASH, so target/tmp/home/NAME-HASH.
        let build = program.ancestors().nth(3).unwrap_or(Path::new("/tmp"));
        let home = build.join("tmp/home").join(name);
        drop(fs::remove_dir_all(&home));
        fs::create_dir_all(&home).unwrap();
        home
    })
}

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Returns the path of one of our programs as the workspace's last build left it.
///
/// For tests of the workspace as a whole; a tool's own tests use [`tool!`](crate::tool). Where it
/// is not built, as in a run of one package, the running test is written down as skipped.
pub fn built(name: &str) -> Option<PathBuf> {
    // target/debug/deps/TEST-HASH, so target/debug/NAME.
    let path = env::current_exe().unwrap().ancestors().nth(2)?.join(name);
    if path.is_file() {
        return Some(path);
    }
    crate::skip(&format!("`{name}` is not built"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_sees_nothing_of_the_runner() {
        for name in [
            "GITHUB_OUTPUT",
            "CI",
            "https_proxy",
            "AUTOSCALEOPS_CONFIG",
            "KUBECONFIG",
            "RUST_LOG",
        ] {
            assert!(is_foreign(name), "{name}");
        }
        for name in ["PATH", "TMPDIR", "GIT_CONFIG_NOSYSTEM", "CITY"] {
            assert!(!is_foreign(name), "{name}");
        }
    }

    #[test]
    fn the_environment_of_a_command_is_the_scrubbed_one() {
        let output = command("/usr/bin/env").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("COLUMNS=100"), "{text}");
        assert!(!text.contains("CARGO_MANIFEST_DIR="), "{text}");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("crates/testkit/Cargo.toml").is_file());
    }
}
