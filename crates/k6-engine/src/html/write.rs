//! Writes a page as text, in the form that Go's writer of HTML has: k6's.

use html5ever::ns;

use super::{Document, Id, Kind, tree::Element};

/// Elements that have no end and nothing in them.
const VOID: [&str; 15] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "meta", "param",
    "source", "track", "wbr",
];

/// Elements whose text stands as it is.
const RAW: [&str; 8] = [
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "plaintext",
    "script",
    "style",
    "xmp",
];

/// What came of writing a node.
enum Written {
    All,
    /// It is plain text, after which nothing comes.
    Last,
    Never,
}

impl Document {
    /// Returns what is in a node. There is no way to write what is in an element that is always empty,
    /// as a page can have it in its pictures.
    pub(crate) fn inner(&self, id: Id) -> Option<String> {
        let mut out = String::new();
        for child in self.children(id) {
            match self.outer_into(child, &mut out) {
                Written::All => {}
                Written::Last => break,
                Written::Never => return None,
            }
        }
        Some(out)
    }

    /// Writes a node and what is in it.
    fn outer_into(&self, top: Id, out: &mut String) -> Written {
        let mut at = top;
        loop {
            let is_open = self.begin(at, at == top, out);
            if let Some(first) = self.first(at) {
                if !is_open {
                    return Written::Never;
                }
                at = first;
                continue;
            }
            if is_open {
                if self.html_name(at) == "plaintext" {
                    return Written::Last;
                }
                self.end(at, out);
            }
            // On to what comes after, and out of what ends before that.
            loop {
                if at == top {
                    return Written::All;
                }
                if let Some(next) = self.next(at) {
                    at = next;
                    break;
                }
                let Some(parent) = self.parent(at) else {
                    return Written::All;
                };
                at = parent;
                if self.html_name(at) == "plaintext" {
                    return Written::Last;
                }
                self.end(at, out);
            }
        }
    }

    /// Writes a node up to what is in it. Returns whether it can have something in it.
    fn begin(&self, id: Id, is_top: bool, out: &mut String) -> bool {
        match self.kind(id) {
            Kind::Document => return true,
            Kind::Doctype {
                name,
                public,
                system,
            } => {
                out.push_str("<!DOCTYPE ");
                escape(name, out);
                if !public.is_empty() {
                    out.push_str(" PUBLIC ");
                    quote(public, out);
                    if !system.is_empty() {
                        out.push(' ');
                        quote(system, out);
                    }
                } else if !system.is_empty() {
                    out.push_str(" SYSTEM ");
                    quote(system, out);
                }
                out.push('>');
            }
            Kind::Comment(text) => {
                out.push_str("<!--");
                out.push_str(text);
                out.push_str("-->");
            }
            Kind::Text(text) => {
                let is_raw = |it| RAW.contains(&self.html_name(it));
                // Who asks for what is in a script gets it as if it were in none: so does k6.
                if self.parent(id).is_some_and(is_raw) && !is_top {
                    out.push_str(text);
                } else {
                    escape(text, out);
                }
            }
            Kind::Element(element) => {
                out.push('<');
                out.push_str(element.name());
                for attribute in &element.attributes {
                    out.push(' ');
                    if let Some(prefix) = attribute.name.prefix.as_ref().filter(|it| !it.is_empty())
                    {
                        out.push_str(prefix);
                        out.push(':');
                    }
                    out.push_str(&attribute.name.local);
                    out.push_str("=\"");
                    escape(&attribute.value, out);
                    out.push('"');
                }
                if VOID.contains(&element.name()) {
                    out.push_str("/>");
                    return false;
                }
                out.push('>');
                // A line break that comes first would be taken for none.
                if matches!(element.name(), "pre" | "listing" | "textarea")
                    && let Some(Kind::Text(text)) = self.first(id).map(|it| self.kind(it))
                    && text.starts_with('\n')
                {
                    out.push('\n');
                }
                return true;
            }
        }
        false
    }

    /// Returns the name of an element of HTML, and none for those of its pictures and formulas.
    fn html_name(&self, id: Id) -> &str {
        let element = self.element(id);
        let html = element.filter(|it| it.name.ns == ns!(html));
        html.map_or("", Element::name)
    }

    fn end(&self, id: Id, out: &mut String) {
        if let Kind::Element(element) = self.kind(id) {
            out.push_str("</");
            out.push_str(element.name());
            out.push('>');
        }
    }
}

fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('"') { '\'' } else { '"' };
    out.push(mark);
    out.push_str(text);
    out.push(mark);
}

fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '\'', '<', '>', '"', '\r']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str(match after.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'\'') => "&#39;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&#34;",
            _ => "&#13;",
        });
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}
