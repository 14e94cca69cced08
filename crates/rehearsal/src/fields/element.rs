//! The elements of a path through an object: a field, an item of a list by its key, an item by its
//! value.

use serde_json::Value;

use crate::lists;

/// One element, as `fieldsV1` writes it.
enum Element<'a> {
    /// `f:NAME`
    Field(&'a str),
    /// `k:{…}`
    Key(Value),
    /// `v:…`
    Item(Value),
}

impl<'a> Element<'a> {
    fn read(element: &'a str) -> Option<Self> {
        let (kind, rest) = element.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest)),
            "k" => serde_json::from_str(rest).ok().map(Self::Key),
            "v" => serde_json::from_str(rest).ok().map(Self::Item),
            _ => None,
        }
    }

    /// Returns whether it names this item of a list.
    fn names(&self, item: &Value) -> bool {
        match self {
            Self::Field(_) => false,
            Self::Item(wanted) => item == wanted,
            Self::Key(key) => {
                let names: Vec<String> = key
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|it| it.0.clone())
                    .collect();
                lists::key_of(item, &names) == *key
            }
        }
    }
}

/// Returns what `element` names in `value`.
pub(super) fn child<'a>(value: &'a Value, element: &str) -> Option<&'a Value> {
    match Element::read(element)? {
        Element::Field(name) => value.get(name),
        item => value.as_array()?.iter().find(|it| item.names(it)),
    }
}

/// Returns what `element` names in `value`, to be changed.
pub(super) fn child_mut<'a>(value: &'a mut Value, element: &str) -> Option<&'a mut Value> {
    match Element::read(element)? {
        Element::Field(name) => value.get_mut(name),
        item => value.as_array_mut()?.iter_mut().find(|it| item.names(it)),
    }
}

/// Takes what `element` names out of `value`.
pub(super) fn remove(value: &mut Value, element: &str) {
    match (Element::read(element), value) {
        (Some(Element::Field(name)), Value::Object(map)) => {
            map.shift_remove(name);
        }
        (Some(item), Value::Array(items)) => items.retain(|it| !item.names(it)),
        _ => {}
    }
}

/// Returns an element as messages write it: `.name`, `[key=value]`, `[=value]`.
pub(super) fn printed(element: &str) -> String {
    match Element::read(element) {
        Some(Element::Field(name)) => format!(".{name}"),
        Some(Element::Key(key)) => {
            let pairs: Vec<String> = key
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("[{}]", pairs.join(","))
        }
        Some(Element::Item(item)) => format!("[={item}]"),
        None => element.to_owned(),
    }
}
