//! Image Updater's configuration in and out.

use std::path::Path;

use super::*;
use crate::{rule::Compat, settings::Settings};

const RESOURCE: &str = r#"
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {name: dev, namespace: argocd}
spec:
  commonUpdateSettings: {updateStrategy: newest-build, ignoreTags: ["*-rc*"]}
  writeBackConfig:
    method: git:secret:argocd/git-creds
    gitConfig: {branch: main, writeBackTarget: "helmvalues:./values-dev.yaml"}
  applicationRefs:
    - namePattern: devops-app-*
      labelSelectors: {matchLabels: {env: dev}}
      images:
        - alias: app
          imageName: docker.io/acme/devops-app
          commonUpdateSettings: {allowTags: "regexp:^dev-[a-f0-9]+$", platforms: [linux/amd64]}
          manifestTargets: {helm: {name: image.repository, tag: image.tag}}
        - alias: sidecar
          imageName: quay.io:443/acme/sidecar:~1.2
          commonUpdateSettings: {updateStrategy: semver}
"#;

const APPLICATIONS: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: devops-app-dev, labels: {env: dev}}
spec: {source: {repoURL: "https://git.example/acme/app.git", path: AutoScaleOps, targetRevision: HEAD}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: devops-app-prod, labels: {env: prod}}
spec: {source: {path: AutoScaleOps}}
---
kind: ConfigMap
"#;

const ANNOTATED: &str = r#"
kind: Application
metadata:
  name: legacy
  annotations:
    argocd-image-updater.argoproj.io/image-list: web=ghcr.io/acme/web:1.x, nginx
    argocd-image-updater.argoproj.io/web.update-strategy: latest
    argocd-image-updater.argoproj.io/web.allow-tags: "regexp: ^v"
    argocd-image-updater.argoproj.io/write-back-method: git
    argocd-image-updater.argoproj.io/write-back-target: kustomization:../overlays/prod
    argocd-image-updater.argoproj.io/web.kustomize.image-name: ghcr.io/acme/web
    argocd-image-updater.argoproj.io/git-branch: release
spec: {source: {path: apps/legacy}}
"#;

fn read(texts: &[&str]) -> (Vec<Entry>, Vec<String>) {
    let mut documents = Documents::default();
    for text in texts {
        documents.add(Path::new("x.yaml"), text).unwrap();
    }
    documents.entries().unwrap()
}

#[test]
fn the_resource_is_read_with_its_levels_and_the_applications_folder() {
    let (entries, notes) = read(&[RESOURCE, APPLICATIONS]);
    assert_eq!(notes, [""; 0]);
    let [app, sidecar] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    let target = app.target.as_ref().unwrap();
    assert_eq!(target.file, "AutoScaleOps/values-dev.yaml");
    assert_eq!(target.path.as_ref().unwrap().to_string(), "image.tag");
    assert_eq!(
        (app.strategy.as_str(), app.ignore.as_slice()),
        ("newest-build", &["*-rc*".to_owned()][..])
    );
    assert_eq!(
        (sidecar.image.as_str(), sidecar.constraint.as_deref()),
        ("quay.io:443/acme/sidecar", Some("~1.2"))
    );
    assert_eq!(sidecar.branch.as_deref(), Some("main"));
    assert_eq!(
        sidecar.repository.as_deref(),
        Some("https://git.example/acme/app.git")
    );
}

#[test]
fn annotations_are_read_as_well() {
    let (entries, _) = read(&[ANNOTATED]);
    let [web, nginx] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    assert_eq!(
        web.target.as_ref().unwrap().file,
        "apps/overlays/prod/kustomization.yaml"
    );
    assert_eq!(
        web.target.as_ref().unwrap().image.as_deref(),
        Some("ghcr.io/acme/web")
    );
    assert_eq!(
        (web.strategy.as_str(), web.constraint.as_deref()),
        ("latest", Some("1.x"))
    );
    assert_eq!(
        (nginx.alias.as_str(), nginx.image.as_str()),
        ("nginx", "nginx")
    );
    assert_eq!(web.branch.as_deref(), Some("release"));
}

#[test]
fn what_is_imported_is_a_configuration_of_ours() {
    let (entries, notes) = read(&[RESOURCE, APPLICATIONS]);
    let converted = convert(&entries, notes).unwrap();
    let whole: Value = serde_yaml::from_str(&converted.text).unwrap();
    let settings: Settings = serde_json::from_value(whole["image-watch"].clone()).unwrap();
    let images = settings.read().unwrap();
    assert_eq!(images[0].name, "app");
    assert!(images[0].rule.screen("dev-0a1b2c").is_ok());
    assert!(images[0].rule.screen("prod-0a1b2c").is_err());
    assert!(images[1].rule.screen("1.2.9").is_ok());
}

#[test]
fn what_means_something_else_is_noted() {
    let (entries, notes) = read(&[ANNOTATED]);
    let notes = convert(&entries, notes).unwrap().notes.join("\n");
    for expected in [
        "ignores `1.x`",
        "space behind `regexp:`",
        "platform that it runs on",
    ] {
        assert!(notes.contains(expected), "{expected} in {notes}");
    }
    // In its own words the rehearsal keeps the trap.
    let image = entries[0]
        .as_written(&entries)
        .read(Compat::ImageUpdater)
        .unwrap();
    assert!(image.rule.screen("v1").is_err());
}

#[test]
fn export_and_import_are_inverse_where_both_know_the_words() {
    let yaml = r#"
branch: main
images:
  - name: shop
    image: ghcr.io/acme/shop
    strategy: semver
    constraint: ">=1.0, <2"
    allow: '^v?\d'
    ignore: ["*-rc*"]
    platform: [linux/amd64]
    target: {file: charts/values-prod.yaml, path: image.tag}
  - name: stamp
    image: ghcr.io/acme/stamp
    strategy: numerical
    target: {file: charts/values-prod.yaml, path: stamp.tag}
"#;
    let settings: Settings = serde_yaml::from_str(yaml).unwrap();
    let exported = export(&settings, "shop", "argocd", "shop-prod").unwrap();
    assert!(
        exported
            .notes
            .iter()
            .any(|it| it.starts_with("stamp: Image Updater knows neither"))
    );
    let (entries, _) = read(&[
        &exported.text,
        "kind: Application\nmetadata: {name: shop-prod}\nspec: {source: {path: other}}\n",
    ]);
    let converted = convert(&entries, Vec::new()).unwrap();
    let whole: Value = serde_yaml::from_str(&converted.text).unwrap();
    let again: Settings = serde_json::from_value(whole["image-watch"].clone()).unwrap();
    let (one, two) = (&settings.images[0], &again.images[0]);
    assert_eq!(
        (
            &one.name,
            &one.image,
            &one.constraint,
            &one.allow,
            one.ignore.list(),
            one.platform.list(),
            &one.target
        ),
        (
            &two.name,
            &two.image,
            &two.constraint,
            &two.allow,
            two.ignore.list(),
            two.platform.list(),
            &two.target
        )
    );
}

#[test]
fn a_file_that_is_not_yaml_is_named_with_its_line() {
    let error = Documents::default()
        .add(Path::new("cr.yaml"), "a: b\n  c: [")
        .unwrap_err();
    assert!(error.to_string().starts_with("cr.yaml:"), "{error}");
}
