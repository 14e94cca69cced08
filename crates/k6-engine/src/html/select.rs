//! Selectors: which elements they mean.
//!
//! The set is the one that k6 has, of CSS level 3 with additions such as `:contains` and `[a!=b]`.

mod read;
mod test;

use regex::Regex;

use super::{Document, Id};

/// A list of alternatives.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    alternatives: Vec<Chain>,
}

/// What an element must be, and what must stand before or around it, from the right to the left.
#[derive(Debug)]
struct Chain {
    last: Vec<Test>,
    before: Vec<(Combinator, Vec<Test>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combinator {
    Descendant,
    Child,
    Adjacent,
    Sibling,
}

/// What is asked of one element.
#[derive(Debug)]
enum Test {
    Tag(String),
    Id(String),
    Class(String),
    Attribute {
        name: String,
        is: Comparison,
        value: String,
        any_case: bool,
    },
    AttributeMatches(String, Regex),
    Not(Selector),
    Has(Selector),
    HasChild(Selector),
    Contains {
        text: String,
        own: bool,
    },
    Matches {
        pattern: Regex,
        own: bool,
    },
    Nth {
        step: i64,
        first: i64,
        from_end: bool,
        of_type: bool,
    },
    Only {
        of_type: bool,
    },
    Input,
    Empty,
    Root,
    Link,
    Lang(String),
    Enabled,
    Disabled,
    Checked,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Exists,
    Equal,
    Unequal,
    Word,
    Dash,
    Start,
    End,
    Part,
}

/// What came of looking to the left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Yes,
    /// Not from here.
    No,
    /// Not from here, nor from anything further out: no ancestor is what must be around.
    Nowhere,
}

impl Selector {
    /// Reads a selector. What is none means nothing, as in k6.
    pub(crate) fn parse(text: &str) -> Self {
        read::selector(text).unwrap_or_default()
    }

    /// Returns whether an element is meant.
    pub(crate) fn matches(&self, document: &Document, id: Id) -> bool {
        self.alternatives.iter().any(|it| it.matches(document, id))
    }
}

impl Chain {
    fn matches(&self, document: &Document, id: Id) -> bool {
        all(&self.last, document, id) && left(document, id, &self.before) == Found::Yes
    }
}

fn all(tests: &[Test], document: &Document, id: Id) -> bool {
    // These are, as in k6, also asked of text.
    let is_of_any = |it: &Test| {
        matches!(
            it,
            Test::Lang(_) | Test::Contains { .. } | Test::Matches { .. }
        )
    };
    let is_of_any = !tests.is_empty() && tests.iter().all(is_of_any);
    (document.is_element(id) || is_of_any) && tests.iter().all(|it| it.holds(document, id))
}

fn left(document: &Document, id: Id, before: &[(Combinator, Vec<Test>)]) -> Found {
    let Some(((combinator, tests), before)) = before.split_first() else {
        return Found::Yes;
    };
    let try_at = |at: Id| {
        if all(tests, document, at) {
            left(document, at, before)
        } else {
            Found::No
        }
    };
    match combinator {
        Combinator::Descendant => {
            let mut tried = document.ancestors(id).map(try_at);
            tried.find(|it| *it != Found::No).unwrap_or(Found::Nowhere)
        }
        Combinator::Child => document.parent(id).map_or(Found::Nowhere, try_at),
        Combinator::Adjacent => {
            let mut elements = document.earlier(id).filter(|it| document.is_element(*it));
            elements.next().map_or(Found::No, try_at)
        }
        Combinator::Sibling => {
            let mut tried = document.earlier(id).map(try_at);
            tried.find(|it| *it != Found::No).unwrap_or(Found::No)
        }
    }
}
