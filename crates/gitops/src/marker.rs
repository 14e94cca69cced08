//! Values named by a comment: `tag = "v1" # tag-bump: shop`. Works in any text file.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use crate::{
    address::split_reference,
    error::{EditError, Place},
    find::Role,
    yaml::quote,
};

/// A value found by its marker, as bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) range: Range<usize>,
    pub(crate) place: Place,
    pub(crate) role: Role,
    /// The value stands behind a YAML key or dash, without quotes.
    is_yaml_plain: bool,
}

#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, compiled in a test"
)]
static OURS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:#|//|--|;|/\*|<!--|\{\{-?\s*/\*)\s*tag-bump:\s*([^\s*>}]+)")
        .expect("a valid pattern")
});

/// Flux writes `# {"$imagepolicy": "namespace:name:tag"}`.
#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, compiled in a test"
)]
static FLUX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"#\s*\{\s*"\$imagepolicy"\s*:\s*"([^"]+)"\s*\}"#).expect("a valid pattern")
});

#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, compiled in a test"
)]
static FROM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*FROM\s+(?:--\S+\s+)*(\S+)").expect("a valid pattern"));

/// Returns every value with the marker `name`, at least one.
pub(crate) fn find(text: &str, name: &str) -> Result<Vec<Marked>, EditError> {
    let mut marked = Vec::new();
    let mut names = Vec::new();
    let mut start = 0;
    let lines: Vec<(usize, &str)> = text
        .split_inclusive('\n')
        .map(|line| {
            let at = start;
            start += line.len();
            (at, line.trim_end_matches(['\n', '\r']))
        })
        .collect();
    for (index, (at, line)) in lines.iter().enumerate() {
        let Some((comment, found, is_whole)) = marker(line) else {
            continue;
        };
        names.push(format!("{found} (line {})", index + 1));
        if found != name {
            continue;
        }
        let value = &line[..comment];
        // A marker alone on its line means the next one, for files without comments behind values.
        let (number, at, value) = if value.trim().is_empty() {
            match lines.get(index + 1) {
                Some((next, line)) => (index + 1, *next, *line),
                None => (index, *at, value),
            }
        } else {
            (index, *at, value)
        };
        marked.push(token(value, at, number + 1, is_whole)?);
    }
    if marked.is_empty() {
        names.truncate(5);
        return Err(EditError::NotFound {
            what: format!("no line is marked `tag-bump: {name}`"),
            hint: Some(if names.is_empty() {
                format!("write `# tag-bump: {name}` behind the value")
            } else {
                format!("the file has {}", names.join(", "))
            }),
        });
    }
    Ok(marked)
}

/// Returns where the comment begins, the name in it, and whether it says that the whole value is
/// the version (Flux's `:tag`).
fn marker(line: &str) -> Option<(usize, &str, bool)> {
    if let Some(found) = OURS.captures(line) {
        return Some((found.get(0)?.start(), found.get(1)?.as_str(), false));
    }
    let found = FLUX.captures(line)?;
    let policy = found.get(1)?.as_str();
    let start = found.get(0)?.start();
    match policy.strip_suffix(":tag") {
        Some(policy) => Some((start, policy, true)),
        None if policy.ends_with(":name") => None,
        None => Some((
            start,
            policy.strip_suffix(":digest").unwrap_or(policy),
            false,
        )),
    }
}

/// Returns the last value on the line, or the image of a `FROM`.
fn token(line: &str, at: usize, number: usize, is_whole: bool) -> Result<Marked, EditError> {
    let none = || EditError::Refused {
        place: Place {
            line: number,
            column: 1,
        },
        reason: "the marked line has no value".to_owned(),
        hint: None,
    };
    let end = line
        .trim_end()
        .trim_end_matches([',', ';', '>', '/'])
        .trim_end()
        .len();
    let mut is_yaml_plain = false;
    let range = if let Some(found) = FROM.captures(line).and_then(|it| it.get(1)) {
        found.range()
    } else if let Some(quote) = line[..end]
        .chars()
        .next_back()
        .filter(|it| matches!(it, '"' | '\''))
    {
        let close = end - 1;
        let open = line[..close].rfind(quote).ok_or_else(none)?;
        open + 1..close
    } else {
        let word = line[..end]
            .rfind(|it: char| {
                it.is_whitespace() || matches!(it, '=' | '"' | '\'' | '{' | '[' | ',' | '>')
            })
            .map_or(0, |it| it + 1);
        let before = line[..word].trim_end();
        is_yaml_plain = before.ends_with(':') || before.ends_with('-');
        word..end
    };
    let value = &line[range.clone()];
    if value.is_empty() {
        return Err(none());
    }
    if value.contains("{{") || value.contains("}}") || value.starts_with('$') {
        return Err(EditError::Refused {
            place: Place {
                line: number,
                column: line[..range.start].chars().count() + 1,
            },
            reason: "the marked value is a template".to_owned(),
            hint: None,
        });
    }
    let role = match split_reference(value) {
        Some((_, version))
            if !is_whole && (!version.tag.is_empty() || version.digest.is_some()) =>
        {
            Role::Reference
        }
        Some((name, _)) if !is_whole && name.contains('/') => Role::Reference,
        _ if value.starts_with("sha256:") => Role::Digest,
        _ => Role::Version,
    };
    Ok(Marked {
        place: Place {
            line: number,
            column: line[..range.start].chars().count() + 1,
        },
        range: at + range.start..at + range.end,
        role,
        is_yaml_plain,
    })
}

impl Marked {
    /// Returns how `value` is written in this place.
    pub(crate) fn respell(&self, value: &str) -> Result<String, EditError> {
        if value.is_empty() {
            // What stands before it on the line would then be taken for the value.
            return Err(EditError::Refused {
                place: self.place,
                reason: "the new value is empty".to_owned(),
                hint: None,
            });
        }
        if value
            .chars()
            .any(|it| it.is_control() || matches!(it, '"' | '\'' | '\\' | '\u{feff}'))
        {
            return Err(EditError::Refused {
                place: self.place,
                reason: "the new value has quotes or control characters".to_owned(),
                hint: None,
            });
        }
        if self.is_yaml_plain && quote::needs_quotes(value) {
            Ok(format!("\"{value}\""))
        } else {
            Ok(value.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, name: &str) -> Vec<(String, Role)> {
        find(text, name)
            .unwrap()
            .into_iter()
            .map(|it| (text[it.range.clone()].to_owned(), it.role))
            .collect()
    }

    #[test]
    fn the_last_value_before_the_marker_is_meant() {
        let table = [
            ("tag = \"v1\" # tag-bump: shop\n", "v1", Role::Version),
            ("  tag: v1   # tag-bump: shop", "v1", Role::Version),
            ("TAG=v1 # tag-bump: shop\n", "v1", Role::Version),
            (
                "  \"tag\": 'v1', // tag-bump: shop\r\n",
                "v1",
                Role::Version,
            ),
            (
                "image: nginx:v1 # tag-bump: shop",
                "nginx:v1",
                Role::Reference,
            ),
            (
                "# tag-bump: shop\nFROM --platform=linux/amd64 nginx:v1 AS base\n",
                "nginx:v1",
                Role::Reference,
            ),
            ("# tag-bump: shop\nARG TAG=v1\n", "v1", Role::Version),
            (
                "tag: {{ x }}\ntag: v1 # {\"$imagepolicy\": \"flux:shop:tag\"}",
                "v1",
                Role::Version,
            ),
        ];
        for (text, value, role) in table {
            let name = if text.contains("imagepolicy") {
                "flux:shop"
            } else {
                "shop"
            };
            assert_eq!(values(text, name), [(value.to_owned(), role)], "{text}");
        }
    }

    #[test]
    fn another_name_and_a_template_are_not_taken() {
        let err = find("tag: v1 # tag-bump: shop-2\n", "shop").unwrap_err();
        assert!(
            matches!(err, EditError::NotFound { hint: Some(hint), .. } if hint.contains("shop-2 (line 1)"))
        );
        let err = find("tag: {{.Values.tag}} # tag-bump: shop\n", "shop").unwrap_err();
        assert!(err.to_string().contains("template"), "{err}");
    }

    #[test]
    fn a_plain_yaml_value_is_quoted_where_it_must_be() {
        let marked = find("tag: v1 # tag-bump: a\n", "a").unwrap();
        assert_eq!(marked[0].respell("1.10").unwrap(), "\"1.10\"");
        let marked = find("TAG=v1 # tag-bump: a\n", "a").unwrap();
        assert_eq!(marked[0].respell("1.10").unwrap(), "1.10");
        assert!(marked[0].respell("").is_err(), "the value would be gone");
    }
}
