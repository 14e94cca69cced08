//! Takes what the parser finds, and makes nodes of it.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    rc::Rc,
};

use html5ever::{
    Attribute, QualName, local_name, ns,
    tendril::StrTendril,
    tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink},
};

use crate::html::{
    Document, Id, Kind, ROOT,
    tree::{Element, NONE, Node},
};

/// A node as the parser holds it.
#[derive(Clone)]
pub(super) struct Handle {
    id: Id,
    pub(super) name: Rc<QualName>,
}

/// What was found so far.
pub(super) struct Sink {
    nodes: RefCell<Vec<Node>>,
    pub(super) bytes: Cell<usize>,
    nameless: Rc<QualName>,
}

impl Sink {
    pub(super) fn new(length: usize) -> Self {
        Self {
            nodes: RefCell::new(vec![Node::new(Kind::Document)]),
            bytes: Cell::new(length + size_of::<Document>()),
            nameless: Rc::new(QualName::new(None, ns!(), local_name!(""))),
        }
    }

    fn owe(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
    }

    fn add(&self, kind: Kind) -> Id {
        let mut nodes = self.nodes.borrow_mut();
        // There are never so many: a page that large is refused before.
        let id = Id::try_from(nodes.len()).unwrap_or(NONE);
        nodes.push(Node::new(kind));
        self.owe(size_of::<Node>());
        id
    }

    fn other(&self, kind: Kind) -> Handle {
        Handle {
            id: self.add(kind),
            name: Rc::clone(&self.nameless),
        }
    }

    /// Puts `child` into `parent`, before `next` where that is a node.
    fn insert(&self, parent: Id, child: NodeOrText<Handle>, next: Id) {
        let text = match child {
            NodeOrText::AppendNode(node) => {
                self.detach(node.id);
                self.link(parent, node.id, next);
                return;
            }
            NodeOrText::AppendText(text) => text,
        };
        let previous = {
            let nodes = self.nodes.borrow();
            let beside = nodes.get(next as usize).map(|it| it.previous);
            beside.or_else(|| nodes.get(parent as usize).map(|it| it.last))
        };
        let previous = previous.unwrap_or(NONE);
        let mut nodes = self.nodes.borrow_mut();
        if let Some(Kind::Text(known)) = nodes.get_mut(previous as usize).map(|it| &mut it.kind) {
            known.push_tendril(&text);
            return;
        }
        drop(nodes);
        let id = self.add(Kind::Text(text));
        self.link(parent, id, next);
    }

    fn link(&self, parent: Id, id: Id, next: Id) {
        let mut nodes = self.nodes.borrow_mut();
        let mut change = |at: Id, change: &mut dyn FnMut(&mut Node)| {
            if let Some(node) = nodes.get_mut(at as usize) {
                change(node);
            }
        };
        let mut previous = NONE;
        if next == NONE {
            change(parent, &mut |it| {
                previous = std::mem::replace(&mut it.last, id);
            });
        } else {
            change(next, &mut |it| {
                previous = std::mem::replace(&mut it.previous, id);
            });
        }
        if previous == NONE {
            change(parent, &mut |it| it.first = id);
        } else {
            change(previous, &mut |it| it.next = id);
        }
        change(id, &mut |it| {
            (it.parent, it.previous, it.next) = (parent, previous, next);
        });
    }

    fn detach(&self, id: Id) {
        let mut nodes = self.nodes.borrow_mut();
        let Some(node) = nodes.get_mut(id as usize) else {
            return;
        };
        let (parent, previous, next) = (node.parent, node.previous, node.next);
        (node.parent, node.previous, node.next) = (NONE, NONE, NONE);
        if parent == NONE {
            return;
        }
        let place = if previous == NONE { parent } else { previous };
        if let Some(node) = nodes.get_mut(place as usize) {
            *(if previous == NONE {
                &mut node.first
            } else {
                &mut node.next
            }) = next;
        }
        let place = if next == NONE { parent } else { next };
        if let Some(node) = nodes.get_mut(place as usize) {
            *(if next == NONE {
                &mut node.last
            } else {
                &mut node.previous
            }) = previous;
        }
    }

    fn parent_of(&self, id: Id) -> Id {
        self.nodes
            .borrow()
            .get(id as usize)
            .map_or(NONE, |it| it.parent)
    }
}

/// Returns what attributes take.
fn weight(attributes: &[Attribute]) -> usize {
    let each = |it: &Attribute| size_of::<Attribute>() + it.value.len() + it.name.local.len();
    attributes.iter().map(each).sum()
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = (Vec<Node>, usize);
    type ElemName<'a> = &'a QualName;

    fn finish(self) -> Self::Output {
        let mut nodes = self.nodes.into_inner();
        nodes.shrink_to_fit();
        (nodes, self.bytes.get())
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        Handle {
            id: ROOT,
            name: Rc::clone(&self.nameless),
        }
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> &'a QualName {
        &target.name
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        _: ElementFlags,
    ) -> Handle {
        self.owe(weight(&attributes) + size_of::<QualName>());
        let name = Rc::new(name);
        let id = self.add(Kind::Element(Element {
            name: Rc::clone(&name),
            attributes,
        }));
        Handle { id, name }
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.other(Kind::Comment(text))
    }

    fn create_pi(&self, _: StrTendril, text: StrTendril) -> Handle {
        self.other(Kind::Comment(text))
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.insert(parent.id, child, NONE);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        previous: &Handle,
        child: NodeOrText<Handle>,
    ) {
        if self.parent_of(element.id) == NONE {
            self.append(previous, child);
        } else {
            self.append_before_sibling(element, child);
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        let doctype = self.other(Kind::Doctype {
            name,
            public,
            system,
        });
        self.link(ROOT, doctype.id, NONE);
    }

    // What a template holds is in the template: scripts of k6 see no fragment.
    fn get_template_contents(&self, target: &Handle) -> Handle {
        target.clone()
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        one.id == other.id
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        let parent = self.parent_of(sibling.id);
        if parent != NONE {
            self.insert(parent, child, sibling.id);
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attributes: Vec<Attribute>) {
        let mut nodes = self.nodes.borrow_mut();
        let node = nodes.get_mut(target.id as usize);
        let Some(Kind::Element(element)) = node.map(|it| &mut it.kind) else {
            return;
        };
        for one in attributes {
            if element.attributes.iter().all(|it| it.name != one.name) {
                self.owe(weight(std::slice::from_ref(&one)));
                element.attributes.push(one);
            }
        }
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.detach(target.id);
    }

    fn reparent_children(&self, node: &Handle, parent: &Handle) {
        loop {
            let first = {
                let nodes = self.nodes.borrow();
                nodes.get(node.id as usize).map_or(NONE, |it| it.first)
            };
            if first == NONE {
                return;
            }
            self.detach(first);
            self.link(parent.id, first, NONE);
        }
    }

    fn is_mathml_annotation_xml_integration_point(&self, target: &Handle) -> bool {
        let nodes = self.nodes.borrow();
        let Some(Kind::Element(element)) = nodes.get(target.id as usize).map(|it| &it.kind) else {
            return false;
        };
        let holds_html = |it: &str| {
            it.eq_ignore_ascii_case("text/html") || it.eq_ignore_ascii_case("application/xhtml+xml")
        };
        element.name() == "annotation-xml" && element.attribute("encoding").is_some_and(holds_html)
    }

    fn allow_declarative_shadow_roots(&self, _: &Handle) -> bool {
        false
    }
}
