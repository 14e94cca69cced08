//! The configuration of `kind-up`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use autoscaleops_core::time::Span;
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the platform stands on.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// A cluster of Docker containers, made by `kind`
    #[default]
    Kind,
    /// A stand-in in one process, for machines without Docker
    Embedded,
    /// A cluster that is there already
    Existing,
}

impl Provider {
    /// Returns the name as it is written in options and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Embedded => "embedded",
            Self::Existing => "existing",
        }
    }
}

/// A port of the platform and what is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// What is behind it, for people.
    pub name: String,
    /// The node port, which is the port on this machine too.
    pub port: u16,
}

/// The cluster that `kind` makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kind {
    /// The node image. Empty means the one of `argocd/bootstrap/versions.toml`. It must be pinned by digest.
    pub node_image: String,
    /// How many workers.
    pub workers: u16,
    /// The address that the API server and all ports are bound to.
    pub listen_address: String,
    /// The port of the API server, 0 for a free one.
    pub api_port: u16,
    /// Pull the images of the pinned manifests on this machine and load them into the workers while the nodes boot.
    pub preload: bool,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            node_image: String::new(),
            workers: 2,
            listen_address: "127.0.0.1".to_owned(),
            api_port: 0,
            preload: true,
        }
    }
}

/// Where the credentials for Git come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GitCredentials {
    /// A file with `GITHUB_USER=` and `GITHUB_TOKEN=` lines. It must be readable by its owner alone.
    pub env_file: Option<PathBuf>,
    /// A file that holds the token and nothing else; `-` for standard input.
    pub token_file: Option<PathBuf>,
    /// The user that belongs to the token.
    pub username: Option<String>,
}

/// The section `kind-up` of the configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The name of the cluster.
    pub cluster: String,
    /// What the platform stands on.
    pub provider: Provider,
    /// The folder for kubeconfig and state. The default is `$XDG_STATE_HOME/autoscaleops/kind-up/CLUSTER`.
    pub state_dir: Option<PathBuf>,
    /// How long a bring-up may take in all.
    pub timeout: Span,
    /// The ports of the platform on this machine.
    pub ports: Vec<Port>,
    /// Publish Argo CD on its node port in a cluster that is there already.
    pub node_ports: bool,
    /// What is installed before Argo CD takes over, with versions and checksums. Empty for what this program carries.
    pub versions: PathBuf,
    /// The Application that brings all others. Empty for none.
    pub root_app: PathBuf,
    /// Further manifests, applied after the root application's kind is known.
    pub manifests: Vec<PathBuf>,
    /// Credentials for the repository that Image Updater writes to.
    pub git_credentials: GitCredentials,
    /// The cluster that `kind` makes.
    pub kind: Kind,
    /// The stand-in.
    pub embedded: autoscaleops_rehearsal::Config,
}

impl Default for Settings {
    fn default() -> Self {
        let port = |name: &str, port| Port {
            name: name.to_owned(),
            port,
        };
        Self {
            cluster: "devops-cluster".to_owned(),
            provider: Provider::Kind,
            state_dir: None,
            timeout: Span(Duration::from_secs(600)),
            ports: vec![
                port("dev", 30007),
                port("argocd", 30008),
                port("grafana", 30009),
                port("prometheus", 30010),
                port("prod", 30011),
            ],
            node_ports: false,
            versions: PathBuf::new(),
            root_app: PathBuf::from("argocd/root-app.yaml"),
            manifests: Vec::new(),
            git_credentials: GitCredentials::default(),
            kind: Kind::default(),
            embedded: autoscaleops_rehearsal::Config::default(),
        }
    }
}

impl Settings {
    /// Returns the name of the context in the kubeconfig.
    pub fn context(&self) -> String {
        match self.provider {
            Provider::Embedded => format!("embedded-{}", self.cluster),
            _ => format!("kind-{}", self.cluster),
        }
    }

    /// Adds images given on the command line, as `REPOSITORY=PROGRAM`.
    ///
    /// # Errors
    ///
    /// Fails on one without an equals sign.
    pub fn add_images(&mut self, images: &[String]) -> Result<(), String> {
        for image in images {
            let (repository, program) = image
                .split_once('=')
                .filter(|it| !it.0.is_empty() && !it.1.is_empty())
                .ok_or_else(|| format!("`{image}` is not REPOSITORY=PROGRAM"))?;
            self.embedded.images.insert(
                repository.to_owned(),
                autoscaleops_rehearsal::Program {
                    program: PathBuf::from(program),
                    args: Vec::new(),
                    env: BTreeMap::new(),
                    tags: Vec::new(),
                },
            );
        }
        Ok(())
    }
}

/// Returns whether a name can be the name of a cluster: what `kind` and contexts both take.
pub(crate) fn is_cluster_name(name: &str) -> bool {
    let edge =
        |it: Option<char>| it.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    name.len() <= 50
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name
            .chars()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_name_cannot_leave_the_state_folder() {
        assert!(is_cluster_name("devops-cluster"));
        for name in ["", "..", "a/b", "A", "-a", "a-"] {
            assert!(!is_cluster_name(name), "{name}");
        }
    }

    #[test]
    fn an_image_of_the_command_line_needs_a_program() {
        let mut settings = Settings::default();
        assert!(
            settings
                .add_images(&["ghcr.io/acme/shop".to_owned()])
                .is_err()
        );
        settings
            .add_images(&["ghcr.io/acme/shop=target/debug/demo-app".to_owned()])
            .unwrap();
        assert_eq!(
            settings.embedded.images["ghcr.io/acme/shop"].program,
            PathBuf::from("target/debug/demo-app")
        );
    }
}
