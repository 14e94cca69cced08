//! What an existing cluster has otherwise than its configuration says. Pure.
//!
//! Nothing here can be changed in a running kind cluster: it is reported, and repaired by
//! `--recreate` alone.

use std::collections::BTreeMap;

use super::docker::{Binding, Container};
use crate::{details::Drift, spec::Spec};

const ROLE: &str = "io.x-k8s.kind.role";

/// Returns what differs between `spec`, with nodes of `node_image`, and the containers of the cluster.
pub(crate) fn compare(spec: &Spec, node_image: &str, containers: &[Container]) -> Vec<Drift> {
    let mut differences = Vec::new();
    let mut differ = |what: String, wanted: String, found: String| {
        if wanted != found {
            differences.push(Drift {
                what,
                wanted,
                found,
            });
        }
    };
    let with_role = |role: &str| {
        containers
            .iter()
            .filter(|it| it.config.labels.get(ROLE).map(String::as_str) == Some(role))
            .collect::<Vec<_>>()
    };
    let (masters, workers) = (with_role("control-plane"), with_role("worker"));
    differ(
        "control planes".to_owned(),
        "1".to_owned(),
        masters.len().to_string(),
    );
    differ(
        "workers".to_owned(),
        spec.workers.to_string(),
        workers.len().to_string(),
    );
    for container in containers {
        let name = container.name.trim_start_matches('/');
        differ(
            format!("image of {name}"),
            node_image.to_owned(),
            container.config.image.clone(),
        );
    }
    let Some(master) = masters.first() else {
        return differences;
    };
    let empty = BTreeMap::new();
    let found = master.host_config.port_bindings.as_ref().unwrap_or(&empty);
    for port in &spec.ports {
        let wanted = Binding {
            host_ip: spec.listen_address.clone(),
            host_port: port.port.to_string(),
        };
        let bindings = found
            .get(&format!("{}/tcp", port.port))
            .and_then(Option::as_ref);
        let text = bindings.map_or_else(|| "not published".to_owned(), |it| published(it));
        differ(
            format!("port {} ({})", port.port, port.name),
            published(&[wanted]),
            text,
        );
    }
    for (port, bindings) in found {
        let number = port.split('/').next().unwrap_or(port);
        let known = spec.ports.iter().any(|it| it.port.to_string() == number);
        let bindings = bindings.as_deref().unwrap_or_default();
        if number == "6443" {
            let address = bindings.first().map_or("", |it| it.host_ip.as_str());
            differ(
                "API server address".to_owned(),
                spec.listen_address.clone(),
                address.to_owned(),
            );
        } else if !known {
            differ(
                format!("port {number}"),
                "not published".to_owned(),
                published(bindings),
            );
        }
    }
    differences
}

fn published(bindings: &[Binding]) -> String {
    let texts: Vec<String> = bindings
        .iter()
        .map(|it| {
            let address = if it.host_ip.is_empty() {
                "0.0.0.0"
            } else {
                &it.host_ip
            };
            format!("{address}:{}", it.host_port)
        })
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::tests::spec;

    const IMAGE: &str = "kindest/node:v1@sha256:ab";

    fn cluster(address: &str, ports: &[u16], workers: usize) -> Vec<Container> {
        let bindings: serde_json::Map<String, serde_json::Value> = ports
            .iter()
            .map(|it| {
                (
                    format!("{it}/tcp"),
                    json!([{"HostIp": address, "HostPort": it.to_string()}]),
                )
            })
            .chain([(
                "6443/tcp".to_owned(),
                json!([{"HostIp": address, "HostPort": "41234"}]),
            )])
            .collect();
        let node = |name: String, role: &str, bindings: serde_json::Value| {
            json!({"Name": format!("/{name}"), "State": {"Status": "running"},
                   "Config": {"Image": IMAGE, "Labels": {ROLE: role}},
                   "HostConfig": {"PortBindings": bindings}})
        };
        let mut nodes = vec![node(
            "c-control-plane".to_owned(),
            "control-plane",
            bindings.into(),
        )];
        nodes.extend((0..workers).map(|it| node(format!("c-worker{it}"), "worker", json!(null))));
        serde_json::from_value(nodes.into()).unwrap()
    }

    #[test]
    fn a_cluster_as_configured_has_no_drift() {
        let containers = cluster("127.0.0.1", &[30007, 30008, 30009, 30010, 30011], 2);
        assert_eq!(compare(&spec(|_| {}).unwrap(), IMAGE, &containers), []);
    }

    #[test]
    fn the_seeds_own_cluster_differs_by_its_exposure() {
        let containers = cluster("", &[30007, 30008, 30009, 30010], 1);
        let found = compare(&spec(|_| {}).unwrap(), IMAGE, &containers);
        let what: Vec<&str> = found.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "workers",
                "port 30007 (dev)",
                "port 30008 (argocd)",
                "port 30009 (grafana)",
                "port 30010 (prometheus)",
                "port 30011 (prod)",
                "API server address"
            ]
        );
        assert_eq!(found[1].found, "0.0.0.0:30007");
        assert_eq!(found[5].found, "not published");
    }

    #[test]
    fn another_image_and_a_port_that_nobody_asked_for_are_drift() {
        let containers = cluster("127.0.0.1", &[30007, 30008, 30009, 30010, 30011, 31000], 2);
        let found = compare(
            &spec(|_| {}).unwrap(),
            "kindest/node:v2@sha256:cd",
            &containers,
        );
        assert_eq!(found.len(), 4);
        assert_eq!(found[3].what, "port 31000");
    }
}
