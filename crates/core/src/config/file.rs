//! Reads `autoscaleops.yaml`, and says where and why it cannot be used.

use std::{fmt, marker::PhantomData, path::Path, sync::LazyLock};

use regex::Regex;
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor},
};

use super::{SECTIONS, Section};
use crate::{failure::Failure, text};

/// One section of the file.
pub(crate) struct Contents<T> {
    /// The section with its defaults filled in.
    pub section: T,
    /// The keys that the file itself gives.
    pub keys: Vec<String>,
}

/// Reads the section of `tool` from the file at `path`. `None` when the file has no such section.
pub(super) fn read<T: Section>(tool: &str, path: &Path) -> Result<Option<Contents<T>>, Failure> {
    let yaml = fs_err::read_to_string(path).map_err(|err| {
        Failure::usage(format!("cannot read the configuration: {err}")).kind_of("config")
    })?;
    parse(tool, path, yaml.strip_prefix('\u{feff}').unwrap_or(&yaml))
}

/// Reads the section of `tool` from a text that stands at `path`.
pub(crate) fn parse<T: Section>(
    tool: &str,
    path: &Path,
    yaml: &str,
) -> Result<Option<Contents<T>>, Failure> {
    // Twice: once for the values, typed, so that `tag: 1.10` stays the text that it is; once for
    // the names of the keys that are there.
    let section = in_section::<T>(tool, path, yaml)?;
    let Some(section) = section else {
        return Ok(None);
    };
    let keys = in_section::<Keys>(tool, path, yaml)?.unwrap_or_default();
    Ok(Some(Contents {
        section,
        keys: keys.0,
    }))
}

fn in_section<T: serde::de::DeserializeOwned>(
    tool: &str,
    path: &Path,
    yaml: &str,
) -> Result<Option<T>, Failure> {
    if yaml
        .lines()
        .all(|it| it.trim().is_empty() || it.trim_start().starts_with('#'))
    {
        return Ok(None);
    }
    let seed = FileSeed {
        tool,
        section: PhantomData::<T>,
    };
    seed.deserialize(serde_yaml::Deserializer::from_str(yaml))
        .map_err(|err| explain(tool, path, &err))
}

/// The keys of a mapping, whatever their values are.
#[derive(Default)]
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}

struct FileSeed<'a, T> {
    tool: &'a str,
    section: PhantomData<T>,
}

impl<'de, T: serde::de::DeserializeOwned> DeserializeSeed<'de> for FileSeed<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: serde::de::DeserializeOwned> Visitor<'de> for FileSeed<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping with a section per tool")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut section = None;
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("duplicate section `{key}`")));
            }
            if key == self.tool {
                section = map.next_value::<Option<T>>()?;
            } else if SECTIONS.contains(&key.as_str()) || key.starts_with("x-") {
                map.next_value::<IgnoredAny>()?;
            } else {
                return Err(A::Error::unknown_field(&key, &SECTIONS));
            }
            seen.push(key);
        }
        Ok(section)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, compiled in a test"
)]
static UNKNOWN: LazyLock<(Regex, Regex)> = LazyLock::new(|| {
    (
        Regex::new("unknown field `([^`]*)`, expected (.*)").expect("a valid pattern"),
        Regex::new("`([^`]*)`").expect("a valid pattern"),
    )
});

fn explain(tool: &str, path: &Path, err: &serde_yaml::Error) -> Failure {
    let mut message = err.to_string();
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    let mut hint = format!("see `{tool} config schema`");
    if let Some(found) = UNKNOWN.0.captures(&message) {
        let known: Vec<String> = UNKNOWN
            .1
            .captures_iter(&found[2])
            .map(|it| it[1].to_owned())
            .collect();
        hint = match text::nearest(&found[1], known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        message = format!("unknown key `{}`", &found[1]);
    }
    let failure = Failure::usage(text::printable(&message))
        .kind_of("config")
        .hint(hint);
    match err.location() {
        Some(place) => failure.at(path, place.line(), place.column()),
        None => failure.at(path, 1, 1),
    }
}
