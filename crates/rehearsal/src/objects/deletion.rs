//! Deletion: at once, or marked for it when something must happen first.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{io, shown};
use crate::{
    error::{ApiError, ApiResult},
    resource::Resource,
    store::{Store, Stored},
    value::{list, number, object, set, stamp, text},
};

/// What a delete asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    /// Seconds that a pod may take to end.
    pub(crate) grace: Option<i64>,
    /// The identity that the object must have.
    pub(crate) uid: Option<String>,
    /// Whether dependents stay.
    pub(crate) orphan: bool,
    /// Whether nothing is to be stored.
    pub(crate) dry_run: bool,
}

/// Deletes an object, or marks it for deletion when something must happen first.
///
/// # Errors
///
/// Fails when it is not there or has another identity.
pub(crate) fn delete(
    store: &mut Store,
    resource: &Resource,
    namespace: &str,
    name: &str,
    options: &Deletion,
) -> ApiResult<Value> {
    let Some(live) = store.get(&resource.key(), namespace, name) else {
        return Err(ApiError::not_found(&shown(resource), name));
    };
    if let Some(uid) = &options.uid
        && *uid != live.uid
    {
        return Err(ApiError::conflict(
            &shown(resource),
            name,
            &format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                live.uid
            ),
        ));
    }
    let mut value = live.value();
    if options.dry_run {
        return Ok(value);
    }
    if options.orphan {
        orphan(store, &live.uid)?;
    }
    let waits = match resource.kind.as_str() {
        "Namespace" => true,
        // A pod ends first; the one that runs it takes it away.
        "Pod" => {
            options.grace != Some(0)
                || !matches!(text(&value, "/status/phase"), "Succeeded" | "Failed")
        }
        _ => !list(&value, "/metadata/finalizers").is_empty(),
    };
    if !waits {
        let deleted = store
            .delete(&resource.key(), namespace, name)
            .map_err(|err| io(&err))?;
        return Ok(deleted.map_or(value, |it| it.value()));
    }
    let grace = options
        .grace
        .or_else(|| number(&value, "/spec/terminationGracePeriodSeconds"))
        .unwrap_or(0)
        .max(0);
    if live.deleting {
        let shorter =
            number(&value, "/metadata/deletionGracePeriodSeconds").is_some_and(|it| grace < it);
        if !shorter {
            return Ok(value);
        }
    }
    let end = Timestamp::now()
        .checked_add(SignedDuration::from_secs(grace))
        .unwrap_or_else(|_| Timestamp::now());
    set(&mut value, &["metadata"], "deletionTimestamp", stamp(end));
    set(
        &mut value,
        &["metadata"],
        "deletionGracePeriodSeconds",
        grace,
    );
    if resource.kind == "Namespace" {
        set(&mut value, &["status"], "phase", "Terminating");
    }
    let stored = store.put(&resource.key(), value).map_err(|err| io(&err))?;
    Ok(stored.value())
}

/// Takes an owner out of its dependents.
fn orphan(store: &mut Store, owner: &str) -> ApiResult<()> {
    let dependents: Vec<Arc<Stored>> = store
        .all()
        .filter(|it| it.owners.iter().any(|it| it == owner))
        .map(Arc::clone)
        .collect();
    for stored in dependents {
        let mut value = stored.value();
        if let Some(Value::Array(owners)) =
            object(&mut value, &["metadata"]).get_mut("ownerReferences")
        {
            owners.retain(|it| text(it, "/uid") != owner);
        }
        store.put(&stored.resource, value).map_err(|err| io(&err))?;
    }
    Ok(())
}
