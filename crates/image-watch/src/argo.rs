//! The configuration of Argo CD Image Updater: its resource (`v1alpha1`) and the older annotations
//! of Applications, read as it reads them.

use std::{collections::BTreeMap, path::Path};

use autoscaleops_core::Failure;
use serde::Deserialize as _;
use serde_json::Value;

use crate::glob::Glob;

mod entry;
mod export;
mod ours;
mod writeback;

pub use entry::Entry;
pub use export::{Exported, export};
pub use ours::{Converted, convert};

const ANNOTATIONS: &str = "argocd-image-updater.argoproj.io/";

/// What the files say.
#[derive(Debug, Default)]
pub struct Documents {
    /// Resources of Image Updater.
    pub updaters: Vec<Value>,
    /// Applications.
    pub applications: Vec<Application>,
}

/// An Application, as far as Image Updater looks at it.
#[derive(Clone, Debug, Default)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The folder that it is rendered from.
    pub path: String,
    /// The repository.
    pub repository: Option<String>,
    /// The branch.
    pub revision: Option<String>,
}

impl Documents {
    /// Adds the documents of one file. Other kinds are left out.
    ///
    /// # Errors
    ///
    /// Fails when the text is not YAML.
    pub fn add(&mut self, file: &Path, text: &str) -> Result<(), Failure> {
        for document in serde_yaml::Deserializer::from_str(text) {
            let value = Value::deserialize(document).map_err(|err| {
                let place = err.location().map_or((1, 1), |it| (it.line(), it.column()));
                Failure::usage(format!("not YAML: {err}")).at(file, place.0, place.1)
            })?;
            match text_at(&value, &["kind"]) {
                Some("ImageUpdater") => self.updaters.push(value),
                Some("Application") => self.applications.push(Application::of(&value)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns every image that Image Updater would watch, for every Application that it would
    /// choose, and what is worth knowing about them.
    ///
    /// # Errors
    ///
    /// Fails when there is nothing to watch.
    pub fn entries(&self) -> Result<(Vec<Entry>, Vec<String>), Failure> {
        let mut entries = Vec::new();
        let mut notes = Vec::new();
        for updater in &self.updaters {
            self.of_updater(updater, &mut entries, &mut notes);
        }
        if self.updaters.is_empty() {
            for application in &self.applications {
                entries.extend(Entry::of_annotations(application, &mut notes));
            }
        }
        if entries.is_empty() {
            return Err(Failure::usage("there is no image to watch in these files")
                .kind_of("nothing")
                .hint(
                    "give an ImageUpdater resource with the Applications that its patterns match",
                ));
        }
        Ok((entries, notes))
    }

    fn of_updater(&self, updater: &Value, entries: &mut Vec<Entry>, notes: &mut Vec<String>) {
        let empty = Vec::new();
        let references = updater
            .pointer("/spec/applicationRefs")
            .and_then(Value::as_array)
            .unwrap_or(&empty);
        for reference in references {
            let pattern = text_at(reference, &["namePattern"]).unwrap_or_default();
            let matching: Vec<&Application> = self
                .applications
                .iter()
                .filter(|it| is_matching(pattern, &it.name) && has_labels(reference, it))
                .collect();
            if matching.is_empty() {
                notes.push(format!(
                    "no Application matches `{pattern}`: paths are read as if its folder were the root"
                ));
                entries.extend(Entry::of_reference(
                    updater,
                    reference,
                    &Application::default(),
                    notes,
                ));
            }
            let is_annotated = reference.get("useAnnotations") == Some(&Value::Bool(true));
            for application in matching {
                if is_annotated {
                    entries.extend(Entry::of_annotations(application, notes));
                } else {
                    entries.extend(Entry::of_reference(updater, reference, application, notes));
                }
            }
        }
    }
}

impl Application {
    fn of(value: &Value) -> Self {
        let map = |pointer: &str| {
            let object = value.pointer(pointer).and_then(Value::as_object);
            object
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        let source = value
            .pointer("/spec/source")
            .or_else(|| value.pointer("/spec/sources/0"))
            .unwrap_or(&Value::Null);
        let text = |name: &str| text_at(source, &[name]).map(str::to_owned);
        Self {
            name: text_at(value, &["metadata", "name"])
                .unwrap_or_default()
                .to_owned(),
            labels: map("/metadata/labels"),
            annotations: map("/metadata/annotations"),
            path: text("path").unwrap_or_default(),
            repository: text("repoURL"),
            revision: text("targetRevision").filter(|it| it != "HEAD"),
        }
    }
}

fn is_matching(pattern: &str, name: &str) -> bool {
    Glob::parse(pattern).is_ok_and(|it| it.matches(name))
}

fn has_labels(reference: &Value, application: &Application) -> bool {
    let Some(selector) = reference.get("labelSelectors") else {
        return true;
    };
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    let has_all = wanted
        .into_iter()
        .flatten()
        .all(|(name, value)| application.labels.get(name).map(String::as_str) == value.as_str());
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    has_all
        && expressions.into_iter().flatten().all(|it| {
            let key = text_at(it, &["key"]).unwrap_or_default();
            let values: Vec<&str> = texts_at(it, "values");
            let label = application.labels.get(key).map(String::as_str);
            match text_at(it, &["operator"]) {
                Some("In") => label.is_some_and(|it| values.contains(&it)),
                Some("NotIn") => label.is_none_or(|it| !values.contains(&it)),
                Some("Exists") => label.is_some(),
                Some("DoesNotExist") => label.is_none(),
                _ => false,
            }
        })
}

fn text_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter()
        .try_fold(value, |value, name| value.get(name))?
        .as_str()
}

fn texts_at<'v>(value: &'v Value, name: &str) -> Vec<&'v str> {
    let list = value.get(name).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[cfg(test)]
mod tests;
