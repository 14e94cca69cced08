//! Writes another text in the place of one scalar, in its own style.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use crate::{
    error::EditError,
    yaml::{Scalar, Scan, Shape, quote, scan},
};

/// A value that can be replaced: the scalar, and the key that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot<'s> {
    pub(crate) scalar: &'s Scalar,
    pub(crate) key: Option<&'s Scalar>,
}

/// A piece of text to be put in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) range: Range<usize>,
    pub(crate) with: String,
}

/// Returns how `value` is written in the place of `slot`.
///
/// Quotes stay what they are. A plain scalar stays plain unless `value` would not be read as a text.
pub(crate) fn respell(text: &str, slot: Slot<'_>, value: &str) -> Result<Splice, EditError> {
    let scalar = slot.scalar;
    if value.chars().any(char::is_control) {
        return Err(refused(
            scalar,
            "the new value has control characters",
            None,
        ));
    }
    if scalar.is_empty {
        return fill(text, slot, value);
    }
    let (start, tags) = skip_properties(text, scalar.start);
    let is_text_by_tag = match tags.as_slice() {
        [] => false,
        ["!!str" | "!" | "!<tag:yaml.org,2002:str>"] => true,
        [tag, ..] => {
            return Err(refused(
                scalar,
                &format!("the value has the tag `{tag}`"),
                None,
            ));
        }
    };
    let end = token_end(text, start, scalar)?;
    let with = match scalar.style {
        ScalarStyle::DoubleQuoted => double_quoted(value),
        ScalarStyle::SingleQuoted => format!("'{}'", value.replace('\'', "''")),
        _ if quote::needs_quotes(value) && !(is_text_by_tag && is_tag_like(value)) => {
            double_quoted(value)
        }
        _ => value.to_owned(),
    };
    Ok(Splice {
        range: start..end,
        with,
    })
}

/// Returns the text with all splices done, the last place first so that the others stay true.
pub(crate) fn splice(text: &str, splices: &[Splice]) -> String {
    let mut ordered: Vec<&Splice> = splices.iter().collect();
    ordered.sort_by_key(|it| std::cmp::Reverse(it.range.start));
    let mut text = text.to_owned();
    for splice in ordered {
        text.replace_range(splice.range.clone(), &splice.with);
    }
    text
}

/// Proves that `after` means what `before` means but for the scalars at these events, which have
/// these values.
pub(crate) fn prove(
    before: &Scan<'_>,
    after: &str,
    wanted: &[(usize, &str)],
) -> Result<(), EditError> {
    let unproven = |reason: String| Err(EditError::Unproven { reason });
    let after = match scan(after) {
        Ok(it) => it,
        Err(err) => return unproven(format!("the result cannot be read: {err}")),
    };
    if before.shapes.len() != after.shapes.len() {
        return unproven("the result has another structure".to_owned());
    }
    for (event, (old, new)) in before.shapes.iter().zip(&after.shapes).enumerate() {
        let is_right = match wanted.iter().rfind(|(it, _)| *it == event) {
            None => old == new,
            Some((_, wanted)) => match (old, new) {
                (
                    Shape::Scalar {
                        anchor: old_anchor,
                        tag: old_tag,
                        ..
                    },
                    Shape::Scalar { value, anchor, tag },
                ) => value == wanted && anchor == old_anchor && tag == old_tag,
                _ => false,
            },
        };
        if !is_right {
            return unproven(format!("event {event} would become {new:?}"));
        }
    }
    Ok(())
}

fn refused(scalar: &Scalar, reason: &str, hint: Option<&str>) -> EditError {
    EditError::Refused {
        place: scalar.place,
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

/// `tag:` with nothing behind it gets the value behind the colon.
fn fill(text: &str, slot: Slot<'_>, value: &str) -> Result<Splice, EditError> {
    let scalar = slot.scalar;
    let problem = || {
        refused(
            scalar,
            "the value is empty in a way that cannot be filled in",
            Some("write `\"\"` there"),
        )
    };
    if scalar.tag.is_some() || scalar.has_anchor {
        return Err(problem());
    }
    let key = slot.key.ok_or_else(problem)?;
    let (start, _) = skip_properties(text, key.start);
    let end = token_end(text, start, key)?;
    let gap = text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
    let colon = end + gap;
    if !text[colon..].starts_with(':') {
        return Err(problem());
    }
    let with = if quote::needs_quotes(value) {
        double_quoted(value)
    } else {
        value.to_owned()
    };
    Ok(Splice {
        range: colon + 1..colon + 1,
        with: format!(" {with}"),
    })
}

/// Returns where the token itself begins, behind `&anchor` and `!tag`, and the tags.
fn skip_properties(text: &str, start: usize) -> (usize, Vec<&str>) {
    let mut tags = Vec::new();
    let mut at = start;
    while text[at..].starts_with(['&', '!']) {
        let rest = &text[at..];
        let length = rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        if rest.starts_with('!') {
            tags.push(&rest[..length]);
        }
        at += length;
        let rest = &text[at..];
        at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }
    (at, tags)
}

/// Returns where the token that begins at `start` ends. The parser's own end counts the white space
/// and the comment behind a quoted scalar.
fn token_end(text: &str, start: usize, scalar: &Scalar) -> Result<usize, EditError> {
    let rest = &text[start..];
    let unclear = || refused(scalar, "the value is not written in one piece", None);
    let length = match scalar.style {
        ScalarStyle::Plain => {
            if !rest.starts_with(&scalar.value) {
                return Err(unclear());
            }
            scalar.value.len()
        }
        ScalarStyle::DoubleQuoted => {
            let mut escaped = false;
            rest.strip_prefix('"')
                .and_then(|it| {
                    it.find(|character: char| {
                        let ends = character == '"' && !escaped;
                        escaped = character == '\\' && !escaped;
                        ends
                    })
                })
                .ok_or_else(unclear)?
                + 2
        }
        ScalarStyle::SingleQuoted => {
            let inner = rest.strip_prefix('\'').ok_or_else(unclear)?;
            let mut at = 0;
            loop {
                let quote = at + inner[at..].find('\'').ok_or_else(unclear)?;
                if inner[quote + 1..].starts_with('\'') {
                    at = quote + 2;
                } else {
                    break quote + 2;
                }
            }
        }
        ScalarStyle::Literal | ScalarStyle::Folded => {
            return Err(refused(
                scalar,
                "the value is a block scalar",
                Some("write it on one line, behind its key"),
            ));
        }
    };
    let token = &rest[..length];
    if token.contains(['\n', '\r']) {
        return Err(unclear());
    }
    let decoded_as_seen = match scalar.style {
        ScalarStyle::DoubleQuoted if !token.contains('\\') => token[1..length - 1] == scalar.value,
        ScalarStyle::SingleQuoted => token[1..length - 1].replace("''", "'") == scalar.value,
        _ => true,
    };
    if decoded_as_seen {
        Ok(start + length)
    } else {
        Err(unclear())
    }
}

fn double_quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Characters that no YAML context gives a meaning to.
fn is_tag_like(value: &str) -> bool {
    value
        .chars()
        .all(|it| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-'))
        && value.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_')
}
