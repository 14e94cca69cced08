//! Finds where a YAML text says which version of an image runs.

use crate::{
    address::{is_same_image, split_reference},
    error::{EditError, Place},
    find::{Hit, Role, entry},
    path::{KeyPath, Step},
    yaml::{Mapping, Node, Scan, respell::Slot},
};

/// The keys under which charts name an image, and those under which they say its version.
const NAMES: &[&str] = &["repository", "image", "name"];
const TAGS: &[&str] = &["tag", "version"];

/// Returns whether a field with this key holds an image: `image`, `initImage`.
pub(super) fn is_image_key(key: &str) -> bool {
    key.ends_with("image") || key.ends_with("Image")
}

#[derive(Debug, Default)]
struct Search<'s, 'n> {
    name: &'n str,
    hits: Vec<Hit<'s>>,
    /// What was seen instead, for the message.
    others: Vec<(String, Place)>,
    problem: Option<EditError>,
}

pub(super) fn by_image<'s>(
    scan: &Scan<'_>,
    documents: &[&'s Node],
    name: &str,
) -> Result<Vec<Hit<'s>>, EditError> {
    let mut search = Search {
        name,
        ..Search::default()
    };
    for document in documents {
        search.visit(document, &KeyPath::default());
    }
    if let Some(problem) = search.problem {
        return Err(problem);
    }
    if search.hits.is_empty() {
        let mut names: Vec<String> = search
            .others
            .iter()
            .map(|(name, place)| {
                format!(
                    "{} (line {})",
                    autoscaleops_core::text::printable(name),
                    place.line
                )
            })
            .collect();
        names.dedup();
        names.truncate(5);
        let hint = if !names.is_empty() {
            format!("the file names {}", names.join(", "))
        } else if scan.text.contains("{{") {
            "the file is a template: use `--path` or `--marker`".to_owned()
        } else {
            "name the value with `--path` or `--marker`".to_owned()
        };
        return Err(EditError::NotFound {
            what: format!("no tag of image {name}"),
            hint: Some(hint),
        });
    }
    Ok(search.hits)
}

impl<'s> Search<'s, '_> {
    fn visit(&mut self, node: &'s Node, path: &KeyPath) {
        match node {
            Node::Sequence(sequence) => {
                let holds_images = matches!(path.0.last(), Some(Step::Key(key)) if key == "images" || is_image_key(key));
                for (index, item) in sequence.items.iter().enumerate() {
                    let path = path.then(Step::Index(index));
                    match item {
                        Node::Scalar(scalar) if holds_images => {
                            self.reference(Slot { scalar, key: None }, path);
                        }
                        item => self.visit(item, &path),
                    }
                }
            }
            Node::Mapping(mapping) => {
                let is_taken = self.kustomize(mapping, path) || self.pair(mapping, path);
                for (key, value) in &mapping.entries {
                    let Some(key) = key.as_scalar() else { continue };
                    let path = path.then(Step::Key(key.value.clone()));
                    match value {
                        Node::Scalar(scalar) if !is_taken && is_image_key(&key.value) => {
                            self.reference(
                                Slot {
                                    scalar,
                                    key: Some(key),
                                },
                                path,
                            );
                        }
                        value => self.visit(value, &path),
                    }
                }
            }
            Node::Scalar(_) | Node::Alias(_) => {}
        }
    }

    /// `image: nginx:v1`.
    fn reference(&mut self, slot: Slot<'s>, path: KeyPath) {
        let Some((name, _)) = split_reference(&slot.scalar.value) else {
            return;
        };
        if !is_same_image(name, self.name) {
            self.others.push((name.to_owned(), slot.scalar.place));
            return;
        }
        if let Err(err) = self.is_single(&path, slot) {
            self.problem = Some(err);
            return;
        }
        self.hits.push(Hit {
            path,
            slot,
            role: Role::Reference,
            repository: Some(name.to_owned()),
            digest: None,
        });
    }

    /// An entry of kustomize's `images`: `name`, and `newTag` or `digest`. Returns whether it is one.
    fn kustomize(&mut self, mapping: &'s Mapping, path: &KeyPath) -> bool {
        let [.., Step::Key(list), Step::Index(_)] = path.0.as_slice() else {
            return false;
        };
        let is_entry = ["newTag", "newName", "digest"]
            .iter()
            .any(|it| mapping.all(it).next().is_some());
        if list != "images" || !is_entry {
            return false;
        }
        let Some(name) = mapping.scalar("name") else {
            return false;
        };
        let names = [Some(name), mapping.scalar("newName")];
        if !names
            .iter()
            .flatten()
            .any(|it| is_same_image(&it.value, self.name))
        {
            self.others.push((name.value.clone(), name.place));
            return true;
        }
        let repository = names.iter().flatten().last().map(|it| it.value.clone());
        self.pair_hit(mapping, path, "newTag", repository);
        true
    }

    /// A Helm pair: `repository` and `tag` side by side, perhaps with `registry` and `digest`.
    /// Returns whether it is one.
    fn pair(&mut self, mapping: &'s Mapping, path: &KeyPath) -> bool {
        for name_key in NAMES {
            for tag_key in TAGS {
                // `name` and `version` together are a chart, a package, or anything else.
                if (*name_key, *tag_key) == ("name", "version")
                    || mapping.all(tag_key).next().is_none()
                {
                    continue;
                }
                let Some(name) = mapping.scalar(name_key).filter(|it| !it.value.is_empty()) else {
                    continue;
                };
                if split_reference(&name.value).is_some_and(|(_, it)| !it.tag.is_empty()) {
                    continue;
                }
                let registry = mapping
                    .scalar("registry")
                    .map(|it| it.value.as_str())
                    .filter(|it| !it.is_empty());
                let full = match registry {
                    Some(registry) => format!("{registry}/{}", name.value),
                    None => name.value.clone(),
                };
                if is_same_image(&full, self.name) || name.value == self.name {
                    self.pair_hit(mapping, path, tag_key, Some(full));
                } else {
                    self.others.push((full, name.place));
                }
                return true;
            }
        }
        false
    }

    fn pair_hit(
        &mut self,
        mapping: &'s Mapping,
        path: &KeyPath,
        tag_key: &str,
        repository: Option<String>,
    ) {
        match pair_slots(mapping, path, tag_key) {
            Ok((role, found, digest)) => self.hits.push(Hit {
                path: found.0,
                slot: found.1,
                role,
                repository,
                digest,
            }),
            Err(err) => self.problem = Some(err),
        }
    }

    fn is_single(&self, path: &KeyPath, slot: Slot<'_>) -> Result<(), EditError> {
        match self
            .hits
            .iter()
            .find(|it| it.path == *path && it.slot.key.is_some())
        {
            // Another document may have the same path; the same mapping may not have the key twice.
            Some(other)
                if other
                    .slot
                    .scalar
                    .place
                    .line
                    .abs_diff(slot.scalar.place.line)
                    == 0 =>
            {
                Err(EditError::Ambiguous {
                    what: format!("`{path}`"),
                    places: vec![other.place(), slot.scalar.place],
                })
            }
            _ => Ok(()),
        }
    }
}

type Found<'s> = (KeyPath, Slot<'s>);

fn pair_slots<'s>(
    mapping: &'s Mapping,
    path: &KeyPath,
    tag_key: &str,
) -> Result<(Role, Found<'s>, Option<Found<'s>>), EditError> {
    let slot = |key: &str| -> Result<Option<Found<'s>>, EditError> {
        let Some((key_scalar, value)) = entry(mapping, key)? else {
            return Ok(None);
        };
        match value {
            Node::Scalar(scalar) => Ok(Some((
                path.then(Step::Key(key.to_owned())),
                Slot {
                    scalar,
                    key: Some(key_scalar),
                },
            ))),
            other => Err(EditError::Refused {
                place: other.place(),
                reason: format!("`{key}` is not a single value written here"),
                hint: None,
            }),
        }
    };
    let digest = slot("digest")?;
    match (slot(tag_key)?, digest) {
        (Some(tag), digest) => Ok((Role::Version, tag, digest)),
        (None, Some(digest)) => Ok((Role::Digest, digest, None)),
        (None, None) => Err(EditError::Refused {
            place: mapping.place,
            reason: format!("the image is named here without `{tag_key}` or `digest`"),
            hint: Some(format!("add `{tag_key}: \"\"` by hand once")),
        }),
    }
}
