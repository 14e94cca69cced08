//! What `kind-up` asks of a Kubernetes API, whoever serves it: apply, look, wait.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use autoscaleops_core::{
    Failure,
    cluster::{ClusterArgs, connect},
};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
    core::GroupVersionKind,
    discovery::{self, Scope},
};
use serde_json::Value;

use crate::details::{Address, Node};

/// The name that our writes carry.
pub(crate) const MANAGER: &str = "kind-up";

/// Managers whose fields may be taken: they are other ways in which this very work was done.
const OURS: [&str; 3] = ["kind-up", "kubectl", "kubectl-client-side-apply"];

/// A connection with what was learned about the kinds of the API.
pub(crate) struct Cluster {
    /// The client.
    pub(crate) client: Client,
    /// Its address, for messages.
    pub(crate) address: String,
    kinds: Mutex<BTreeMap<String, (ApiResource, Scope)>>,
}

/// What one apply did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The object was not there.
    Created,
    /// It differed.
    Changed,
    /// It was so already.
    Unchanged,
}

impl Cluster {
    /// Connects with the private kubeconfig, or a named context of the user's.
    ///
    /// # Errors
    ///
    /// Fails when it is not usable.
    pub(crate) async fn connect(access: &ClusterArgs) -> Result<Self, Failure> {
        let connected = connect(access).await?;
        Ok(Self {
            client: connected.client,
            address: connected.address,
            kinds: Mutex::default(),
        })
    }

    /// Returns whether the API says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else {
            return false;
        };
        self.client
            .request_text(request)
            .await
            .is_ok_and(|it| it.trim() == "ok")
    }

    async fn kind(&self, api_version: &str, kind: &str) -> kube::Result<(ApiResource, Scope)> {
        let key = format!("{api_version} {kind}");
        if let Some(found) = self.known(&key) {
            return Ok(found);
        }
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let (resource, capabilities) =
            discovery::pinned_kind(&self.client, &GroupVersionKind::gvk(group, version, kind))
                .await?;
        let found = (resource, capabilities.scope);
        let mut known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, found.clone());
        Ok(found)
    }

    fn known(&self, key: &str) -> Option<(ApiResource, Scope)> {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.get(key).cloned()
    }

    fn api(&self, resource: &ApiResource, scope: &Scope, namespace: &str) -> Api<DynamicObject> {
        match scope {
            Scope::Cluster => Api::all_with(self.client.clone(), resource),
            Scope::Namespaced => Api::namespaced_with(self.client.clone(), namespace, resource),
        }
    }

    /// Applies one object by server-side apply. Fields of other managers are not taken, but for
    /// those that are ways in which this work was done before, unless `force` takes them all.
    ///
    /// # Errors
    ///
    /// Fails when the kind is not known, another manager owns a field, or the API refuses.
    pub(crate) async fn apply(
        &self,
        manifest: &Value,
        namespace: &str,
        force: bool,
    ) -> anyhow::Result<Applied> {
        let (api_version, kind, name) = (
            text(manifest, "/apiVersion"),
            text(manifest, "/kind"),
            text(manifest, "/metadata/name"),
        );
        let (resource, scope) = self
            .kind(&api_version, &kind)
            .await
            .map_err(|err| unknown(err, &api_version, &kind))?;
        let namespace = match text(manifest, "/metadata/namespace") {
            own if own.is_empty() => namespace.to_owned(),
            own => own,
        };
        let api = self.api(&resource, &scope, &namespace);
        let before = api
            .get_opt(&name)
            .await
            .with_context(|| format!("cannot read {kind} {name}"))?;
        let version = before
            .as_ref()
            .and_then(|it| it.metadata.resource_version.clone());
        let mut parameters = PatchParams::apply(MANAGER);
        parameters.force = force;
        let first = api.patch(&name, &parameters, &Patch::Apply(manifest)).await;
        let after = match first {
            Ok(after) => after,
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let causes: Vec<(String, String)> = status
                    .details
                    .iter()
                    .flat_map(|it| &it.causes)
                    .map(|it| (it.message.clone(), it.field.clone()))
                    .collect();
                if !only_ours(&causes) {
                    return Err(conflict(&kind, &name, &causes).into());
                }
                parameters = parameters.force();
                api.patch(&name, &parameters, &Patch::Apply(manifest))
                    .await
                    .with_context(|| format!("cannot apply {kind} {name}"))?
            }
            Err(err) => {
                return Err(anyhow::Error::new(err).context(format!("cannot apply {kind} {name}")));
            }
        };
        Ok(match version {
            None => Applied::Created,
            Some(version) if Some(&version) == after.metadata.resource_version.as_ref() => {
                Applied::Unchanged
            }
            Some(_) => Applied::Changed,
        })
    }

    /// Returns the objects of a kind in every namespace, none when the kind is not known.
    ///
    /// # Errors
    ///
    /// Fails when the API does not answer.
    pub(crate) async fn list(&self, api_version: &str, kind: &str) -> anyhow::Result<Vec<Value>> {
        let resource = match self.kind(api_version, kind).await {
            Ok((resource, _)) => resource,
            Err(kube::Error::Discovery(_)) => return Ok(Vec::new()),
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
            Err(err) => return Err(err).with_context(|| format!("cannot look for {kind}")),
        };
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let listed = api
            .list(&ListParams::default())
            .await
            .with_context(|| format!("cannot list {kind}"))?;
        listed
            .items
            .iter()
            .map(|it| {
                let mut value = serde_json::to_value(it)?;
                // Members of a list come without their kind.
                value["kind"] = Value::from(kind);
                Ok(value)
            })
            .collect()
    }

    /// Returns the object of the kind and name of `like`, or `None` when it is not there.
    ///
    /// # Errors
    ///
    /// Fails when the API does not answer.
    pub(crate) async fn find(
        &self,
        like: &Value,
        namespace: &str,
    ) -> anyhow::Result<Option<Value>> {
        let (api_version, kind, name) = (
            text(like, "/apiVersion"),
            text(like, "/kind"),
            text(like, "/metadata/name"),
        );
        let (resource, scope) = self
            .kind(&api_version, &kind)
            .await
            .map_err(|err| unknown(err, &api_version, &kind))?;
        let namespace = match text(like, "/metadata/namespace") {
            own if own.is_empty() => namespace.to_owned(),
            own => own,
        };
        let found = self.api(&resource, &scope, &namespace).get_opt(&name).await;
        let found = found.with_context(|| format!("cannot read {kind} {name}"))?;
        let value = found.map(serde_json::to_value).transpose()?;
        // An object that is read alone may come without its kind.
        Ok(value.map(|mut it| {
            it["kind"] = Value::from(kind);
            it
        }))
    }

    /// Returns the nodes.
    ///
    /// # Errors
    ///
    /// Fails when the API does not answer.
    pub(crate) async fn nodes(&self) -> anyhow::Result<Vec<Node>> {
        let nodes = self.list("v1", "Node").await?;
        Ok(nodes
            .iter()
            .map(|it| Node {
                name: text(it, "/metadata/name"),
                ready: conditions(it)
                    .any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True"),
                version: text(it, "/status/nodeInfo/kubeletVersion"),
            })
            .collect())
    }

    /// Returns the addresses of services with node ports, on `host`; where `published` says which
    /// ports can be reached there, those alone.
    ///
    /// # Errors
    ///
    /// Fails when the API does not answer.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        published: Option<&[u16]>,
    ) -> anyhow::Result<Vec<Address>> {
        let services = self.list("v1", "Service").await?;
        let mut found = Vec::new();
        for service in &services {
            let ports = service.pointer("/spec/ports").and_then(Value::as_array);
            for port in ports.into_iter().flatten() {
                let node_port = port.get("nodePort").and_then(Value::as_u64);
                let Some(node_port) = node_port.and_then(|it| u16::try_from(it).ok()) else {
                    continue;
                };
                if node_port == 0 || published.is_some_and(|it| !it.contains(&node_port)) {
                    continue;
                }
                let name = text(port, "/name");
                let tls = name == "https" || port.get("port").and_then(Value::as_u64) == Some(443);
                let scheme = if tls { "https" } else { "http" };
                found.push(Address {
                    name: format!(
                        "{}/{}",
                        text(service, "/metadata/namespace"),
                        text(service, "/metadata/name")
                    ),
                    url: format!("{scheme}://{host}:{node_port}"),
                });
            }
        }
        Ok(found)
    }

    /// Returns the address of a node, for who is not on it.
    ///
    /// # Errors
    ///
    /// Fails when the API does not answer.
    pub(crate) async fn node_address(&self) -> anyhow::Result<Option<String>> {
        let nodes = self.list("v1", "Node").await?;
        let addresses = |kind: &str| {
            let all = nodes.iter().flat_map(|it| {
                let listed = it.pointer("/status/addresses").and_then(Value::as_array);
                listed.into_iter().flatten()
            });
            let mut of_kind = all.filter(|it| text(it, "/type") == kind);
            of_kind.next().map(|it| text(it, "/address"))
        };
        Ok(addresses("ExternalIP").or_else(|| addresses("InternalIP")))
    }

    /// Deletes the object of the kind and name of `like`. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// Fails when the API does not answer, or refuses.
    pub(crate) async fn delete(&self, like: &Value, namespace: &str) -> anyhow::Result<bool> {
        if self.find(like, namespace).await?.is_none() {
            return Ok(false);
        }
        let (kind, name) = (text(like, "/kind"), text(like, "/metadata/name"));
        let (resource, scope) = self.kind(&text(like, "/apiVersion"), &kind).await?;
        self.api(&resource, &scope, namespace)
            .delete(&name, &DeleteParams::default())
            .await
            .with_context(|| format!("cannot delete {kind} {name}"))?;
        Ok(true)
    }
}

fn only_ours(causes: &[(String, String)]) -> bool {
    let ours = |message: &str| {
        message
            .split('"')
            .nth(1)
            .is_some_and(|manager| OURS.contains(&manager))
    };
    !causes.is_empty() && causes.iter().all(|it| ours(&it.0))
}

fn conflict(kind: &str, name: &str, causes: &[(String, String)]) -> Failure {
    let listed: Vec<String> = causes
        .iter()
        .map(|(who, field)| format!("{field} ({who})"))
        .collect();
    Failure::error(
        "conflict",
        format!(
            "{kind} {name} has fields that somebody else set: {}",
            listed.join(", ")
        ),
    )
    .hint("let the other manager have them, or take them over with `--force-conflicts`")
}

/// The word of the failure that says that a cluster does not know a kind, or not yet.
pub(crate) const UNKNOWN_KIND: &str = "unknown_kind";

fn unknown(err: kube::Error, api_version: &str, kind: &str) -> anyhow::Error {
    let is_absent = match &err {
        kube::Error::Discovery(_) => true,
        kube::Error::Api(status) => status.code == 404,
        _ => false,
    };
    let message = format!("the cluster does not know the kind {kind} of {api_version}");
    let err = anyhow::Error::new(err);
    if is_absent {
        err.context(Failure::unavailable(UNKNOWN_KIND, message))
    } else {
        err.context(format!("cannot look for {kind} of {api_version}"))
    }
}

/// Returns the text at a JSON pointer, or the empty one.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned()
}

/// Returns the conditions in the status of an object.
pub(crate) fn conditions(value: &Value) -> impl Iterator<Item = &Value> {
    value
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_taken_only_from_managers_that_are_ours() {
        let cause = |it: &str| (format!("conflict with {it}"), ".spec.replicas".to_owned());
        assert!(only_ours(&[cause(
            "\"kubectl-client-side-apply\" using apps/v1"
        )]));
        assert!(!only_ours(&[
            cause("\"kubectl\""),
            cause("\"horizontal-pod-autoscaler\" using apps/v1")
        ]));
        assert!(!only_ours(&[]), "a conflict without causes is nobody's");
    }
}
