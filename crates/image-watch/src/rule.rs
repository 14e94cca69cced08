//! The rule of one image: which tags may run at all, and by what they are compared.

use std::time::Duration;

use autoscaleops_core::text::printable;
use regex::Regex;
use thiserror::Error;

use crate::{
    decimal::Decimal,
    glob::Glob,
    masterminds::{Constraint, Version},
    platform::Platform,
    strategy::{Key, Strategy},
};

/// Whose semantics apply where ours and Image Updater's differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// Ours, which refuse where Image Updater guesses.
    #[default]
    Ours,
    /// Those of Argo CD Image Updater 1.3.
    ImageUpdater,
}

/// A rule as it is written down.
#[derive(Clone, Debug, Default)]
pub struct RuleText<'a> {
    /// The strategy's name; empty for `semver`.
    pub strategy: &'a str,
    /// The version constraint, or the tag of the `digest` strategy.
    pub constraint: Option<&'a str>,
    /// The pattern of tags that are allowed.
    pub allow: Option<&'a str>,
    /// The globs of tags that are ignored.
    pub ignore: Vec<&'a str>,
    /// The pattern whose group is compared instead of the tag.
    pub extract: Option<&'a str>,
    /// The wanted platforms.
    pub platforms: Vec<&'a str>,
    /// Takes a tag of digits alone for a version.
    pub loose: bool,
    /// Admits pre-releases although the constraint names none.
    pub pre_releases: bool,
    /// How long an image must have existed.
    pub min_age: Duration,
    /// Lets a tag replace one that sorts after it.
    pub allow_downgrade: bool,
    /// Whose semantics apply.
    pub compat: Compat,
}

/// A rule is not usable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` is not usable: {problem}")]
pub struct RuleError {
    /// The key of the configuration.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// A rule, ready for use.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What decides between tags.
    pub strategy: Strategy,
    /// The wanted platforms; empty for any.
    pub platforms: Vec<Platform>,
    /// How long an image must have existed.
    pub min_age: Duration,
    /// Whose semantics apply.
    pub compat: Compat,
    /// Lets a tag replace one that sorts after it.
    pub allow_downgrade: bool,
    constraint: Option<Constraint>,
    /// The one tag of the `digest` strategy.
    only: Option<String>,
    allow: Allow,
    ignore: Vec<Glob>,
    extract: Option<Regex>,
    loose: bool,
}

#[derive(Clone, Debug)]
enum Allow {
    Any,
    Pattern(Regex),
    /// Image Updater's answer to a pattern it cannot read.
    Nothing,
}

/// Which filter dropped a tag, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The filter: `allow`, `ignore`, `artifact`, `extract`, `constraint`, …
    pub filter: &'static str,
    /// The reason for people.
    pub reason: String,
}

impl Dropped {
    /// Returns a verdict.
    pub fn by(filter: &'static str, reason: impl Into<String>) -> Self {
        Self {
            filter,
            reason: reason.into(),
        }
    }
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// Fails on a pattern, constraint, strategy or platform that cannot be read. With
    /// [`Compat::ImageUpdater`] only on what stops Image Updater too; the rest is read as it does.
    pub fn read(text: &RuleText<'_>) -> Result<Self, RuleError> {
        let error = |field, problem: String| RuleError { field, problem };
        let is_ours = text.compat == Compat::Ours;
        let strategy = match text.strategy {
            "" => Strategy::Semver,
            name => match Strategy::named(name) {
                Some(strategy) => strategy,
                None if is_ours => return Err(error("strategy", Strategy::problem(name))),
                None => Strategy::Semver,
            },
        };
        let written = text.constraint.filter(|it| !it.is_empty());
        let mut constraint = None;
        let mut only = None;
        match (strategy, written) {
            (Strategy::Semver, written) => {
                let parsed = Constraint::parse(written.unwrap_or("*"))
                    .map_err(|err| error("constraint", err.to_string()))?;
                constraint = Some(if text.pre_releases {
                    parsed.with_pre_releases()
                } else {
                    parsed
                });
            }
            (Strategy::Digest, Some(tag)) => {
                tag.parse::<autoscaleops_core::image::Tag>()
                    .map_err(|err| error("constraint", err.to_string()))?;
                only = Some(tag.to_owned());
            }
            (Strategy::Digest, None) => {
                let problem = "the strategy `digest` needs the tag to follow, such as `latest`";
                return Err(error("constraint", problem.to_owned()));
            }
            (_, Some(_)) if is_ours => {
                let problem = format!("the strategy `{strategy}` takes no constraint; use `allow`");
                return Err(error("constraint", problem));
            }
            _ => {}
        }
        if text.pre_releases && strategy != Strategy::Semver {
            let problem = format!("the strategy `{strategy}` knows no pre-releases");
            return Err(error("pre_releases", problem));
        }
        let allow = match text.allow {
            None | Some("") => Allow::Any,
            Some(pattern) if is_ours => our_allow(pattern).map_err(|it| error("allow", it))?,
            Some(pattern) => their_allow(pattern),
        };
        let mut ignore = Vec::new();
        for pattern in &text.ignore {
            match Glob::parse(pattern.trim()) {
                Ok(glob) => ignore.push(glob),
                Err(err) if is_ours => return Err(error("ignore", err.to_string())),
                Err(_) => {}
            }
        }
        let extract = match text.extract {
            None | Some("") => None,
            Some(pattern) => Some(extract(pattern).map_err(|it| error("extract", it))?),
        };
        if extract.is_some() && matches!(strategy, Strategy::NewestBuild | Strategy::Digest) {
            let problem =
                format!("the strategy `{strategy}` compares no part of the tag; use `allow`");
            return Err(error("extract", problem));
        }
        let mut platforms = Vec::new();
        for platform in &text.platforms {
            match platform.parse::<Platform>() {
                Ok(platform) => platforms.push(platform),
                Err(problem) if is_ours => return Err(error("platform", problem)),
                // No image is for it, so nothing is chosen.
                Err(_) => platforms.push(Platform::new("", platform, "")),
            }
        }
        if platforms.is_empty() && !is_ours {
            // The platform of Image Updater's own process, which its images are built for.
            platforms.push(Platform::new("linux", "amd64", ""));
        }
        Ok(Self {
            strategy,
            platforms,
            min_age: text.min_age,
            compat: text.compat,
            allow_downgrade: text.allow_downgrade,
            constraint,
            only,
            allow,
            ignore,
            extract,
            loose: text.loose,
        })
    }

    /// Returns the one tag of the `digest` strategy.
    pub fn only_tag(&self) -> Option<&str> {
        self.only.as_deref()
    }

    /// Returns whether ours apply.
    pub fn is_ours(&self) -> bool {
        self.compat == Compat::Ours
    }

    /// Decides by its name whether a tag may run, and returns what it is compared by. The date of
    /// `newest-build` is still open.
    ///
    /// # Errors
    ///
    /// Returns the filter that drops the tag.
    pub fn screen(&self, tag: &str) -> Result<Key, Dropped> {
        if self.is_ours() && is_artifact(tag) {
            return Err(Dropped::by(
                "artifact",
                "a signature, attestation or bill of materials",
            ));
        }
        match &self.allow {
            Allow::Any => {}
            Allow::Pattern(pattern) if pattern.is_match(tag) => {}
            Allow::Pattern(pattern) => {
                return Err(Dropped::by("allow", format!("does not match `{pattern}`")));
            }
            Allow::Nothing => {
                return Err(Dropped::by(
                    "allow",
                    "the pattern is invalid, so nothing matches",
                ));
            }
        }
        if let Some(glob) = self.ignore.iter().find(|it| it.matches(tag)) {
            return Err(Dropped::by(
                "ignore",
                format!("matches `{}`", glob.as_str()),
            ));
        }
        if let Some(only) = &self.only
            && tag != only
        {
            return Err(Dropped::by("constraint", format!("is not `{only}`")));
        }
        self.key(tag).and_then(|key| self.constrain(key))
    }

    /// Returns every filter by name that a tag passes or fails on, the last one being the one that
    /// drops it.
    pub fn trace(&self, tag: &str) -> Vec<(&'static str, Result<String, Dropped>)> {
        let failed = self.screen(tag).err();
        let mut steps: Vec<(&'static str, String)> = Vec::new();
        if self.is_ours() {
            steps.push(("artifact", "is no signature or attestation".to_owned()));
        }
        steps.push(match &self.allow {
            Allow::Pattern(pattern) => ("allow", format!("matches `{pattern}`")),
            _ => ("allow", "any tag is allowed".to_owned()),
        });
        steps.push((
            "ignore",
            format!("matches none of {} patterns", self.ignore.len()),
        ));
        if let Some(pattern) = &self.extract {
            steps.push(("extract", format!("matches `{pattern}`")));
        }
        match self.strategy {
            Strategy::Semver => steps.push(("version", "is a semantic version".to_owned())),
            Strategy::Numerical => steps.push(("number", "is a decimal number".to_owned())),
            _ => {}
        }
        if let Some(constraint) = &self.constraint {
            steps.push(("constraint", format!("`{}` admits it", constraint.as_str())));
        } else if let Some(only) = &self.only {
            steps.push(("constraint", format!("is `{only}`")));
        }
        let mut trace = Vec::new();
        for (filter, reason) in steps {
            match &failed {
                Some(dropped) if dropped.filter == filter => {
                    trace.push((filter, Err(dropped.clone())));
                    break;
                }
                _ => trace.push((filter, Ok(reason))),
            }
        }
        trace
    }

    /// Returns what a tag is compared by, whether or not it may run.
    ///
    /// # Errors
    ///
    /// Fails when the strategy cannot read the tag.
    pub fn key(&self, tag: &str) -> Result<Key, Dropped> {
        let value = match &self.extract {
            None => tag,
            Some(pattern) => pattern
                .captures(tag)
                .and_then(|found| found.name("value").or_else(|| found.get(1)))
                .map(|it| it.as_str())
                .ok_or_else(|| Dropped::by("extract", format!("does not match `{pattern}`")))?,
        };
        match self.strategy {
            Strategy::NewestBuild => Ok(Key::Date(None)),
            Strategy::Digest | Strategy::Alphabetical => Ok(Key::Text(value.to_owned())),
            Strategy::Numerical => Decimal::parse(value)
                .map(Key::Number)
                .ok_or_else(|| Dropped::by("number", format!("`{value}` is not a decimal number"))),
            Strategy::Semver => self.version(value).map(Key::Version),
        }
    }

    fn version(&self, value: &str) -> Result<Version, Dropped> {
        let problem = || Dropped::by("version", format!("`{value}` is not a semantic version"));
        if !self.is_ours() {
            return Version::parse(value).ok_or_else(problem);
        }
        // A tag cannot hold a plus sign; build tools write an underscore for it.
        let version = Version::parse(value)
            .or_else(|| Version::parse(&value.replacen('_', "+", 1)))
            .ok_or_else(problem)?;
        let wants_bare = self.loose
            || self
                .constraint
                .as_ref()
                .is_some_and(Constraint::is_bare_number);
        if version.is_bare_number() && !wants_bare {
            return Err(Dropped::by(
                "version",
                format!(
                    "`{value}` has no dot: it may be a date or a commit (`loose: true` takes it)"
                ),
            ));
        }
        Ok(version)
    }

    fn constrain(&self, key: Key) -> Result<Key, Dropped> {
        let (Key::Version(version), Some(constraint)) = (&key, &self.constraint) else {
            return Ok(key);
        };
        if constraint.admits(version) {
            return Ok(key);
        }
        let reason = if !version.pre.is_empty() && !constraint.admits_pre() {
            format!(
                "is a pre-release, and `{}` names none (`pre_releases: true` admits them)",
                constraint.as_str()
            )
        } else {
            match constraint.refusing(version) {
                None => format!("`{}` does not admit it", constraint.as_str()),
                Some(one) => format!("`{one}` of `{}` does not admit it", constraint.as_str()),
            }
        };
        Err(Dropped::by("constraint", reason))
    }
}

/// Returns whether `tag` is one of those that cosign and its kin push beside an image.
fn is_artifact(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else {
        return false;
    };
    let (hex, ending) = rest.split_once('.').unwrap_or((rest, ""));
    hex.len() == 64
        && hex.bytes().all(|it| it.is_ascii_hexdigit())
        && matches!(ending, "" | "sig" | "att" | "sbom" | "cosign")
}

fn our_allow(pattern: &str) -> Result<Allow, String> {
    let pattern = match pattern.split_once(':') {
        Some((function, rest)) if function.eq_ignore_ascii_case("regexp") => rest.trim(),
        _ => pattern,
    };
    Regex::new(pattern)
        .map(Allow::Pattern)
        .map_err(|err| regex_problem(pattern, &err))
}

/// Reads `regexp:PATTERN` or `any`; everything else allows nothing.
fn their_allow(text: &str) -> Allow {
    if text.eq_ignore_ascii_case("any") {
        return Allow::Any;
    }
    match text.split_once(':') {
        Some((function, pattern)) if function.eq_ignore_ascii_case("regexp") => {
            Regex::new(pattern).map_or(Allow::Nothing, Allow::Pattern)
        }
        _ => Allow::Nothing,
    }
}

fn extract(pattern: &str) -> Result<Regex, String> {
    let regex = Regex::new(pattern).map_err(|err| regex_problem(pattern, &err))?;
    if regex.captures_len() < 2 {
        let pattern = printable(pattern);
        return Err(format!(
            "`{pattern}` has no group; put parentheses around what is compared"
        ));
    }
    Ok(regex)
}

fn regex_problem(pattern: &str, err: &regex::Error) -> String {
    let text = err.to_string();
    let last = text.lines().last().unwrap_or_default();
    let reason = last.trim().trim_start_matches("error: ");
    format!(
        "`{}` is not a regular expression: {reason}",
        printable(pattern)
    )
}

#[cfg(test)]
mod tests;
