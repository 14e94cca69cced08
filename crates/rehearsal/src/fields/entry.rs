//! The entries of `managedFields`: who owns which fields, and since when.

use serde_json::{Value, json};

use super::set::Fields;
use crate::value::{list, now, object, set, text};

/// One manager's entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The manager.
    pub(super) manager: String,
    /// `Apply` or `Update`.
    pub(super) operation: String,
    /// The subresource that was written, empty for the object itself.
    pub(super) subresource: String,
    /// The version of the API that the fields are named in.
    pub(super) api_version: String,
    /// When it changed.
    pub(super) time: String,
    /// What it owns.
    pub(super) fields: Fields,
}

impl Entry {
    /// Returns a new entry for the object itself, as of now.
    pub(super) fn new(manager: &str, operation: &str, value: &Value, fields: Fields) -> Self {
        Self {
            manager: manager.to_owned(),
            operation: operation.to_owned(),
            subresource: String::new(),
            api_version: text(value, "/apiVersion").to_owned(),
            time: now(),
            fields,
        }
    }

    /// Returns whether it is the entry of `manager` for `operation` on the object itself.
    pub(super) fn is(&self, manager: &str, operation: &str) -> bool {
        self.manager == manager && self.operation == operation && self.subresource.is_empty()
    }

    /// Returns how a conflict names it.
    pub(super) fn label(&self) -> String {
        if self.operation == "Apply" {
            format!("\"{}\"", self.manager)
        } else {
            format!("\"{}\" using {}", self.manager, self.api_version)
        }
    }
}

/// Reads the entries of an object.
pub(super) fn read(value: &Value) -> Vec<Entry> {
    list(value, "/metadata/managedFields")
        .iter()
        .filter_map(|it| {
            Some(Entry {
                manager: text(it, "/manager").to_owned(),
                operation: text(it, "/operation").to_owned(),
                subresource: text(it, "/subresource").to_owned(),
                api_version: text(it, "/apiVersion").to_owned(),
                time: text(it, "/time").to_owned(),
                fields: it.get("fieldsV1").map(Fields::from_json)?,
            })
        })
        .collect()
}

/// Writes the entries of an object that own anything.
pub(super) fn write(value: &mut Value, entries: &[Entry]) {
    let entries: Vec<Value> = entries
        .iter()
        .filter(|it| !it.fields.is_empty())
        .map(|it| {
            let mut entry = json!({
                "manager": it.manager, "operation": it.operation, "apiVersion": it.api_version,
                "time": it.time, "fieldsType": "FieldsV1",
            });
            set(&mut entry, &[], "fieldsV1", it.fields.to_json());
            if !it.subresource.is_empty() {
                set(&mut entry, &[], "subresource", it.subresource.as_str());
            }
            entry
        })
        .collect();
    let metadata = object(value, &["metadata"]);
    if entries.is_empty() {
        metadata.shift_remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), Value::Array(entries));
    }
}
