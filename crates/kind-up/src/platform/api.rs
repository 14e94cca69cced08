//! The Kubernetes API as this tool uses it: any kind, as JSON, found by discovery.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use autoscaleops_core::{
    Failure,
    cluster::{self, ClusterArgs},
};
use http::{Method, Request};
use kube::Client;
use serde_json::Value;

/// Who owns the fields that this tool applies.
pub const MANAGER: &str = "kind-up";

/// What kind of object an address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resource {
    plural: String,
    is_namespaced: bool,
}

/// A connection that knows the kinds of its cluster.
pub struct Api {
    client: Client,
    /// Address of the API server, for messages.
    pub address: String,
    known: Mutex<BTreeMap<(String, String), Resource>>,
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The cluster knows no such kind, or not yet.
    #[error("the cluster knows no {kind} of {api_version}")]
    UnknownKind {
        /// Group and version.
        api_version: String,
        /// The kind.
        kind: String,
    },
    /// Another manager owns fields that differ. Each with its field.
    #[error("fields belong to others: {}", .0.iter().map(|(manager, field)| format!("{field} ({manager})")).collect::<Vec<_>>().join(", "))]
    Conflict(Vec<(String, String)>),
    /// There is no such object.
    #[error("not found")]
    NotFound,
    /// The server said no, or nothing.
    #[error(transparent)]
    Refused(Box<kube::Error>),
}

impl From<kube::Error> for ApiError {
    fn from(err: kube::Error) -> Self {
        let kube::Error::Api(status) = &err else {
            return Self::Refused(Box::new(err));
        };
        let causes = status.details.iter().flat_map(|it| &it.causes);
        let conflicts: Vec<(String, String)> = causes
            .filter(|it| it.reason == "FieldManagerConflict")
            .map(|it| (manager_of(&it.message), it.field.clone()))
            .collect();
        match status.code {
            404 => Self::NotFound,
            409 if !conflicts.is_empty() => Self::Conflict(conflicts),
            _ => Self::Refused(Box::new(err)),
        }
    }
}

/// Takes the manager out of `conflict with "kubectl" using apps/v1`.
fn manager_of(message: &str) -> String {
    message.split('"').nth(1).unwrap_or("unknown").to_owned()
}

impl Api {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Fails when the kubeconfig cannot be used.
    pub async fn connect(args: &ClusterArgs) -> Result<Self, Failure> {
        let cluster = cluster::connect(args).await?;
        Ok(Self {
            client: cluster.client,
            address: cluster.address,
            known: Mutex::default(),
        })
    }

    /// Returns whether the API server says that it is ready.
    pub async fn is_ready(&self) -> bool {
        match request(Method::GET, "/readyz", "", Vec::new()) {
            Ok(request) => self.client.request_text(request).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Returns the object or the list at `path`.
    ///
    /// # Errors
    ///
    /// Fails when there is none, or the server refuses.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        Ok(self
            .client
            .request(request(Method::GET, path, "", Vec::new())?)
            .await?)
    }

    /// Returns the object of this kind and name.
    ///
    /// # Errors
    ///
    /// Fails when there is none, or the server refuses.
    pub async fn get_object(&self, object: &Value, namespace: &str) -> Result<Value, ApiError> {
        let path = self.path(object, namespace).await?;
        self.get(&path).await
    }

    /// Applies `object` on the server's side. Fields of other managers that differ are a conflict,
    /// unless `force` takes them over.
    ///
    /// # Errors
    ///
    /// Fails when the kind is unknown, on a conflict, and when the server refuses.
    pub async fn apply(
        &self,
        object: &Value,
        namespace: &str,
        force: bool,
    ) -> Result<Value, ApiError> {
        let path = self.path(object, namespace).await?;
        let force = if force { "&force=true" } else { "" };
        let uri = format!("{path}?fieldManager={MANAGER}{force}");
        let body = serde_json::to_vec(object).unwrap_or_default();
        let request = request(Method::PATCH, &uri, "application/apply-patch+yaml", body)?;
        Ok(self.client.request(request).await?)
    }

    /// Returns the address of `object`; one that names no namespace is taken to be in `namespace`.
    async fn path(&self, object: &Value, namespace: &str) -> Result<String, ApiError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let resource = self.resource(&api_version, &kind).await?;
        let name = text(&object["metadata"]["name"]);
        let base = base(&api_version);
        if !resource.is_namespaced {
            return Ok(format!("{base}/{}/{name}", resource.plural));
        }
        let namespace = object["metadata"]["namespace"]
            .as_str()
            .unwrap_or(namespace);
        Ok(format!(
            "{base}/namespaces/{namespace}/{}/{name}",
            resource.plural
        ))
    }

    async fn resource(&self, api_version: &str, kind: &str) -> Result<Resource, ApiError> {
        let key = (api_version.to_owned(), kind.to_owned());
        let known = |map: &Mutex<BTreeMap<_, Resource>>| {
            map.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&key)
                .cloned()
        };
        if let Some(resource) = known(&self.known) {
            return Ok(resource);
        }
        let unknown = || ApiError::UnknownKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        };
        let list = match self.get(&base(api_version)).await {
            Err(ApiError::NotFound) => return Err(unknown()),
            other => other?,
        };
        let mut map = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for it in list["resources"].as_array().into_iter().flatten() {
            let (Some(plural), Some(kind)) = (it["name"].as_str(), it["kind"].as_str()) else {
                continue;
            };
            if !plural.contains('/') {
                let resource = Resource {
                    plural: plural.to_owned(),
                    is_namespaced: it["namespaced"] == true,
                };
                map.insert((api_version.to_owned(), kind.to_owned()), resource);
            }
        }
        map.get(&key).cloned().ok_or_else(unknown)
    }
}

fn base(api_version: &str) -> String {
    if api_version.contains('/') {
        format!("/apis/{api_version}")
    } else {
        format!("/api/{api_version}")
    }
}

fn request(
    method: Method,
    uri: &str,
    content_type: &str,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, ApiError> {
    let mut builder = Request::builder().method(method).uri(uri);
    if !content_type.is_empty() {
        builder = builder.header("Content-Type", content_type);
    }
    builder
        .body(body)
        .map_err(|err| ApiError::Refused(Box::new(kube::Error::HttpError(err))))
}
