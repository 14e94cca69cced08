//! What the reader takes and what it refuses, wherever the pieces of the document are cut.

use proptest::prelude::*;
use serde_json::Value;

use std::io;

use super::*;

/// Delivers a document in pieces of a few bytes.
struct Slow {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl io::Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(self.step).min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

fn reader(text: &[u8]) -> Reader {
    let slow = Slow {
        bytes: text.to_vec(),
        at: 0,
        step: 3,
    };
    Reader::new(Source::new(Box::new(slow), 1 << 30))
}

/// Reads a document whose chunks are cut after every `size` bytes.
fn cut(text: &str, size: usize) -> Reader {
    let mut chunks = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = size.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        chunks.push(rest.as_bytes()[..end].to_vec());
        rest = &rest[end..];
    }
    Reader::new(Source::of_chunks(chunks))
}

fn accepts(text: &[u8]) -> bool {
    let mut reader = reader(text);
    reader.skip(&Kind::Any).and_then(|()| reader.end()).is_ok()
}

#[test]
fn the_grammar_is_that_of_the_standard() {
    for good in [
        "0",
        "-0",
        "1.5e+3",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\\n\"",
        "[]",
        "[1,[2,{}]]",
        "{\"a\":null}",
        " true ",
        "{\"a\":1,\"a\":2}",
    ] {
        assert!(accepts(good.as_bytes()), "{good}");
    }
    for bad in [
        "",
        "01",
        "1.",
        ".5",
        "1e",
        "+1",
        "-",
        "0x1",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{a:1}",
        "{\"a\":1,}",
        "nul",
        "nullx",
        "tru",
        "'a'",
        "[",
        "{",
        "NaN",
        "1 2",
        "\u{a0}1",
    ] {
        assert!(!accepts(bad.as_bytes()), "{bad}");
    }
    assert!(!accepts(b"\"\xff\"") && !accepts(b"\"\xc3"));
}

#[test]
fn texts_are_decoded_across_every_cut() {
    let text = r#""aé\u00e9\ud83d\ude00\ud83dx\ud83d\u0041\\\"\/😀 end""#;
    for size in 1..30 {
        let mut reader = cut(text, size);
        let mut found = String::new();
        reader
            .text(&mut found)
            .unwrap_or_else(|it| panic!("{size}: {it:?}"));
        assert_eq!(found, "aéé😀\u{fffd}x\u{fffd}A\\\"/😀 end", "{size}");
        reader.end().unwrap_or_else(|it| panic!("{size}: {it:?}"));
    }
}

#[test]
fn places_are_counted_in_lines_and_characters_across_every_cut() {
    let text = "{\n  \"ä\": 1,\n  \"öü\": ?\n}";
    for size in 1..30 {
        let mut reader = cut(text, size);
        let problem = reader.skip(&Kind::Any).unwrap_err().fault();
        assert_eq!((problem.line, problem.column), (3, 9), "{size}");
    }
}

#[test]
fn what_is_skipped_is_checked() {
    static SHAPE: Shape = Shape {
        name: "thing",
        fields: &[
            ("Time", Kind::Time),
            ("Hash", Kind::Sha256),
            ("Size", Kind::Integer),
            ("Map", Kind::Map(&Kind::Text)),
        ],
    };
    static THING: Kind = Kind::Record(&SHAPE);
    let fits = |text: &str| reader(text.as_bytes()).skip(&THING).is_ok();
    assert!(fits(
        r#"{"Time":"2026-01-01T00:00:00Z","Size":-3,"Map":{"a":"b","a":"c"},"Other":[1]}"#
    ));
    assert!(fits(r#"{"Time":null,"Size":null,"Map":null}"#));
    for bad in [
        r#"{"Time":"yesterday"}"#,
        r#"{"Hash":"sha256:00"}"#,
        r#"{"Hash":null}"#,
        r#"{"Size":1.0}"#,
        r#"{"Size":9223372036854775808}"#,
        r#"{"Map":{"a":1}}"#,
        r#"{"time":null}"#,
        r#"{"Time":null,"Time":null}"#,
        r#"{"\u0054ime":null,"Time":null}"#,
        "[]",
    ] {
        assert!(!fits(bad), "{bad}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..6).prop_map(|it| it.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The reader and serde_json agree on what is JSON, for documents and for damaged ones.
    #[test]
    fn it_agrees_with_serde_json(document in value(), pretty: bool, size in 1usize..40, damage in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let mut reader = cut(&text, size);
        prop_assert!(reader.skip(&Kind::Any).and_then(|()| reader.end()).is_ok(), "{text}");
        let mut bytes = text.into_bytes();
        let at = damage.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            let mut reader = cut(&text, size);
            let ours = reader.skip(&Kind::Any).and_then(|()| reader.end()).is_ok();
            // serde_json also refuses halves of surrogate pairs and numbers that are out of range.
            let theirs = serde_json::from_str::<Value>(&text);
            match theirs {
                Ok(_) => prop_assert!(ours, "{text}"),
                Err(err) if ours => prop_assert!(err.to_string().contains("out of range") || err.to_string().contains("surrogate") || err.to_string().contains("hex escape"), "{text}: {err}"),
                Err(_) => {}
            }
        }
    }

    /// Eight bytes at a time find what one byte at a time finds.
    #[test]
    fn the_end_of_a_plain_text_is_exact(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let slow = bytes.iter().position(|it| matches!(it, b'"' | b'\\' | 0..=0x1f));
        prop_assert_eq!(plain_length(&bytes), slow);
    }
}
