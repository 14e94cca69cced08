//! Reads what begins with a colon.

use super::Reader;
use crate::html::select::Test;

/// Names of what is no element.
const PSEUDO_ELEMENTS: [&str; 11] = [
    "after",
    "backdrop",
    "before",
    "cue",
    "first-letter",
    "first-line",
    "grammar-error",
    "marker",
    "placeholder",
    "selection",
    "spelling-error",
];

impl Reader<'_> {
    /// Reads what stands in parentheses after a name.
    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.eat('(')?;
        self.space();
        let value = read(self)?;
        self.space();
        self.eat(')')?;
        Some(value)
    }

    pub(super) fn pseudo(&mut self) -> Option<Test> {
        let is_element = self.eat(':').is_some();
        let name = self.identifier()?.to_lowercase();
        if is_element || PSEUDO_ELEMENTS.contains(&name.as_str()) {
            return None;
        }
        let nth = |first: i64, from_end: bool, of_type: bool| {
            Some(Test::Nth {
                step: 0,
                first,
                from_end,
                of_type,
            })
        };
        match name.as_str() {
            "not" => self.within(Self::group).map(Test::Not),
            "has" => self.within(Self::group).map(Test::Has),
            "haschild" => self.within(Self::group).map(Test::HasChild),
            "contains" | "containsown" => {
                let text = self.within(Self::string_or_identifier)?.to_lowercase();
                let own = name == "containsown";
                Some(Test::Contains { text, own })
            }
            "matches" | "matchesown" => {
                let pattern = self.within(Self::pattern)?;
                let own = name == "matchesown";
                Some(Test::Matches { pattern, own })
            }
            "nth-child" | "nth-last-child" | "nth-of-type" | "nth-last-of-type" => {
                let (step, first) = self.within(Self::nth)?;
                Some(Test::Nth {
                    step,
                    first,
                    from_end: name.starts_with("nth-last"),
                    of_type: name.ends_with("type"),
                })
            }
            "first-child" => nth(1, false, false),
            "last-child" => nth(1, true, false),
            "first-of-type" => nth(1, false, true),
            "last-of-type" => nth(1, true, true),
            "only-child" => Some(Test::Only { of_type: false }),
            "only-of-type" => Some(Test::Only { of_type: true }),
            "input" => Some(Test::Input),
            "empty" => Some(Test::Empty),
            "root" => Some(Test::Root),
            "link" => Some(Test::Link),
            "lang" => self
                .within(Self::identifier)
                .map(|it| Test::Lang(it.to_lowercase())),
            "enabled" => Some(Test::Enabled),
            "disabled" => Some(Test::Disabled),
            "checked" => Some(Test::Checked),
            "visited" | "hover" | "active" | "focus" | "target" => Some(Test::Never),
            _ => None,
        }
    }

    /// Reads `odd`, `even`, or a number of steps and where they begin.
    fn nth(&mut self) -> Option<(i64, i64)> {
        for (word, value) in [("even", (2, 0)), ("odd", (2, 1))] {
            if let Some(it) = self.rest().get(..word.len())
                && it.eq_ignore_ascii_case(word)
            {
                self.at += word.len();
                return Some(value);
            }
        }
        let sign = self.sign();
        let number = self.digits();
        if !matches!(self.peek(), Some('n' | 'N')) {
            return Some((0, sign.unwrap_or(1) * number?));
        }
        self.take();
        let step = sign.unwrap_or(1) * number.unwrap_or(1);
        self.space();
        match self.sign() {
            Some(sign) => {
                self.space();
                Some((step, sign * self.digits()?))
            }
            None => Some((step, 0)),
        }
    }

    fn sign(&mut self) -> Option<i64> {
        let sign = match self.peek()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        self.take();
        Some(sign)
    }

    fn digits(&mut self) -> Option<i64> {
        let rest = self.rest();
        let end = rest
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(rest.len());
        let number = rest.get(..end)?.parse().ok()?;
        self.at += end;
        Some(number)
    }
}
