//! Credentials: where Docker and Podman keep them, and the programs that they ask.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use autoscaleops_core::{
    config,
    process::{ProcessError, Run},
    secret::Secret,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use thiserror::Error;

/// The name under which Docker keeps the credentials of its own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// How long a credential helper may take.
const HELPER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a registry is told about who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Name and password.
    Basic {
        /// The name.
        username: String,
        /// The password, or a token that stands for one.
        password: Secret,
    },
    /// A token that fetches other tokens (the refresh grant of `OAuth2`).
    Identity(Secret),
}

/// Credentials are configured, and cannot be used.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("cannot read the credentials in `{}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, never with its content.
        problem: String,
    },
    /// A helper program failed.
    #[error("the credential helper `{program}` failed")]
    Helper {
        /// The program.
        program: String,
        /// Why.
        source: ProcessError,
    },
    /// A helper program gave no usable answer.
    #[error("the credential helper `{program}` gave no usable answer for {host}: {problem}")]
    Answer {
        /// The program.
        program: String,
        /// The registry.
        host: String,
        /// What is wrong, never with the answer itself.
        problem: String,
    },
    /// A source that the configuration names has nothing.
    #[error("no credentials in {0}")]
    Absent(String),
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DockerConfig {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Returns the credentials for a repository, from the first of these that has some: `explicit`
/// (`env:NAME` or `file:PATH`, holding `name:password`), Docker's configuration, Podman's.
///
/// # Errors
///
/// Fails when a source names credentials that cannot be had. Having none is no error.
pub fn find(
    explicit: Option<&str>,
    host: &str,
    repository: &str,
) -> Result<Option<Credentials>, CredentialError> {
    if let Some(source) = explicit {
        return read_explicit(source).map(Some);
    }
    if let Some(path) = docker_config()
        && let Some(found) = from_docker(&path, host)?
    {
        return Ok(Some(found));
    }
    for path in podman_files() {
        if let Some(found) = from_podman(&path, host, repository)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn read_explicit(source: &str) -> Result<Credentials, CredentialError> {
    let absent = || CredentialError::Absent(source.to_owned());
    let secret = match source.split_once(':') {
        Some(("env", name)) => Secret::from_env(name).ok_or_else(absent)?,
        Some(("file", path)) => {
            Secret::from_file(Path::new(path)).map_err(|err| CredentialError::File {
                path: PathBuf::from(path),
                problem: err.to_string(),
            })?
        }
        _ => return Err(absent()),
    };
    Ok(match secret.expose().split_once(':') {
        Some((username, password)) => Credentials::Basic {
            username: username.to_owned(),
            password: Secret::new(password.to_owned()),
        },
        None => Credentials::Identity(secret),
    })
}

fn home() -> Option<PathBuf> {
    config::env("HOME")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
}

fn docker_config() -> Option<PathBuf> {
    config::env("DOCKER_CONFIG")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
        .or_else(|| home().map(|it| it.join(".docker")))
        .map(|it| it.join("config.json"))
}

fn podman_files() -> Vec<PathBuf> {
    let from = |name: &str, rest: &str| {
        config::env(name)
            .filter(|it| !it.is_empty())
            .map(|it| PathBuf::from(it).join(rest))
    };
    // Joining nothing would add a slash to the file's name.
    let explicit = config::env("REGISTRY_AUTH_FILE")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from);
    [
        explicit,
        from("XDG_RUNTIME_DIR", "containers/auth.json"),
        home().map(|it| it.join(".config/containers/auth.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn read(path: &Path) -> Result<Option<DockerConfig>, CredentialError> {
    let problem = |problem: String| CredentialError::File {
        path: path.to_owned(),
        problem,
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(problem(err.to_string())),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|err| {
        // The parser's own message could quote a secret.
        problem(format!(
            "not JSON of Docker's form at line {}, column {}",
            err.line(),
            err.column()
        ))
    })
}

fn from_docker(path: &Path, host: &str) -> Result<Option<Credentials>, CredentialError> {
    let Some(config) = read(path)? else {
        return Ok(None);
    };
    let same_host = |key: &str| host_of(key) == canonical(host);
    if let Some((key, helper)) = config.cred_helpers.iter().find(|(key, _)| same_host(key)) {
        return ask_helper(helper, key);
    }
    if let Some(helper) = config.creds_store.as_deref().filter(|it| !it.is_empty()) {
        let server = if canonical(host) == "docker.io" {
            DOCKER_HUB
        } else {
            host
        };
        if let Some(found) = ask_helper(helper, server)? {
            return Ok(Some(found));
        }
    }
    match config.auths.iter().find(|(key, _)| same_host(key)) {
        Some((key, entry)) => decode(path, key, entry),
        None => Ok(None),
    }
}

fn from_podman(
    path: &Path,
    host: &str,
    repository: &str,
) -> Result<Option<Credentials>, CredentialError> {
    let Some(config) = read(path)? else {
        return Ok(None);
    };
    let full = format!("{}/{repository}", canonical(host));
    let fits = |key: &str| {
        let key = without_scheme(key).trim_end_matches('/');
        let (key_host, rest) = key.split_once('/').unwrap_or((key, ""));
        let key = match rest {
            "" | "v1" | "v2" => canonical(key_host).to_owned(),
            rest => format!("{}/{rest}", canonical(key_host)),
        };
        // At the border of a component: `quay.io/acme` is no prefix of `quay.io/acmeplus`.
        let is_prefix = full
            .strip_prefix(&key)
            .is_some_and(|it| it.is_empty() || it.starts_with('/'));
        is_prefix.then_some(key.len())
    };
    let best = |keys: Vec<&String>| {
        keys.into_iter()
            .filter_map(|it| fits(it).map(|length| (length, it.clone())))
            .max()
            .map(|it| it.1)
    };
    if let Some(key) = best(config.cred_helpers.keys().collect())
        && let Some(helper) = config.cred_helpers.get(&key)
        && let Some(found) = ask_helper(helper, &key)?
    {
        return Ok(Some(found));
    }
    match best(config.auths.keys().collect()) {
        Some(key) => config
            .auths
            .get(&key)
            .map_or(Ok(None), |it| decode(path, &key, it)),
        None => Ok(None),
    }
}

fn without_scheme(key: &str) -> &str {
    let key = key.strip_prefix("https://").unwrap_or(key);
    key.strip_prefix("http://").unwrap_or(key)
}

/// Returns the registry that a key of `auths` stands for.
fn host_of(key: &str) -> &str {
    let key = without_scheme(key);
    canonical(key.split('/').next().unwrap_or(key))
}

fn canonical(host: &str) -> &str {
    match host {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io",
        other => other,
    }
}

fn decode(path: &Path, key: &str, entry: &Entry) -> Result<Option<Credentials>, CredentialError> {
    let problem = || CredentialError::File {
        path: path.to_owned(),
        problem: format!("the entry `{key}` is not base64 of `name:password`"),
    };
    if let Some(token) = entry.identitytoken.as_ref().filter(|it| !it.is_empty()) {
        return Ok(Some(Credentials::Identity(Secret::new(token.clone()))));
    }
    if let Some(auth) = entry.auth.as_deref().filter(|it| !it.is_empty()) {
        let bytes = STANDARD.decode(auth.trim()).map_err(|_| problem())?;
        let text = String::from_utf8(bytes).map_err(|_| problem())?;
        let (username, password) = text.split_once(':').ok_or_else(problem)?;
        return Ok(Some(Credentials::Basic {
            username: username.to_owned(),
            // Old clients padded it.
            password: Secret::new(password.trim_end_matches('\0').to_owned()),
        }));
    }
    Ok(match (&entry.username, &entry.password) {
        (Some(username), Some(password)) if !username.is_empty() => Some(Credentials::Basic {
            username: username.clone(),
            password: Secret::new(password.clone()),
        }),
        _ => None,
    })
}

/// Reads a file of logins, without asking the helpers that it names.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(bytes: &[u8]) {
    if let Ok(config) = serde_json::from_slice::<DockerConfig>(bytes) {
        for (key, entry) in &config.auths {
            let _ = (host_of(key), decode(Path::new("config.json"), key, entry));
        }
    }
}

fn ask_helper(helper: &str, server: &str) -> Result<Option<Credentials>, CredentialError> {
    let program = format!("docker-credential-{helper}");
    let answer = |problem: &str| CredentialError::Answer {
        program: program.clone(),
        host: server.to_owned(),
        problem: problem.to_owned(),
    };
    if helper.contains('/') {
        return Err(answer("its name holds a slash"));
    }
    let output = Run::new(&program)
        .arg("get")
        .stdin(server.as_bytes())
        .timeout(HELPER_TIMEOUT)
        .limit(1 << 20)
        .capture()
        .map_err(|source| CredentialError::Helper {
            program: program.clone(),
            source,
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(answer("it ended with an error"));
    }
    let found: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|_| answer("not JSON of the protocol's form"))?;
    let secret = Secret::new(found.secret);
    Ok(Some(if found.username == "<token>" {
        Credentials::Identity(secret)
    } else {
        Credentials::Basic {
            username: found.username,
            password: secret,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as it is compared")]
    fn basic(username: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Basic {
            username: username.to_owned(),
            password: Secret::new(password.to_owned()),
        })
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn every_spelling_of_a_host_is_found_and_none_that_only_begins_alike() {
        let auth = encoded("ada:pass:word\0");
        for key in [
            "ghcr.io",
            "https://ghcr.io",
            "https://ghcr.io/v1/",
            "http://ghcr.io/v2",
        ] {
            let (_folder, path) = file(&format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#));
            assert_eq!(
                from_docker(&path, "ghcr.io").unwrap(),
                basic("ada", "pass:word"),
                "{key}"
            );
            assert_eq!(from_docker(&path, "ghcr.i").unwrap(), None);
            assert_eq!(from_docker(&path, "ghcr.io:443").unwrap(), None);
        }
        for key in [
            DOCKER_HUB,
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
        ] {
            let (_folder, path) = file(&format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#));
            assert_eq!(
                from_docker(&path, "docker.io").unwrap(),
                basic("ada", "pass:word"),
                "{key}"
            );
        }
    }

    #[test]
    fn podmans_longest_prefix_wins() {
        let text = format!(
            r#"{{"auths":{{"quay.io":{{"auth":"{}"}},"quay.io/acme":{{"auth":"{}"}},"quay.io/acme/shop":{{"auth":"{}"}}}}}}"#,
            encoded("a:host"),
            encoded("b:organisation"),
            encoded("c:repository")
        );
        let (_folder, path) = file(&text);
        for (repository, username, password) in [
            ("other/x", "a", "host"),
            ("acmeplus/x", "a", "host"),
            ("acme/x", "b", "organisation"),
            ("acme/shop", "c", "repository"),
        ] {
            let found = from_podman(&path, "quay.io", repository).unwrap();
            assert_eq!(found, basic(username, password), "{repository}");
        }
        assert_eq!(from_podman(&path, "ghcr.io", "acme/x").unwrap(), None);
    }

    #[test]
    fn an_identity_token_wins_over_the_password() {
        let (_folder, path) = file(&format!(
            r#"{{"auths":{{"r.example":{{"auth":"{}","identitytoken":"refresh"}}}}}}"#,
            encoded("ada:x")
        ));
        assert_eq!(
            from_docker(&path, "r.example").unwrap(),
            Some(Credentials::Identity(Secret::new("refresh".to_owned())))
        );
    }

    #[test]
    fn a_broken_file_is_named_and_its_content_is_not() {
        for text in [
            r#"{"auths":{"r.example":{"auth":"c2VjcmV0"}}}"#,
            r#"{"auths":"hunter2"}"#,
            "{",
        ] {
            let (_folder, path) = file(text);
            let error = from_docker(&path, "r.example").unwrap_err().to_string();
            assert!(error.contains("config.json"), "{error}");
            assert!(
                !error.contains("secret") && !error.contains("hunter2"),
                "{error}"
            );
        }
        let absent = from_docker(Path::new("/nonexistent/config.json"), "r.example").unwrap();
        assert_eq!(absent, None);
    }

    #[test]
    fn a_helper_is_a_name_and_no_path() {
        for helper in ["../../tmp/evil", "/tmp/evil", "a/b"] {
            for text in [
                format!(r#"{{"credsStore":"{helper}"}}"#),
                format!(r#"{{"credHelpers":{{"r.example":"{helper}"}}}}"#),
            ] {
                let (_folder, path) = file(&text);
                let error = from_docker(&path, "r.example").unwrap_err().to_string();
                assert!(error.contains("slash"), "{error}");
            }
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let shown = format!("{:?}", basic("ada", "hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
