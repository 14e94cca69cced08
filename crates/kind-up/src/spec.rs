//! The cluster that should be there, taken out of the configuration and checked.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use autoscaleops_core::{Failure, cluster::ClusterArgs};

use crate::settings::{GitCredentials, Port, Provider, Settings};

/// The cluster that should be there, and what should be in it. Paths are absolute or start from the
/// working directory.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// The name of the cluster.
    pub(crate) name: String,
    /// How many workers it has beside the control plane.
    pub(crate) workers: u16,
    /// The image of the nodes; empty for the pinned one.
    pub(crate) node_image: String,
    /// The address that the API server and the ports listen on.
    pub(crate) listen_address: String,
    /// The port of the API server; 0 for a free one.
    pub(crate) api_port: u16,
    /// The node ports that the machine can reach.
    pub(crate) ports: Vec<Port>,
    /// Where the credentials for Git are.
    pub(crate) git_credentials: GitCredentials,
    /// Pinned manifests instead of the ones that this program carries.
    pub(crate) versions: Option<PathBuf>,
    /// The Application that brings all others.
    pub(crate) root_app: Option<PathBuf>,
    /// Manifests that come with it.
    pub(crate) manifests: Vec<PathBuf>,
    /// Whether images are loaded while the nodes boot.
    pub(crate) preload: bool,
    /// Whether Argo CD is published on its node port.
    pub(crate) node_ports: bool,
    /// How long everything may take.
    pub(crate) timeout: Duration,
    /// The private folder of the cluster.
    pub(crate) home: PathBuf,
    /// How the cluster is reached.
    pub(crate) access: ClusterArgs,
}

impl Spec {
    /// Returns the cluster that `settings` describes. Relative paths of theirs start from `folder`.
    ///
    /// # Errors
    ///
    /// Fails on an address, a port or an image that kind or Docker would refuse later, naming the key.
    pub(crate) fn of(
        settings: &Settings,
        folder: &Path,
        home: PathBuf,
        access: ClusterArgs,
    ) -> Result<Self, Failure> {
        let given = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| folder.join(path));
        let joined = |path: &PathBuf| folder.join(path);
        let spec = Self {
            name: settings.cluster.clone(),
            workers: settings.kind.workers,
            node_image: settings.kind.node_image.clone(),
            listen_address: settings.kind.listen_address.clone(),
            api_port: settings.kind.api_port,
            ports: settings.ports.clone(),
            git_credentials: GitCredentials {
                env_file: settings.git_credentials.env_file.as_ref().map(joined),
                token_file: settings.git_credentials.token_file.as_ref().map(|it| {
                    let is_input = it.as_os_str() == "-";
                    if is_input { it.clone() } else { joined(it) }
                }),
                username: settings.git_credentials.username.clone(),
            },
            versions: given(&settings.versions),
            root_app: given(&settings.root_app),
            manifests: settings.manifests.clone(),
            preload: settings.kind.preload,
            node_ports: settings.provider == Provider::Kind || settings.node_ports,
            timeout: settings.timeout.0,
            home,
            access,
        };
        spec.check()?;
        Ok(spec)
    }

    /// Returns the kubeconfig of the cluster.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.home.join("kubeconfig")
    }

    /// Returns the port behind which `name` is, where it is published.
    pub(crate) fn port(&self, name: &str) -> Option<u16> {
        self.ports
            .iter()
            .find(|it| it.name == name)
            .map(|it| it.port)
    }

    /// Returns whether only this machine can reach the cluster.
    pub(crate) fn is_private(&self) -> bool {
        self.listen_address
            .parse::<IpAddr>()
            .is_ok_and(|it| it.is_loopback())
    }

    fn check(&self) -> Result<(), Failure> {
        let refuse = |key: &str, why: String| {
            Err(Failure::usage(format!("kind-up: `{key}` {why}"))
                .kind_of("config")
                .hint("see `kind-up config show`"))
        };
        if self.listen_address.parse::<IpAddr>().is_err() {
            let why = format!("is `{}`, which is not an IP address", self.listen_address);
            return refuse("kind.listen_address", why);
        }
        if self.workers > 9 {
            let why = format!("is {}, more than one machine can hold (9)", self.workers);
            return refuse("kind.workers", why);
        }
        let mut seen = Vec::new();
        for Port { name, port } in &self.ports {
            if !(30000..=32767).contains(port) {
                let why = format!("gives `{name}` {port}, which is no NodePort (30000 to 32767)");
                return refuse("ports", why);
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
            return refuse("kind.node_image", why);
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns the cluster of the default configuration, changed by `change`.
    pub(crate) fn spec(change: impl Fn(&mut Settings)) -> Result<Spec, Failure> {
        let mut settings = Settings::default();
        change(&mut settings);
        Spec::of(
            &settings,
            Path::new("."),
            PathBuf::from("/nonexistent"),
            ClusterArgs::default(),
        )
    }

    #[test]
    fn the_default_is_the_seeds_cluster_on_loopback() {
        let spec = spec(|_| {}).unwrap();
        assert!(spec.is_private() && spec.node_ports);
        let ports: Vec<u16> = ["dev", "argocd", "grafana", "prometheus", "prod"]
            .iter()
            .filter_map(|it| spec.port(it))
            .collect();
        assert_eq!(ports, [30007, 30008, 30009, 30010, 30011]);
    }

    #[test]
    fn what_no_cluster_can_be_made_of_is_refused_by_key() {
        let refused = |change: fn(&mut Settings)| spec(change).unwrap_err().to_string();
        assert!(
            refused(|it| it.kind.listen_address = "localhost".to_owned())
                .contains("`kind.listen_address`")
        );
        assert!(refused(|it| it.kind.workers = 10).contains("`kind.workers`"));
        assert!(refused(|it| it.ports[0].port = 8080).contains("no NodePort"));
        assert!(refused(|it| it.ports[1].port = 30007).contains("twice"));
        assert!(
            refused(|it| it.kind.node_image = "kindest/node:v1.36.4".to_owned())
                .contains("not pinned")
        );
    }

    #[test]
    fn every_interface_is_not_private() {
        assert!(
            !spec(|it| it.kind.listen_address = "0.0.0.0".to_owned())
                .unwrap()
                .is_private()
        );
    }
}
