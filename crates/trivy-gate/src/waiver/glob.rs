//! Path patterns as Trivy's library `doublestar` reads them: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for
//! any number of folders.

/// How many patterns the alternatives of one may stand for.
const MAX_ALTERNATIVES: usize = 1024;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    alternatives: Vec<Vec<Segment>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`, alone between separators.
    Folders,
    Name(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Literal(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads a pattern, or says what is wrong with it.
    pub(crate) fn parse(pattern: &str) -> Result<Self, &'static str> {
        let characters: Vec<char> = pattern.chars().collect();
        let mut expanded = Vec::new();
        expand(&characters, 0, &mut expanded)?;
        let alternatives = expanded
            .iter()
            .map(|it| segments(it))
            .collect::<Result<_, _>>()?;
        Ok(Self { alternatives })
    }

    /// Returns whether the whole of `path` matches.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let parts: Vec<Vec<char>> = path.split('/').map(|it| it.chars().collect()).collect();
        self.alternatives
            .iter()
            .any(|it| match_segments(it, &parts))
    }
}

/// Replaces the first alternatives, `{a,b}`, by each of them, until there are none.
fn expand(
    pattern: &[char],
    from: usize,
    expanded: &mut Vec<Vec<char>>,
) -> Result<(), &'static str> {
    let mut at = from;
    while let Some(character) = pattern.get(at) {
        match character {
            '\\' => at += 2,
            '[' => at = end_of_class(pattern, at)?,
            '}' => return Err("a `}` without its `{`"),
            '{' => {
                let (end, cuts) = cuts(pattern, at)?;
                let mut begin = at + 1;
                for cut in cuts {
                    let mut one = pattern[..at].to_vec();
                    one.extend_from_slice(&pattern[begin..cut]);
                    one.extend_from_slice(&pattern[end + 1..]);
                    expand(&one, at, expanded)?;
                    begin = cut + 1;
                }
                return Ok(());
            }
            _ => at += 1,
        }
    }
    if at > pattern.len() {
        return Err("a backslash at the end");
    }
    if expanded.len() >= MAX_ALTERNATIVES {
        return Err("more than 1024 alternatives");
    }
    expanded.push(pattern.to_vec());
    Ok(())
}

/// Returns the place of the `}` that belongs to the `{` at `open`, and where alternatives end.
fn cuts(pattern: &[char], open: usize) -> Result<(usize, Vec<usize>), &'static str> {
    let mut cuts = Vec::new();
    let mut depth = 0;
    let mut at = open;
    while let Some(character) = pattern.get(at) {
        match character {
            '\\' => at += 1,
            '{' => depth += 1,
            ',' if depth == 1 => cuts.push(at),
            '}' => {
                depth -= 1;
                if depth == 0 {
                    cuts.push(at);
                    return Ok((at, cuts));
                }
            }
            _ => {}
        }
        at += 1;
    }
    Err("a `{` without its `}`")
}

/// Returns the place behind the class that begins at `open`.
fn end_of_class(pattern: &[char], open: usize) -> Result<usize, &'static str> {
    let mut at = open + 1;
    if matches!(pattern.get(at), Some('!' | '^')) {
        at += 1;
    }
    if pattern.get(at) == Some(&']') {
        return Err("an empty `[]`");
    }
    while let Some(character) = pattern.get(at) {
        match character {
            '\\' => at += 2,
            ']' => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err("a `[` without its `]`")
}

fn segments(pattern: &[char]) -> Result<Vec<Segment>, &'static str> {
    let mut segments = Vec::new();
    let mut tokens = Vec::new();
    let mut begin = 0;
    let mut at = 0;
    let mut finish = |tokens: &mut Vec<Token>, written: &[char]| {
        let tokens = std::mem::take(tokens);
        segments.push(if written == ['*', '*'] {
            Segment::Folders
        } else {
            Segment::Name(tokens)
        });
    };
    while let Some(&character) = pattern.get(at) {
        match character {
            '/' => {
                finish(&mut tokens, &pattern[begin..at]);
                begin = at + 1;
            }
            '*' => {
                if tokens.last() != Some(&Token::Any) {
                    tokens.push(Token::Any);
                }
            }
            '?' => tokens.push(Token::One),
            '[' => {
                let end = end_of_class(pattern, at)?;
                tokens.push(class(&pattern[at + 1..end - 1]));
                at = end;
                continue;
            }
            '\\' => {
                at += 1;
                match pattern.get(at) {
                    // An escaped separator is a separator.
                    Some('/') => continue,
                    Some(&escaped) => tokens.push(Token::Literal(escaped)),
                    None => return Err("a backslash at the end"),
                }
            }
            other => tokens.push(Token::Literal(other)),
        }
        at += 1;
    }
    finish(&mut tokens, &pattern[begin..]);
    Ok(segments)
}

/// Reads what stands between `[` and `]`.
fn class(inside: &[char]) -> Token {
    let (negated, mut rest) = match inside {
        ['!' | '^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    let take = |rest: &mut &[char]| -> Option<char> {
        let (first, tail) = rest.split_first()?;
        *rest = tail;
        if *first == '\\'
            && let Some((escaped, tail)) = tail.split_first()
        {
            *rest = tail;
            return Some(*escaped);
        }
        Some(*first)
    };
    while let Some(low) = take(&mut rest) {
        let mut high = low;
        if let ['-', tail @ ..] = rest
            && !tail.is_empty()
        {
            rest = tail;
            high = take(&mut rest).unwrap_or(low);
        }
        ranges.push((low, high));
    }
    Token::Class { negated, ranges }
}

/// Matches segment by segment. On a mismatch, the last `**` takes one more folder.
fn match_segments(pattern: &[Segment], parts: &[Vec<char>]) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while part < parts.len() {
        match pattern.get(at) {
            Some(Segment::Folders) => {
                at += 1;
                retry = Some((at, part));
                if at == pattern.len() {
                    return true;
                }
                continue;
            }
            Some(Segment::Name(tokens)) if match_name(tokens, &parts[part]) => {
                at += 1;
                part += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, taken)) = retry else {
            return false;
        };
        retry = Some((after, taken + 1));
        at = after;
        part = taken + 1;
    }
    // `a/**` and `a/**/` match `a` itself.
    match &pattern[at..] {
        [] | [Segment::Folders] => true,
        [Segment::Folders, Segment::Name(tokens)] => tokens.is_empty(),
        _ => false,
    }
}

/// Matches within one segment. On a mismatch, the last `*` takes one more character.
fn match_name(tokens: &[Token], name: &[char]) -> bool {
    let (mut at, mut character) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while character < name.len() {
        let found = name[character];
        let fits = match tokens.get(at) {
            Some(Token::Any) => {
                at += 1;
                retry = Some((at, character));
                continue;
            }
            Some(Token::One) => true,
            Some(Token::Literal(wanted)) => *wanted == found,
            Some(Token::Class { negated, ranges }) => {
                ranges
                    .iter()
                    .any(|(low, high)| (*low..=*high).contains(&found))
                    != *negated
            }
            None => false,
        };
        if fits {
            at += 1;
            character += 1;
            continue;
        }
        let Some((after, taken)) = retry else {
            return false;
        };
        retry = Some((after, taken + 1));
        at = after;
        character = taken + 1;
    }
    tokens[at..].iter().all(|it| *it == Token::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        Glob::parse(pattern)
            .unwrap_or_else(|it| panic!("{pattern}: {it}"))
            .matches(path)
    }

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, path, expected) in [
            ("*", "", true),
            ("*", "a", true),
            ("*", "a/b", false),
            ("**", "", true),
            ("**", "a/b/c", true),
            ("a/**", "a", true),
            ("a/**", "a/", true),
            ("a/**", "a/b/c", true),
            ("a/**", "ab", false),
            ("a/**/", "a", true),
            ("a/**/", "a/b", false),
            ("a/**/", "a/b/", true),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "a/bc", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("a/**.txt", "a/b.txt", true),
            ("a/**.txt", "a/b/c.txt", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[a-]", "-", true),
            ("[]-a]", "x", false),
            ("{a,b}/x", "b/x", true),
            ("{a,b/c}/x", "b/c/x", true),
            ("{a,{b,c}}x", "cx", true),
            ("{,a}b", "b", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXc", false),
            ("Python", "Python", true),
            ("python", "Python", false),
            ("**/*.dist-info/*", "app/x.dist-info/METADATA", true),
            ("ä?", "äö", true),
        ] {
            if pattern == "[]-a]" {
                assert!(Glob::parse(pattern).is_err());
                continue;
            }
            assert_eq!(fits(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for bad in ["[", "[]", "[a", "a{b", "a}b", "a\\", "{a,b", "[\\]"] {
            assert!(Glob::parse(bad).is_err(), "{bad}");
        }
        assert!(Glob::parse(&"{a,b}".repeat(11)).is_err());
    }
}
