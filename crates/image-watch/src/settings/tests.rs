//! What a configuration may say, and how a mistake in it is told.

use super::*;

fn read(yaml: &str) -> Result<Vec<Image>, String> {
    let settings: Settings = serde_yaml::from_str(yaml).map_err(|err| err.to_string())?;
    settings.read().map_err(|err| err.to_string())
}

#[test]
fn the_example_of_the_manual_is_read() {
    let images = read(
        r#"
images:
  - name: shop-prod
    image: ghcr.io/acme/shop
    strategy: semver
    constraint: ">=1.0, <2"
    allow: '^v?\d+\.\d+\.\d+$'
    ignore: ["*-rc*"]
    platform: linux/amd64
    min_age: 1h
    hold: 2026-03-01
    target: {file: charts/demo-app/values-prod.yaml, path: image.tag}
"#,
    )
    .unwrap();
    let image = &images[0];
    assert_eq!(image.rule.min_age, Duration::from_secs(3_600));
    assert_eq!(image.rule.platforms.len(), 1);
    assert!(image.rule.screen("1.2.3").is_ok() && image.rule.screen("2.0.0").is_err());
    assert_eq!(
        image.hold,
        Some(HoldSetting::Until("2026-03-01".parse().unwrap()))
    );
}

#[test]
fn a_mistake_is_told_with_the_entry() {
    for (yaml, expected) in [
        ("images: [{image: shop:1}]", "has a tag"),
        ("images: [{image: shop, strategy: digest}]", "`shop`"),
        (
            "images: [{image: shop}, {image: acme/shop}]",
            "two images are called `shop`",
        ),
        ("images: [{image: shop, after: dev}]", "names no image"),
        (
            "images: [{name: a, image: shop, after: b}, {name: b, image: shop, after: a}]",
            "leads back",
        ),
        (
            "images: [{image: shop, target: {path: a.b}}]",
            "needs a `file`",
        ),
        ("images: [{image: shop, stratgy: x}]", "unknown field"),
        (
            "images: [{image: shop, target: {file: x, path: 'a..b'}}]",
            "not a path",
        ),
    ] {
        let error = read(yaml).unwrap_err();
        assert!(error.contains(expected), "{yaml}: {error}");
    }
}

#[test]
fn a_list_may_be_one_text() {
    assert_eq!(
        Texts::One("linux/amd64, linux/arm64".to_owned()).list(),
        ["linux/amd64", "linux/arm64"]
    );
}
