//! TypeScript becomes JavaScript: types are blanked out where they stand, so that lines keep their
//! numbers. What has a meaning at run time (enums, parameters that are properties) is written anew.

use oxc_ast_visit::Visit as _;
use oxc_parser::ParserReturn;
use oxc_span::SourceType;

use super::parse::parsed;

mod enums;
mod names;
mod strip;

/// Why a script is not made into JavaScript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The line, counted from one.
    pub(crate) line: usize,
    /// What is wrong, or not known here.
    pub(crate) what: String,
}

/// A part of the source, and what stands there instead.
#[derive(Debug)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// Returns `source` without its types.
pub(crate) fn strip(source: &str) -> Result<String, Refused> {
    let kind = SourceType::ts().with_module(true);
    let deep = Refused {
        line: 1,
        what: "the module is too long and nested to be read".to_owned(),
    };
    parsed(source, kind, |it| stripped(source, it)).ok_or(deep)?
}

fn stripped(source: &str, parsed: &ParserReturn<'_>) -> Result<String, Refused> {
    let line_of = |at: usize| {
        source
            .get(..at)
            .map_or(1, |it| it.matches('\n').count() + 1)
    };
    if let Some(first) = parsed.diagnostics.iter().next() {
        let at = first.labels.first().map_or(0, |it| it.offset() as usize);
        return Err(Refused {
            line: line_of(at),
            what: first.message.to_string(),
        });
    }
    let mut stripper = strip::Stripper::new(source, names::types(&parsed.program));
    stripper.visit_program(&parsed.program);
    stripper.imports(&parsed.program);
    if let Some((at, what)) = stripper.refused {
        return Err(Refused {
            line: line_of(at),
            what: format!("TypeScript's {what}"),
        });
    }
    Ok(apply(source, stripper.edits))
}

/// Carries out the edits. One within another is a part of it, and is left out.
fn apply(source: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|it| (it.start, std::cmp::Reverse(it.end)));
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    for edit in edits {
        if edit.start < at {
            continue;
        }
        out.push_str(source.get(at..edit.start).unwrap_or_default());
        out.push_str(&edit.text);
        at = edit.end;
    }
    out.push_str(source.get(at..).unwrap_or_default());
    out
}

/// Returns as much room as `text` takes, with its line breaks.
fn blank(text: &str) -> String {
    text.chars()
        .map(|it| if it == '\n' { '\n' } else { ' ' })
        .collect()
}

#[cfg(test)]
mod tests;
