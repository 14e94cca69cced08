//! One value of a text found, and changed byte-exactly.

use std::path::{Component, Path};

use saphyr_parser::ScalarStyle;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    address::{Address, NewValue, Version, join_reference, split_reference},
    error::{EditError, Place},
    find::{self, Hit, Role},
    marker,
    yaml::{
        self, Scalar, quote,
        respell::{Slot, prove, respell, splice},
    },
};

mod marked;

/// No file that people keep values in is larger.
const LARGEST: usize = 5 << 20;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A change to one value of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edit {
    /// Which value.
    pub address: Address,
    /// What it shall be.
    pub value: NewValue,
    /// The document that it stands in, counted from one. Absent: any, and only one may have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
    /// Change every value that fits, instead of refusing more than one.
    #[serde(default)]
    pub every: bool,
    /// Empty a `digest:` that stands beside the tag and would count more than it.
    #[serde(default)]
    pub clear_digest: bool,
}

impl Edit {
    /// Returns the edit of one value.
    pub fn new(address: Address, value: NewValue) -> Self {
        Self {
            address,
            value,
            document: None,
            every: false,
            clear_digest: false,
        }
    }
}

/// A value as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// Its path, or the marker.
    pub path: String,
    /// The line, counted from one.
    pub line: usize,
    /// The column, counted from one in characters.
    pub column: usize,
    /// The image, where the text says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Tag and digest.
    pub version: Version,
    /// The scalar itself: the tag, or the whole reference.
    pub text: String,
}

/// A value that was changed, or was already what it shall be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// Its path, or the marker.
    pub path: String,
    /// The line, counted from one.
    pub line: usize,
    /// The column, counted from one in characters.
    pub column: usize,
    /// The image, where the text says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Tag and digest before.
    pub old: String,
    /// Tag and digest after.
    pub new: String,
    /// Whether the text changed: the value is another one, or is in quotes now because readers took
    /// it for a number.
    pub changed: bool,
}

/// A text after its edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The new content, byte for byte the old one but for the values.
    pub content: Vec<u8>,
    /// What became of each value, in the order of the edits.
    pub values: Vec<Changed>,
}

/// Returns the values that `address` means, at least one.
///
/// # Errors
///
/// Fails when there is none, or the content cannot be worked on.
pub fn look(
    content: &[u8],
    address: &Address,
    document: Option<usize>,
) -> Result<Vec<Found>, EditError> {
    let (_, text) = fit(content)?;
    if let Address::Marker(name) = address {
        return Ok(marker::find(text, name)?
            .into_iter()
            .map(|it| marked::found(text, name, &it))
            .collect());
    }
    let scan = yaml::scan(text)?;
    Ok(find::find(&scan, address, document)?
        .iter()
        .map(|hit| Found {
            path: hit.path.to_string(),
            line: hit.place().line,
            column: hit.place().column,
            repository: hit.repository.clone(),
            version: hit.version(),
            text: hit.slot.scalar.value.clone(),
        })
        .collect())
}

/// Applies `edits` one after the other; all of them or none.
///
/// After each the text is read again, to prove that it means what it meant before but for that value.
///
/// # Errors
///
/// Fails when a value is not found, not the only one, or not to be changed so.
pub fn apply(content: &[u8], edits: &[Edit]) -> Result<Edited, EditError> {
    let (mark, text) = fit(content)?;
    let mut text = text.to_owned();
    let mut values = Vec::new();
    for edit in edits {
        let (changed, mut these) = apply_one(&text, edit)?;
        text = changed;
        values.append(&mut these);
    }
    Ok(Edited {
        content: [mark.as_bytes(), text.as_bytes()].concat(),
        values,
    })
}

/// Returns `path` as a path within a repository, with `/` and without `.` and `..`.
///
/// # Errors
///
/// Fails when it leads out of the repository, into `.git`, or nowhere.
pub fn inner_path(path: &Path) -> Result<String, EditError> {
    let mut parts: Vec<&str> = Vec::new();
    let outside = |hint: &str| EditError::Unfit {
        reason: format!("`{}` is not a file of the repository", path.display()),
        hint: Some(hint.to_owned()),
    };
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => match part.to_str() {
                Some(part) if part.eq_ignore_ascii_case(".git") => {
                    return Err(outside("Git's own files are not changed"));
                }
                Some(part) => parts.push(part),
                None => return Err(outside("its name is not UTF-8")),
            },
            Component::ParentDir => {
                if parts.pop().is_none() {
                    return Err(outside("it leads out of it"));
                }
            }
            Component::RootDir | Component::Prefix(_) => {
                return Err(outside(
                    "write it from the root of the repository, without `/` at the start",
                ));
            }
        }
    }
    if parts.is_empty() {
        return Err(outside("name a file"));
    }
    Ok(parts.join("/"))
}

fn fit(content: &[u8]) -> Result<(&'static str, &str), EditError> {
    let unfit = |reason: &str, hint: Option<&str>| EditError::Unfit {
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    };
    if content.len() > LARGEST {
        return Err(unfit("the file is larger than 5 MiB", None));
    }
    let text = std::str::from_utf8(content).map_err(|err| {
        unfit(
            &format!("the file is not UTF-8 at byte {}", err.valid_up_to()),
            None,
        )
    })?;
    if text.starts_with("version https://git-lfs.github.com/spec/") {
        return Err(unfit(
            "the file is a Git LFS pointer, its content is elsewhere",
            Some("take it out of LFS: values belong into Git itself"),
        ));
    }
    Ok(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => (BYTE_ORDER_MARK, text),
        None => ("", text),
    })
}

fn only_one<T>(edit: &Edit, hits: &[T], place: impl Fn(&T) -> Place) -> Result<(), EditError> {
    if hits.len() > 1 && !edit.every {
        return Err(EditError::Ambiguous {
            what: edit.address.to_string(),
            places: hits.iter().map(place).collect(),
        });
    }
    Ok(())
}

fn apply_one(text: &str, edit: &Edit) -> Result<(String, Vec<Changed>), EditError> {
    if let Address::Marker(name) = &edit.address {
        return marked::apply(text, edit, name);
    }
    let scan = yaml::scan(text)?;
    let hits = find::find(&scan, &edit.address, edit.document)?;
    only_one(edit, &hits, Hit::place)?;
    let mut splices = Vec::new();
    let mut wanted: Vec<(usize, String)> = Vec::new();
    let mut values = Vec::new();
    for hit in &hits {
        let old = hit.version();
        let before = splices.len();
        let mut replace = |slot: Slot<'_>, value: String| -> Result<(), EditError> {
            if !says(slot.scalar, &value) {
                splices.push(respell(text, slot, &value)?);
                wanted.push((slot.scalar.event, value));
            }
            Ok(())
        };
        let new = respell_hit(hit, edit, &old, &mut replace)?;
        values.push(Changed {
            path: hit.path.to_string(),
            line: hit.place().line,
            column: hit.place().column,
            repository: hit.repository.clone(),
            old: old.to_string(),
            new: new.to_string(),
            changed: splices.len() > before,
        });
    }
    let changed = splice(text, &splices);
    let wanted: Vec<(usize, &str)> = wanted
        .iter()
        .map(|(event, value)| (*event, value.as_str()))
        .collect();
    prove(&scan, &changed, &wanted)?;
    Ok((changed, values))
}

/// Returns whether the scalar is read as the text `value` already, by every reader.
fn says(scalar: &Scalar, value: &str) -> bool {
    let is_bare = scalar.style == ScalarStyle::Plain && scalar.tag.is_none() && !scalar.is_empty;
    scalar.value == value && !(is_bare && quote::needs_quotes(value))
}

/// Decides which scalars of a hit get which text, and returns the version that they then say.
fn respell_hit(
    hit: &Hit<'_>,
    edit: &Edit,
    old: &Version,
    replace: &mut impl FnMut(Slot<'_>, String) -> Result<(), EditError>,
) -> Result<Version, EditError> {
    let value = &hit.slot.scalar.value;
    let refused = |reason: &str, hint: &str| EditError::Refused {
        place: hit.place(),
        reason: reason.to_owned(),
        hint: Some(hint.to_owned()),
    };
    if value.contains("{{") {
        return Err(refused(
            "the value is a template",
            "change the values that it is filled from",
        ));
    }
    if let NewValue::Text(text) = &edit.value {
        replace(hit.slot, text.clone())?;
        return Ok(Version::of(text));
    }
    let mut new = old.becoming(&edit.value);
    match (hit.role, &hit.digest) {
        (Role::Digest, _) => {
            new.tag.clear();
            let digest = new.digest.clone().ok_or_else(|| {
                refused(
                    "there is a digest, and no new digest is given",
                    "give one with `--digest`",
                )
            })?;
            replace(hit.slot, digest)?;
        }
        (Role::Reference, _) => {
            let name = split_reference(value).map_or(value.as_str(), |(name, _)| name);
            replace(hit.slot, join_reference(name, &new))?;
        }
        (Role::Version, Some((_, slot))) => {
            let written = Version::of(value);
            // The tag may itself carry the digest; then the field beside it is not in use.
            if new.tag != written.tag || written.digest.is_some() {
                replace(hit.slot, new.tag.clone())?;
            }
            match &new.digest {
                Some(digest) => replace(*slot, digest.clone())?,
                None if slot.scalar.value.is_empty() => {}
                None if edit.clear_digest => replace(*slot, String::new())?,
                None if old.tag == new.tag => new.digest.clone_from(&old.digest),
                None => {
                    return Err(refused(
                        &format!(
                            "a digest beside the tag (line {}) counts more than the tag",
                            slot.scalar.place.line
                        ),
                        "give the new digest with `--digest`, or empty it with `--clear-digest`",
                    ));
                }
            }
        }
        (Role::Version, None) => replace(hit.slot, new.to_string())?,
    }
    Ok(new)
}
