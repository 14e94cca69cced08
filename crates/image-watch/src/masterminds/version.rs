//! A version as loosely as Masterminds' `NewVersion` reads it: `v` in front, one to three numbers.

use std::cmp::Ordering;

/// A semantic version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number, zero where it is not written.
    pub minor: u64,
    /// The third number, zero where it is not written.
    pub patch: u64,
    /// What follows the first hyphen; empty for a release.
    pub pre: String,
    /// What follows the plus sign. It has no part in any comparison.
    pub build: String,
    /// How many of the three numbers were written.
    numbers: usize,
}

impl Version {
    /// Reads a version, or returns `None` where `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let (core, pre) = match rest.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (rest, None),
        };
        let numbers: Vec<u64> = core.split('.').map(number).collect::<Option<_>>()?;
        let &[major, ref further @ ..] = numbers.as_slice() else {
            return None;
        };
        if further.len() > 2 {
            return None;
        }
        if pre.is_some_and(|it| !it.split('.').all(is_pre_part))
            || build.is_some_and(|it| !it.split('.').all(is_part))
        {
            return None;
        }
        Some(Self {
            major,
            minor: further.first().copied().unwrap_or(0),
            patch: further.get(1).copied().unwrap_or(0),
            pre: pre.unwrap_or_default().to_owned(),
            build: build.unwrap_or_default().to_owned(),
            numbers: numbers.len(),
        })
    }

    /// Returns whether only the first number was written, as in `20240101`.
    pub fn is_bare_number(&self) -> bool {
        self.numbers == 1
    }

    /// Compares by precedence, which ignores build metadata.
    pub fn precedence(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_pre(&self.pre, &other.pre),
            })
    }
}

/// Compares two pre-releases part by part: numbers before words, the shorter before the longer.
pub(super) fn compare_pre(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let (one, two) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(two)) => (one, two),
        };
        let order = match (one.parse::<u64>(), two.parse::<u64>()) {
            (Ok(one), Ok(two)) => one.cmp(&two),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => one.cmp(two),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn number(text: &str) -> Option<u64> {
    // `parse` alone would take a plus sign.
    text.bytes().all(|it| it.is_ascii_digit()).then_some(())?;
    text.parse().ok()
}

fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-')
}

fn is_pre_part(part: &str) -> bool {
    let is_number = part.bytes().all(|it| it.is_ascii_digit());
    is_part(part) && !(is_number && part.len() > 1 && part.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_loose() {
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            ("v1.2.3", Some("1.2.3")),
            ("1.0", Some("1.0.0")),
            ("1", Some("1.0.0")),
            ("v1", Some("1.0.0")),
            ("01.02.03", Some("1.2.3")),
            ("1.2-5", Some("1.2.0-5")),
            ("v1.2-beta.5", Some("1.2.0-beta.5")),
            (
                "1.2.0-x.Y.0+metadata-width-hyphen",
                Some("1.2.0-x.Y.0+metadata-width-hyphen"),
            ),
            ("1.2.3-rc1-with-hyphen", Some("1.2.3-rc1-with-hyphen")),
            ("1234567", Some("1234567.0.0")),
            ("1.2.beta", None),
            ("foo", None),
            ("1.2.3.4", None),
            ("V1.2.3", None),
            ("1.2.2147483648", Some("1.2.2147483648")),
            ("1.2.18446744073709551616", None),
            ("1.2.3-01", None),
            ("1.2.3-0a", Some("1.2.3-0a")),
            ("1.2.3-", None),
            ("1.2.3+", None),
            ("1.2.3_build1", None),
            ("\n1.2.3", None),
            ("1..2", None),
            ("", None),
            ("v", None),
        ] {
            let parsed = Version::parse(text).map(|it| {
                let mut text = format!("{}.{}.{}", it.major, it.minor, it.patch);
                if !it.pre.is_empty() {
                    text.push_str(&format!("-{}", it.pre));
                }
                if !it.build.is_empty() {
                    text.push_str(&format!("+{}", it.build));
                }
                text
            });
            assert_eq!(parsed.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn precedence_is_that_of_the_specification() {
        let order = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.1",
            "2",
            "10.0.0",
        ];
        let versions: Vec<Version> = order.iter().map(|it| Version::parse(it).unwrap()).collect();
        for pair in versions.windows(2) {
            assert_eq!(pair[0].precedence(&pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(pair[1].precedence(&pair[0]), Ordering::Greater, "{pair:?}");
        }
        let [one, two] = ["1.0+a", "v1.0.0+b"].map(|it| Version::parse(it).unwrap());
        assert_eq!(one.precedence(&two), Ordering::Equal);
    }
}
