//! When a plain scalar would not be read back as the text that it spells.
//!
//! The readers that matter disagree: Helm reads YAML 1.1 with go-yaml v2, kustomize with go-yaml
//! v3, others with the core schema of YAML 1.2. What any of them takes for something else than a
//! text is quoted.

use std::sync::LazyLock;

use regex::Regex;

#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, compiled in a test"
)]
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?|\.[0-9]+(?:e[-+]?[0-9]+)?|0x[0-9a-f]*|0o?[0-7]*|0b[01]*|[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?|\.inf|\.nan)$",
    )
    .expect("a valid pattern")
});

#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, compiled in a test"
)]
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t ].*)?$").expect("a valid pattern")
});

const WORDS: &[&str] = &[
    "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<",
];

/// Returns whether `text` must be quoted to be read as a text.
pub(crate) fn needs_quotes(text: &str) -> bool {
    !is_plain_text(text) || is_other_type(text)
}

/// Returns whether some reader takes the plain scalar `text` for a number, a date, a boolean, null
/// or a merge key.
fn is_other_type(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // go-yaml v2 drops every underscore before it tries a number.
    let bare = lower.replace('_', "");
    let is_number = !lower.starts_with('_') && NUMBER.is_match(&bare);
    WORDS.contains(&lower.as_str()) || is_number || DATE.is_match(&lower)
}

/// Returns whether YAML can write `text` plain at all, in block and in flow context.
fn is_plain_text(text: &str) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return false;
    };
    let starts_well = first.is_alphanumeric()
        || matches!(first, '_' | '/' | '.' | '+' | '(' | '$')
        || (first == '-' && characters.next().is_some_and(char::is_alphanumeric));
    starts_well
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(['{', '}', '[', ']', ',', '"', '\\'])
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_reader_takes_for_another_type_is_quoted() {
        for text in [
            "1.10",
            "1.2",
            "0123",
            "0123456",
            "09",
            "0o17",
            "0O17",
            "0x1f",
            "0X1F",
            "0b101",
            "1_000",
            "1.",
            "1e5",
            "1234e56",
            "6063e25",
            "1234567",
            "20240101",
            "null",
            "Null",
            "NULL",
            "~",
            "y",
            "N",
            "yes",
            "No",
            "on",
            "OFF",
            "true",
            "False",
            "2024-01-01",
            "2024-1-1",
            "2024-01-01T10",
            "12e4567",
            "1_",
            "1e_5",
            "0x_",
            "",
            "190:20:30",
            ".inf",
            "+.INF",
            "-1",
            "+1",
            ".5",
            "1e+5",
            "<<",
            "=",
        ] {
            assert!(needs_quotes(text), "{text}");
        }
    }

    #[test]
    fn what_can_only_be_a_text_stays_plain() {
        for text in [
            "v1",
            "1.2.3",
            "2024-01",
            "1-2",
            "dev-1a2b3c4",
            "1a2b3c4",
            "latest",
            "e5",
            "1.2.3-rc.1",
            "_1",
            "abcdef0",
            "v1@sha256:aaaa",
            "ghcr.io/acme/shop:v1",
            "localhost:5000/shop:1.2",
            "truest",
            "nope",
            "12e4567a",
            "0x1g",
        ] {
            assert!(!needs_quotes(text), "{text}");
        }
    }

    #[test]
    fn what_yaml_cannot_write_plain_is_quoted() {
        for text in [
            "a: b", "a #b", "- x", "#x", "{x", "a,b", "*x", "&x", "!x", "'x", "x:", "---", "%x",
            "@x", "`x", "x ",
        ] {
            assert!(needs_quotes(text), "{text}");
        }
    }
}
