//! What a decision is made of besides names: facts about images, and where they come from.

use std::time::Duration;

use jiff::Timestamp;

use crate::platform::Platform;

/// Dates before this one are what reproducible builds write, and say nothing about age.
const FIRST_TRUSTED: Timestamp = Timestamp::constant(315_532_800, 0);

/// What a registry knows about the image behind a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The digest of the manifest or index.
    pub digest: String,
    /// The date in the image's configuration; of an index, the latest of the wanted platforms.
    pub created: Option<Timestamp>,
    /// The date in an annotation or label, for images that have none of their own.
    pub annotated: Option<Timestamp>,
    /// The platforms that the image is for.
    pub offered: Vec<Platform>,
    /// When this cache saw the tag for the first time.
    pub first_seen: Option<Timestamp>,
}

impl Facts {
    /// Returns the date that can be trusted, if any.
    pub fn date(&self) -> Option<Timestamp> {
        self.created
            .filter(|it| *it >= FIRST_TRUSTED)
            .or(self.annotated.filter(|it| *it >= FIRST_TRUSTED))
    }

    /// Returns how long the image has existed at least.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        let since = [self.date(), self.first_seen].into_iter().flatten().min()?;
        Some(Duration::try_from(now.duration_since(since)).unwrap_or_default())
    }
}

/// Where the decision gets what tags alone do not tell.
pub trait Evidence {
    /// Why evidence could not be had.
    type Error;

    /// Returns the facts about each tag, in the same order; `None` for a tag without an image.
    fn facts(&mut self, tags: &[&str]) -> Vec<Result<Option<Facts>, Self::Error>>;

    /// Returns the digest that a tag has at this moment; `None` for a tag without an image.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not answer.
    fn digest(&mut self, tag: &str) -> Result<Option<String>, Self::Error>;

    /// Drops what is remembered about a tag that has moved.
    fn forget(&mut self, tag: &str);
}
