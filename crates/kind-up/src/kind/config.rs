//! The configuration that `kind create cluster` gets (`kind.x-k8s.io/v1alpha4`).

use crate::spec::Spec;

/// Returns the configuration of the cluster that `spec` describes, with nodes of `node_image`.
///
/// Kubelets pull images side by side, where the default is one after the other.
pub(crate) fn render(spec: &Spec, node_image: &str) -> String {
    let mut text = format!(
        "kind: Cluster\n\
         apiVersion: kind.x-k8s.io/v1alpha4\n\
         name: {}\n\
         networking:\n  apiServerAddress: \"{}\"\n",
        spec.name, spec.listen_address
    );
    if spec.api_port != 0 {
        text.push_str(&format!("  apiServerPort: {}\n", spec.api_port));
    }
    text.push_str(
        "kubeadmConfigPatches:\n- |\n  kind: KubeletConfiguration\n  serializeImagePulls: false\n  maxParallelImagePulls: 4\n\
         nodes:\n",
    );
    text.push_str(&format!("- role: control-plane\n  image: {node_image}\n"));
    if !spec.ports.is_empty() {
        text.push_str("  extraPortMappings:\n");
    }
    for port in &spec.ports {
        text.push_str(&format!(
            "  - {{containerPort: {0}, hostPort: {0}, listenAddress: \"{1}\", protocol: TCP}}  # {2}\n",
            port.port,
            spec.listen_address,
            autoscaleops_core::text::printable(&port.name),
        ));
    }
    for _ in 0..spec.workers {
        text.push_str(&format!("- role: worker\n  image: {node_image}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::spec;

    #[test]
    fn the_seeds_cluster_listens_on_loopback_alone() {
        let text = render(&spec(|_| {}).unwrap(), "kindest/node:v1@sha256:ab");
        assert_eq!(
            text,
            r#"kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: devops-cluster
networking:
  apiServerAddress: "127.0.0.1"
kubeadmConfigPatches:
- |
  kind: KubeletConfiguration
  serializeImagePulls: false
  maxParallelImagePulls: 4
nodes:
- role: control-plane
  image: kindest/node:v1@sha256:ab
  extraPortMappings:
  - {containerPort: 30007, hostPort: 30007, listenAddress: "127.0.0.1", protocol: TCP}  # dev
  - {containerPort: 30008, hostPort: 30008, listenAddress: "127.0.0.1", protocol: TCP}  # argocd
  - {containerPort: 30009, hostPort: 30009, listenAddress: "127.0.0.1", protocol: TCP}  # grafana
  - {containerPort: 30010, hostPort: 30010, listenAddress: "127.0.0.1", protocol: TCP}  # prometheus
  - {containerPort: 30011, hostPort: 30011, listenAddress: "127.0.0.1", protocol: TCP}  # prod
- role: worker
  image: kindest/node:v1@sha256:ab
- role: worker
  image: kindest/node:v1@sha256:ab
"#
        );
    }

    #[test]
    fn every_yaml_reader_finds_the_ports_and_the_nodes() {
        let spec = spec(|it| {
            it.kind.workers = 1;
            it.kind.api_port = 6443;
        })
        .unwrap();
        let value: serde_json::Value =
            serde_yaml::from_str(&render(&spec, "kindest/node:v1@sha256:ab")).unwrap();
        assert_eq!(value["networking"]["apiServerPort"], 6443);
        assert_eq!(value["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(value["nodes"][0]["extraPortMappings"][4]["hostPort"], 30011);
    }
}
