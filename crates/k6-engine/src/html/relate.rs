//! What stands in which relation to selected nodes.

use std::collections::{HashMap, HashSet};

use super::{Document, Id, Selector};

/// A relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Children,
    Contents,
    Parent,
    Parents,
    Next,
    NextAll,
    Previous,
    PreviousAll,
    Siblings,
}

/// What nodes are chosen by.
pub(crate) enum Chosen<'a> {
    By(Selector),
    Among(&'a [Id], HashSet<Id>),
}

impl<'a> Chosen<'a> {
    pub(crate) fn among(nodes: &'a [Id]) -> Self {
        Self::Among(nodes, nodes.iter().copied().collect())
    }

    pub(crate) fn has(&self, document: &Document, id: Id) -> bool {
        match self {
            Self::By(selector) => selector.matches(document, id),
            Self::Among(_, nodes) => nodes.contains(&id),
        }
    }
}

/// Leaves the first of each node.
pub(crate) fn unique(nodes: impl IntoIterator<Item = Id>) -> Vec<Id> {
    let mut seen = HashSet::new();
    nodes.into_iter().filter(|it| seen.insert(*it)).collect()
}

/// Returns what is chosen within nodes, unless `stop` says to stop.
pub(crate) fn find(
    document: &Document,
    nodes: &[Id],
    chosen: &Chosen<'_>,
    stop: impl Fn() -> bool,
) -> Option<Vec<Id>> {
    let mut found = Vec::new();
    if let Chosen::Among(others, _) = chosen {
        let outer: HashSet<Id> = nodes.iter().copied().collect();
        let is_within = |it: &Id| document.ancestors(*it).any(|it| outer.contains(&it));
        return Some(unique(others.iter().copied().filter(is_within)));
    }
    for outer in nodes {
        for (place, id) in document.descendants(*outer).enumerate() {
            if place % 256 == 255 && stop() {
                return None;
            }
            if chosen.has(document, id) {
                found.push(id);
            }
        }
    }
    Some(if nodes.len() == 1 {
        found
    } else {
        unique(found)
    })
}

/// Returns what is in a relation to nodes, up to what ends it.
pub(crate) fn related(
    document: &Document,
    nodes: &[Id],
    relation: Relation,
    until: Option<&Chosen<'_>>,
) -> Vec<Id> {
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    let mut families: HashMap<Id, usize> = HashMap::new();
    for id in nodes.iter().copied() {
        let others: Box<dyn Iterator<Item = Id>> = match relation {
            Relation::Children | Relation::Contents => Box::new(document.children(id)),
            Relation::Parent => Box::new(document.parent(id).into_iter()),
            Relation::Parents => Box::new(document.ancestors(id)),
            Relation::Next | Relation::NextAll => Box::new(document.later(id)),
            Relation::Previous | Relation::PreviousAll => Box::new(document.earlier(id)),
            Relation::Siblings => {
                let parent = document.parent(id);
                let known = parent.map_or(0, |it| {
                    *families.entry(it).and_modify(|n| *n += 1).or_insert(1)
                });
                // After two of a family all of it is known.
                let parent = parent.filter(|_| known <= 2);
                let children = parent.into_iter().flat_map(|it| document.children(it));
                Box::new(children.filter(move |it| *it != id))
            }
        };
        let most = match relation {
            Relation::Next | Relation::Previous => 1,
            _ => usize::MAX,
        };
        let elements = others
            .filter(|it| relation == Relation::Contents || document.is_element(*it))
            .take_while(|it| until.is_none_or(|until| !until.has(document, *it)))
            .take(most);
        for one in elements {
            let is_new = seen.insert(one);
            if is_new {
                found.push(one);
            } else if matches!(
                relation,
                Relation::Parents | Relation::NextAll | Relation::PreviousAll
            ) {
                // Who was met before, led to all that comes now.
                break;
            }
        }
    }
    found
}

impl Document {
    /// Returns the nearest that is chosen, the node itself or one around it.
    pub(crate) fn closest(&self, id: Id, chosen: &Chosen<'_>) -> Option<Id> {
        let mut all = std::iter::once(id).chain(self.ancestors(id));
        all.find(|it| chosen.has(self, *it))
    }

    /// Returns where an element stands among its siblings.
    pub(crate) fn index(&self, id: Id) -> usize {
        self.earlier(id).filter(|it| self.is_element(*it)).count()
    }
}
