//! A set of fields, as a tree of the path elements of `fieldsV1`.

use serde_json::{Map, Value, json};

use crate::{
    lists::{self, ListKind},
    resource::Resource,
};

/// What no manager owns, at the top of an object.
const NOBODYS: [&str; 3] = ["apiVersion", "kind", "status"];
/// What no manager owns, in its metadata.
const NOBODYS_METADATA: [&str; 11] = [
    "name",
    "namespace",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// A set of fields.
///
/// What lies below is a sorted list and no map: a large definition has ten thousands of places, most
/// of them with one or two below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Whether this very place is in the set.
    pub(super) own: bool,
    below: Vec<(Box<str>, Self)>,
}

impl Fields {
    fn leaf() -> Self {
        Self {
            own: true,
            below: Vec::new(),
        }
    }

    fn with(own: bool, mut below: Vec<(Box<str>, Self)>) -> Self {
        below.sort_by(|a, b| a.0.cmp(&b.0));
        below.dedup_by(|a, b| a.0 == b.0);
        below.shrink_to_fit();
        Self { own, below }
    }

    /// Returns whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        !self.own && self.below.is_empty()
    }

    /// Returns whether nothing is below this place.
    pub(super) fn is_leaf(&self) -> bool {
        self.below.is_empty()
    }

    /// Returns the places below with their path elements, in order.
    pub(super) fn below(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.below
            .iter()
            .map(|(element, below)| (&**element, below))
    }

    fn place(&self, element: &str) -> Result<usize, usize> {
        self.below.binary_search_by(|it| (*it.0).cmp(element))
    }

    /// Returns what lies below at `element`.
    pub(super) fn get(&self, element: &str) -> Option<&Self> {
        let place = self.place(element).ok()?;
        self.below.get(place).map(|it| &it.1)
    }

    /// Puts `fields` below at `element`, unless it is empty.
    pub(super) fn insert(&mut self, element: &str, fields: Self) {
        if fields.is_empty() {
            return;
        }
        match self.place(element) {
            Ok(place) => self.below[place].1 = fields,
            Err(place) => self.below.insert(place, (Box::from(element), fields)),
        }
    }

    /// Reads `fieldsV1`.
    pub(super) fn from_json(value: &Value) -> Self {
        let Some(map) = value.as_object().filter(|it| !it.is_empty()) else {
            return Self::leaf();
        };
        let below = map
            .iter()
            .filter(|it| it.0 != ".")
            .map(|(element, below)| (Box::from(element.as_str()), Self::from_json(below)))
            .collect();
        Self::with(map.contains_key("."), below)
    }

    /// Writes `fieldsV1`.
    pub(super) fn to_json(&self) -> Value {
        let mut map = Map::with_capacity(self.below.len() + usize::from(self.own));
        if self.own && !self.below.is_empty() {
            map.insert(".".to_owned(), json!({}));
        }
        for (element, below) in self.below() {
            map.insert(element.to_owned(), below.to_json());
        }
        Value::Object(map)
    }

    /// Adds everything that is in `other`.
    pub(super) fn union(&mut self, other: &Self) {
        self.own |= other.own;
        for (element, below) in other.below() {
            match self.place(element) {
                Ok(place) => self.below[place].1.union(below),
                Err(place) => self
                    .below
                    .insert(place, (Box::from(element), below.clone())),
            }
        }
    }

    /// Takes out everything that is in `other`.
    pub(super) fn subtract(&mut self, other: &Self) {
        if other.own {
            self.own = false;
        }
        for (element, below) in other.below() {
            if let Ok(place) = self.place(element) {
                self.below[place].1.subtract(below);
                if self.below[place].1.is_empty() {
                    self.below.remove(place);
                }
            }
        }
    }

    /// Returns the fields of an object that a manager can own: every leaf, and every item of a list
    /// that merges.
    pub(super) fn of_object(value: &Value, resource: &Resource) -> Self {
        let mut fields = Self::of(value, resource, "");
        fields.own = false;
        fields
    }

    fn of(value: &Value, resource: &Resource, path: &str) -> Self {
        let Some(map) = value.as_object() else {
            return Self::leaf();
        };
        let mut below = Vec::with_capacity(map.len());
        for (name, value) in map {
            let nobodys = match path {
                "" => NOBODYS.contains(&name.as_str()),
                "metadata" => NOBODYS_METADATA.contains(&name.as_str()),
                _ => false,
            };
            if nobodys || value.is_null() {
                continue;
            }
            let place = lists::below(path, name);
            let inner = match value {
                Value::Object(map) if !map.is_empty() => Self::of(value, resource, &place),
                Value::Array(items) if !items.is_empty() => Self::of_list(items, resource, &place),
                _ => Self::leaf(),
            };
            // Metadata that holds a name and nothing else is nobody's.
            if !inner.is_empty() {
                below.push((format!("f:{name}").into_boxed_str(), inner));
            }
        }
        Self::with(false, below)
    }

    fn of_list(items: &[Value], resource: &Resource, path: &str) -> Self {
        let below = match lists::kind(resource, path) {
            ListKind::Atomic => return Self::leaf(),
            ListKind::Set => items
                .iter()
                .map(|item| (format!("v:{item}").into_boxed_str(), Self::leaf()))
                .collect(),
            ListKind::Map(keys) => items
                .iter()
                .map(|item| {
                    let mut below = Self::of(item, resource, path);
                    below.own = true;
                    let key = lists::key_of(item, &keys);
                    (format!("k:{key}").into_boxed_str(), below)
                })
                .collect(),
        };
        Self::with(false, below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = json!({"f:spec": {"f:list": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}}}, "f:replicas": {}}});
        assert_eq!(Fields::from_json(&text).to_json(), text);
    }

    #[test]
    fn union_and_difference_are_those_of_sets() {
        let one = Fields::from_json(&json!({"f:a": {}, "f:b": {"f:c": {}}}));
        let two = Fields::from_json(&json!({"f:b": {"f:d": {}}, "f:e": {}}));
        let mut both = one.clone();
        both.union(&two);
        let all = json!({"f:a": {}, "f:b": {"f:c": {}, "f:d": {}}, "f:e": {}});
        assert_eq!(both.to_json(), all);
        both.subtract(&one);
        assert_eq!(both, two);
        both.subtract(&two);
        assert!(both.is_empty());
    }
}
