//! The section `kind-up` of the configuration: which cluster should be there.

use std::{net::IpAddr, path::PathBuf};

use autoscaleops_core::{Failure, time::Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the cluster comes from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// A cluster of containers on this machine, by the programs `kind` and `docker`
    #[default]
    Kind,
    /// A stand-in within one process, for machines without Docker
    Embedded,
    /// A cluster that is there already, named by `--context`
    Existing,
}

/// The cluster that should be there, and what should be in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// Where the cluster comes from.
    pub provider: Provider,
    /// The name of the cluster.
    pub name: String,
    /// How many worker nodes it has beside the control plane.
    pub workers: u8,
    /// The image of the nodes, pinned by digest. Empty takes the one in `argocd/bootstrap/versions.toml`.
    pub node_image: String,
    /// The address that the API server and the ports listen on. Anything but loopback exposes them.
    pub bind_address: String,
    /// The port of the API server; 0 takes a free one.
    pub api_port: u16,
    /// The `NodePorts` that the machine can reach, by what is behind them.
    pub ports: Vec<Port>,
    /// A file with `GITHUB_USER` and `GITHUB_TOKEN` for Image Updater, as the seed's `.env`.
    /// Without one the environment variables of these names are taken.
    #[schemars(with = "Option<String>")]
    pub env_file: Option<PathBuf>,
    /// Pinned manifests instead of the ones that this program carries.
    #[schemars(with = "Option<String>")]
    pub versions: Option<PathBuf>,
    /// The Argo CD Application that brings all others.
    #[schemars(with = "String")]
    pub root_app: PathBuf,
    /// Manifests that are applied once their CRDs are there, such as Image Updater's resources.
    #[schemars(with = "Vec<String>")]
    pub extra_manifests: Vec<PathBuf>,
    /// Pull the images of the pinned manifests on the machine and load them into the workers while the nodes boot.
    pub preload: bool,
    /// Publish Argo CD on its `NodePort` in a cluster that is there already.
    pub node_ports: bool,
    /// How long everything may take.
    pub timeout: Span,
}

/// A port of the nodes, the same on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// What is behind it.
    pub name: String,
    /// Its number, within the range of `NodePorts`.
    #[schemars(range(min = 30000, max = 32767))]
    pub port: u16,
}

impl Default for Spec {
    fn default() -> Self {
        let port = |name: &str, port| Port {
            name: name.to_owned(),
            port,
        };
        Self {
            provider: Provider::Kind,
            name: "devops-cluster".to_owned(),
            workers: 2,
            node_image: String::new(),
            bind_address: "127.0.0.1".to_owned(),
            api_port: 0,
            ports: vec![
                port("dev", 30007),
                port("argocd", 30008),
                port("grafana", 30009),
                port("prometheus", 30010),
                port("prod", 30011),
            ],
            env_file: None,
            versions: None,
            root_app: PathBuf::from("argocd/root-app.yaml"),
            extra_manifests: Vec::new(),
            preload: true,
            node_ports: false,
            timeout: Span::seconds(600),
        }
    }
}

impl Spec {
    /// Returns the context that kind gives the cluster.
    pub fn context(&self) -> String {
        format!("kind-{}", self.name)
    }

    /// Returns the port behind which `name` is, where it is published.
    pub fn port(&self, name: &str) -> Option<u16> {
        self.ports
            .iter()
            .find(|it| it.name == name)
            .map(|it| it.port)
    }

    /// Returns whether only this machine can reach the cluster.
    pub fn is_private(&self) -> bool {
        self.bind_address
            .parse::<IpAddr>()
            .is_ok_and(|it| it.is_loopback())
    }

    /// Refuses what no cluster can be made of, naming the key.
    ///
    /// # Errors
    ///
    /// Fails on a name, an address, a port or an image that kind or Docker would refuse later.
    pub fn check(&self) -> Result<(), Failure> {
        let refuse = |key: &str, why: String| {
            Err(Failure::usage(format!("kind-up: `{key}` {why}"))
                .kind_of("config")
                .hint("see `kind-up config show`"))
        };
        let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        if self.name.is_empty()
            || self.name.len() > 50
            || !self.name.chars().all(plain)
            || self.name.starts_with('-')
            || self.name.ends_with('-')
        {
            let why = format!(
                "is `{}`: up to 50 lower-case letters, digits and dashes",
                self.name
            );
            return refuse("name", why);
        }
        if self.bind_address.parse::<IpAddr>().is_err() {
            return refuse(
                "bind_address",
                format!("is `{}`, which is not an IP address", self.bind_address),
            );
        }
        if self.workers > 9 {
            return refuse(
                "workers",
                format!("is {}, more than this machine can hold (9)", self.workers),
            );
        }
        let mut seen = Vec::new();
        for Port { name, port } in &self.ports {
            if !(30000..=32767).contains(port) {
                return refuse(
                    "ports",
                    format!("gives `{name}` {port}, which is no NodePort (30000 to 32767)"),
                );
            }
            if seen.contains(port) {
                return refuse("ports", format!("gives {port} twice"));
            }
            seen.push(*port);
        }
        if !self.node_image.is_empty() && !self.node_image.contains("@sha256:") {
            let why = format!(
                "is `{}`, which is not pinned: add `@sha256:…`",
                self.node_image
            );
            return refuse("node_image", why);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_seeds_cluster_on_loopback() {
        let spec = Spec::default();
        assert!(spec.check().is_ok() && spec.is_private());
        assert_eq!(spec.context(), "kind-devops-cluster");
        let ports: Vec<u16> = ["dev", "argocd", "grafana", "prometheus", "prod"]
            .iter()
            .filter_map(|it| spec.port(it))
            .collect();
        assert_eq!(ports, [30007, 30008, 30009, 30010, 30011]);
    }

    #[test]
    fn what_no_cluster_can_be_made_of_is_refused_by_key() {
        let refused = |change: fn(&mut Spec)| {
            let mut spec = Spec::default();
            change(&mut spec);
            spec.check().unwrap_err().to_string()
        };
        assert!(refused(|it| it.name = "Prod_1".to_owned()).contains("`name`"));
        assert!(refused(|it| it.bind_address = "localhost".to_owned()).contains("`bind_address`"));
        assert!(refused(|it| it.ports[0].port = 8080).contains("no NodePort"));
        assert!(refused(|it| it.ports[1].port = 30007).contains("twice"));
        assert!(
            refused(|it| it.node_image = "kindest/node:v1.36.4".to_owned()).contains("not pinned")
        );
    }

    #[test]
    fn every_interface_is_not_private() {
        let spec = Spec {
            bind_address: "0.0.0.0".to_owned(),
            ..Spec::default()
        };
        assert!(spec.check().is_ok() && !spec.is_private());
    }
}
