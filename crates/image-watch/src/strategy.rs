//! Strategies: what makes one tag come after another.

use std::{cmp::Ordering, fmt};

use autoscaleops_core::text;
use jiff::Timestamp;

use crate::{decimal::Decimal, masterminds::Version};

/// What decides between tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The highest semantic version that the constraint admits.
    Semver,
    /// The image that was built last.
    NewestBuild,
    /// The digest behind one tag that moves.
    Digest,
    /// The last one in the order of bytes.
    Alphabetical,
    /// The greatest decimal number.
    Numerical,
}

/// The names that a configuration may use; the first one of each strategy is the one we print.
const NAMES: [(&str, Strategy); 7] = [
    ("semver", Strategy::Semver),
    ("newest-build", Strategy::NewestBuild),
    ("latest", Strategy::NewestBuild),
    ("digest", Strategy::Digest),
    ("alphabetical", Strategy::Alphabetical),
    ("name", Strategy::Alphabetical),
    ("numerical", Strategy::Numerical),
];

impl Strategy {
    /// Returns the strategy of this name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|it| it.0 == name).map(|it| it.1)
    }

    /// Returns what is wrong with a name that [`Self::named`] does not know.
    pub fn problem(name: &str) -> String {
        let nearest = text::nearest(name, NAMES.iter().map(|it| it.0))
            .map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
        format!("`{}` is not a strategy{nearest}", text::printable(name))
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    /// Returns whether the order needs the metadata of every tag.
    pub fn needs_dates(self) -> bool {
        self == Self::NewestBuild
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a tag is compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// By precedence.
    Version(Version),
    /// By value.
    Number(Decimal),
    /// By bytes.
    Text(String),
    /// By time; the image's date comes from its metadata.
    Date(Option<Timestamp>),
}

impl Key {
    /// Compares two keys of one strategy, without looking at the tags' names.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Version(one), Self::Version(two)) => one.precedence(two),
            (Self::Number(one), Self::Number(two)) => one.cmp(two),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Date(one), Self::Date(two)) => one.cmp(two),
            _ => Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_the_nearest_one_is_told() {
        assert_eq!(Strategy::named("latest"), Some(Strategy::NewestBuild));
        assert_eq!(Strategy::named("name").unwrap().name(), "alphabetical");
        assert_eq!(Strategy::named("Semver"), None);
        assert!(Strategy::problem("newest-buidl").contains("did you mean `newest-build`?"));
    }
}
