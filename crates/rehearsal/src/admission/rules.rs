//! The rules that an object must keep, all of its breaches named at once.

use serde_json::Value;

use crate::{
    error::{ApiError, ApiResult},
    resource::Resource,
    value::{list, number, text},
};

/// Checks `new`, which is to replace `old`.
///
/// # Errors
///
/// Fails with every field that breaks a rule.
pub(super) fn check(resource: &Resource, old: Option<&Value>, new: &Value) -> ApiResult<()> {
    let mut causes: Vec<(&str, String)> = Vec::new();
    match resource.kind.as_str() {
        "Deployment" | "ReplicaSet" => {
            let labels = crate::value::texts(new, "/spec/template/metadata/labels");
            let selector = new.pointer("/spec/selector").unwrap_or(&Value::Null);
            if selector.as_object().is_none_or(serde_json::Map::is_empty) {
                causes.push(("spec.selector", "Required value".to_owned()));
            } else if !crate::selector::matches_object(selector, &labels) {
                causes.push((
                    "spec.template.metadata.labels",
                    "Invalid value: `selector` does not match template `labels`".to_owned(),
                ));
            }
            if let Some(old) = old
                && old.pointer("/spec/selector") != new.pointer("/spec/selector")
            {
                causes.push((
                    "spec.selector",
                    "Invalid value: field is immutable".to_owned(),
                ));
            }
            if number(new, "/spec/replicas").is_none_or(|it| it < 0) {
                causes.push((
                    "spec.replicas",
                    "Invalid value: must be greater than or equal to 0".to_owned(),
                ));
            }
            containers(
                list(new, "/spec/template/spec/containers"),
                "spec.template.spec.containers",
                &mut causes,
            );
        }
        "Pod" => containers(
            list(new, "/spec/containers"),
            "spec.containers",
            &mut causes,
        ),
        "Service" => {
            for port in list(new, "/spec/ports") {
                if !number(port, "/port").is_some_and(|it| (1..65_536).contains(&it)) {
                    causes.push((
                        "spec.ports.port",
                        "Invalid value: must be between 1 and 65535, inclusive".to_owned(),
                    ));
                }
            }
        }
        "HorizontalPodAutoscaler" => {
            let (least, most) = (
                number(new, "/spec/minReplicas").unwrap_or(1),
                number(new, "/spec/maxReplicas").unwrap_or(0),
            );
            if most < 1 {
                causes.push((
                    "spec.maxReplicas",
                    "Invalid value: must be greater than 0".to_owned(),
                ));
            } else if most < least {
                causes.push((
                    "spec.maxReplicas",
                    "Invalid value: must be greater than or equal to `minReplicas`".to_owned(),
                ));
            }
            if text(new, "/spec/scaleTargetRef/name").is_empty() {
                causes.push(("spec.scaleTargetRef.name", "Required value".to_owned()));
            }
        }
        "CustomResourceDefinition" => {
            let expected = format!(
                "{}.{}",
                text(new, "/spec/names/plural"),
                text(new, "/spec/group")
            );
            if text(new, "/metadata/name") != expected {
                causes.push((
                    "metadata.name",
                    format!(
                        "Invalid value: must be spec.names.plural+\".\"+spec.group: {expected}"
                    ),
                ));
            }
            if list(new, "/spec/versions").is_empty() {
                causes.push(("spec.versions", "Required value".to_owned()));
            }
        }
        _ => {}
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(
            &resource.kind,
            text(new, "/metadata/name"),
            &causes,
        ))
    }
}

fn containers(containers: &[Value], path: &'static str, causes: &mut Vec<(&str, String)>) {
    if containers.is_empty() {
        causes.push((path, "Required value".to_owned()));
    }
    for container in containers {
        if text(container, "/name").is_empty() {
            causes.push((path, "Required value: a container needs a name".to_owned()));
        }
        if text(container, "/image").is_empty() {
            causes.push((
                path,
                "Required value: a container needs an image".to_owned(),
            ));
        }
        for (name, request) in container
            .pointer("/resources/requests")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let limit = container.pointer(&format!("/resources/limits/{name}"));
            if let (Some(request), Some(limit)) = (
                crate::value::milli(request),
                limit.and_then(crate::value::milli),
            ) && request > limit
            {
                causes.push((path, format!("Invalid value: the request of {name} must be less than or equal to its limit")));
            }
        }
    }
}
