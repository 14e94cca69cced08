//! Names of container images: reference, tag, digest.
//!
//! The grammar is that of the distribution project (`reference.go`): an optional registry host, a
//! path in lower case, then a tag, a digest, or both.

use std::{borrow::Cow, fmt, str::FromStr, sync::LazyLock};

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a text is not the name of an image.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// The repository breaks the grammar.
    #[error("`{0}` is not an image name: expected `[host/]path[:tag][@digest]` in lower case")]
    Name(String),
    /// The tag breaks the grammar.
    #[error(
        "`{0}` is not a tag: up to 128 letters, digits, `_`, `.`, `-`, not starting with `.` or `-`"
    )]
    Tag(String),
    /// The digest breaks the grammar.
    #[error("`{0}` is not a digest: expected `sha256:` and 64 hexadecimal digits in lower case")]
    Digest(String),
}

/// A tag, such as `1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// A digest, such as `sha256:9f86…`. Algorithms are `sha256` and `sha512`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// A reference to an image, as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef {
    name: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Tag {
    /// Returns the tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Digest {
    /// Returns the digest as text, algorithm first.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ImageRef {
    /// Returns the reference to `tag` of the same repository, without a digest.
    #[must_use]
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self {
            name: self.name.clone(),
            tag: Some(tag),
            digest: None,
        }
    }

    /// Returns the name as written, without tag and digest: `ghcr.io/acme/shop`, `nginx`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the tag, where one was written.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Returns the digest, where one was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns the registry host: the part before the first `/` when it can be one, else `docker.io`.
    pub fn registry(&self) -> &str {
        self.split().0
    }

    /// Returns the path within the registry: `library/nginx` for `nginx`.
    pub fn repository(&self) -> Cow<'_, str> {
        let (host, path) = self.split();
        if host == "docker.io" && !path.contains('/') {
            Cow::Owned(format!("library/{path}"))
        } else {
            Cow::Borrowed(path)
        }
    }

    /// Returns whether both name one repository, whether or not Docker's defaults are spelled out.
    pub fn same_repository(&self, other: &Self) -> bool {
        self.registry() == other.registry() && self.repository() == other.repository()
    }

    fn split(&self) -> (&str, &str) {
        match self.name.split_once('/') {
            Some(("index.docker.io" | "registry-1.docker.io", path)) => ("docker.io", path),
            Some((host, path)) if is_host(host) => (host, path),
            _ => ("docker.io", &self.name),
        }
    }
}

fn is_host(part: &str) -> bool {
    part == "localhost"
        || part.contains(['.', ':'])
        || part.chars().any(|it| it.is_ascii_uppercase())
}

#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, compiled in a test"
)]
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$",
    )
    .expect("a valid pattern")
});

impl FromStr for Tag {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let valid = (1..=128).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ImageError::Tag(crate::text::printable(text)))
        }
    }
}

impl FromStr for Digest {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let length = match text.split_once(':') {
            Some(("sha256", _)) => 64,
            Some(("sha512", _)) => 128,
            _ => 0,
        };
        let hex = text.get(7..).unwrap_or_default();
        let valid = length > 0
            && hex.len() == length
            && hex
                .bytes()
                .all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ImageError::Digest(crate::text::printable(text)))
        }
    }
}

impl FromStr for ImageRef {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before it begins a port.
        let slash = rest.rfind('/').map_or(0, |it| it + 1);
        let (name, tag) = match rest[slash..].find(':') {
            Some(colon) => (
                &rest[..slash + colon],
                Some(rest[slash + colon + 1..].parse()?),
            ),
            None => (rest, None),
        };
        if name.len() > 255 || !NAME.is_match(name) {
            return Err(ImageError::Name(crate::text::printable(text)));
        }
        Ok(Self {
            name: name.to_owned(),
            tag,
            digest,
        })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

macro_rules! as_text {
    ($type:ident, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "description": $description})
            }
        }
    };
}

as_text!(Tag, "a tag, such as `1.2.3`");
as_text!(Digest, "a digest, such as `sha256:…`");
as_text!(ImageRef, "an image, such as `ghcr.io/acme/shop:1.2.3`");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn host_path_tag_and_digest_are_told_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let table = [
            ("nginx", "docker.io", "library/nginx", None),
            ("acme/shop:1.10", "docker.io", "acme/shop", Some("1.10")),
            ("ghcr.io/acme/shop:v1", "ghcr.io", "acme/shop", Some("v1")),
            ("localhost:5000/shop", "localhost:5000", "shop", None),
            ("localhost/shop:x", "localhost", "shop", Some("x")),
            ("[::1]:5000/shop:x", "[::1]:5000", "shop", Some("x")),
        ];
        for (text, registry, repository, tag) in table {
            let image: ImageRef = text.parse().unwrap();
            assert_eq!(image.registry(), registry, "{text}");
            assert_eq!(image.repository(), repository, "{text}");
            assert_eq!(image.tag().map(Tag::as_str), tag, "{text}");
            let pinned: ImageRef = format!("{text}@{digest}").parse().unwrap();
            assert_eq!(pinned.digest().map(Digest::as_str), Some(digest.as_str()));
            assert_eq!(pinned.to_string(), format!("{text}@{digest}"));
        }
    }

    #[test]
    fn what_no_registry_would_take_is_refused() {
        for text in [
            "",
            "Acme/Shop/x y",
            "shop:",
            "shop:-x",
            "shop@sha256:abc",
            "a//b",
            "shop:a\nb",
            "-x",
            "ghcr.io/ACME/shop",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn docker_defaults_name_the_same_repository() {
        let short: ImageRef = "nginx:1".parse().unwrap();
        let long: ImageRef = "docker.io/library/nginx".parse().unwrap();
        assert!(short.same_repository(&long));
    }

    proptest! {
        #[test]
        fn parse_and_print_are_inverse(text in "([a-z]{1,5}\\.io(:[0-9]{2,4})?/)?[a-z]{1,6}(/[a-z0-9]{1,6}){0,2}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,8})?") {
            let image: ImageRef = text.parse().unwrap();
            prop_assert_eq!(image.to_string(), text);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<ImageRef>();
        }
    }
}
