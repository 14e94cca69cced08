//! The verbs on the objects of one kind: which path names what, and what is done with it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Answer, Request, lock};
use crate::{
    cluster::Cluster,
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

/// What a path below a group and version names.
pub(super) struct Target<'a> {
    /// The kind.
    pub(super) resource: Arc<Resource>,
    /// The version that the path asks for.
    pub(super) version: &'a str,
    /// The namespace, where the kind has them.
    pub(super) namespace: Option<&'a str>,
    /// The name of one object.
    pub(super) name: Option<&'a str>,
    /// The subresource, empty for the object itself.
    pub(super) subresource: &'a str,
}

pub(super) fn objects_at(
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
            super::scale::scale(cluster, request, &target, name)
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
            let mut store = lock(&cluster.store);
            let written = match kind {
                PatchKind::Apply(force) => {
                    objects::apply(&mut store, resource, namespace, name, body, force, write)
                }
                kind => objects::patch(&mut store, resource, namespace, name, &body, kind, write),
            }?;
            drop(store);
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

pub(super) fn patch_kind(request: &Request) -> ApiResult<PatchKind> {
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
