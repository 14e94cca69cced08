//! A parsed page: its nodes stand in one list, and know each other by their places in it.

use std::rc::Rc;

use html5ever::{Attribute, QualName, tendril::StrTendril};

use super::Bill;

/// The place of a node.
pub(crate) type Id = u32;

/// The document itself.
pub(crate) const ROOT: Id = 0;

/// No node.
pub(super) const NONE: Id = Id::MAX;

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind {
    Document,
    Doctype {
        name: StrTendril,
        public: StrTendril,
        system: StrTendril,
    },
    Comment(StrTendril),
    Text(StrTendril),
    Element(Element),
}

/// An element.
#[derive(Debug)]
pub(crate) struct Element {
    pub(super) name: Rc<QualName>,
    pub(super) attributes: Vec<Attribute>,
}

impl Element {
    pub(crate) fn name(&self) -> &str {
        &self.name.local
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.name.ns
    }

    /// Returns the first attribute with this name, whatever namespace it is in.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        all.find(|it| &*it.name.local == name).map(|it| &*it.value)
    }

    /// Returns names and values.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .map(|it| (&*it.name.local, &*it.value))
    }
}

/// A node among its relatives.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Id,
    pub(super) first: Id,
    pub(super) last: Id,
    pub(super) previous: Id,
    pub(super) next: Id,
    pub(super) kind: Kind,
}

impl Node {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            parent: NONE,
            first: NONE,
            last: NONE,
            previous: NONE,
            next: NONE,
            kind,
        }
    }
}

/// A page.
#[derive(Debug)]
pub(crate) struct Document {
    pub(super) nodes: Vec<Node>,
    /// Where it comes from, empty where it is from no server.
    pub(crate) url: String,
    pub(crate) bill: Bill,
}

fn some(id: Id) -> Option<Id> {
    (id != NONE).then_some(id)
}

impl Document {
    /// Returns a node. Every place that is handed out has one.
    fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    pub(crate) fn kind(&self, id: Id) -> &Kind {
        self.node(id).map_or(&Kind::Document, |it| &it.kind)
    }

    pub(crate) fn element(&self, id: Id) -> Option<&Element> {
        match self.kind(id) {
            Kind::Element(element) => Some(element),
            _ => None,
        }
    }

    pub(crate) fn is_element(&self, id: Id) -> bool {
        self.element(id).is_some()
    }

    /// Returns the name of an element, of other nodes none.
    pub(crate) fn name(&self, id: Id) -> &str {
        self.element(id).map_or("", Element::name)
    }

    pub(crate) fn attribute(&self, id: Id, name: &str) -> Option<&str> {
        self.element(id)?.attribute(name)
    }

    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        some(self.node(id)?.parent)
    }

    pub(crate) fn first(&self, id: Id) -> Option<Id> {
        some(self.node(id)?.first)
    }

    pub(crate) fn last(&self, id: Id) -> Option<Id> {
        some(self.node(id)?.last)
    }

    pub(crate) fn next(&self, id: Id) -> Option<Id> {
        some(self.node(id)?.next)
    }

    pub(crate) fn previous(&self, id: Id) -> Option<Id> {
        some(self.node(id)?.previous)
    }

    pub(crate) fn ancestors(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.parent(id), |it| self.parent(*it))
    }

    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.first(id), |it| self.next(*it))
    }

    pub(crate) fn later(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.next(id), |it| self.next(*it))
    }

    pub(crate) fn earlier(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.previous(id), |it| self.previous(*it))
    }

    /// Returns what is in a node, in the order of the page.
    pub(crate) fn descendants(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.first(id), move |it| self.following(*it, id))
    }

    /// Returns what comes after a node, as long as it is within `top`.
    fn following(&self, id: Id, top: Id) -> Option<Id> {
        if let Some(first) = self.first(id) {
            return Some(first);
        }
        let mut at = id;
        while at != top {
            if let Some(next) = self.next(at) {
                return Some(next);
            }
            at = self.parent(at)?;
        }
        None
    }

    /// Returns whether `inner` is somewhere in `outer`.
    pub(crate) fn contains(&self, outer: Id, inner: Id) -> bool {
        self.ancestors(inner).any(|it| it == outer)
    }

    /// Adds all text of a node.
    pub(crate) fn text_into(&self, id: Id, out: &mut String) {
        if let Kind::Text(text) = self.kind(id) {
            out.push_str(text);
        }
        for inner in self.descendants(id) {
            if let Kind::Text(text) = self.kind(inner) {
                out.push_str(text);
            }
        }
    }

    pub(crate) fn text(&self, id: Id) -> String {
        let mut out = String::new();
        self.text_into(id, &mut out);
        out
    }

    /// Returns whether two nodes, maybe of different pages, are the same, with all that is in them.
    pub(crate) fn is_equal(&self, id: Id, other: &Self, other_id: Id) -> bool {
        same_kind(self.kind(id), other.kind(other_id)) && self.inner(id) == other.inner(other_id)
    }
}

fn same_kind(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::Document, Kind::Document) => true,
        (Kind::Doctype { name: one, .. }, Kind::Doctype { name: other, .. })
        | (Kind::Comment(one), Kind::Comment(other))
        | (Kind::Text(one), Kind::Text(other)) => one == other,
        (Kind::Element(one), Kind::Element(other)) => {
            let has = |it: &Attribute| other.attribute(&it.name.local) == Some(&*it.value);
            one.name == other.name
                && one.attributes.len() == other.attributes.len()
                && one.attributes.iter().all(has)
        }
        _ => false,
    }
}
