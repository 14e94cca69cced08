//! One image of one Application, with the settings that Image Updater would use for it.

use serde_json::Value;

use super::{ANNOTATIONS, Application, text_at, texts_at, writeback};
use crate::settings::Target;

/// An image that Image Updater would watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The Application, empty where none is known.
    pub application: String,
    /// The alias.
    pub alias: String,
    /// The image without a tag.
    pub image: String,
    /// What stands behind the image's colon: a constraint, or a tag.
    pub constraint: Option<String>,
    /// The strategy as it is written.
    pub strategy: String,
    /// `allowTags` as it is written.
    pub allow: Option<String>,
    /// `ignoreTags` as they are written.
    pub ignore: Vec<String>,
    /// `platforms` as they are written.
    pub platforms: Vec<String>,
    /// Where it writes to, where that is a file in Git.
    pub target: Option<Target>,
    /// The repository that it writes to.
    pub repository: Option<String>,
    /// The branch that it writes to.
    pub branch: Option<String>,
}

/// Where and how a group of images is written.
struct WriteBack<'v> {
    method: &'v str,
    target: Option<&'v str>,
}

/// The keys of the manifest that hold one image.
#[derive(Default)]
struct Keys<'v> {
    helm_tag: Option<&'v str>,
    helm_spec: Option<&'v str>,
    kustomize: Option<&'v str>,
}

impl Entry {
    /// Returns the images of one `applicationRefs` entry for one Application.
    pub(super) fn of_reference(
        updater: &Value,
        reference: &Value,
        application: &Application,
        notes: &mut Vec<String>,
    ) -> Vec<Self> {
        let spec = updater.get("spec").unwrap_or(&Value::Null);
        let images = reference.get("images").and_then(Value::as_array);
        let mut entries = Vec::new();
        for image in images.into_iter().flatten() {
            // The nearest word counts: the image's, the reference's, the resource's.
            let levels = [image, reference, spec]
                .map(|it| it.get("commonUpdateSettings").unwrap_or(&Value::Null));
            let text = |name: &str| levels.iter().find_map(|it| text_at(it, &[name]));
            let list = |name: &str| {
                let found = levels
                    .iter()
                    .map(|it| texts_at(it, name))
                    .find(|it| !it.is_empty());
                found
                    .unwrap_or_default()
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            };
            let write = |path: &[&str]| [reference, spec].iter().find_map(|it| text_at(it, path));
            let alias = text_at(image, &["alias"]).unwrap_or_default();
            let (name, constraint) = split(text_at(image, &["imageName"]).unwrap_or_default());
            let mut entry = Self {
                application: application.name.clone(),
                alias: alias.to_owned(),
                image: name,
                constraint,
                strategy: text("updateStrategy").unwrap_or_default().to_owned(),
                allow: text("allowTags").map(str::to_owned),
                ignore: list("ignoreTags"),
                platforms: list("platforms"),
                repository: write(&["writeBackConfig", "gitConfig", "repository"])
                    .map(str::to_owned)
                    .or_else(|| application.repository.clone()),
                branch: write(&["writeBackConfig", "gitConfig", "branch"])
                    .map(str::to_owned)
                    .or_else(|| application.revision.clone()),
                ..Self::default()
            };
            let keys = Keys {
                helm_tag: text_at(image, &["manifestTargets", "helm", "tag"]),
                helm_spec: text_at(image, &["manifestTargets", "helm", "spec"]),
                kustomize: text_at(image, &["manifestTargets", "kustomize", "name"]),
            };
            let write_back = WriteBack {
                method: write(&["writeBackConfig", "method"]).unwrap_or("argocd"),
                target: write(&["writeBackConfig", "gitConfig", "writeBackTarget"]),
            };
            entry.aim(&write_back, &keys, application, notes);
            entries.push(entry);
        }
        entries
    }

    /// Returns the images of an annotated Application.
    pub(super) fn of_annotations(application: &Application, notes: &mut Vec<String>) -> Vec<Self> {
        let annotation = |name: &str| {
            let value = application.annotations.get(&format!("{ANNOTATIONS}{name}"));
            value.map(|it| it.trim()).filter(|it| !it.is_empty())
        };
        let Some(list) = annotation("image-list") else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        for item in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (alias, image) = item.split_once('=').unwrap_or(("", item));
            let own = |name: &str| {
                // Without an alias, and without an own word, what is said for all counts.
                let own = (!alias.is_empty()).then(|| annotation(&format!("{alias}.{name}")));
                own.flatten().or_else(|| annotation(name))
            };
            let texts = |name: &str| {
                let text = own(name).unwrap_or_default();
                text.split(',')
                    .map(str::trim)
                    .filter(|it| !it.is_empty())
                    .map(str::to_owned)
                    .collect()
            };
            let (name, constraint) = split(image);
            let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
            let mut entry = Self {
                application: application.name.clone(),
                alias: if alias.is_empty() {
                    short
                } else {
                    alias.to_owned()
                },
                image: name,
                constraint,
                strategy: own("update-strategy").unwrap_or_default().to_owned(),
                allow: own("allow-tags").map(str::to_owned),
                ignore: texts("ignore-tags"),
                platforms: texts("platforms"),
                repository: annotation("git-repository")
                    .map(str::to_owned)
                    .or_else(|| application.repository.clone()),
                // `base:new` writes to another branch than it reads.
                branch: annotation("git-branch")
                    .and_then(|it| it.split(':').next())
                    .filter(|it| !it.is_empty())
                    .map(str::to_owned)
                    .or_else(|| application.revision.clone()),
                ..Self::default()
            };
            let keys = Keys {
                helm_tag: own("helm.image-tag"),
                helm_spec: own("helm.image-spec"),
                kustomize: own("kustomize.image-name"),
            };
            let write_back = WriteBack {
                method: annotation("write-back-method").unwrap_or("argocd"),
                target: annotation("write-back-target"),
            };
            entry.aim(&write_back, &keys, application, notes);
            entries.push(entry);
        }
        entries
    }

    /// Finds the file and the key that the image is written to.
    fn aim(
        &mut self,
        write_back: &WriteBack<'_>,
        keys: &Keys<'_>,
        application: &Application,
        notes: &mut Vec<String>,
    ) {
        let alias = &self.alias;
        if write_back.method != "git" && !write_back.method.starts_with("git:") {
            notes.push(format!(
                "{alias}: Image Updater changes the live Application (`{}`); name a file with `target`",
                write_back.method
            ));
            return;
        }
        let target = match write_back.target {
            Some(target) if target.starts_with("kustomization") => {
                let folder = writeback::kustomize_folder(target, &application.path);
                let file = match folder.as_str() {
                    "." => "kustomization.yaml".to_owned(),
                    folder => format!("{folder}/kustomization.yaml"),
                };
                Target {
                    file,
                    image: keys.kustomize.map(|it| split(it).0),
                    ..Target::default()
                }
            }
            Some(target) if target.starts_with("helmvalues") => {
                let key = keys.helm_spec.or(keys.helm_tag).unwrap_or("image.tag");
                let path = key.parse();
                if path.is_err() {
                    notes.push(format!(
                        "{alias}: `{key}` is not a path; name the value with `target`"
                    ));
                }
                Target {
                    file: writeback::values_file(target, &application.path),
                    path: path.ok(),
                    ..Target::default()
                }
            }
            _ => {
                notes.push(format!(
                    "{alias}: Image Updater writes `.argocd-source-{}.yaml`, which hides the value in the chart; name the values file with `target`",
                    application.name
                ));
                return;
            }
        };
        if target.file.starts_with("..") {
            notes.push(format!(
                "{alias}: `{}` is outside of the repository",
                target.file
            ));
            return;
        }
        self.target = Some(target);
    }
}

/// Splits an image from what stands behind its last colon, which is not that of a port.
fn split(text: &str) -> (String, Option<String>) {
    let slash = text.rfind('/').map_or(0, |it| it + 1);
    match text[slash..].find([':', '@']) {
        Some(at) => {
            let (name, rest) = text.split_at(slash + at);
            let rest = rest.get(1..).unwrap_or_default();
            (
                name.to_owned(),
                Some(rest.to_owned()).filter(|it| !it.is_empty()),
            )
        }
        None => (text.to_owned(), None),
    }
}
