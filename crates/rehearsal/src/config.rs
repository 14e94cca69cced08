//! What the stand-in is told: which program runs for which image, and how often its controllers
//! look.

use std::{collections::BTreeMap, path::PathBuf};

use autoscaleops_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The program that runs in the place of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Program {
    /// The program, absolute or relative to the configuration file.
    pub program: PathBuf,
    /// Arguments before those of the container.
    pub args: Vec<String>,
    /// Variables that the image would bring.
    pub env: BTreeMap<String, String>,
    /// The only tags that can be pulled. Empty means every tag.
    pub tags: Vec<String>,
}

/// How the stand-in works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Image repositories and the programs that run for them.
    pub images: BTreeMap<String, Program>,
    /// How often a Git branch is looked at for changes.
    pub git_period: Span,
    /// How often the autoscaler decides. Kubernetes: 15 s.
    pub sync_period: Span,
    /// How long the CPU of a container is averaged, and how old a measurement may be.
    pub metrics_window: Span,
    /// How long after its start the CPU of a pod that is not ready is left out. Kubernetes: 5 min.
    pub cpu_initialization_period: Span,
    /// How long after its start a pod may turn ready for the first time. Kubernetes: 30 s.
    pub initial_readiness_delay: Span,
    /// The first pause before a container that failed starts again. Kubernetes: 10 s.
    pub restart_backoff: Span,
    /// How many changes a watch can look back.
    pub history: usize,
    /// The port of the API on loopback, 0 for a free one that is kept.
    pub api_port: u16,
}

fn seconds(count: u64) -> Span {
    Span(std::time::Duration::from_secs(count))
}

impl Default for Config {
    fn default() -> Self {
        Self {
            images: BTreeMap::new(),
            git_period: seconds(3),
            sync_period: seconds(15),
            metrics_window: seconds(15),
            cpu_initialization_period: seconds(300),
            initial_readiness_delay: seconds(30),
            restart_backoff: seconds(10),
            history: 4096,
            api_port: 0,
        }
    }
}

impl Config {
    /// Returns the program for an image, by the longest repository that is the image's own.
    pub(crate) fn program(&self, image: &str) -> Option<(&Program, String)> {
        let (repository, tag) = split_image(image);
        let found = self.images.get(repository).or_else(|| {
            let short = repository.strip_prefix("docker.io/")?;
            self.images
                .get(short)
                .or_else(|| self.images.get(short.strip_prefix("library/")?))
        })?;
        let known = found.tags.is_empty() || found.tags.contains(&tag);
        known.then_some((found, tag))
    }
}

/// Splits an image into its repository and its tag, `latest` when it has none.
pub(crate) fn split_image(image: &str) -> (&str, String) {
    let without_digest = image.split_once('@').map_or(image, |it| it.0);
    match without_digest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag.to_owned()),
        _ => {
            let tag = image
                .split_once('@')
                .map_or_else(|| "latest".to_owned(), |it| it.1.replace(':', "-"));
            (without_digest, tag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_at_its_tag_and_not_at_a_port() {
        assert_eq!(
            split_image("localhost:5000/a/b:1.2"),
            ("localhost:5000/a/b", "1.2".to_owned())
        );
        assert_eq!(
            split_image("localhost:5000/a"),
            ("localhost:5000/a", "latest".to_owned())
        );
        assert_eq!(split_image("a:1@sha256:00"), ("a", "1".to_owned()));
    }

    #[test]
    fn a_tag_that_is_not_listed_cannot_be_pulled() {
        let mut config = Config::default();
        let program = Program {
            tags: vec!["1".to_owned()],
            ..Program::default()
        };
        config.images.insert("x/a".to_owned(), program);
        assert!(config.program("x/a:1").is_some());
        assert!(config.program("x/a:2").is_none());
        assert!(config.program("x/b:1").is_none());
    }
}
