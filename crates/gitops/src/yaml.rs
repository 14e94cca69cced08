//! YAML read as a tree that knows where in the text every scalar stands.
//!
//! Built from the events of `saphyr-parser`, whose places are counted in characters. All places
//! here are byte offsets.

pub(crate) mod quote;
pub(crate) mod respell;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::{EditError, Place};

/// No hand-written file nests deeper, and the walks over the tree recurse.
const DEEPEST: usize = 128;

/// A value in the tree.
#[derive(Debug)]
pub(crate) enum Node {
    Scalar(Scalar),
    Mapping(Mapping),
    Sequence(Sequence),
    Alias(Alias),
}

#[derive(Debug)]
pub(crate) struct Scalar {
    /// The text that it stands for.
    pub(crate) value: String,
    pub(crate) style: ScalarStyle,
    /// The first byte, that of an anchor or a tag where there is one.
    pub(crate) start: usize,
    /// Nothing is written, as after `tag:`.
    pub(crate) is_empty: bool,
    pub(crate) tag: Option<String>,
    pub(crate) has_anchor: bool,
    pub(crate) place: Place,
    /// Its number in the list of events.
    pub(crate) event: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) entries: Vec<(Node, Node)>,
    pub(crate) place: Place,
}

#[derive(Debug, Default)]
pub(crate) struct Sequence {
    pub(crate) items: Vec<Node>,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) anchor: usize,
    pub(crate) place: Place,
}

/// What an event says without where: two texts with equal shapes mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Scalar {
        value: String,
        anchor: usize,
        tag: Option<String>,
    },
    Other(String),
}

/// A text with its tree.
#[derive(Debug)]
pub(crate) struct Scan<'t> {
    pub(crate) text: &'t str,
    pub(crate) documents: Vec<Node>,
    pub(crate) shapes: Vec<Shape>,
    /// Where each anchor stands, by its number.
    pub(crate) anchors: Vec<(usize, Place)>,
}

impl Node {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Scalar(it) => it.place,
            Self::Mapping(it) => it.place,
            Self::Sequence(it) => it.place,
            Self::Alias(it) => it.place,
        }
    }

    pub(crate) fn as_scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Scalar(it) => Some(it),
            _ => None,
        }
    }
}

impl Mapping {
    /// Returns the entries with this key.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a Scalar, &'a Node)> {
        self.entries.iter().filter_map(move |(it, value)| {
            let it = it.as_scalar()?;
            (it.value == key && !it.is_empty).then_some((it, value))
        })
    }

    /// Returns the scalar at this key. Where the key is written twice, the last, which counts.
    pub(crate) fn scalar(&self, key: &str) -> Option<&Scalar> {
        let entry = self.entries.iter().rfind(|(it, _)| {
            it.as_scalar()
                .is_some_and(|it| it.value == key && !it.is_empty)
        });
        entry.and_then(|(_, it)| it.as_scalar())
    }
}

impl Scan<'_> {
    pub(crate) fn anchor_place(&self, anchor: usize) -> Option<Place> {
        self.anchors
            .iter()
            .find_map(|(it, place)| (*it == anchor).then_some(*place))
    }
}

/// Turns counts of characters into byte offsets.
struct Offsets {
    starts: Option<Vec<usize>>,
    length: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        Self {
            starts: (!text.is_ascii()).then(|| text.char_indices().map(|(it, _)| it).collect()),
            length: text.len(),
        }
    }

    fn byte(&self, index: usize) -> usize {
        match &self.starts {
            None => index.min(self.length),
            Some(starts) => starts.get(index).copied().unwrap_or(self.length),
        }
    }
}

enum Frame {
    Mapping(Mapping, Option<Node>),
    Sequence(Sequence),
}

/// Reads all documents of `text`, which has no byte order mark.
pub(crate) fn scan(text: &str) -> Result<Scan<'_>, EditError> {
    let offsets = Offsets::new(text);
    let mut tree = Scan {
        text,
        documents: Vec::new(),
        shapes: Vec::new(),
        anchors: Vec::new(),
    };
    let mut stack: Vec<Frame> = Vec::new();
    for result in Parser::new_from_str(text) {
        let (event, span) = result.map_err(|err| EditError::Syntax {
            place: Place {
                line: err.marker().line(),
                column: err.marker().col() + 1,
            },
            problem: err.info().to_owned(),
        })?;
        let number = tree.shapes.len();
        tree.shapes.push(shape(&event));
        let place = place(span);
        let finished = match event {
            Event::MappingStart(anchor, _) => {
                note_anchor(&mut tree, anchor, place);
                let mapping = Mapping {
                    place,
                    ..Mapping::default()
                };
                stack.push(Frame::Mapping(mapping, None));
                None
            }
            Event::SequenceStart(anchor, _) => {
                note_anchor(&mut tree, anchor, place);
                let sequence = Sequence {
                    place,
                    ..Sequence::default()
                };
                stack.push(Frame::Sequence(sequence));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => stack.pop().map(|frame| match frame {
                Frame::Mapping(mapping, _) => Node::Mapping(mapping),
                Frame::Sequence(sequence) => Node::Sequence(sequence),
            }),
            Event::Alias(anchor) => Some(Node::Alias(Alias { anchor, place })),
            Event::Scalar(value, style, anchor, tag) => {
                note_anchor(&mut tree, anchor, place);
                // With an anchor or a tag before it the span of nothing is theirs.
                let is_empty = style == ScalarStyle::Plain
                    && (value.is_empty() || span.start.index() == span.end.index());
                Some(Node::Scalar(Scalar {
                    value: if is_empty {
                        String::new()
                    } else {
                        value.into_owned()
                    },
                    style,
                    start: offsets.byte(span.start.index()),
                    is_empty,
                    tag: tag.map(|it| it.to_string()),
                    has_anchor: anchor > 0,
                    place,
                    event: number,
                }))
            }
            _ => None,
        };
        if stack.len() > DEEPEST {
            return Err(EditError::Refused {
                place,
                reason: format!("nested deeper than {DEEPEST} levels"),
                hint: None,
            });
        }
        if let Some(node) = finished {
            match stack.last_mut() {
                None => tree.documents.push(node),
                Some(Frame::Sequence(sequence)) => sequence.items.push(node),
                Some(Frame::Mapping(mapping, key)) => match key.take() {
                    None => *key = Some(node),
                    Some(key) => mapping.entries.push((key, node)),
                },
            }
        }
    }
    Ok(tree)
}

fn note_anchor(tree: &mut Scan<'_>, anchor: usize, place: Place) {
    if anchor > 0 {
        tree.anchors.push((anchor, place));
    }
}

fn place(span: Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn shape(event: &Event<'_>) -> Shape {
    match event {
        Event::Scalar(value, _, anchor, tag) => Shape::Scalar {
            value: value.to_string(),
            anchor: *anchor,
            tag: tag.as_ref().map(ToString::to_string),
        },
        other => Shape::Other(format!("{other:?}")),
    }
}
