//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ci,
    config::file,
    image::{Digest, ImageRef, Tag},
    report::{self, Report, Verdict},
    text,
    time::Span,
};

/// A section with each kind of value that the tools' sections have.
#[derive(Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    texts: Vec<String>,
    number: u64,
    flag: bool,
    span: Option<Span>,
    nested: std::collections::BTreeMap<String, String>,
}

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let whole = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 7 {
        0 => references(&whole),
        1 => pipe(rest),
        2 => span(&whole),
        3 => texts(&whole),
        4 => {
            let path = Path::new("autoscaleops.yaml");
            if let Ok(Some(found)) = file::parse::<Section>("trivy-gate", path, &whole) {
                assert!(found.keys.len() <= 5);
            }
        }
        5 => outputs(&whole),
        _ => retry_after(rest),
    }
}

fn references(text: &str) {
    if let Ok(image) = text.parse::<ImageRef>() {
        let printed = image.to_string();
        assert_eq!(printed.parse::<ImageRef>().ok(), Some(image));
        assert!(
            printed.chars().all(|it| it.is_ascii_graphic()),
            "{printed:?}"
        );
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert_eq!(tag.as_str(), text);
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.as_str(), text);
    }
}

/// What comes through a pipe opens a gate only when it says so itself, and survives the way on.
fn pipe(bytes: &[u8]) {
    for report in report::read_lines(bytes).take(100).flatten() {
        assert_eq!(report.exit_code() == 0, report.verdict == Verdict::Pass);
        let line = report.to_json().unwrap_or_default();
        assert!(!line.contains('\n'));
        let again = Report::parse(&line);
        assert!(again.is_ok_and(|it| it.verdict == report.verdict && it.outputs == report.outputs));
    }
}

fn span(text: &str) {
    if let Ok(span) = text.parse::<Span>() {
        let printed = span.to_string();
        let again = printed.parse::<Span>();
        assert!(
            again.is_ok_and(|it| it.0.as_millis() == span.0.as_millis()),
            "{printed}"
        );
    }
}

fn texts(whole: &str) {
    let shown = text::printable(whole);
    assert!(!shown.chars().any(char::is_control));
    assert_eq!(text::printable(&shown), shown);
    for width in [0, 1, 7, 80] {
        assert!(text::shorten(whole, width).chars().count() <= width.max(1));
    }
    assert!(!text::markdown_cell(whole).contains(['\n', '<', '>']));
    assert!(!text::xml(whole).contains(['<', '>', '"', '\'']));
    let _ = text::nearest(&text::shorten(whole, 40), ["severities", "ignore_unfixed"]);
}

/// A value of an output is that value for the runner, whatever it holds.
fn outputs(value: &str) {
    let entry = ci::output("result", value);
    let (first, rest) = entry.split_once('\n').unwrap_or_default();
    let (name, delimiter) = first.split_once("<<").unwrap_or_default();
    assert_eq!(name, "result");
    let ending = format!("\n{delimiter}\n");
    assert_eq!(rest.strip_suffix(ending.as_str()), Some(value));
    assert_eq!(rest.find(&ending), Some(value.len()));
}

#[cfg(feature = "http")]
fn retry_after(bytes: &[u8]) {
    let mut headers = reqwest::header::HeaderMap::new();
    if let Ok(value) = reqwest::header::HeaderValue::from_bytes(bytes) {
        headers.insert(reqwest::header::RETRY_AFTER, value);
        let _ = crate::http::retry_after(&headers);
    }
}

#[cfg(not(feature = "http"))]
fn retry_after(_: &[u8]) {}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("core", |_| true) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
