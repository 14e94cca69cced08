//! Reads selectors.

mod pseudo;

use regex::{Regex, RegexBuilder};

use super::{Chain, Combinator, Comparison, Selector, Test};

/// How deep selectors may be in each other, and how long a chain may be: more is no selector.
const DEEPEST: usize = 32;
const LONGEST: usize = 256;

/// Returns what `text` means, unless it is no selector.
pub(super) fn selector(text: &str) -> Option<Selector> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    let selector = reader.group()?;
    (reader.at == text.len()).then_some(selector)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        (self.peek() == Some(wanted)).then(|| self.at += wanted.len_utf8())
    }

    /// Passes spaces and comments. Returns whether there were any.
    fn space(&mut self) -> bool {
        let start = self.at;
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n', '\x0c']);
            let mut passed = rest.len() - trimmed.len();
            if let Some(end) = trimmed
                .strip_prefix("/*")
                .and_then(|comment| comment.find("*/"))
            {
                passed += end + 4;
            }
            if passed == 0 {
                return self.at > start;
            }
            self.at += passed;
        }
    }

    fn group(&mut self) -> Option<Selector> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut alternatives = vec![self.chain()?];
        while self.eat(',').is_some() {
            alternatives.push(self.chain()?);
        }
        self.depth -= 1;
        Some(Selector { alternatives })
    }

    fn chain(&mut self) -> Option<Chain> {
        self.space();
        let mut chain = Chain {
            last: self.compound()?,
            before: Vec::new(),
        };
        loop {
            let spaced = self.space();
            let combinator = match self.peek() {
                None | Some(',' | ')') => break,
                Some('>') => Combinator::Child,
                Some('+') => Combinator::Adjacent,
                Some('~') => Combinator::Sibling,
                _ if spaced => Combinator::Descendant,
                _ => break,
            };
            if combinator != Combinator::Descendant {
                self.take();
                self.space();
            }
            let next = self.compound()?;
            let before = std::mem::replace(&mut chain.last, next);
            chain.before.push((combinator, before));
            if chain.before.len() > LONGEST {
                return None;
            }
        }
        chain.before.reverse();
        Some(chain)
    }

    fn compound(&mut self) -> Option<Vec<Test>> {
        let mut tests = Vec::new();
        match self.peek()? {
            '*' => {
                self.take();
                if self.rest().starts_with("|*") && self.rest().len() > 2 {
                    self.at += 2;
                }
            }
            '#' | '.' | '[' | ':' => {}
            _ => tests.push(Test::Tag(self.identifier()?.to_lowercase())),
        }
        loop {
            let test = match self.peek() {
                Some('#') => {
                    self.take();
                    Test::Id(self.name()?)
                }
                Some('.') => {
                    self.take();
                    Test::Class(self.identifier()?)
                }
                Some('[') => {
                    self.take();
                    self.attribute()?
                }
                Some(':') => {
                    self.take();
                    self.pseudo()?
                }
                _ => return Some(tests),
            };
            tests.push(test);
        }
    }

    fn identifier(&mut self) -> Option<String> {
        let rest = self.rest();
        let bare = rest.trim_start_matches('-');
        let dashes = rest.len() - bare.len();
        let first = bare.chars().next()?;
        if !(first.is_ascii_alphabetic() || first == '_' || first == '\\' || !first.is_ascii()) {
            return None;
        }
        self.at += dashes;
        Some("-".repeat(dashes) + &self.name()?)
    }

    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            match self.peek() {
                Some(it)
                    if it.is_ascii_alphanumeric() || matches!(it, '_' | '-') || !it.is_ascii() =>
                {
                    self.take();
                    name.push(it);
                }
                Some('\\') => name.push(self.escape()?),
                _ => return (!name.is_empty()).then_some(name),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        self.eat('\\')?;
        let digits: String = self
            .rest()
            .chars()
            .take(6)
            .take_while(char::is_ascii_hexdigit)
            .collect();
        if digits.is_empty() {
            return self.take().filter(|it| !matches!(it, '\r' | '\n' | '\x0c'));
        }
        self.at += digits.len();
        // One space ends the number.
        if self.rest().starts_with("\r\n") {
            self.at += 2;
        } else if matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n' | '\x0c')) {
            self.take();
        }
        let code = u32::from_str_radix(&digits, 16).ok()?;
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.take()?;
        let mut value = String::new();
        loop {
            match self.peek()? {
                '\\' => {
                    let rest = self.rest().get(1..).unwrap_or_default();
                    let broken = ["\r\n", "\r", "\n", "\x0c"]
                        .iter()
                        .find(|it| rest.starts_with(**it));
                    match broken {
                        Some(line) => self.at += 1 + line.len(),
                        None => value.push(self.escape()?),
                    }
                }
                it if it == quote => {
                    self.take();
                    return Some(value);
                }
                '\r' | '\n' | '\x0c' => return None,
                it => {
                    self.take();
                    value.push(it);
                }
            }
        }
    }

    fn string_or_identifier(&mut self) -> Option<String> {
        match self.peek()? {
            '\'' | '"' => self.string(),
            _ => self.identifier(),
        }
    }

    fn attribute(&mut self) -> Option<Test> {
        self.space();
        let name = self.identifier()?.to_lowercase();
        self.space();
        if self.eat(']').is_some() {
            return Some(Test::Attribute {
                name,
                is: Comparison::Exists,
                value: String::new(),
                any_case: false,
            });
        }
        let sign = self.take()?;
        if sign != '=' {
            self.eat('=')?;
        }
        let is = match sign {
            '=' => Comparison::Equal,
            '!' => Comparison::Unequal,
            '~' => Comparison::Word,
            '|' => Comparison::Dash,
            '^' => Comparison::Start,
            '$' => Comparison::End,
            '*' => Comparison::Part,
            '#' => {
                self.space();
                let pattern = self.pattern()?;
                self.space();
                self.ignores_case();
                self.space();
                self.eat(']')?;
                return Some(Test::AttributeMatches(name, pattern));
            }
            _ => return None,
        };
        self.space();
        let value = self.string_or_identifier()?;
        self.space();
        let any_case = self.ignores_case();
        self.space();
        self.eat(']')?;
        Some(Test::Attribute {
            name,
            is,
            value,
            any_case,
        })
    }

    fn ignores_case(&mut self) -> bool {
        let is = matches!(self.peek(), Some('i' | 'I'));
        if is {
            self.take();
        }
        is
    }

    /// Reads a regular expression, up to the bracket that closes more than were opened in it.
    fn pattern(&mut self) -> Option<Regex> {
        let rest = self.rest();
        let mut open = 0_usize;
        let end = rest.find(|it| match it {
            '(' | '[' => {
                open += 1;
                false
            }
            ')' | ']' if open == 0 => true,
            ')' | ']' => {
                open -= 1;
                false
            }
            _ => false,
        })?;
        if end == 0 {
            return None;
        }
        let pattern = RegexBuilder::new(rest.get(..end)?)
            .size_limit(1 << 20)
            .build()
            .ok()?;
        self.at += end;
        Some(pattern)
    }
}
