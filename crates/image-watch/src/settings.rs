//! The `image-watch` section of the configuration.

use std::{path::PathBuf, time::Duration};

use autoscaleops_core::{Failure, image::ImageRef, time::Span};
use autoscaleops_gitops::{Address, KeyPath};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rule::{Compat, Rule, RuleText};

/// The section.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The images to watch.
    pub images: Vec<ImageSettings>,
    /// What is special about single registries.
    pub registries: Vec<RegistrySettings>,
    /// Registries that may be asked without encryption. This machine always may.
    pub insecure: Vec<String>,
    /// The Git repository with the target files, as an address or a folder; the one around the
    /// configuration file where none is given.
    pub repository: Option<String>,
    /// The branch to write to; the remote's own where none is given.
    pub branch: Option<String>,
    /// The remote to push to, of a repository that is a folder.
    pub remote: String,
    /// Writes to a branch of its own, for a pull request.
    pub pr: bool,
    /// The text of the commit, a minijinja template over `changes` (`name`, `image`, `old`, `new`).
    pub message: Option<String>,
    /// The time between two polls of the daemon.
    pub interval: Span,
    /// Requests at one time to each registry.
    pub concurrency: usize,
    /// The limit of the time for one request.
    pub timeout: Span,
    /// The limit of the time for one request and its retries, and of a wait that a registry asks for.
    pub max_wait: Span,
    /// Attempts after the first.
    pub retries: u32,
    /// The limit of requests to each registry in one poll.
    pub max_requests: Option<u64>,
    /// The folder for what polls learn; `~/.cache/image-watch/v2` where none is given.
    pub cache: Option<PathBuf>,
    /// Whose semantics apply: `ours`, or `aiu` for those of Argo CD Image Updater.
    pub compat: CompatSetting,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            images: Vec::new(),
            registries: Vec::new(),
            insecure: Vec::new(),
            repository: None,
            branch: None,
            remote: "origin".to_owned(),
            pr: false,
            message: None,
            interval: Span::seconds(120),
            concurrency: 8,
            timeout: Span::seconds(30),
            max_wait: Span::seconds(60),
            retries: 5,
            max_requests: None,
            cache: None,
            compat: CompatSetting::Ours,
        }
    }
}

/// Whose semantics apply where ours and Image Updater's differ.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum CompatSetting {
    /// Ours, which refuse where Image Updater guesses
    #[default]
    Ours,
    /// Argo CD Image Updater's
    Aiu,
}

impl From<CompatSetting> for Compat {
    fn from(setting: CompatSetting) -> Self {
        match setting {
            CompatSetting::Ours => Self::Ours,
            CompatSetting::Aiu => Self::ImageUpdater,
        }
    }
}

/// One text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Texts {
    /// One; several may be divided by commas.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Texts {
    /// Returns the texts.
    pub fn list(&self) -> Vec<&str> {
        match self {
            Self::One(text) => text
                .split(',')
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .collect(),
            Self::Many(texts) => texts.iter().map(String::as_str).collect(),
        }
    }
}

/// What is written of the new image.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// The tag
    Tag,
    /// The tag and the digest
    Both,
}

/// A wish to leave an image as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HoldSetting {
    /// Always, or not at all.
    Always(bool),
    /// Until this day.
    Until(#[schemars(with = "String")] Date),
}

/// One image.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSettings {
    /// What this entry is called; the last part of the image's name where none is given.
    pub name: String,
    /// The image: registry and repository, without a tag.
    pub image: String,
    /// What decides between tags: `semver`, `newest-build`, `digest`, `alphabetical`, `numerical`.
    pub strategy: String,
    /// The versions that may run, such as `>=1.0, <2`; for `digest` the tag to follow.
    pub constraint: Option<String>,
    /// A regular expression of tags that may run.
    pub allow: Option<String>,
    /// Patterns of tags that may not run, such as `*-rc*`.
    pub ignore: Texts,
    /// A regular expression whose first group is compared instead of the tag.
    pub extract: Option<String>,
    /// The platforms that an image must have, such as `linux/amd64`.
    pub platform: Texts,
    /// Takes a tag of digits alone for a version.
    pub loose: bool,
    /// Admits pre-releases although the constraint names none.
    pub pre_releases: bool,
    /// How long an image must have existed.
    pub min_age: Option<Span>,
    /// Leaves the image as it is, always (`true`) or until a day.
    pub hold: Option<HoldSetting>,
    /// The entry that must run a tag before this one may.
    pub after: Option<String>,
    /// Lets a tag replace one that sorts after it.
    pub allow_downgrade: bool,
    /// What is written: `tag`, or `both` for the tag with its digest.
    pub pin: Option<Pin>,
    /// The value that runs now, for an image without a target.
    pub current: Option<String>,
    /// Where the image is written.
    pub target: Option<Target>,
}

/// Where an image is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// The file, from the root of the repository.
    pub file: String,
    /// The path of the value, such as `image.tag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<KeyPath>,
    /// The image's name in the file, where it is another one than the registry's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The name in a comment `# tag-bump: NAME` on the value's line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The document within the file, counted from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
}

/// What is special about a registry.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrySettings {
    /// The registry, as it stands in names of images.
    pub host: String,
    /// Whether it speaks TLS, where that is not to be found out.
    pub tls: Option<bool>,
    /// Where its credentials are: `env:NAME` or `file:PATH`, holding `name:password` or a token.
    /// Docker's and Podman's configuration where none is given.
    pub credentials: Option<String>,
    /// Certificate authority to trust besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Requests at one time.
    pub concurrency: Option<usize>,
    /// The limit of requests in one poll.
    pub max_requests: Option<u64>,
}

/// An image, ready to be polled.
#[derive(Clone, Debug)]
pub struct Image {
    /// What it is called.
    pub name: String,
    /// The image, without tag and digest.
    pub image: ImageRef,
    /// Which tags may run.
    pub rule: Rule,
    /// A wish of the configuration to leave it as it is.
    pub hold: Option<HoldSetting>,
    /// The entry that must run a tag before this one may.
    pub after: Option<String>,
    /// What is written.
    pub pin: Pin,
    /// The value that runs now, where there is no target.
    pub current: Option<String>,
    /// Where it is written.
    pub target: Option<Target>,
}

impl Target {
    /// Returns how the value is named in the file.
    pub fn address(&self, image: &ImageRef) -> Address {
        match (&self.path, &self.marker, &self.image) {
            (Some(path), _, _) => Address::Path(path.clone()),
            (None, Some(marker), _) => Address::Marker(marker.clone()),
            (None, None, Some(name)) => Address::Image(name.clone()),
            (None, None, None) => Address::Image(image.name().to_owned()),
        }
    }
}

impl ImageSettings {
    /// Reads an entry.
    ///
    /// # Errors
    ///
    /// Fails on an image that is none, and on a rule that is not usable.
    pub fn read(&self, compat: Compat) -> Result<Image, Failure> {
        let entry = if self.name.is_empty() {
            &self.image
        } else {
            &self.name
        };
        let failure = |problem: String| {
            Failure::usage(format!("image-watch: the image `{entry}`: {problem}")).kind_of("config")
        };
        let image: ImageRef = self
            .image
            .parse()
            .map_err(|err| failure(format!("`image` is not usable: {err}")))?;
        if image.tag().is_some() || image.digest().is_some() {
            return Err(
                failure(format!("`image` is not usable: `{image}` has a tag")).hint(
                    "the tag to follow belongs into `constraint`, with the strategy `digest`",
                ),
            );
        }
        if self.target.as_ref().is_some_and(|it| it.file.is_empty()) {
            return Err(failure("`target` needs a `file`".to_owned()));
        }
        let rule = Rule::read(&RuleText {
            strategy: &self.strategy,
            constraint: self.constraint.as_deref(),
            allow: self.allow.as_deref(),
            ignore: self.ignore.list(),
            extract: self.extract.as_deref(),
            platforms: self.platform.list(),
            loose: self.loose,
            pre_releases: self.pre_releases,
            min_age: self.min_age.map_or(Duration::ZERO, |it| it.0),
            allow_downgrade: self.allow_downgrade,
            compat,
        })
        .map_err(|err| failure(err.to_string()))?;
        let last = image.name().rsplit('/').next().unwrap_or(image.name());
        let name = if self.name.is_empty() {
            last
        } else {
            &self.name
        };
        let pin = self.pin.unwrap_or(match rule.only_tag() {
            Some(_) => Pin::Both,
            None => Pin::Tag,
        });
        if pin == Pin::Tag && rule.only_tag().is_some() {
            return Err(failure(
                "the strategy `digest` needs `pin: both`".to_owned(),
            ));
        }
        Ok(Image {
            name: name.to_owned(),
            rule,
            hold: self.hold.clone(),
            after: self.after.clone(),
            pin,
            current: self.current.clone(),
            target: self.target.clone(),
            image,
        })
    }
}

impl Settings {
    /// Reads every entry.
    ///
    /// # Errors
    ///
    /// Fails on an entry that is not usable, on two of one name, and on an `after` that leads
    /// nowhere or in a circle.
    pub fn read(&self) -> Result<Vec<Image>, Failure> {
        let images = self
            .images
            .iter()
            .map(|it| it.read(self.compat.into()))
            .collect::<Result<Vec<Image>, Failure>>()?;
        for (index, image) in images.iter().enumerate() {
            let problem = |text: String| {
                Err(Failure::usage(format!("image-watch: {text}")).kind_of("config"))
            };
            if images[..index].iter().any(|it| it.name == image.name) {
                return problem(format!(
                    "two images are called `{}`; give them a `name`",
                    image.name
                ));
            }
            let mut at = image;
            for _ in 0..=images.len() {
                let Some(after) = &at.after else { break };
                match images.iter().find(|it| it.name == *after) {
                    Some(next) if next.name == image.name => {
                        return problem(format!(
                            "`after` of `{}` leads back to itself",
                            image.name
                        ));
                    }
                    Some(next) => at = next,
                    None => {
                        return problem(format!(
                            "`after: {after}` of `{}` names no image",
                            at.name
                        ));
                    }
                }
            }
        }
        Ok(images)
    }
}

#[cfg(test)]
mod tests;
