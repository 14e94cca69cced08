//! Manifests and image configurations, as far as they tell when an image was built and for what.

use std::collections::BTreeMap;

use autoscaleops_core::{
    image::Digest,
    text::{printable, shorten},
};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use crate::{platform::Platform, registry::RegistryError};

/// What a client accepts: always all four, since a registry answers 404 to the one it misses.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// An index of more platforms than this is no index but a trap: each costs requests.
const IMAGES: usize = 256;
const ANNOTATION: &str = "org.opencontainers.image.created";

/// A manifest, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// One image.
    Image {
        /// The digest of its configuration.
        config: String,
        /// The date in its annotations.
        annotated: Option<Timestamp>,
    },
    /// Images for several platforms.
    Index {
        /// Platform and digest of each.
        images: Vec<(Platform, String)>,
        /// The date in its annotations.
        annotated: Option<Timestamp>,
    },
    /// Something that is no image, such as a chart or a signature.
    Artifact,
}

/// An image's configuration, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The date of the build.
    pub created: Option<Timestamp>,
    /// The date in its labels.
    pub annotated: Option<Timestamp>,
    /// The platform.
    pub platform: Platform,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    schema_version: Option<u32>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: Option<String>,
    digest: String,
    platform: Option<RawPlatform>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct RawPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

#[derive(Deserialize)]
struct RawConfiguration {
    created: Option<String>,
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    config: Option<RawSettings>,
}

#[derive(Deserialize)]
struct RawSettings {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// Returns the refusal of an image in schema 1, whose digest is another one.
pub(super) fn schema_1() -> RegistryError {
    RegistryError::Protocol(
        "the registry has it only in the withdrawn schema 1; push it again".to_owned(),
    )
}

/// Reads a manifest.
///
/// # Errors
///
/// Fails on schema 1, whose digest is another one, and on what is no manifest.
pub fn read(content_type: &str, bytes: &[u8]) -> Result<Manifest, RegistryError> {
    if content_type.contains("distribution.manifest.v1") {
        return Err(schema_1());
    }
    let raw: RawManifest = serde_json::from_slice(bytes)
        .map_err(|err| RegistryError::Protocol(format!("the manifest is not JSON: {err}")))?;
    if raw.schema_version == Some(1) {
        return Err(schema_1());
    }
    let annotated = date_in(raw.annotations.as_ref());
    if let Some(manifests) = raw.manifests {
        let images: Vec<_> = manifests.into_iter().filter_map(image_of).collect();
        if images.len() > IMAGES {
            let text = format!("an index of {} images is none", images.len());
            return Err(RegistryError::Protocol(text));
        }
        for (_, digest) in &images {
            checked(digest)?;
        }
        return Ok(Manifest::Index { images, annotated });
    }
    let Some(config) = raw.config else {
        let kind = raw.media_type.unwrap_or_default();
        return Err(RegistryError::Protocol(format!(
            "the manifest has neither images nor a configuration ({kind})"
        )));
    };
    let is_image = matches!(
        config.media_type.as_deref(),
        None | Some(
            "application/vnd.oci.image.config.v1+json"
                | "application/vnd.docker.container.image.v1+json"
        )
    );
    if !is_image || raw.artifact_type.is_some_and(|it| !it.is_empty()) {
        return Ok(Manifest::Artifact);
    }
    checked(&config.digest)?;
    Ok(Manifest::Image {
        config: config.digest,
        annotated,
    })
}

/// Makes sure that what a manifest names is a digest: it becomes a part of an address.
fn checked(digest: &str) -> Result<(), RegistryError> {
    let problem = |_| {
        let digest = shorten(&printable(digest), 80);
        RegistryError::Protocol(format!("the manifest names `{digest}`, which is no digest"))
    };
    digest.parse::<Digest>().map(drop).map_err(problem)
}

/// Returns platform and digest of an entry of an index, unless it is an attestation or the like.
fn image_of(entry: Descriptor) -> Option<(Platform, String)> {
    let is_attestation = entry
        .annotations
        .is_some_and(|it| it.contains_key("vnd.docker.reference.type"));
    if is_attestation || entry.artifact_type.is_some_and(|it| !it.is_empty()) {
        return None;
    }
    let raw = entry.platform.unwrap_or_default();
    let platform = Platform::new(
        &raw.os,
        &raw.architecture,
        raw.variant.as_deref().unwrap_or_default(),
    );
    (!platform.is_unknown()).then_some((platform, entry.digest))
}

/// Reads an image's configuration. `created` is optional, and often not a date.
///
/// # Errors
///
/// Fails on what is no configuration.
pub fn read_configuration(bytes: &[u8]) -> Result<Configuration, RegistryError> {
    let raw: RawConfiguration = serde_json::from_slice(bytes).map_err(|err| {
        RegistryError::Protocol(format!("the image's configuration is not JSON: {err}"))
    })?;
    Ok(Configuration {
        created: raw.created.and_then(|it| it.parse().ok()),
        annotated: date_in(raw.config.and_then(|it| it.labels).as_ref()),
        platform: Platform::new(
            &raw.os,
            &raw.architecture,
            raw.variant.as_deref().unwrap_or_default(),
        ),
    })
}

fn date_in(annotations: Option<&BTreeMap<String, String>>) -> Option<Timestamp> {
    annotations?.get(ANNOTATION)?.parse().ok()
}

/// Returns the SHA-256 digest of `bytes`.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Returns whether `bytes` have this digest.
pub fn has_digest(bytes: &[u8], digest: &str) -> bool {
    match digest.split_once(':') {
        Some(("sha256", _)) => digest_of(bytes) == digest,
        Some(("sha512", wanted)) => hex(&Sha512::digest(bytes)) == wanted,
        _ => false,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from_digit(u32::from(it), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|it| [it >> 4, it & 15]);
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(digits.map(digit));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

    #[test]
    fn attestations_are_no_images_of_an_index() {
        let (a, b) = (digest_of(b"a"), digest_of(b"b"));
        let index = r#"{"schemaVersion":2,"manifests":[
            {"digest":"A","platform":{"os":"linux","architecture":"amd64"}},
            {"digest":"B","platform":{"os":"linux","architecture":"arm","variant":"v7"}},
            {"digest":"sha256:c","platform":{"os":"unknown","architecture":"unknown"}},
            {"digest":"sha256:d","platform":{"os":"linux","architecture":"amd64"},"annotations":{"vnd.docker.reference.type":"attestation-manifest"}},
            {"digest":"sha256:e","artifactType":"application/vnd.example"}],
            "annotations":{"org.opencontainers.image.created":"2024-01-02T03:04:05Z"}}"#;
        let index = index
            .replace("\"A\"", &format!("\"{a}\""))
            .replace("\"B\"", &format!("\"{b}\""));
        let Manifest::Index { images, annotated } = read("", index.as_bytes()).unwrap() else {
            panic!("not an index")
        };
        let shown: Vec<String> = images
            .iter()
            .map(|(platform, digest)| format!("{platform} {digest}"))
            .collect();
        assert_eq!(
            shown,
            [format!("linux/amd64 {a}"), format!("linux/arm/v7 {b}")]
        );
        assert_eq!(annotated.unwrap().to_string(), "2024-01-02T03:04:05Z");
    }

    #[test]
    fn schema_1_is_refused() {
        for kind in [
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "application/vnd.docker.distribution.manifest.v1+json",
        ] {
            assert!(
                read(kind, b"{}")
                    .unwrap_err()
                    .to_string()
                    .contains("schema 1")
            );
        }
        let text = br#"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}"#;
        assert!(
            read("application/json", text)
                .unwrap_err()
                .to_string()
                .contains("schema 1")
        );
    }

    #[test]
    fn what_a_manifest_names_must_be_a_digest() {
        for digest in [
            "",
            "sha256:a",
            "../../other/manifests/latest",
            "sha256:../x",
            "md5:a",
        ] {
            for text in [
                format!(r#"{{"schemaVersion":2,"config":{{"digest":"{digest}"}}}}"#),
                format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{digest}"}}]}}"#),
            ] {
                let error = read(OCI, text.as_bytes()).unwrap_err().to_string();
                assert!(error.contains("is no digest"), "{text}: {error}");
            }
        }
        let one = format!(r#"{{"digest":"{}"}},"#, digest_of(b"a"));
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            one.repeat(300).trim_end_matches(',')
        );
        let error = read(OCI, text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("300 images"), "{error}");
    }

    #[test]
    fn a_chart_is_an_artifact() {
        let chart = br#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:a"},"layers":[]}"#;
        assert_eq!(read(OCI, chart).unwrap(), Manifest::Artifact);
    }

    #[test]
    fn a_date_is_optional_and_may_be_a_label() {
        for (text, created, annotated) in [
            (
                r#"{"os":"linux","architecture":"amd64","created":"2024-05-06T07:08:09.123456789Z"}"#,
                true,
                false,
            ),
            (r#"{"os":"linux","architecture":"amd64"}"#, false, false),
            (
                r#"{"os":"linux","architecture":"amd64","created":""}"#,
                false,
                false,
            ),
            (
                r#"{"created":null,"config":{"Labels":{"org.opencontainers.image.created":"2024-05-06T07:08:09+02:00"}}}"#,
                false,
                true,
            ),
            (r#"{"config":null}"#, false, false),
            (r#"{"config":{"Labels":null}}"#, false, false),
        ] {
            let configuration = read_configuration(text.as_bytes()).unwrap();
            assert_eq!(configuration.created.is_some(), created, "{text}");
            assert_eq!(configuration.annotated.is_some(), annotated, "{text}");
        }
        assert!(read_configuration(b"[]").is_err());
    }

    #[test]
    fn digests_are_of_the_exact_bytes() {
        let digest = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
        assert_eq!(digest_of(b"foo"), digest);
        assert!(has_digest(b"foo", digest));
        assert!(!has_digest(b"foo\n", digest));
        assert!(!has_digest(b"foo", "md5:acbd18db4cc2f85cedef654fccc4a4d8"));
    }
}
