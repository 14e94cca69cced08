//! A constraint on versions: groups joined by `||`, in each comparators joined by space or comma.

use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use super::version::{Version, compare_pre};

/// A text is not a constraint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a version constraint such as `^1.2`, `>=1.0, <2` or `1.x || 2.x`")]
pub struct ConstraintError(String);

/// Which versions are wanted.
#[derive(Clone, Debug)]
pub struct Constraint {
    text: String,
    groups: Vec<Group>,
    /// Admits pre-releases whether or not a comparator names one.
    with_pre: bool,
}

/// Comparators that must all hold.
#[derive(Clone, Debug)]
struct Group {
    comparators: Vec<Comparator>,
    /// One comparator that names a pre-release admits pre-releases for the whole group.
    admits_pre: bool,
}

#[derive(Clone, Debug)]
struct Comparator {
    text: String,
    operator: Operator,
    version: Version,
    open: Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// From which number on a comparator leaves the version open, as `1.x` does from the second on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    Major,
}

/// Operator, then the version in capture groups: whole, three numbers, pre-release, build.
struct Grammar {
    range: Regex,
    segment: Regex,
    each: Regex,
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, compiled in a test"
)]
static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    const BLANK: &str = r"[\t\n\f\r ]";
    // The empty operator stands second: alternatives are tried in this order.
    const OPERATOR: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
    let part = r"[0-9xX*|]+";
    let words = r"[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*";
    let bare = format!(r"v?{part}(?:\.{part}){{0,2}}(?:-{words})?(?:\+{words})?");
    let named =
        format!(r"(v?({part})(?:\.({part}))?(?:\.({part}))?(?:-({words}))?(?:\+({words}))?)");
    let one = format!("(?:{OPERATOR}){BLANK}*{bare}{BLANK}*");
    let compile = |pattern: String| Regex::new(&pattern).expect("a valid pattern");
    Grammar {
        range: compile(format!("{BLANK}*({bare}){BLANK}+-{BLANK}+({bare}){BLANK}*")),
        segment: compile(format!("^{BLANK}*{one}(?:(?:{BLANK}+|,{BLANK}*){one})*$")),
        each: compile(format!("({OPERATOR}){BLANK}*{named}")),
    }
});

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    ///
    /// Fails where Masterminds' `NewConstraint` does.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let error = || ConstraintError(autoscaleops_core::text::printable(text));
        let plain = without_ranges(text);
        let groups = plain
            .split("||")
            .map(Group::parse)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(error)?;
        Ok(Self {
            text: text.to_owned(),
            groups,
            with_pre: false,
        })
    }

    /// Returns the same constraint, which admits pre-releases as it does releases
    /// (`IncludePrerelease` of the library).
    #[must_use]
    pub fn with_pre_releases(mut self) -> Self {
        self.with_pre = true;
        self
    }

    /// Returns whether `version` satisfies the constraint.
    pub fn admits(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            (self.with_pre || group.admits_pre || version.pre.is_empty())
                && group.comparators.iter().all(|it| it.admits(version))
        })
    }

    /// Returns the comparator that does not admit `version`, where it is one of several that must
    /// all hold.
    pub fn refusing(&self, version: &Version) -> Option<&str> {
        let [group] = self.groups.as_slice() else {
            return None;
        };
        let mut comparators = group.comparators.iter();
        let refusing = comparators.find(|it| !it.admits(version))?;
        (group.comparators.len() > 1).then_some(refusing.text.as_str())
    }

    /// Returns whether some group admits pre-releases.
    pub fn admits_pre(&self) -> bool {
        self.with_pre || self.groups.iter().any(|group| group.admits_pre)
    }

    /// Returns whether the constraint names nothing but whole major versions, as `2024` does.
    pub fn is_bare_number(&self) -> bool {
        self.text
            .split("||")
            .flat_map(|it| it.split([',', ' ']))
            .map(|it| it.trim_start_matches(['=', '>', '<', '!', '~', '^', 'v']))
            .all(|it| it.bytes().all(|byte| byte.is_ascii_digit()))
            && self.text.bytes().any(|byte| byte.is_ascii_digit())
    }

    /// Returns the constraint as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Writes `1.2 - 1.4` as two comparators.
fn without_ranges(text: &str) -> String {
    let mut plain = text.to_owned();
    for found in GRAMMAR.range.captures_iter(text) {
        let comparators = format!(">= {}, <= {} ", &found[1], &found[2]);
        plain = plain.replacen(&found[0], &comparators, 1);
    }
    plain
}

impl Group {
    fn parse(text: &str) -> Option<Self> {
        if !GRAMMAR.segment.is_match(text) {
            return None;
        }
        let comparators = GRAMMAR
            .each
            .captures_iter(text)
            .map(|found| Comparator::parse(&found))
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            admits_pre: comparators.iter().any(|it| !it.version.pre.is_empty()),
            comparators,
        })
    }
}

impl Comparator {
    fn parse(found: &regex::Captures<'_>) -> Option<Self> {
        let operator = match found.get(1).map_or("", |it| it.as_str()) {
            "" | "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterEqual,
            "<=" | "=<" => Operator::LessEqual,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            _ => return None,
        };
        let part = |index: usize| found.get(index).map(|it| it.as_str());
        let is_open = |index: usize| matches!(part(index), None | Some("x" | "X" | "*"));
        let pre = part(6).map_or_else(String::new, |it| format!("-{it}"));
        let (major, minor) = (part(3).unwrap_or_default(), part(4).unwrap_or_default());
        let (open, text) = if is_open(3) {
            (Open::Major, format!("0.0.0{pre}"))
        } else if is_open(4) {
            (Open::Minor, format!("{major}.0.0{pre}"))
        } else if is_open(5) {
            (Open::Patch, format!("{major}.{minor}.0{pre}"))
        } else {
            (Open::Nothing, part(2).unwrap_or_default().to_owned())
        };
        Some(Self {
            text: found[0].trim().to_owned(),
            operator,
            version: Version::parse(&text)?,
            open,
        })
    }

    /// Decides for a version whose pre-release the group has already admitted.
    fn admits(&self, version: &Version) -> bool {
        let wanted = &self.version;
        let order = version.precedence(wanted);
        match self.operator {
            Operator::Equal if self.open == Open::Nothing => order.is_eq(),
            Operator::Equal | Operator::Tilde => self.admits_tilde(version),
            Operator::NotEqual => self.admits_other(version),
            Operator::Less => order.is_lt(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::Greater => match self.open {
                Open::Nothing | Open::Major => order.is_gt(),
                // Nothing within `1` is greater than `1`.
                Open::Minor => version.major > wanted.major,
                Open::Patch => (version.major, version.minor) > (wanted.major, wanted.minor),
            },
            Operator::LessEqual => match self.open {
                Open::Nothing => order.is_le(),
                Open::Minor => version.major <= wanted.major,
                Open::Patch | Open::Major => {
                    (version.major, version.minor) <= (wanted.major, wanted.minor)
                }
            },
            Operator::Caret => self.admits_caret(version),
        }
    }

    fn admits_tilde(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.precedence(wanted).is_lt() {
            return false;
        }
        // A quirk to keep: `~0.0.0` admits everything, as `*` does.
        let is_zero = (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0);
        if is_zero && matches!(self.open, Open::Nothing | Open::Major) {
            return true;
        }
        version.major == wanted.major && (self.open == Open::Minor || version.minor == wanted.minor)
    }

    fn admits_other(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.open {
            Open::Nothing => version.precedence(wanted).is_ne(),
            _ if version.major != wanted.major => true,
            Open::Minor => false,
            _ if version.minor != wanted.minor => true,
            Open::Patch => {
                let both_released = version.pre.is_empty() && wanted.pre.is_empty();
                !both_released && compare_pre(&version.pre, &wanted.pre).is_ne()
            }
            Open::Major => version.patch != wanted.patch || version.precedence(wanted).is_ne(),
        }
    }

    fn admits_caret(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.precedence(wanted).is_lt() {
            return false;
        }
        if wanted.major > 0 || self.open == Open::Minor {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.open == Open::Patch {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_real_library_agrees() {
        let Some(path) = autoscaleops_testkit::shared("data/semver-pairs.json") else {
            return;
        };
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<(String, String, bool, bool, bool)> = serde_json::from_str(&text).unwrap();
        assert!(rows.len() >= 6_000, "{} rows", rows.len());
        let mut wrong = Vec::new();
        for (constraint, version, constraint_parses, version_parses, satisfied) in &rows {
            let left = Constraint::parse(constraint);
            let right = Version::parse(version);
            let holds = matches!((&left, &right), (Ok(left), Some(right)) if left.admits(right));
            if (left.is_ok(), right.is_some(), holds)
                != (*constraint_parses, *version_parses, *satisfied)
            {
                wrong.push(format!(
                    "{constraint:?} {version:?}: {} {} {holds}",
                    left.is_ok(),
                    right.is_some()
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} rows differ:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    /// The tables that the library tests itself with: constraint, version and whether it satisfies;
    /// whether a version parses; how two versions stand.
    #[derive(serde::Deserialize)]
    struct Tables {
        satisfied: Vec<(String, String, bool)>,
        satisfied_with_pre_releases: Vec<(String, String, bool)>,
        parses: Vec<(String, bool)>,
        order: Vec<(String, String, i8)>,
    }

    #[test]
    fn the_librarys_own_tables_hold() {
        let text = include_str!("../../tests/fixtures/masterminds.json");
        let tables: Tables = serde_json::from_str(text).unwrap();
        assert!(tables.satisfied.len() >= 248 && tables.parses.len() > 40);
        assert!(tables.satisfied_with_pre_releases.len() >= 156);
        for (text, version, expected) in &tables.satisfied {
            let constraint = Constraint::parse(text).unwrap();
            let parsed = Version::parse(version).unwrap();
            assert_eq!(constraint.admits(&parsed), *expected, "{text} {version}");
        }
        for (text, version, expected) in &tables.satisfied_with_pre_releases {
            let constraint = Constraint::parse(text).unwrap().with_pre_releases();
            let parsed = Version::parse(version).unwrap();
            assert_eq!(constraint.admits(&parsed), *expected, "{text} {version}");
        }
        for (version, expected) in &tables.parses {
            assert_eq!(Version::parse(version).is_some(), *expected, "{version:?}");
        }
        for (one, two, expected) in &tables.order {
            let order = Version::parse(one)
                .unwrap()
                .precedence(&Version::parse(two).unwrap());
            assert_eq!(order as i8, *expected, "{one} {two}");
        }
    }

    #[test]
    fn ranges_are_rewritten_as_the_library_does() {
        for (text, expected) in [
            ("2 - 3", ">= 2, <= 3 "),
            ("2 - 3, 2 - 3", ">= 2, <= 3 ,>= 2, <= 3 "),
            ("2 - 3, 4.0.0 - 5.1", ">= 2, <= 3 ,>= 4.0.0, <= 5.1 "),
            ("2 - 3 4.0.0 - 5.1", ">= 2, <= 3 >= 4.0.0, <= 5.1 "),
            ("1.0.0 - 2.0.0 <=2.0.0", ">= 1.0.0, <= 2.0.0 <=2.0.0"),
        ] {
            assert_eq!(without_ranges(text), expected, "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_told_from_other_constraints() {
        for (text, expected) in [
            ("2024", true),
            ("v1", true),
            (">=20240101", true),
            ("1 || 2", true),
            ("1.2", false),
            ("*", false),
            ("1.x", false),
            ("^1.2", false),
        ] {
            assert_eq!(
                Constraint::parse(text).unwrap().is_bare_number(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn no_text_panics_and_an_error_names_it() {
        let error = Constraint::parse("latest").unwrap_err();
        assert!(error.to_string().starts_with("`latest` is not"), "{error}");
        for text in [
            "",
            "||",
            " ",
            "|",
            ">",
            "1 - ",
            "- 1",
            "1..2",
            "é",
            "1.2.3.4",
            "99999999999999999999",
        ] {
            assert!(Constraint::parse(text).is_err(), "{text:?}");
        }
    }
}
