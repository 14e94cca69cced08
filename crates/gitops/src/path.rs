//! A path to one value in a YAML document, such as `spec.images[0].newTag`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a path: {problem} at character {position}")]
pub struct PathError {
    text: String,
    problem: &'static str,
    position: usize,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into a mapping, by key: `tag`, `"a.b"`, `["a.b"]`.
    Key(String),
    /// Into a sequence, by position counted from zero: `[0]`.
    Index(usize),
    /// Into a sequence, to the one mapping whose key has this value: `[name=shop]`.
    Select {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
}

/// The steps from the root of a document to one value.
///
/// Steps are keys divided by dots, `[n]` for the n-th item counted from zero, and `[key=value]` for
/// the item that has it. A key with dots or brackets stands in quotes: `metadata."a.b/c"` or
/// `metadata["a.b/c"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(pub Vec<Step>);

impl KeyPath {
    /// Returns the path with one more step.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: std::iter::Peekable<std::iter::Enumerate<std::str::Chars<'t>>>,
}

impl Reader<'_> {
    fn problem(&mut self, problem: &'static str) -> PathError {
        let position = self
            .rest
            .peek()
            .map_or_else(|| self.text.chars().count(), |(index, _)| *index);
        PathError {
            text: autoscaleops_core::text::printable(self.text),
            problem,
            position: position + 1,
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, it)| *it)
    }

    fn take(&mut self, wanted: char) -> bool {
        self.rest.next_if(|(_, it)| *it == wanted).is_some()
    }

    fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        let mut word = String::new();
        while let Some((_, character)) = self.rest.next() {
            match character {
                '\\' => match self.rest.next() {
                    Some((_, escaped)) => word.push(escaped),
                    None => break,
                },
                it if it == quote => return Ok(word),
                it => word.push(it),
            }
        }
        Err(self.problem("a quote is not closed"))
    }

    fn word(&mut self, ends: &[char]) -> Result<String, PathError> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            self.rest.next();
            return self.quoted(quote);
        }
        let mut word = String::new();
        while let Some(character) = self.peek() {
            if ends.contains(&character) {
                break;
            }
            self.rest.next();
            if character == '\\' {
                match self.rest.next() {
                    Some((_, escaped)) => word.push(escaped),
                    None => return Err(self.problem("nothing follows the backslash")),
                }
            } else {
                word.push(character);
            }
        }
        if word.is_empty() {
            return Err(self.problem("a key is empty"));
        }
        Ok(word)
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        let is_quoted = matches!(self.peek(), Some('"' | '\''));
        let word = self.word(&[']', '=', '['])?;
        let step = if self.take('=') {
            Step::Select {
                key: word,
                value: self.word(&[']'])?,
            }
        } else if is_quoted {
            Step::Key(word)
        } else if let Ok(index) = word.parse() {
            Step::Index(index)
        } else {
            return Err(self
                .problem("expected a number, `key=value` or a key in quotes within the brackets"));
        };
        if self.take(']') {
            Ok(step)
        } else {
            Err(self.problem("a bracket is not closed"))
        }
    }
}

impl FromStr for KeyPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut reader = Reader {
            text,
            rest: text.chars().enumerate().peekable(),
        };
        // Both `$.a` and `.a` are how others write the root.
        reader.take('$');
        let mut steps = Vec::new();
        let mut needs_key = !reader.take('.') || reader.peek() != Some('[');
        loop {
            if reader.take('[') {
                steps.push(reader.bracket()?);
            } else if needs_key {
                steps.push(Step::Key(reader.word(&['.', '[', ']'])?));
            } else {
                return Err(reader.problem("expected `.` or `[`"));
            }
            match reader.peek() {
                None => return Ok(Self(steps)),
                Some('.') => {
                    reader.take('.');
                    needs_key = true;
                    if reader.peek() == Some('[') {
                        return Err(reader.problem("a key is empty"));
                    }
                }
                Some(_) => needs_key = false,
            }
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with('$')
        && !key
            .chars()
            .any(|it| matches!(it, '.' | '[' | ']' | '"' | '\'' | '\\' | '=') || it.is_control())
}

fn quote(word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if is_plain(key) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(key)?;
                }
                Step::Key(key) => {
                    f.write_str("[")?;
                    quote(key, f)?;
                    f.write_str("]")?;
                }
                Step::Index(number) => write!(f, "[{number}]")?,
                Step::Select { key, value } => {
                    f.write_str("[")?;
                    for (word, end) in [(key, "="), (value, "]")] {
                        if is_plain(word) {
                            f.write_str(word)?;
                        } else {
                            quote(word, f)?;
                        }
                        f.write_str(end)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Serialize for KeyPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for KeyPath {
    fn schema_name() -> Cow<'static, str> {
        "KeyPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a path to one value",
            "examples": ["image.tag", "images[0].newTag", "images[name=shop].newTag", "[\"a.b\"].tag"],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Step {
        Step::Key(text.to_owned())
    }

    #[test]
    fn every_form_of_a_step_is_read() {
        let table: [(&str, Vec<Step>); 8] = [
            ("image.tag", vec![key("image"), key("tag")]),
            ("$.image.tag", vec![key("image"), key("tag")]),
            (".image.tag", vec![key("image"), key("tag")]),
            (
                "images[0].newTag",
                vec![key("images"), Step::Index(0), key("newTag")],
            ),
            ("[\"a:b\"].tag", vec![key("a:b"), key("tag")]),
            ("a.'b.c'.d", vec![key("a"), key("b.c"), key("d")]),
            ("a\\.b.c", vec![key("a.b"), key("c")]),
            (
                "x[name=ghcr.io/a/b][1]",
                vec![
                    key("x"),
                    Step::Select {
                        key: "name".to_owned(),
                        value: "ghcr.io/a/b".to_owned(),
                    },
                    Step::Index(1),
                ],
            ),
        ];
        for (text, steps) in table {
            assert_eq!(text.parse::<KeyPath>().unwrap().0, steps, "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_place() {
        for text in [
            "", "a.", "a..b", "a[", "a[x]", "a[0", "a[\"x]", "a]b", "a[0]b", ".", "a\\", "a.[0]",
            "[=x]", "[a=]",
        ] {
            let result = text.parse::<KeyPath>();
            assert!(result.is_err(), "{text}: {result:?}");
        }
        let err = "a[x]".parse::<KeyPath>().unwrap_err().to_string();
        assert!(err.ends_with("at character 4"), "{err}");
    }

    proptest! {
        #[test]
        fn print_and_parse_are_inverse(keys in proptest::collection::vec("\\PC{1,6}", 1..4), index in 0_usize..9, value in "\\PC{1,6}") {
            let mut steps: Vec<Step> = keys.into_iter().map(Step::Key).collect();
            steps.push(Step::Index(index));
            steps.push(Step::Select { key: "name".to_owned(), value });
            let path = KeyPath(steps);
            prop_assert_eq!(path.to_string().parse::<KeyPath>(), Ok(path));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<KeyPath>();
        }
    }
}
