//! Finds the values that an address means in a YAML text.

use autoscaleops_core::text;

use crate::{
    address::{Address, Version, split_reference},
    error::{EditError, Place},
    path::{KeyPath, Step},
    yaml::{Mapping, Node, Scalar, Scan, respell::Slot},
};

mod images;

/// What the scalar at a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A tag, perhaps with a digest: `v1`.
    Version,
    /// A whole reference: `nginx:v1`.
    Reference,
    /// A digest alone.
    Digest,
}

/// A value that an address means.
#[derive(Clone, Debug)]
pub(crate) struct Hit<'s> {
    pub(crate) path: KeyPath,
    pub(crate) slot: Slot<'s>,
    pub(crate) role: Role,
    /// The image, where it is known.
    pub(crate) repository: Option<String>,
    /// A `digest:` beside the tag, which counts more than the tag.
    pub(crate) digest: Option<(KeyPath, Slot<'s>)>,
}

impl Hit<'_> {
    pub(crate) fn place(&self) -> Place {
        self.slot.scalar.place
    }

    /// Returns what is there now.
    pub(crate) fn version(&self) -> Version {
        let value = self.slot.scalar.value.as_str();
        let mut version = match self.role {
            Role::Version => Version::of(value),
            Role::Reference => split_reference(value).map(|(_, it)| it).unwrap_or_default(),
            Role::Digest => Version {
                tag: String::new(),
                digest: Some(value.to_owned()),
            },
        };
        if let Some((_, slot)) = &self.digest
            && !slot.scalar.value.is_empty()
        {
            version.digest = Some(slot.scalar.value.clone());
        }
        version
    }
}

/// Returns all values that `address` means, at least one.
pub(crate) fn find<'s>(
    scan: &'s Scan<'_>,
    address: &Address,
    document: Option<usize>,
) -> Result<Vec<Hit<'s>>, EditError> {
    let documents: Vec<&Node> = match document {
        None => scan.documents.iter().collect(),
        Some(number) => match number.checked_sub(1).and_then(|it| scan.documents.get(it)) {
            Some(node) => vec![node],
            None => {
                return Err(EditError::NotFound {
                    what: format!("there is no document {number}"),
                    hint: Some(format!(
                        "the file has {}",
                        text::count(scan.documents.len() as u128, "document")
                    )),
                });
            }
        },
    };
    match address {
        Address::Path(path) => by_path(scan, &documents, path),
        Address::Image(name) => images::by_image(scan, &documents, name),
        Address::Marker(name) => Err(EditError::NotFound {
            what: format!("marker {name} is not looked for in a tree"),
            hint: None,
        }),
    }
}

fn by_path<'s>(
    scan: &Scan<'_>,
    documents: &[&'s Node],
    path: &KeyPath,
) -> Result<Vec<Hit<'s>>, EditError> {
    let mut hits = Vec::new();
    let mut missing = None;
    for document in documents {
        match walk(scan, document, path) {
            Ok(slot) => hits.push(Hit {
                path: path.clone(),
                role: role_of(path, slot.scalar),
                repository: split_reference(&slot.scalar.value)
                    .filter(|_| role_of(path, slot.scalar) == Role::Reference)
                    .map(|(name, _)| name.to_owned()),
                slot,
                digest: None,
            }),
            Err(Stop::Missing(depth, hint)) => {
                if missing.as_ref().is_none_or(|(deepest, _)| *deepest < depth) {
                    missing = Some((depth, hint));
                }
            }
            Err(Stop::Refused(err)) => return Err(err),
        }
    }
    if hits.is_empty() {
        return Err(EditError::NotFound {
            what: format!("there is no `{path}`"),
            hint: missing.and_then(|(_, hint)| hint),
        });
    }
    Ok(hits)
}

/// What a path leads to is a tag, unless it is written or named as a reference.
fn role_of(path: &KeyPath, scalar: &Scalar) -> Role {
    let key = match path.0.last() {
        Some(Step::Key(key)) => key.as_str(),
        _ => "",
    };
    let is_reference = split_reference(&scalar.value).is_some_and(|(name, version)| {
        let has_version = !version.tag.is_empty() || version.digest.is_some();
        (has_version && !name.is_empty()) || name.contains('/') || images::is_image_key(key)
    });
    if is_reference {
        Role::Reference
    } else if key == "digest" || scalar.value.starts_with("sha256:") {
        Role::Digest
    } else {
        Role::Version
    }
}

enum Stop {
    /// Nothing is there: how many steps could be taken, and what is there instead.
    Missing(usize, Option<String>),
    Refused(EditError),
}

fn walk<'s>(scan: &Scan<'_>, root: &'s Node, path: &KeyPath) -> Result<Slot<'s>, Stop> {
    let mut node = root;
    let mut key = None;
    for (depth, step) in path.0.iter().enumerate() {
        if let Node::Alias(alias) = node {
            return Err(aliased(scan, alias.anchor, alias.place));
        }
        (key, node) = match (step, node) {
            (Step::Key(name), Node::Mapping(mapping)) => match entry(mapping, name) {
                Ok(Some((key, value))) => (Some(key), value),
                Ok(None) => return Err(absent(scan, mapping, name, depth, path)),
                Err(err) => return Err(Stop::Refused(err)),
            },
            (Step::Index(index), Node::Sequence(sequence)) => {
                let item = sequence.items.get(*index).ok_or_else(|| {
                    let count = text::count(sequence.items.len() as u128, "item");
                    let hint = format!("the list at line {} has {count}", sequence.place.line);
                    Stop::Missing(depth, Some(hint))
                })?;
                (None, item)
            }
            (Step::Key(name), Node::Sequence(sequence)) => {
                let index = name.parse::<usize>().ok();
                let item = index.and_then(|it| sequence.items.get(it)).ok_or_else(|| {
                    let line = sequence.place.line;
                    let hint = format!("at line {line} there is a list: write `[0]` or `[name=…]`");
                    Stop::Missing(depth, Some(hint))
                })?;
                (None, item)
            }
            (Step::Select { key: name, value }, Node::Sequence(sequence)) => {
                let mut fitting = sequence.items.iter().filter(|item| {
                    matches!(item, Node::Mapping(it) if it.scalar(name).is_some_and(|it| it.value == *value))
                });
                match (fitting.next(), fitting.next()) {
                    (Some(item), None) => (None, item),
                    (Some(one), Some(two)) => {
                        return Err(Stop::Refused(EditError::Ambiguous {
                            what: format!("`[{name}={value}]`"),
                            places: vec![one.place(), two.place()],
                        }));
                    }
                    (None, _) => return Err(Stop::Missing(depth, None)),
                }
            }
            _ => return Err(Stop::Missing(depth, None)),
        };
    }
    match node {
        Node::Scalar(scalar) => Ok(Slot { scalar, key }),
        Node::Alias(alias) => Err(aliased(scan, alias.anchor, alias.place)),
        Node::Mapping(it) => {
            let is_template = scan
                .text
                .lines()
                .nth(it.place.line.saturating_sub(1))
                .is_some_and(|it| it.contains("{{"));
            let what = if is_template {
                "a template"
            } else {
                "a mapping"
            };
            Err(not_a_scalar(it.place, what))
        }
        Node::Sequence(it) => Err(not_a_scalar(it.place, "a list")),
    }
}

fn not_a_scalar(place: Place, what: &str) -> Stop {
    Stop::Refused(EditError::Refused {
        place,
        reason: format!("there is {what} and not a single value"),
        hint: None,
    })
}

fn aliased(scan: &Scan<'_>, anchor: usize, place: Place) -> Stop {
    let hint = scan
        .anchor_place(anchor)
        .map(|it| format!("change the value that it stands for, at line {}", it.line));
    Stop::Refused(EditError::Refused {
        place,
        reason: "the value is an alias of another one".to_owned(),
        hint,
    })
}

/// Returns the one entry with this key.
fn entry<'s>(mapping: &'s Mapping, key: &str) -> Result<Option<(&'s Scalar, &'s Node)>, EditError> {
    let mut found = None;
    for (it, value) in &mapping.entries {
        let Some(scalar) = it.as_scalar() else {
            continue;
        };
        if scalar.value != key {
            continue;
        }
        if let Some((first, _)) = found {
            let first: &Scalar = first;
            return Err(EditError::Refused {
                place: scalar.place,
                reason: format!(
                    "the key `{key}` is there twice, first at line {}",
                    first.place.line
                ),
                hint: Some("readers differ in which one counts: delete one".to_owned()),
            });
        }
        found = Some((scalar, value));
    }
    Ok(found)
}

fn absent(scan: &Scan<'_>, mapping: &Mapping, key: &str, depth: usize, path: &KeyPath) -> Stop {
    if let Some((merge, value)) = mapping.all("<<").next() {
        let source = match value {
            Node::Alias(alias) => scan.anchor_place(alias.anchor),
            _ => None,
        };
        return Stop::Refused(EditError::Refused {
            place: merge.place,
            reason: format!("`{key}` can only come from what is merged here"),
            hint: source.map(|it| format!("change it where it is written, below line {}", it.line)),
        });
    }
    let keys: Vec<&str> = mapping
        .entries
        .iter()
        .filter_map(|(it, _)| it.as_scalar().map(|it| it.value.as_str()))
        .collect();
    let rest = KeyPath(path.0[depth..].to_vec());
    let literal = rest.to_string();
    let hint = if keys.contains(&literal.as_str()) {
        Some(format!(
            "there is a key with dots in it: write `[\"{literal}\"]`"
        ))
    } else if let Some(near) = text::nearest(key, keys.iter().copied()) {
        Some(format!("line {} has `{near}`", mapping.place.line))
    } else {
        let some: Vec<String> = keys
            .iter()
            .take(8)
            .map(|it| format!("`{}`", text::shorten(&text::printable(it), 40)))
            .collect();
        (!some.is_empty()).then(|| format!("line {} has {}", mapping.place.line, some.join(", ")))
    };
    Stop::Missing(depth, hint)
}
