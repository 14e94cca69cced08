//! From Image Updater and back.

use crate::support::{Folder, registry, text};

fn resource(host: &str) -> String {
    format!(
        r#"apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {{name: dev, namespace: argocd}}
spec:
  writeBackConfig:
    method: git
    gitConfig: {{branch: main, writeBackTarget: "helmvalues:AutoScaleOps/values-dev.yaml"}}
  applicationRefs:
    - namePattern: shop-dev
      images:
        - alias: shop
          imageName: {host}/acme/shop
          commonUpdateSettings: {{updateStrategy: newest-build, allowTags: "regexp:^dev-[a-f0-9]+$"}}
          manifestTargets: {{helm: {{name: image.repository, tag: image.tag}}}}
"#
    )
}

const APPLICATION: &str =
    "kind: Application\nmetadata: {name: shop-dev}\nspec: {source: {path: AutoScaleOps}}\n";

#[test]
fn a_rehearsal_shows_the_file_that_image_updater_would_create() {
    let registry = registry(&["dev-1", "dev-2", "prod-3"]);
    let folder = Folder::new("image-watch: {}\n");
    folder.write("cr.yaml", &resource(&registry.address()));
    folder.write("apps/app.yaml", APPLICATION);
    folder.write("AutoScaleOps/values-dev.yaml", "image:\n  tag: dev-1\n");
    let said = folder.run(&[
        "check",
        "--from-cr",
        "cr.yaml",
        "--apps",
        "apps",
        "-o",
        "json",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    let report = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(text(&report, "candidate"), "dev-2");
    assert_eq!(
        text(&report, "file"),
        "AutoScaleOps/AutoScaleOps/values-dev.yaml"
    );
    assert!(
        said.stderr.contains("Image Updater would create it"),
        "{said:?}"
    );
    assert!(
        said.stderr
            .contains("`AutoScaleOps/values-dev.yaml` is there; did you mean that?"),
        "{said:?}"
    );
    // A rehearsal writes nothing.
    let said = folder.run(&["check", "--write", "--from-cr", "cr.yaml", "--apps", "apps"]);
    assert_eq!(said.code, 2, "{said:?}");
}

#[test]
fn an_import_is_a_configuration_that_works() {
    let registry = registry(&["dev-1", "dev-2", "prod-3"]);
    let folder = Folder::new("image-watch: {}\n");
    folder.write(
        "cr.yaml",
        &resource(&registry.address()).replace("AutoScaleOps/values", "./values"),
    );
    folder.write("app.yaml", APPLICATION);
    let said = folder.run(&["import", "cr.yaml", "app.yaml"]);
    assert_eq!(said.code, 0, "{said:?}");
    folder.write("autoscaleops.yaml", &said.stdout);
    folder.write("AutoScaleOps/values-dev.yaml", "image:\n  tag: dev-1\n");
    let (code, reports) = folder.check(&[]);
    assert_eq!(
        (code, text(&reports[0], "candidate")),
        (0, "dev-2".to_owned())
    );
    // And back.
    let said = folder.run(&["export-cr", "--application", "shop-dev"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout
            .contains("writeBackTarget: helmvalues:/AutoScaleOps/values-dev.yaml"),
        "{said:?}"
    );
    assert!(
        said.stdout.contains("allowTags: regexp:^dev-[a-f0-9]+$"),
        "{said:?}"
    );
}
