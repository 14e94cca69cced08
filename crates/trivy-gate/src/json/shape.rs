//! What values look like: enough of Go's types to refuse what Trivy itself would refuse.

/// The kind of a value.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Any value.
    Any,
    /// A text.
    Text,
    /// A text that is a time of RFC 3339.
    Time,
    /// A text that is `sha256:` and 64 hexadecimal digits.
    Sha256,
    /// A text that is a package URL, or empty.
    PackageUrl,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number of 64 bits.
    Integer,
    /// A finite number.
    Float,
    /// `true` or `false`.
    Flag,
    /// A list of values of one kind.
    List(&'static Self),
    /// An object with any keys, whose values are of one kind.
    Map(&'static Self),
    /// An object with known keys; others may hold anything.
    Record(&'static Shape),
}

impl Kind {
    /// Returns the kind for a message.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::Sha256 => "a digest",
            Self::PackageUrl => "a package URL",
            Self::OneOf(_) => "a word",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Flag => "`true` or `false`",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Record(_) => "an object",
        }
    }

    /// `null` leaves a Go variable as it is, but for types that read themselves.
    pub(crate) fn refuses_null(&self) -> bool {
        matches!(self, Self::Sha256 | Self::OneOf(_) | Self::Any)
    }
}

/// The known keys of an object, 64 at most, in the order in which they are written.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What the object is, for messages.
    pub(crate) name: &'static str,
    /// Keys and the kinds of their values.
    pub(crate) fields: &'static [(&'static str, Kind)],
}

/// An object of which no key is known.
pub(crate) static NOTHING: Shape = Shape {
    name: "object",
    fields: &[],
};

impl Shape {
    /// Returns the place of `key`. `expected` is where it stands when the order is the usual one.
    pub(crate) fn find(&self, key: &[u8], expected: usize) -> Option<usize> {
        let is_key = |it: &(&str, Kind)| it.0.as_bytes() == key;
        let expected = expected.min(self.fields.len());
        let (before, after) = self.fields.split_at(expected);
        after
            .iter()
            .position(is_key)
            .map(|it| it + expected)
            .or_else(|| before.iter().position(is_key))
    }

    /// Returns the kind of the field `key`, which the shape has.
    pub(crate) fn kind(&self, key: &'static str) -> &'static Kind {
        self.fields
            .iter()
            .find(|it| it.0 == key)
            .map_or(&Kind::Any, |it| &it.1)
    }

    /// Returns the known key that `key` equals but for case, as Go compares keys.
    pub(crate) fn find_other_case(&self, key: &[u8]) -> Option<&'static str> {
        if self.fields.is_empty() {
            return None;
        }
        // Go also folds the long s and the Kelvin sign, the two characters outside ASCII that
        // have an ASCII letter as their other case.
        let text = std::str::from_utf8(key).ok()?;
        let folded: String = text
            .chars()
            .map(|it| match it {
                'ſ' => 's',
                '\u{212a}' => 'k',
                other => other.to_ascii_lowercase(),
            })
            .collect();
        self.fields
            .iter()
            .map(|it| it.0)
            .find(|it| it.eq_ignore_ascii_case(&folded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SHAPE: Shape = Shape {
        name: "thing",
        fields: &[("Severity", Kind::Text), ("Links", Kind::Any)],
    };

    #[test]
    fn a_key_is_found_wherever_it_was_expected() {
        for expected in 0..3 {
            assert_eq!(SHAPE.find(b"Severity", expected), Some(0));
            assert_eq!(SHAPE.find(b"Links", expected), Some(1));
            assert_eq!(SHAPE.find(b"severity", expected), None);
        }
    }

    #[test]
    fn another_case_is_noticed_as_go_would_read_it() {
        for key in ["severity", "SEVERITY", "ſeverity"] {
            assert_eq!(
                SHAPE.find_other_case(key.as_bytes()),
                Some("Severity"),
                "{key}"
            );
        }
        assert_eq!(
            SHAPE.find_other_case("LIN\u{212a}S".as_bytes()),
            Some("Links")
        );
        assert_eq!(SHAPE.find_other_case(b"Severity2"), None);
    }
}
