//! 35 recorded edits, each with three kinds of line ends and marks.

use autoscaleops_gitops::{Address, Edit, NewValue, apply, look};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    name: String,
    source: String,
    path: String,
    old: String,
    new: String,
    /// Absent: the edit is to be refused.
    expected: Option<String>,
}

fn fixtures() -> Vec<Fixture> {
    serde_json::from_str(include_str!("fixtures.json")).unwrap()
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn with_mark(text: &str) -> String {
    format!("\u{feff}{}", text.trim_start_matches('\u{feff}'))
}

fn check(kind: &str, shape: impl Fn(&str) -> String) -> Vec<String> {
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let source = shape(&fixture.source);
        let edit = Edit::new(
            Address::Path(fixture.path.parse().unwrap()),
            NewValue::tag(fixture.new.parse().unwrap()),
        );
        let result = apply(source.as_bytes(), std::slice::from_ref(&edit));
        match (&fixture.expected, result) {
            (None, Err(_)) => {}
            (Some(expected), Ok(edited)) => {
                let text = String::from_utf8(edited.content).unwrap();
                if text != shape(expected) {
                    wrong.push(format!("{kind} {}: {text:?}", fixture.name));
                }
                let value = &edited.values[0];
                if (&value.old, &value.new) != (&fixture.old, &fixture.new) {
                    wrong.push(format!("{kind} {}: {value:?}", fixture.name));
                }
                let found = look(text.as_bytes(), &edit.address, None).unwrap();
                if found[0].version.to_string() != fixture.new {
                    wrong.push(format!("{kind} {}: read back {found:?}", fixture.name));
                }
            }
            (_, result) => wrong.push(format!("{kind} {}: {result:?}", fixture.name)),
        }
    }
    wrong
}

#[test]
fn all_35_come_out_byte_for_byte() {
    assert_eq!(fixtures().len(), 35);
    let none: [String; 0] = [];
    assert_eq!(check("as is", str::to_owned), none);
    assert_eq!(check("LF", |it| it.replace("\r\n", "\n")), none);
    assert_eq!(check("CRLF", with_crlf), none);
    assert_eq!(check("BOM", with_mark), none);
    assert_eq!(check("CRLF and BOM", |it| with_mark(&with_crlf(it))), none);
}
