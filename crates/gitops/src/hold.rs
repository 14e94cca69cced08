//! The comment with which people keep a value as it is: `# image-watch: hold [until=DATE]`.

use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;

use crate::error::{EditError, Place};

/// A wish to keep a value as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The day from which on the wish no longer counts.
    pub until: Option<Date>,
    /// The line of the comment, counted from one.
    pub line: usize,
}

#[expect(
    clippy::expect_used,
    reason = "the pattern is a constant, compiled in a test"
)]
static HOLD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"#\s*image-watch:\s*hold\b\s*(?:until\s*=\s*(\S+))?").expect("a valid pattern")
});

impl Hold {
    /// Returns whether the wish counts on this day.
    pub fn counts_on(&self, today: Date) -> bool {
        self.until.is_none_or(|until| today < until)
    }
}

/// Returns the hold on the value at `line`, counted from one: a comment behind the value, or alone
/// on the line above it.
///
/// # Errors
///
/// Fails when the comment names a day that is none: it then neither holds nor lets go.
pub fn hold_on(text: &str, line: usize) -> Result<Option<Hold>, EditError> {
    let lines: Vec<&str> = text.lines().collect();
    let own = line
        .checked_sub(1)
        .and_then(|it| lines.get(it))
        .map(|it| (line, *it));
    let above = line
        .checked_sub(2)
        .and_then(|it| lines.get(it))
        .filter(|it| it.trim_start().starts_with('#'))
        .map(|it| (line - 1, *it));
    for (number, text) in [own, above].into_iter().flatten() {
        let Some(found) = HOLD.captures(text) else {
            continue;
        };
        let until = match found.get(1) {
            None => None,
            Some(day) => Some(
                day.as_str()
                    .parse::<Date>()
                    .map_err(|_| EditError::Refused {
                        place: Place {
                            line: number,
                            column: text[..day.start()].chars().count() + 1,
                        },
                        reason: format!(
                            "`{}` is not a day",
                            autoscaleops_core::text::printable(day.as_str())
                        ),
                        hint: Some("write the day as `until=2026-01-31`".to_owned()),
                    })?,
            ),
        };
        return Ok(Some(Hold {
            until,
            line: number,
        }));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_read_on_the_line_and_above_it() {
        let text = "# image-watch: hold until=2026-03-01\ntag: v1\nother: v2 # image-watch: hold\nfree: v3\n";
        let hold = hold_on(text, 2).unwrap().unwrap();
        assert!(hold.counts_on("2026-02-28".parse().unwrap()));
        assert!(!hold.counts_on("2026-03-01".parse().unwrap()));
        assert_eq!(
            hold_on(text, 3).unwrap(),
            Some(Hold {
                until: None,
                line: 3
            })
        );
        // The comment behind the value above is that value's.
        assert_eq!(hold_on(text, 4).unwrap(), None);
        assert_eq!(hold_on(text, 99).unwrap(), None);
    }

    #[test]
    fn a_day_that_is_none_is_refused() {
        let err = hold_on("tag: v1 # image-watch: hold until=soon\n", 1).unwrap_err();
        assert!(err.to_string().starts_with("1:"), "{err}");
    }
}
