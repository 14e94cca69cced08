//! What stands in a `select`: today's browsers take any element there, k6 takes options alone.

use std::cell::{Cell, RefCell};

use html5ever::{
    LocalName, local_name, ns,
    tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult},
    tree_builder::{Tracer, TreeBuilder, TreeBuilderOpts, TreeSink as _},
};

use super::sink::{Handle, Sink};
use crate::html::tree::Node;

/// Stands between what reads tags and what makes elements of them.
pub(super) struct Filter {
    builder: TreeBuilder<Handle, Sink>,
    /// Whether there may be an open `select`.
    watches: Cell<bool>,
}

/// What is done with a tag.
enum Fate {
    Taken,
    Dropped,
    /// The `select` ends before it.
    Ends,
}

impl Filter {
    pub(super) fn new(sink: Sink) -> Self {
        Self {
            builder: TreeBuilder::new(sink, TreeBuilderOpts::default()),
            watches: Cell::new(false),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.builder.sink.bytes.get()
    }

    /// Returns how many elements are open, or are opened again with the next text.
    pub(super) fn open(&self) -> usize {
        let count = Count(Cell::new(0));
        self.builder.trace_handles(&count);
        count.0.get()
    }

    pub(super) fn finish(self) -> (Vec<Node>, usize) {
        self.builder.sink.finish()
    }

    fn fate(&self, tag: &Tag) -> Fate {
        let open = Open::default();
        self.builder.trace_handles(&open);
        let open = open.0.into_inner();
        let inside = open.iter().rposition(|it| *it == local_name!("select"));
        self.watches.set(inside.is_some());
        let (Some(inside), false) = (inside, open.last() == Some(&local_name!("template"))) else {
            return Fate::Taken;
        };
        let in_table = open
            .iter()
            .take(inside)
            .any(|it| *it == local_name!("table"));
        let starts = tag.kind == TagKind::StartTag;
        match &*tag.name {
            "option" | "optgroup" | "select" | "template" | "script" | "html" => Fate::Taken,
            "input" | "keygen" | "textarea" if starts => Fate::Ends,
            "caption" | "table" | "tbody" | "tfoot" | "thead" | "tr" | "td" | "th" if in_table => {
                Fate::Ends
            }
            _ => Fate::Dropped,
        }
    }
}

impl TokenSink for Filter {
    type Handle = Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Handle> {
        if let Token::TagToken(tag) = &token {
            let opens = tag.kind == TagKind::StartTag && tag.name == local_name!("select");
            if self.watches.get() {
                match self.fate(tag) {
                    Fate::Taken => {}
                    Fate::Dropped => return TokenSinkResult::Continue,
                    Fate::Ends => {
                        let end = Tag {
                            kind: TagKind::EndTag,
                            name: local_name!("select"),
                            self_closing: false,
                            attrs: Vec::new(),
                            had_duplicate_attributes: false,
                        };
                        let _ = self.builder.process_token(Token::TagToken(end), line);
                    }
                }
            }
            if opens {
                self.watches.set(true);
            }
        }
        self.builder.process_token(token, line)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder
            .adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Counts.
struct Count(Cell<usize>);

impl Tracer for Count {
    type Handle = Handle;

    fn trace_handle(&self, _: &Handle) {
        self.0.set(self.0.get() + 1);
    }
}

/// Keeps the names that matter here, from the outermost open element to the innermost.
#[derive(Default)]
struct Open(RefCell<Vec<LocalName>>);

impl Tracer for Open {
    type Handle = Handle;

    fn trace_handle(&self, node: &Handle) {
        let name = &node.name.local;
        if node.name.ns == ns!(html) && matches!(&**name, "select" | "table" | "template") {
            self.0.borrow_mut().push(name.clone());
        }
    }
}
