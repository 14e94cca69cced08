//! Image Updater's settings in our words, with a note wherever the words do not mean the same.

use serde_json::{Map, Value, json};

use super::Entry;
use crate::{
    glob::Glob,
    masterminds::Constraint,
    settings::{ImageSettings, Texts},
    strategy::Strategy,
};

/// Our configuration for somebody else's.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The section as YAML.
    pub text: String,
    /// What the reader should know.
    pub notes: Vec<String>,
}

impl Entry {
    /// Returns a name that no other entry has: the alias, with the Application's in front where
    /// that is needed.
    pub fn name(&self, all: &[Self]) -> String {
        let is_alone = all.iter().filter(|it| it.alias == self.alias).count() < 2;
        match (is_alone, self.application.is_empty()) {
            (true, _) | (false, true) => self.alias.clone(),
            (false, false) => format!("{}-{}", self.application, self.alias),
        }
    }

    /// Returns the settings in Image Updater's own words, for a rehearsal.
    pub fn as_written(&self, all: &[Self]) -> ImageSettings {
        ImageSettings {
            name: self.name(all),
            image: self.image.clone(),
            strategy: self.strategy.clone(),
            constraint: self.constraint.clone(),
            allow: self.allow.clone(),
            ignore: Texts::Many(self.ignore.clone()),
            platform: Texts::Many(self.platforms.clone()),
            target: self.target.clone(),
            ..ImageSettings::default()
        }
    }

    fn section(&self, all: &[Self], notes: &mut Vec<String>) -> Value {
        let name = self.name(all);
        let mut note = |text: String| notes.push(format!("{name}: {text}"));
        let mut section = Map::new();
        section.insert("name".to_owned(), name.as_str().into());
        section.insert("image".to_owned(), self.image.as_str().into());
        let strategy = match self.strategy.as_str() {
            "" => Strategy::Semver,
            written => Strategy::named(written).unwrap_or_else(|| {
                note(format!(
                    "the strategy `{written}` is unknown, so Image Updater takes `semver`"
                ));
                Strategy::Semver
            }),
        };
        section.insert("strategy".to_owned(), strategy.name().into());
        if let Some(constraint) = &self.constraint {
            match strategy {
                Strategy::Semver if Constraint::parse(constraint).is_err() => note(format!(
                    "`{constraint}` is no version constraint; Image Updater never updates this image"
                )),
                Strategy::Semver | Strategy::Digest => {
                    section.insert("constraint".to_owned(), constraint.as_str().into());
                }
                _ => note(format!(
                    "Image Updater ignores `{constraint}` with the strategy `{strategy}`; use `allow`"
                )),
            }
        }
        match self.allow.as_deref() {
            None | Some("") => {}
            Some(text) if text.eq_ignore_ascii_case("any") => {}
            Some(text) => match text.split_once(':') {
                Some((function, pattern)) if function.eq_ignore_ascii_case("regexp") => {
                    if pattern != pattern.trim() {
                        note("the space behind `regexp:` makes Image Updater match no tag; it is left out here".to_owned());
                    }
                    if regex::Regex::new(pattern.trim()).is_err() {
                        note(format!(
                            "`{pattern}` is not a regular expression; Image Updater then allows no tag"
                        ));
                    }
                    section.insert("allow".to_owned(), pattern.trim().into());
                }
                _ => note(format!(
                    "`{text}` allows no tag: `regexp:` is missing in front"
                )),
            },
        }
        let (globs, broken): (Vec<&String>, Vec<&String>) =
            self.ignore.iter().partition(|it| Glob::parse(it).is_ok());
        for pattern in broken {
            note(format!(
                "`{pattern}` is no pattern; Image Updater leaves it out"
            ));
        }
        if !globs.is_empty() {
            section.insert("ignore".to_owned(), json!(globs));
        }
        if self.platforms.is_empty() && matches!(strategy, Strategy::NewestBuild | Strategy::Digest)
        {
            note("Image Updater takes the platform that it runs on itself; name yours with `platform`".to_owned());
        } else if !self.platforms.is_empty() {
            section.insert("platform".to_owned(), json!(self.platforms));
        }
        if let Some(target) = &self.target {
            section.insert("target".to_owned(), json!(target));
        }
        Value::Object(section)
    }
}

/// Returns our configuration for these entries.
///
/// # Errors
///
/// Fails when it cannot be written as YAML, which would be a fault of ours.
pub fn convert(entries: &[Entry], mut notes: Vec<String>) -> Result<Converted, serde_yaml::Error> {
    let images: Vec<Value> = entries
        .iter()
        .map(|it| it.section(entries, &mut notes))
        .collect();
    let mut section = Map::new();
    for (key, of) in [
        (
            "repository",
            (|it: &Entry| it.repository.clone()) as fn(&Entry) -> Option<String>,
        ),
        ("branch", |it| it.branch.clone()),
    ] {
        let mut values: Vec<String> = entries.iter().filter_map(of).collect();
        values.sort();
        values.dedup();
        match values.as_slice() {
            [] => {}
            [one] => {
                section.insert(key.to_owned(), one.as_str().into());
            }
            several => notes.push(format!(
                "the Applications have several of `{key}` ({}): make a configuration for each",
                several.join(", ")
            )),
        }
    }
    section.insert("images".to_owned(), Value::Array(images));
    let mut text = String::new();
    for note in &notes {
        // A line break in a name must not end the comment.
        text.push_str(&format!("# {}\n", autoscaleops_core::text::printable(note)));
    }
    text.push_str(&serde_yaml::to_string(&json!({"image-watch": section}))?);
    Ok(Converted { text, notes })
}
