//! Which value in a file is meant, and what it shall be.

use std::fmt;

use autoscaleops_core::image::{Digest, ImageRef, Tag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::KeyPath;

/// How a value in a file is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// By the image that it is a tag of: a Helm pair, an entry of kustomize's `images`, an `image:`
    /// field. Registry and repository, without a tag.
    Image(String),
    /// By its path in the YAML document.
    Path(KeyPath),
    /// By the comment `# tag-bump: NAME` on its line, or on the line above. Any text file.
    Marker(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(name) => write!(f, "image {name}"),
            Self::Path(path) => write!(f, "{path}"),
            Self::Marker(name) => write!(f, "marker {name}"),
        }
    }
}

/// What a value shall be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewValue {
    /// Another version of the image. What is absent stays, but for a digest under a new tag.
    Image {
        /// The tag.
        tag: Option<Tag>,
        /// The digest.
        digest: Option<Digest>,
    },
    /// This text, whatever it means.
    Text(String),
}

impl NewValue {
    /// Returns a new tag without a digest.
    pub fn tag(tag: Tag) -> Self {
        Self::Image {
            tag: Some(tag),
            digest: None,
        }
    }
}

impl fmt::Display for NewValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Image { tag, digest } => {
                if let Some(tag) = tag {
                    write!(f, "{tag}")?;
                }
                if let Some(digest) = digest {
                    write!(f, "@{digest}")?;
                }
                Ok(())
            }
        }
    }
}

/// The part of an image's name that says which one: tag, digest, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// The tag as it is written, empty where there is none.
    pub tag: String,
    /// The digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Version {
    /// Reads `tag`, `tag@digest` or `@digest`.
    pub fn of(text: &str) -> Self {
        match text.split_once('@') {
            Some((tag, digest)) => Self {
                tag: tag.to_owned(),
                digest: Some(digest.to_owned()),
            },
            None => Self {
                tag: text.to_owned(),
                digest: None,
            },
        }
    }

    /// Returns the version that `value` makes of this one.
    #[must_use]
    pub fn becoming(&self, value: &NewValue) -> Self {
        match value {
            NewValue::Text(text) => Self::of(text),
            NewValue::Image { tag, digest } => Self {
                tag: tag
                    .as_ref()
                    .map_or_else(|| self.tag.clone(), ToString::to_string),
                digest: digest.as_ref().map(ToString::to_string),
            },
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)?;
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Returns an image reference as its name and its version, when `text` is one.
pub(crate) fn split_reference(text: &str) -> Option<(&str, Version)> {
    let image: ImageRef = text.parse().ok()?;
    let name = &text[..image.name().len()];
    let version = Version {
        tag: image.tag().map(ToString::to_string).unwrap_or_default(),
        digest: image.digest().map(ToString::to_string),
    };
    Some((name, version))
}

/// Returns `name` with `version`.
pub(crate) fn join_reference(name: &str, version: &Version) -> String {
    let colon = if version.tag.is_empty() { "" } else { ":" };
    format!("{name}{colon}{version}")
}

/// Returns whether both name one repository; names that are not images are compared as texts.
pub(crate) fn is_same_image(one: &str, other: &str) -> bool {
    match (one.parse::<ImageRef>(), other.parse::<ImageRef>()) {
        (Ok(one), Ok(other)) => one.same_repository(&other),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_keeps_its_name_as_written() {
        let (name, version) = split_reference("localhost:5000/shop:v1").unwrap();
        assert_eq!((name, version.tag.as_str()), ("localhost:5000/shop", "v1"));
        assert_eq!(
            join_reference(name, &Version::of("v2")),
            "localhost:5000/shop:v2"
        );
        assert_eq!(
            join_reference("nginx", &Version::of("@sha256:x")),
            "nginx@sha256:x"
        );
        assert!(split_reference("{{ .Values.image }}").is_none());
    }

    #[test]
    fn a_new_tag_drops_the_digest_of_the_old_one() {
        let old = Version::of("v1@sha256:aa");
        let new = old.becoming(&NewValue::tag("v2".parse().unwrap()));
        assert_eq!(new.to_string(), "v2");
    }
}
