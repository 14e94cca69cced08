//! Our configuration as a resource of Image Updater, for those who let it run in the cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::settings::{ImageSettings, Pin, Settings};

/// Resources, and what they cannot say.
#[derive(Clone, Debug)]
pub struct Exported {
    /// One resource for each target file, as YAML documents.
    pub text: String,
    /// What is lost.
    pub notes: Vec<String>,
}

/// Returns resources of Image Updater for our configuration. Its write-back is set for a group of
/// images, so that each target file gets a resource of its own.
///
/// # Errors
///
/// Fails when a resource cannot be written as YAML, which would be a fault of ours.
pub fn export(
    settings: &Settings,
    name: &str,
    namespace: &str,
    application: &str,
) -> Result<Exported, serde_yaml::Error> {
    let mut notes = Vec::new();
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for image in &settings.images {
        let Some(target) = &image.target else {
            notes.push(format!("{}: has no target, and is left out", called(image)));
            continue;
        };
        if let Some(value) = one(image, &mut notes) {
            groups.entry(target.file.clone()).or_default().push(value);
        }
    }
    let is_alone = groups.len() < 2;
    let mut documents = Vec::new();
    for (index, (file, images)) in groups.into_iter().enumerate() {
        let own = if is_alone {
            name.to_owned()
        } else {
            format!("{name}-{}", index + 1)
        };
        let is_kustomize = file.ends_with("kustomization.yaml")
            || file.ends_with("kustomization.yml")
            || file.ends_with("Kustomization");
        let target = if is_kustomize {
            let folder = file.rsplit_once('/').map_or("", |it| it.0);
            format!("kustomization:/{folder}")
        } else {
            format!("helmvalues:/{file}")
        };
        let mut git = json!({"writeBackTarget": target});
        for (key, value) in [
            ("repository", &settings.repository),
            ("branch", &settings.branch),
        ] {
            if let Some(value) = value {
                git[key] = value.as_str().into();
            }
        }
        documents.push(serde_yaml::to_string(&json!({
            "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
            "kind": "ImageUpdater",
            "metadata": {"name": own, "namespace": namespace},
            "spec": {
                "writeBackConfig": {"method": "git", "gitConfig": git},
                "applicationRefs": [{"namePattern": application, "images": images}],
            },
        }))?);
    }
    let mut text = String::new();
    for note in &notes {
        text.push_str(&format!("# {note}\n"));
    }
    text.push_str(&documents.join("---\n"));
    Ok(Exported { text, notes })
}

fn called(image: &ImageSettings) -> &str {
    if image.name.is_empty() {
        image.image.rsplit('/').next().unwrap_or(&image.image)
    } else {
        &image.name
    }
}

fn one(image: &ImageSettings, notes: &mut Vec<String>) -> Option<Value> {
    let name = called(image);
    let mut note = |text: &str| notes.push(format!("{name}: {text}"));
    if image.strategy == "numerical" || image.extract.is_some() {
        note("Image Updater knows neither `numerical` nor `extract`; it is left out");
        return None;
    }
    for (is_set, text) in [
        (image.min_age.is_some(), "Image Updater knows no `min_age`"),
        (
            image.hold.is_some(),
            "Image Updater knows no `hold`; `ignoreTags: [\"*\"]` comes near",
        ),
        (image.after.is_some(), "Image Updater knows no `after`"),
        (
            image.pre_releases,
            "Image Updater knows no `pre_releases`; a constraint such as `^1.2-0` admits them",
        ),
        (
            image.pin == Some(Pin::Both) && image.strategy != "digest",
            "Image Updater cannot write tag and digest",
        ),
    ] {
        if is_set {
            note(text);
        }
    }
    if !image.allow_downgrade {
        note("Image Updater also writes a tag that sorts before the current one");
    }
    let mut common = json!({});
    if !image.strategy.is_empty() {
        common["updateStrategy"] = image.strategy.as_str().into();
    }
    if let Some(allow) = &image.allow {
        common["allowTags"] = format!("regexp:{allow}").into();
    }
    let ignore = image.ignore.list();
    if !ignore.is_empty() {
        common["ignoreTags"] = json!(ignore);
    }
    let platforms = image.platform.list();
    if !platforms.is_empty() {
        common["platforms"] = json!(platforms);
    }
    let full = match &image.constraint {
        Some(constraint) => format!("{}:{constraint}", image.image),
        None => image.image.clone(),
    };
    let mut value = json!({"alias": name, "imageName": full, "commonUpdateSettings": common});
    let target = image.target.as_ref()?;
    let file = &target.file;
    if file.to_ascii_lowercase().contains("kustomization") {
        let own = target.image.as_deref().unwrap_or(&image.image);
        value["manifestTargets"] = json!({"kustomize": {"name": own}});
    } else if let Some(path) = &target.path {
        let path = path.to_string();
        // It writes both keys; the name's stands beside the tag's.
        let beside = path
            .rsplit_once('.')
            .map_or("repository".to_owned(), |it| format!("{}.repository", it.0));
        value["manifestTargets"] = json!({"helm": {"name": beside, "tag": path}});
    } else {
        note("Image Updater needs the path of the value (`target.path`); it takes `image.tag` now");
    }
    Some(value)
}
