//! The API: one request in, one answer out. Streams are answered as a plan that the server carries
//! out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    discovery,
    error::{ApiError, ApiResult},
    fields::Force,
    objects::{self, Deletion, PatchKind, Write},
    resource::{Resource, api_version},
    selector::Selector,
    store::{Store, Stored},
    table,
    value::{number, set, text},
    watch::Watch,
};

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// The parts of the path, decoded.
    pub(crate) path: Vec<String>,
    /// The query, decoded.
    pub(crate) query: BTreeMap<String, String>,
    /// What the client takes.
    pub(crate) accept: String,
    /// What the body is.
    pub(crate) content_type: String,
    /// Who asks.
    pub(crate) agent: String,
    /// The body.
    pub(crate) body: Bytes,
}

impl Request {
    /// Returns a parameter, or the empty text.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.parameter(name), "true" | "1")
    }

    fn wants_table(&self) -> bool {
        self.accept
            .split(',')
            .next()
            .is_some_and(|it| it.contains("as=Table"))
    }

    fn json(&self) -> ApiResult<Value> {
        if self.content_type.contains("cbor") {
            return Err(ApiError::media_type(&self.content_type));
        }
        if self.content_type.contains("protobuf") && !self.body.is_empty() {
            return crate::protobuf::decode(&self.body).map_err(|err| ApiError::media_type(&err));
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if let Ok(value) = serde_json::from_slice(&self.body) {
            return Ok(value);
        }
        if self.content_type.contains("yaml") {
            return serde_yaml::from_slice(&self.body)
                .map_err(|err| ApiError::bad_request(format!("the body is not YAML: {err}")));
        }
        Err(ApiError::bad_request("the body of the request is not JSON"))
    }

    fn manager(&self) -> String {
        let said = self.parameter("fieldManager");
        if said.is_empty() {
            let agent = self.agent.split('/').next().unwrap_or("");
            let agent = if agent.is_empty() { "unknown" } else { agent };
            agent.chars().take(128).collect()
        } else {
            said.to_owned()
        }
    }

    fn dry_run(&self) -> bool {
        self.parameter("dryRun") == "All"
    }

    /// Returns which objects are asked for.
    pub(crate) fn selector(&self) -> ApiResult<Selector> {
        Selector::parse(
            self.parameter("labelSelector"),
            self.parameter("fieldSelector"),
        )
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A JSON body.
    Json(u16, Bytes, &'static str),
    /// A text.
    Text(u16, String),
    /// A stream of changes.
    Watch(Box<Watch>),
    /// A stream of a container's output.
    Log(crate::logs::Log),
}

impl Answer {
    fn json(code: u16, value: &Value) -> Self {
        Self::Json(code, Bytes::from(value.to_string()), "application/json")
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::json(error.code, &error.status())
    }
}

/// Locks what a panic elsewhere must not take down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers a request.
pub(crate) fn answer(cluster: &Arc<Cluster>, request: &Request) -> Answer {
    route(cluster, request).unwrap_or_else(Answer::from)
}

fn route(cluster: &Arc<Cluster>, request: &Request) -> ApiResult<Answer> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let registry = || lock(&cluster.store).registry();
    let found = |value: Option<Value>| {
        value
            .map(|it| Answer::json(200, &it))
            .ok_or_else(ApiError::no_route)
    };
    match path.as_slice() {
        ["version"] => Ok(Answer::json(200, &discovery::version())),
        ["readyz" | "livez" | "healthz", ..] => Ok(Answer::Text(200, "ok".to_owned())),
        [root @ ("api" | "apis")] => {
            let registry = registry();
            if request.accept.contains("as=APIGroupDiscoveryList")
                && request.accept.contains("v=v2,")
                || request.accept.contains("v=v2;as=APIGroupDiscoveryList")
            {
                let value = discovery::aggregated(&registry, *root == "api");
                return Ok(Answer::Json(
                    200,
                    Bytes::from(value.to_string()),
                    discovery::AGGREGATED,
                ));
            }
            if *root == "apis" {
                return Ok(Answer::json(200, &discovery::groups(&registry)));
            }
            let addresses =
                json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": cluster.address.to_string()}]);
            Ok(Answer::json(
                200,
                &json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}),
            ))
        }
        ["openapi", "v3"] => Ok(Answer::json(200, &discovery::openapi_index(&registry()))),
        ["openapi", "v3", "api", version] => found(discovery::openapi(&registry(), "", version)),
        ["openapi", "v3", "apis", group, version] => {
            found(discovery::openapi(&registry(), group, version))
        }
        [
            "apis",
            "authorization.k8s.io",
            "v1",
            "selfsubjectaccessreviews",
        ] if request.method == "POST" => {
            let mut review = request.json()?;
            set(
                &mut review,
                &[],
                "status",
                json!({"allowed": true, "reason": "the token of the stand-in may do everything"}),
            );
            Ok(Answer::json(201, &review))
        }
        ["apis", "metrics.k8s.io", "v1beta1", rest @ ..] if !rest.is_empty() => {
            crate::metrics::answer(cluster, rest, &request.selector()?)
                .map(|it| Answer::json(200, &it))
        }
        ["api", version] => found(discovery::resources(&registry(), "", version)),
        ["apis", group] => found(discovery::group(&registry(), group)),
        ["apis", group, version] => found(discovery::resources(&registry(), group, version)),
        ["api", version, rest @ ..] => objects_at(cluster, request, "", version, rest),
        ["apis", group, version, rest @ ..] => objects_at(cluster, request, group, version, rest),
        [] => Ok(Answer::json(
            200,
            &json!({"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}),
        )),
        _ => Err(ApiError::no_route()),
    }
}

/// What a path below a group and version names.
struct Target<'a> {
    resource: Arc<Resource>,
    version: &'a str,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    subresource: &'a str,
}

fn objects_at(
    cluster: &Arc<Cluster>,
    request: &Request,
    group: &str,
    version: &str,
    rest: &[&str],
) -> ApiResult<Answer> {
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..]
            if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) =>
        {
            (Some(*namespace), rest)
        }
        rest => (None, rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, None, ""),
        [plural, name] => (*plural, Some(*name), ""),
        [plural, name, subresource] => (*plural, Some(*name), *subresource),
        _ => return Err(ApiError::no_route()),
    };
    let resource = lock(&cluster.store)
        .registry()
        .at(group, version, plural)
        .ok_or_else(ApiError::no_route)?;
    if namespace.is_some() != resource.namespaced && (name.is_some() || namespace.is_some()) {
        return Err(ApiError::no_route());
    }
    let target = Target {
        resource,
        version,
        namespace,
        name,
        subresource,
    };
    match (target.name, target.subresource) {
        (Some(name), "log") if target.resource.kind == "Pod" && request.method == "GET" => {
            crate::logs::plan(cluster, target.namespace.unwrap_or(""), name, request)
                .map(Answer::Log)
        }
        (Some(name), "eviction") if target.resource.kind == "Pod" && request.method == "POST" => {
            let mut store = lock(&cluster.store);
            objects::delete(
                &mut store,
                &target.resource,
                target.namespace.unwrap_or(""),
                name,
                &Deletion::default(),
            )?;
            Ok(Answer::json(
                201,
                &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
            ))
        }
        (Some(_), "exec" | "attach" | "portforward" | "proxy") => {
            let mut error = ApiError::not_allowed();
            error.message = format!(
                "the embedded stand-in has no {}: its pods are processes of this machine, reachable at the ports in their annotations",
                target.subresource
            );
            Err(error)
        }
        (Some(name), "scale") if target.resource.scale.is_some() => {
            scale(cluster, request, &target, name)
        }
        (Some(name), "" | "status") if target.subresource.is_empty() || target.resource.status => {
            one(cluster, request, &target, name)
        }
        (Some(name), "finalize") if target.resource.kind == "Namespace" => {
            one(cluster, request, &target, name)
        }
        (None, "") => many(cluster, request, &target),
        _ => Err(ApiError::no_route()),
    }
}

/// Returns an object's text, in the version that the path asks for.
fn in_version(stored: &Stored, resource: &Resource, version: &str) -> Bytes {
    if resource.versions.len() < 2 {
        return stored.json.clone();
    }
    let wanted = api_version(&resource.group, version);
    let mut value = stored.value();
    if text(&value, "/apiVersion") == wanted {
        return stored.json.clone();
    }
    set(&mut value, &[], "apiVersion", wanted);
    Bytes::from(value.to_string())
}

fn many(cluster: &Arc<Cluster>, request: &Request, target: &Target<'_>) -> ApiResult<Answer> {
    let resource = &target.resource;
    let namespace = target.namespace.unwrap_or("");
    match request.method.as_str() {
        "GET" if request.flag("watch") => {
            Watch::new(cluster, request, resource, target.namespace, target.version)
                .map(|it| Answer::Watch(Box::new(it)))
        }
        "GET" => {
            let selector = request.selector()?;
            let (found, version) = {
                let store = lock(&cluster.store);
                (
                    matching(&store, resource, target.namespace, &selector),
                    store.version(),
                )
            };
            if request.wants_table() {
                let values: Vec<Value> = found.iter().map(|it| it.value()).collect();
                return Ok(Answer::json(
                    200,
                    &table::table(
                        resource,
                        &values,
                        version,
                        request.parameter("includeObject"),
                    ),
                ));
            }
            let mut body = format!(
                "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{{\"resourceVersion\":\"{version}\"}},\"items\":[",
                resource.kind,
                api_version(&resource.group, target.version)
            )
            .into_bytes();
            for (index, stored) in found.iter().enumerate() {
                if index > 0 {
                    body.push(b',');
                }
                body.extend_from_slice(&in_version(stored, resource, target.version));
            }
            body.extend_from_slice(b"]}");
            Ok(Answer::Json(200, Bytes::from(body), "application/json"))
        }
        "POST" => {
            let mut value = request.json()?;
            if text(&value, "/apiVersion").is_empty() {
                set(
                    &mut value,
                    &[],
                    "apiVersion",
                    api_version(&resource.group, target.version),
                );
            }
            let manager = request.manager();
            let write = Write {
                manager: &manager,
                dry_run: request.dry_run(),
                subresource: "",
            };
            let value =
                objects::create(&mut lock(&cluster.store), resource, namespace, value, write)?;
            Ok(one_answer(201, request, resource, &value))
        }
        "DELETE" => {
            let selector = request.selector()?;
            let options = deletion(request)?;
            let mut store = lock(&cluster.store);
            for stored in matching(&store, resource, target.namespace, &selector) {
                objects::delete(
                    &mut store,
                    resource,
                    &stored.namespace,
                    &stored.name,
                    &options,
                )?;
            }
            Ok(Answer::json(
                200,
                &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
            ))
        }
        _ => Err(ApiError::not_allowed()),
    }
}

/// Returns the objects that a selector asks for.
pub(crate) fn matching(
    store: &Store,
    resource: &Resource,
    namespace: Option<&str>,
    selector: &Selector,
) -> Vec<Arc<Stored>> {
    if let (Some(name), Some(namespace)) = (
        selector.name(),
        namespace.or((!resource.namespaced).then_some("")),
    ) {
        let found = store.get(&resource.key(), namespace, name);
        return found
            .into_iter()
            .filter(|it| selector.matches(it))
            .collect();
    }
    let mut found = store.list(&resource.key(), namespace);
    found.retain(|it| selector.matches(it));
    found
}

fn one_answer(code: u16, request: &Request, resource: &Resource, value: &Value) -> Answer {
    if request.wants_table() {
        let version = text(value, "/metadata/resourceVersion")
            .parse()
            .unwrap_or(0);
        return Answer::json(
            code,
            &table::table(
                resource,
                std::slice::from_ref(value),
                version,
                request.parameter("includeObject"),
            ),
        );
    }
    Answer::json(code, value)
}

fn one(
    cluster: &Arc<Cluster>,
    request: &Request,
    target: &Target<'_>,
    name: &str,
) -> ApiResult<Answer> {
    let resource = &target.resource;
    let namespace = target.namespace.unwrap_or("");
    let manager = request.manager();
    let write = Write {
        manager: &manager,
        dry_run: request.dry_run(),
        subresource: target.subresource,
    };
    match request.method.as_str() {
        "GET" => {
            let found = lock(&cluster.store)
                .get(&resource.key(), namespace, name)
                .ok_or_else(|| ApiError::not_found(&resource.key(), name))?;
            if request.wants_table() {
                return Ok(one_answer(200, request, resource, &found.value()));
            }
            Ok(Answer::Json(
                200,
                in_version(&found, resource, target.version),
                "application/json",
            ))
        }
        "PUT" => {
            let value = request.json()?;
            let written = objects::update(
                &mut lock(&cluster.store),
                resource,
                namespace,
                name,
                value,
                write,
            )?;
            Ok(one_answer(200, request, resource, &written.value))
        }
        "PATCH" => {
            let body = request.json()?;
            let kind = patch_kind(request)?;
            let written = objects::patch(
                &mut lock(&cluster.store),
                resource,
                namespace,
                name,
                &body,
                kind,
                write,
            )?;
            let code = if written.created { 201 } else { 200 };
            Ok(one_answer(code, request, resource, &written.value))
        }
        "DELETE" => {
            let options = deletion(request)?;
            let value = objects::delete(
                &mut lock(&cluster.store),
                resource,
                namespace,
                name,
                &options,
            )?;
            Ok(Answer::json(200, &value))
        }
        _ => Err(ApiError::not_allowed()),
    }
}

fn patch_kind(request: &Request) -> ApiResult<PatchKind> {
    let content_type = request.content_type.split(';').next().unwrap_or("").trim();
    match content_type {
        "application/json-patch+json" => Ok(PatchKind::Json),
        "application/merge-patch+json" => Ok(PatchKind::Merge),
        "application/strategic-merge-patch+json" => Ok(PatchKind::Strategic),
        "application/apply-patch+yaml" => {
            if request.parameter("fieldManager").is_empty() {
                return Err(ApiError::bad_request(
                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
                ));
            }
            Ok(PatchKind::Apply(if request.flag("force") {
                Force::Yes
            } else {
                Force::No
            }))
        }
        other => Err(ApiError::media_type(other)),
    }
}

fn deletion(request: &Request) -> ApiResult<Deletion> {
    let body = request.json()?;
    let policy = match text(&body, "/propagationPolicy") {
        "" => request.parameter("propagationPolicy"),
        policy => policy,
    };
    let dry_run = crate::value::list(&body, "/dryRun")
        .iter()
        .any(|it| it == "All");
    Ok(Deletion {
        grace: number(&body, "/gracePeriodSeconds")
            .or_else(|| request.parameter("gracePeriodSeconds").parse().ok()),
        uid: body
            .pointer("/preconditions/uid")
            .and_then(Value::as_str)
            .map(str::to_owned),
        orphan: policy == "Orphan",
        dry_run: dry_run || request.dry_run(),
    })
}

/// The scale subresource: a small view of an object that a patch or an update may change.
fn scale(
    cluster: &Arc<Cluster>,
    request: &Request,
    target: &Target<'_>,
    name: &str,
) -> ApiResult<Answer> {
    let resource = &target.resource;
    let namespace = target.namespace.unwrap_or("");
    let mut store = lock(&cluster.store);
    let live = store
        .get(&resource.key(), namespace, name)
        .ok_or_else(|| ApiError::not_found(&resource.key(), name))?;
    let view = scale_view(resource, &live.value());
    let wanted = match request.method.as_str() {
        "GET" => return Ok(Answer::json(200, &view)),
        "PUT" => request.json()?,
        "PATCH" => {
            let mut patched = view;
            match patch_kind(request)? {
                PatchKind::Json => crate::patch::json(&mut patched, &request.json()?)?,
                _ => crate::patch::merge(&mut patched, &request.json()?),
            }
            patched
        }
        _ => return Err(ApiError::not_allowed()),
    };
    let replicas = number(&wanted, "/spec/replicas").unwrap_or(0);
    let expected = text(&wanted, "/metadata/resourceVersion");
    if !expected.is_empty() && expected != live.version.to_string() {
        return Err(ApiError::conflict(
            &resource.key(),
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        ));
    }
    let manager = request.manager();
    let value = set_scale(
        &mut store,
        resource,
        namespace,
        name,
        replicas,
        Write {
            manager: &manager,
            dry_run: request.dry_run(),
            subresource: "",
        },
    )?;
    Ok(Answer::json(200, &scale_view(resource, &value)))
}

fn scale_view(resource: &Resource, value: &Value) -> Value {
    let Some(scale) = &resource.scale else {
        return Value::Null;
    };
    let selector = match value.pointer(&scale.selector) {
        Some(Value::String(text)) => text.clone(),
        Some(object) => crate::selector::to_text(object),
        None => String::new(),
    };
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": text(value, "/metadata/name"), "namespace": text(value, "/metadata/namespace"), "uid": text(value, "/metadata/uid"),
            "resourceVersion": text(value, "/metadata/resourceVersion"), "creationTimestamp": text(value, "/metadata/creationTimestamp"),
        },
        "spec": {"replicas": number(value, &scale.spec).unwrap_or(0)},
        "status": {"replicas": number(value, &scale.status).unwrap_or(0), "selector": selector},
    })
}

/// Sets the wanted number of replicas.
///
/// # Errors
///
/// Fails when the object is not there or cannot be scaled.
pub(crate) fn set_scale(
    store: &mut Store,
    resource: &Resource,
    namespace: &str,
    name: &str,
    replicas: i64,
    write: Write<'_>,
) -> ApiResult<Value> {
    let Some(scale) = &resource.scale else {
        return Err(ApiError::not_allowed());
    };
    let mut patch = json!(replicas);
    for field in scale.spec.trim_start_matches('/').rsplit('/') {
        patch = json!({field: patch});
    }
    objects::patch(
        store,
        resource,
        namespace,
        name,
        &patch,
        PatchKind::Merge,
        write,
    )
    .map(|it| it.value)
}
