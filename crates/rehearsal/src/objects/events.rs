//! Events: what happened to an object, for `kubectl describe` and `kubectl get events`.

use serde_json::{Value, json};

use crate::{
    store::Store,
    value::{number, set, text},
};

/// Records an event about an object, or counts the same one up.
pub(crate) fn event(
    store: &mut Store,
    about: &Value,
    kind: &str,
    reason: &str,
    message: &str,
    component: &str,
) {
    let namespace = match text(about, "/metadata/namespace") {
        "" => "default",
        namespace => namespace,
    };
    let name = text(about, "/metadata/name");
    let id = crate::value::hash(&json!([text(about, "/metadata/uid"), reason, message]));
    let event_name = format!("{name}.{id}");
    let now = crate::value::now();
    let mut value = match store.get("events", namespace, &event_name) {
        Some(found) => found.value(),
        None => json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": event_name, "namespace": namespace, "uid": crate::value::uid(), "creationTimestamp": now},
            "involvedObject": {
                "apiVersion": text(about, "/apiVersion"), "kind": text(about, "/kind"), "name": name,
                "namespace": text(about, "/metadata/namespace"), "uid": text(about, "/metadata/uid"),
            },
            "reason": reason, "message": message, "type": kind, "firstTimestamp": now, "count": 0,
            "source": {"component": component}, "reportingComponent": component, "reportingInstance": "", "eventTime": null,
        }),
    };
    let count = number(&value, "/count").unwrap_or(0);
    set(&mut value, &[], "count", count + 1);
    set(&mut value, &[], "lastTimestamp", now);
    if let Err(err) = store.put("events", value) {
        tracing::warn!("cannot record an event: {err}");
    }
}
