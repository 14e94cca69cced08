//! An enum as JavaScript.

use oxc_ast::ast::{Expression, TSEnumDeclaration, TSEnumMemberName};
use oxc_span::GetSpan as _;

/// Returns an enum as a variable with an object: names lead to values, and numbers back to names.
pub(super) fn written(it: &TSEnumDeclaration<'_>, source: &str) -> String {
    let name = it.id.name.as_str();
    let values: Vec<&str> = it
        .body
        .members
        .iter()
        .filter_map(|it| it.initializer.as_ref())
        .filter_map(|it| source.get(it.span().start as usize..it.span().end as usize))
        .collect();
    // Later values may speak of earlier members by their bare names.
    let is_spoken_of = |word: &str| {
        values.iter().any(|text| {
            let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
            words.any(|it| it == word)
        })
    };
    let mut body = String::from("let $; ");
    let mut is_first = true;
    for member in &it.body.members {
        let (key, bare) = match &member.id {
            TSEnumMemberName::Identifier(id) => {
                (format!("\"{}\"", id.name), Some(id.name.as_str()))
            }
            TSEnumMemberName::String(text) | TSEnumMemberName::ComputedString(text) => {
                (quoted(text.value.as_str()), None)
            }
            TSEnumMemberName::ComputedTemplateString(text) => {
                let span = text.span;
                let text = source.get(span.start as usize..span.end as usize);
                (text.unwrap_or("\"\"").to_owned(), None)
            }
        };
        let value = match &member.initializer {
            Some(value) => text_of(value, source),
            None if is_first => "0".to_owned(),
            None => "$ + 1".to_owned(),
        };
        is_first = false;
        body.push_str(&format!(
            "{name}[{key}] = $ = {value}; if (typeof $ === 'number') {name}[$] = {key}; "
        ));
        if let Some(bare) = bare.filter(|it| is_spoken_of(it)) {
            body.push_str(&format!("const {bare} = $; "));
        }
    }
    format!("var {name}; (function ({name}) {{ {body}}})({name} || ({name} = {{}}));")
}

fn text_of(value: &Expression<'_>, source: &str) -> String {
    let span = value.span();
    let text = source.get(span.start as usize..span.end as usize);
    text.unwrap_or("undefined").replace('\n', " ")
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}
