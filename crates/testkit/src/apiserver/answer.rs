//! What is answered: discovery, lists, single objects, scales and watches.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Change, Inner, Shared, discovery,
    http::{Reply, Request},
    objects::KINDS,
};

/// A path to a resource.
#[derive(Debug)]
struct Place {
    resource: &'static str,
    kind: &'static str,
    api_version: &'static str,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (api_version, rest) = match parts.as_slice() {
            ["api", "v1", rest @ ..] => ("v1".to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => {
                (Some((*namespace).to_owned()), rest)
            }
            rest => (None, rest),
        };
        let plural = match (api_version.as_str(), *rest.first()?) {
            ("metrics.k8s.io/v1beta1", "pods") => "podmetrics",
            (_, plural) => plural,
        };
        let known = KINDS
            .iter()
            .find(|(_, resource, version, _)| *resource == plural && *version == api_version)?;
        Some(Self {
            resource: known.1,
            kind: known.0,
            api_version: known.2,
            namespace,
            name: rest.get(1).map(|name| (*name).to_owned()),
            subresource: rest.get(2).map(|name| (*name).to_owned()),
        })
    }
}

pub(super) fn answer(shared: &Shared, request: &Request, reply: &mut Reply<'_>) -> io::Result<()> {
    let path = request.path.as_str();
    if let Some(status) = broken(&shared.lock(), path) {
        return refuse(reply, status, "as a test wants it");
    }
    let token = shared.lock().token.clone();
    if token.is_some_and(|token| request.authorization != format!("Bearer {token}")) {
        return refuse(reply, 401, "Unauthorized");
    }
    if request.method == "POST" {
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "metadata": {}, "spec": {}, "status": {"allowed": true}});
        return reply.whole(201, &body.to_string());
    }
    if let Some(body) = discovery::of(path, &shared.lock()) {
        return reply.whole(200, &body.to_string());
    }
    let Some(place) = Place::of(path) else {
        return refuse(
            reply,
            404,
            "the server could not find the requested resource",
        );
    };
    let plural = if place.resource == "podmetrics" {
        "pods.metrics.k8s.io"
    } else {
        place.resource
    };
    if shared.lock().forbidden.contains(plural) {
        return refuse(
            reply,
            403,
            &format!("{plural} is forbidden: User \"test\" cannot list it"),
        );
    }
    if place.resource == "podmetrics" && !discovery::serves_metrics(&shared.lock()) {
        return refuse(
            reply,
            404,
            "the server could not find the requested resource",
        );
    }
    match (&place.name, request.parameter("watch")) {
        (None, Some("true" | "1")) => watch(shared, request, &place, reply),
        (None, _) => list(&shared.lock(), request, &place, reply),
        (Some(name), _) => one(&shared.lock(), &place, name, reply),
    }
}

/// The status that a test wants for a path.
fn broken(inner: &Inner, path: &str) -> Option<u16> {
    let mut broken = inner.broken.iter();
    broken
        .find(|(start, _)| path.starts_with(start.as_str()))
        .map(|(_, status)| *status)
}

fn refuse(reply: &mut Reply<'_>, status: u16, message: &str) -> io::Result<()> {
    let reason = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        410 => "Expired",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    reply.whole(status, &status_of(status, reason, message).to_string())
}

fn status_of(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code})
}

/// Whether an object is in a namespace and matches the selectors of the request.
fn is_meant(object: &Value, request: &Request, place: &Place) -> bool {
    let in_namespace = place
        .namespace
        .as_deref()
        .is_none_or(|namespace| object["metadata"]["namespace"] == namespace);
    let fields = request.parameter("fieldSelector").unwrap_or_default();
    let by_field = fields
        .split(',')
        .filter(|part| !part.is_empty())
        .all(|part| {
            let (path, wanted) = part.split_once('=').unwrap_or((part, ""));
            let place = path.split('.').fold(object, |place, name| &place[name]);
            place.as_str().unwrap_or_default() == wanted.trim_start_matches('=')
        });
    let labels = request.parameter("labelSelector").unwrap_or_default();
    let by_label = labels
        .split(',')
        .filter(|part| !part.is_empty())
        .all(|part| {
            let (name, wanted) = part.split_once('=').unwrap_or((part, ""));
            object["metadata"]["labels"][name] == wanted
        });
    in_namespace && by_field && by_label
}

fn list(inner: &Inner, request: &Request, place: &Place, reply: &mut Reply<'_>) -> io::Result<()> {
    let limit: usize = request
        .parameter("limit")
        .and_then(|limit| limit.parse().ok())
        .filter(|limit| *limit > 0)
        .unwrap_or(usize::MAX);
    let after = request.parameter("continue").unwrap_or_default();
    let all = inner.objects.get(place.resource);
    let mut items: Vec<(&String, &Arc<Value>)> = all
        .into_iter()
        .flatten()
        .filter(|(key, object)| key.as_str() > after && is_meant(object, request, place))
        .take(limit.saturating_add(1))
        .collect();
    let mut metadata = json!({"resourceVersion": inner.version.to_string()});
    if items.len() > limit {
        items.truncate(limit);
        let last = items.last().map(|(key, _)| key.as_str());
        metadata["continue"] = json!(last);
    }
    if is_table(request, place) {
        let rows: Vec<Value> = items.iter().map(|(_, object)| row(object)).collect();
        return reply.whole(200, &table(&metadata, &rows).to_string());
    }
    // Written by hand: thousands of objects would otherwise be copied.
    let mut body = format!(
        "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
        place.kind, place.api_version
    );
    for (index, (_, object)) in items.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(&object.to_string());
    }
    body.push_str("]}");
    reply.whole(200, &body)
}

fn one(inner: &Inner, place: &Place, name: &str, reply: &mut Reply<'_>) -> io::Result<()> {
    let key = match &place.namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    };
    let object = inner
        .objects
        .get(place.resource)
        .and_then(|all| all.get(&key));
    let Some(object) = object else {
        let message = format!("{} \"{name}\" not found", place.resource);
        return refuse(reply, 404, &message);
    };
    if place.subresource.as_deref() == Some("scale") {
        let scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": object["metadata"],
            "spec": {"replicas": object["spec"]["replicas"]},
            "status": {"replicas": object["status"]["replicas"], "selector": ""}});
        return reply.whole(200, &scale.to_string());
    }
    reply.whole(200, &object.to_string())
}

fn watch(
    shared: &Shared,
    request: &Request,
    place: &Place,
    reply: &mut Reply<'_>,
) -> io::Result<()> {
    let seconds = request
        .parameter("timeoutSeconds")
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(300);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut inner = shared.lock();
    if inner.gone_on_request.remove(place.resource) {
        drop(inner);
        return refuse(reply, 410, "too old resource version");
    }
    let mut version: u64 = match request.parameter("resourceVersion") {
        Some(text) if !text.is_empty() && text != "0" => text.parse().unwrap_or(0),
        _ => inner.version,
    };
    let is_old = version < inner.compacted;
    let cuts = inner.cuts;
    let as_table = is_table(request, place);
    drop(inner);
    reply.begin_chunks()?;
    if is_old {
        reply.chunk(&event(
            "ERROR",
            &status_of(410, "Expired", "too old resource version"),
        ))?;
        return reply.end_chunks();
    }
    loop {
        let mut inner = shared.lock();
        if inner.cuts != cuts {
            // In the middle of a chunk, as a connection breaks.
            drop(inner);
            reply.chunk("{\"type\":\"MODI")?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if inner.gone_in_stream.remove(place.resource) {
            drop(inner);
            reply.chunk(&event(
                "ERROR",
                &status_of(410, "Expired", "too old resource version"),
            ))?;
            return reply.end_chunks();
        }
        // Versions rise, so what is new is at the end.
        let start = inner
            .changes
            .partition_point(|change| change.version <= version);
        let new: Vec<Change> = inner.changes.range(start..).cloned().collect();
        if new.is_empty() {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                drop(inner);
                return reply.end_chunks();
            }
            let rest = rest.min(Duration::from_secs(1));
            inner = shared
                .changed
                .wait_timeout(inner, rest)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
            drop(inner);
            continue;
        }
        drop(inner);
        let mut text = String::new();
        for change in new {
            version = change.version;
            if change.resource != place.resource || !is_meant(&change.object, request, place) {
                continue;
            }
            if as_table {
                let metadata = json!({"resourceVersion": version.to_string()});
                text.push_str(&event(
                    change.kind,
                    &table(&metadata, &[row(&change.object)]),
                ));
            } else {
                text.push_str(&event(change.kind, &change.object));
            }
        }
        if text.is_empty() && request.parameter("allowWatchBookmarks") == Some("true") {
            let bookmark = json!({"kind": place.kind, "apiVersion": place.api_version,
                "metadata": {"resourceVersion": version.to_string()}});
            text = event("BOOKMARK", &bookmark);
        }
        if !text.is_empty() {
            reply.chunk(&text)?;
        }
    }
}

fn event(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

/// Whether kubectl asks for the rows that it prints, which we have for autoscalers.
fn is_table(request: &Request, place: &Place) -> bool {
    request.accept.contains("as=Table") && place.resource == "horizontalpodautoscalers"
}

fn table(metadata: &Value, rows: &[Value]) -> Value {
    let column = |name: &str, kind: &str| json!({"name": name, "type": kind, "format": "", "description": name, "priority": 0});
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": [
            {"name": "Name", "type": "string", "format": "name", "description": "Name", "priority": 0},
            column("Reference", "string"), column("Targets", "string"),
            column("MinPods", "integer"), column("MaxPods", "integer"),
            column("Replicas", "integer"), column("Age", "string"),
        ],
        "rows": rows})
}

fn row(object: &Value) -> Value {
    let reference = &object["spec"]["scaleTargetRef"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let current =
        &object["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"];
    let current = current
        .as_i64()
        .map_or("<unknown>".to_owned(), |value| format!("{value}%"));
    let target = &object["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"];
    json!({
        "cells": [
            object["metadata"]["name"],
            format!("{}/{}", text(&reference["kind"]), text(&reference["name"])),
            format!("cpu: {current}/{target}%"),
            object["spec"]["minReplicas"], object["spec"]["maxReplicas"],
            object["status"]["currentReplicas"], "1d",
        ],
        "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": object["metadata"]},
    })
}
