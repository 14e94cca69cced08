//! Findings that somebody answers for: what is waived, by whom, until when.

use std::{collections::HashMap, fs, path::Path};

use autoscaleops_core::{Failure, text};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    digest::sha256,
    purl::PackageUrl,
    scan::{Class, Finding, Target},
    time,
    waiver::glob::Glob,
};

mod glob;
mod own;
mod trivy;

/// The form of a waiver file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// trivy-gate's own.
    Own,
    /// `.trivyignore`
    TrivyText,
    /// `.trivyignore.yaml`
    TrivyYaml,
}

/// One waiver.
#[derive(Clone, Debug)]
pub(crate) struct Waiver {
    pub(crate) id: String,
    /// The class that it is for; all where there is none.
    class: Option<Class>,
    package: Option<String>,
    purls: Vec<PackageUrl>,
    paths: Vec<Glob>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) reason: String,
    pub(crate) owner: String,
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) form: Form,
}

impl Waiver {
    /// Returns whether the waiver has ended. It ends when the day of its date begins in UTC.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|it| it < now)
    }

    /// Returns how many whole days the waiver still lasts; `None` where it has no end.
    pub(crate) fn days_left(&self, now: Timestamp) -> Option<i64> {
        self.expires
            .map(|it| it.duration_since(now).as_hours().div_euclid(24))
    }

    /// Returns the last day and the place, for messages.
    pub(crate) fn until(&self) -> String {
        self.expires.map_or_else(
            || "without an end".to_owned(),
            |it| format!("until {}", time::date(it)),
        )
    }

    fn covers(&self, target: &Target, finding: &Finding) -> bool {
        if self.class.is_some_and(|it| it != finding.class) {
            return false;
        }
        if self
            .package
            .as_ref()
            .is_some_and(|it| *it != finding.package)
        {
            return false;
        }
        if !self.purls.is_empty() {
            // Trivy lets a rule with package URLs match every finding that has none.
            let Ok(found) = PackageUrl::parse(&finding.purl) else {
                return false;
            };
            if !self.purls.iter().any(|it| it.covers(&found)) {
                return false;
            }
        }
        if self.paths.is_empty() {
            return true;
        }
        let places: &[&str] = match finding.class {
            Class::Vulnerability => &[&target.name, &finding.path],
            Class::License => &[&finding.path],
            Class::Secret | Class::Misconfiguration => &[&target.name],
        };
        self.paths
            .iter()
            .any(|glob| places.iter().any(|it| glob.matches(it)))
    }
}

/// What the waivers say of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// No waiver covers it.
    None,
    /// The waiver with this number covers it.
    Waived(usize),
    /// The waiver with this number would, had it not expired.
    Expired(usize),
}

/// Something in a waiver file that is not an error, but should be looked at.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// A waiver file that was read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WaiverFile {
    /// The file.
    pub path: String,
    /// Its form.
    pub form: Form,
    /// How many waivers it holds.
    pub waivers: usize,
    /// The SHA-256 of its content.
    pub sha256: String,
}

/// All waivers of all files, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waivers {
    pub(crate) all: Vec<Waiver>,
    by_id: HashMap<String, Vec<usize>>,
    pub(crate) files: Vec<WaiverFile>,
    pub(crate) problems: Vec<Problem>,
}

impl Waivers {
    /// Reads a file in our own form, whose waivers may last `max_days` from `now`.
    ///
    /// # Errors
    ///
    /// Fails on anything that is not complete and within the limits.
    pub(crate) fn read_own(
        &mut self,
        path: &Path,
        max_days: u32,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let content = content(path)?;
        let waivers = own::parse(path, &content, max_days, now)?;
        self.add(path, Form::Own, &content, waivers);
        Ok(())
    }

    /// Reads a file in one of Trivy's forms, chosen by its ending as Trivy chooses.
    ///
    /// # Errors
    ///
    /// Fails on a YAML file with an unknown key, or with a value that Trivy could not read.
    pub(crate) fn read_trivy(&mut self, path: &Path) -> Result<(), Failure> {
        let content = content(path)?;
        let (form, waivers) = if is_yaml(path) {
            (Form::TrivyYaml, trivy::parse_yaml(path, &content)?)
        } else {
            let (waivers, problems) = trivy::parse_text(path, &content);
            self.problems.extend(problems);
            (Form::TrivyText, waivers)
        };
        self.add(path, form, &content, waivers);
        Ok(())
    }

    /// Reads a file whose form is told by its ending and its first key.
    ///
    /// # Errors
    ///
    /// Fails as the other two do.
    pub(crate) fn read_any(
        &mut self,
        path: &Path,
        max_days: u32,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let is_own = is_yaml(path)
            && content(path)?.lines().any(|it| {
                it.split_once(':')
                    .is_some_and(|it| it.0.trim_end() == "waivers")
            });
        if is_own {
            self.read_own(path, max_days, now)
        } else {
            self.read_trivy(path)
        }
    }

    /// Returns what the waivers say of `finding`. The first one that covers it and has not expired
    /// answers for it.
    pub(crate) fn ask(&self, now: Timestamp, target: &Target, finding: &Finding) -> Answer {
        let mut answer = Answer::None;
        for id in [&finding.id, &finding.alias] {
            for &number in self.by_id.get(id).map_or(&[][..], Vec::as_slice) {
                let waiver = &self.all[number];
                if !waiver.covers(target, finding) {
                    continue;
                }
                if !waiver.is_expired(now) {
                    return Answer::Waived(number);
                }
                if answer == Answer::None {
                    answer = Answer::Expired(number);
                }
            }
        }
        answer
    }

    fn add(&mut self, path: &Path, form: Form, content: &str, waivers: Vec<Waiver>) {
        self.files.push(WaiverFile {
            path: path.display().to_string(),
            form,
            waivers: waivers.len(),
            sha256: sha256(content),
        });
        for waiver in waivers {
            self.by_id
                .entry(waiver.id.clone())
                .or_default()
                .push(self.all.len());
            self.all.push(waiver);
        }
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|it| it == "yaml" || it == "yml")
}

fn content(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|err| {
        Failure::usage(format!(
            "cannot read the waivers in `{}`: {err}",
            path.display()
        ))
        .kind_of("waivers")
    })
}

/// Returns an error about a waiver file.
fn refused(path: &Path, line: usize, column: usize, message: impl AsRef<str>) -> Failure {
    Failure::usage(text::printable(message.as_ref()))
        .kind_of("waivers")
        .at(path, line, column)
        .hint("trivy-gate waivers check FILE")
}

fn yaml_error(path: &Path, err: &serde_yaml::Error) -> Failure {
    let (line, column) = err.location().map_or((0, 0), |it| (it.line(), it.column()));
    refused(path, line, column, err.to_string())
}

/// Finds the lines on which entries begin: the line of each `id`, in order.
fn lines_of_ids(content: &str, ids: impl Iterator<Item = String>) -> Vec<usize> {
    let lines: Vec<&str> = content.lines().collect();
    let mut from = 0;
    ids.map(|id| {
        let is_entry = |line: &&str| {
            let line = line
                .trim_start()
                .trim_start_matches("- ")
                .trim_start_matches(['{', ' ']);
            line.starts_with("id") && line.contains(&id)
        };
        match lines
            .get(from..)
            .and_then(|it| it.iter().position(is_entry))
        {
            Some(found) => {
                from += found + 1;
                from
            }
            None => 0,
        }
    })
    .collect()
}

#[cfg(test)]
mod tests;
