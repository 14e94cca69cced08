//! The patterns of Go's `filepath.Match`, which Image Updater's `ignoreTags` are made of.
//!
//! Unlike most globs they negate a class with `^`, know no alternatives, and match the whole text.

use thiserror::Error;

/// A pattern is malformed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a pattern: a class `[…]` or an escape `\\` is not closed")]
pub struct GlobError(String);

/// A pattern: `*` any number of characters, `?` one, `[a-z]` or `[^a-z]` one of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Star,
    Any,
    Literal(char),
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Fails where Go returns `ErrBadPattern`.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        let parts =
            parse(text).ok_or_else(|| GlobError(autoscaleops_core::text::printable(text)))?;
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut part, mut at) = (0, 0);
        // Where to go on when the last star has to take one character more.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let step = match self.parts.get(part) {
                Some(Part::Star) => {
                    retry = Some((part, at));
                    part += 1;
                    continue;
                }
                Some(one) => text.get(at).is_some_and(|it| one.takes(*it)),
                None if at == text.len() => return true,
                None => false,
            };
            if step {
                part += 1;
                at += 1;
                continue;
            }
            match retry {
                // A star does not cross a slash.
                Some((star, from)) if text.get(from).is_some_and(|it| *it != '/') => {
                    retry = Some((star, from + 1));
                    part = star + 1;
                    at = from + 1;
                }
                _ => return false,
            }
        }
    }
}

impl Part {
    fn takes(&self, it: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => it != '/',
            Self::Literal(wanted) => it == *wanted,
            Self::Class { is_negated, ranges } => {
                ranges
                    .iter()
                    .any(|(low, high)| (*low..=*high).contains(&it))
                    != *is_negated
            }
        }
    }
}

fn parse(text: &str) -> Option<Vec<Part>> {
    let mut rest = text.chars().peekable();
    let mut parts = Vec::new();
    while let Some(next) = rest.next() {
        parts.push(match next {
            '*' => Part::Star,
            '?' => Part::Any,
            '\\' => Part::Literal(rest.next()?),
            '[' => {
                let is_negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
                        break;
                    }
                    let low = class_member(&mut rest)?;
                    let high = match rest.next_if_eq(&'-') {
                        Some(_) => class_member(&mut rest)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                Part::Class { is_negated, ranges }
            }
            other => Part::Literal(other),
        });
    }
    Some(parts)
}

fn class_member(rest: &mut impl Iterator<Item = char>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_go_matches() {
        for (pattern, text, expected) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*", "a", Some(true)),
            ("a*", "abc", Some(true)),
            ("a*", "ab/c", Some(false)),
            ("a*/b", "abc/b", Some(true)),
            ("a*b*c*d*e*", "axbxcxdxe", Some(true)),
            ("a*b*c*d*e*x", "axbxcxdxexxx", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Some(false)),
            ("ab[c]", "abc", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[e-g]", "abc", Some(false)),
            ("ab[^c]", "abc", Some(false)),
            ("ab[^e-g]", "abc", Some(true)),
            ("ab[!c]", "ab!", Some(true)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a?b", "aéb", Some(true)),
            ("a[^a]b", "aéb", Some(true)),
            ("[\\]a]", "]", Some(true)),
            ("[\\-x]", "-", Some(true)),
            ("{a,b}", "a", Some(false)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[-x]", "x", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("[^", "a", None),
            ("[^bc", "a", None),
            ("a[", "a", None),
            ("a[", "ab", None),
            ("a\\", "a", None),
            ("*x", "xxx", Some(true)),
            ("", "", Some(true)),
            ("", "a", Some(false)),
        ] {
            let matched = Glob::parse(pattern).ok().map(|it| it.matches(text));
            assert_eq!(matched, expected, "{pattern} {text}");
        }
    }

    #[test]
    fn image_updaters_own_rows_hold() {
        let ignores = |patterns: [&str; 2], tag: &str| {
            patterns
                .iter()
                .any(|it| Glob::parse(it).unwrap().matches(tag))
        };
        assert!(ignores(["tag1", "tag2"], "tag1"));
        assert!(ignores(["tag1", "tag2"], "tag2"));
        assert!(!ignores(["tag1", "tag2"], "tag3"));
        assert!(ignores(["tag?", "foo"], "tag1"));
        assert!(ignores(["tag?", "foo"], "foo"));
        assert!(!ignores(["tag?", "foo"], "tag10"));
    }
}
