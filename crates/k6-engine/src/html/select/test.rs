//! What selectors ask of one element.

use std::cmp::Ordering;

use super::{Comparison, Test};
use crate::html::{Document, Id, Kind};

const SPACE: [char; 5] = [' ', '\t', '\r', '\n', '\x0c'];

impl Test {
    pub(super) fn holds(&self, document: &Document, id: Id) -> bool {
        let attribute = |name: &str| document.attribute(id, name);
        match self {
            Self::Tag(name) => document.name(id) == name,
            Self::Id(wanted) => attribute("id").is_some_and(|it| it == wanted),
            Self::Class(wanted) => {
                attribute("class").is_some_and(|it| it.split(SPACE).any(|one| one == wanted))
            }
            Self::Attribute {
                name,
                is,
                value,
                any_case,
            } => compares(attribute(name), *is, value, *any_case),
            Self::AttributeMatches(name, pattern) => {
                attribute(name).is_some_and(|it| pattern.is_match(it))
            }
            Self::Not(selector) => !selector.matches(document, id),
            Self::Has(selector) => document
                .descendants(id)
                .any(|it| selector.matches(document, it)),
            Self::HasChild(selector) => document
                .children(id)
                .any(|it| selector.matches(document, it)),
            Self::Contains { text, own } => {
                text_of(document, id, *own).to_lowercase().contains(text)
            }
            Self::Matches { pattern, own } => pattern.is_match(&text_of(document, id, *own)),
            Self::Nth {
                step,
                first,
                from_end,
                of_type,
            } => is_nth(document, id, (*step, *first), *from_end, *of_type),
            Self::Only { of_type } => {
                is_within(document, id)
                    && !beside(document, id, true, *of_type).any(|()| true)
                    && !beside(document, id, false, *of_type).any(|()| true)
            }
            Self::Input => matches!(
                document.name(id),
                "input" | "select" | "textarea" | "button"
            ),
            Self::Empty => document.children(id).all(|it| match document.kind(it) {
                Kind::Element(_) => false,
                Kind::Text(text) => text.trim_matches(SPACE).is_empty(),
                _ => true,
            }),
            Self::Root => document
                .parent(id)
                .is_some_and(|it| matches!(document.kind(it), Kind::Document)),
            Self::Link => is_link(document, id),
            Self::Lang(wanted) => std::iter::once(id)
                .chain(document.ancestors(id))
                .filter_map(|it| document.attribute(it, "lang"))
                .any(|it| it == wanted || it.starts_with(&format!("{wanted}-"))),
            Self::Enabled => match document.name(id) {
                "a" | "area" | "link" => is_link(document, id),
                _ => switch(document, id) == Some(true),
            },
            Self::Disabled => switch(document, id) == Some(false),
            Self::Checked => match document.name(id) {
                "input" => {
                    let kind = attribute("type").unwrap_or_default();
                    let can =
                        kind.eq_ignore_ascii_case("checkbox") || kind.eq_ignore_ascii_case("radio");
                    can && attribute("checked").is_some()
                }
                "option" => attribute("selected").is_some(),
                _ => false,
            },
            Self::Never => false,
        }
    }
}

fn compares(known: Option<&str>, is: Comparison, wanted: &str, any_case: bool) -> bool {
    let Some(known) = known else {
        return is == Comparison::Unequal;
    };
    let (known, wanted) = if any_case {
        (known.to_lowercase(), wanted.to_lowercase())
    } else {
        (known.to_owned(), wanted.to_owned())
    };
    let says = !known.trim().is_empty();
    match is {
        Comparison::Exists => true,
        Comparison::Equal => known == wanted,
        Comparison::Unequal => known != wanted,
        Comparison::Word => known.split(SPACE).any(|it| it == wanted),
        Comparison::Dash => {
            known == wanted
                || known
                    .strip_prefix(&wanted)
                    .is_some_and(|it| it.starts_with('-'))
        }
        Comparison::Start => says && known.starts_with(&wanted),
        Comparison::End => says && known.ends_with(&wanted),
        Comparison::Part => says && known.contains(&wanted),
    }
}

fn text_of(document: &Document, id: Id, own: bool) -> String {
    if !own {
        return document.text(id);
    }
    let texts = document
        .children(id)
        .filter_map(|it| match document.kind(it) {
            Kind::Text(text) => Some(&**text),
            _ => None,
        });
    texts.collect()
}

/// Returns whether an element has siblings to be counted among.
fn is_within(document: &Document, id: Id) -> bool {
    document.parent(id).is_some()
}

/// Returns one for each element before or after one, of the same name where that matters.
fn beside(document: &Document, id: Id, after: bool, of_type: bool) -> impl Iterator<Item = ()> {
    let step = move |at: &Id| {
        if after {
            document.next(*at)
        } else {
            document.previous(*at)
        }
    };
    std::iter::successors(step(&id), step)
        .filter(move |it| {
            document.is_element(*it) && (!of_type || document.name(*it) == document.name(id))
        })
        .map(|_| ())
}

fn is_nth(
    document: &Document,
    id: Id,
    (step, first): (i64, i64),
    from_end: bool,
    of_type: bool,
) -> bool {
    if !is_within(document, id) {
        return false;
    }
    let before = beside(document, id, from_end, of_type);
    if step == 0 {
        // No more are counted than it takes to know.
        let Ok(wanted) = usize::try_from(first) else {
            return false;
        };
        return before.take(wanted).count().saturating_add(1) == wanted;
    }
    let place = i64::try_from(before.count()).unwrap_or(i64::MAX) + 1;
    let (ahead, step) = match place.cmp(&first) {
        Ordering::Equal => return true,
        Ordering::Less => (first.saturating_sub(place), -step),
        Ordering::Greater => (place.saturating_sub(first), step),
    };
    step > 0 && ahead % step == 0
}

fn is_link(document: &Document, id: Id) -> bool {
    matches!(document.name(id), "a" | "area" | "link") && document.attribute(id, "href").is_some()
}

/// Returns whether what can be switched off is on.
fn switch(document: &Document, id: Id) -> Option<bool> {
    let is_off = document.attribute(id, "disabled").is_some();
    match document.name(id) {
        "optgroup" | "menuitem" | "fieldset" => Some(!is_off),
        "button" | "input" | "select" | "textarea" | "option" => {
            Some(!is_off && !is_in_disabled(document, id))
        }
        _ => None,
    }
}

/// Returns whether a field set around an element is switched off, other than in its first legend.
fn is_in_disabled(document: &Document, id: Id) -> bool {
    let mut at = id;
    while let Some(parent) = document.parent(at) {
        let is_first_legend = document.name(at) == "legend"
            && !document.earlier(at).any(|it| document.name(it) == "legend");
        if !is_first_legend
            && document.name(parent) == "fieldset"
            && document.attribute(parent, "disabled").is_some()
        {
            return true;
        }
        at = parent;
    }
    false
}
