//! What a report says: the scan as a whole, and one finding after the other.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

mod read;
mod refuse;

pub(crate) use read::{Sink, read};

/// How bad a finding is, in ascending order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Nobody has rated it yet.
    #[default]
    Unknown,
    /// Low
    Low,
    /// Medium
    Medium,
    /// High
    High,
    /// Critical
    Critical,
}

impl Severity {
    /// Every severity, in ascending order.
    pub const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// Returns the severity as Trivy writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|it| it.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is not one of UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL"))
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What the vendor says about a vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not known.
    Unknown,
    /// The package is not affected.
    NotAffected,
    /// Affected, no fix yet.
    Affected,
    /// There is a fix.
    Fixed,
    /// The vendor looks into it.
    UnderInvestigation,
    /// The vendor will not fix it.
    WillNotFix,
    /// The fix comes later.
    FixDeferred,
    /// The package gets no fixes any more.
    EndOfLife,
}

impl Status {
    const ALL: [Self; 8] = [
        Self::Unknown,
        Self::NotAffected,
        Self::Affected,
        Self::Fixed,
        Self::UnderInvestigation,
        Self::WillNotFix,
        Self::FixDeferred,
        Self::EndOfLife,
    ];

    /// Returns the status as Trivy writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
            Self::WillNotFix => "will_not_fix",
            Self::FixDeferred => "fix_deferred",
            Self::EndOfLife => "end_of_life",
        }
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|it| it.as_str()).collect();
                format!("`{text}` is not one of {}", known.join(", "))
            })
    }
}

/// What a finding is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A known flaw in a package.
    #[default]
    Vulnerability,
    /// A credential in a file.
    Secret,
    /// A dangerous setting.
    Misconfiguration,
    /// A licence with terms.
    License,
}

impl Class {
    /// Returns the class in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
            Self::Secret => "secret",
            Self::Misconfiguration => "misconfiguration",
            Self::License => "license",
        }
    }
}

/// One finding of a report, as it stands there. Texts that are not given are empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    pub(crate) class: Class,
    /// `CVE-…`, the rule of a secret, the check of a misconfiguration, the name of a licence.
    pub(crate) id: String,
    /// A second name of the same thing: the old id of a check.
    pub(crate) alias: String,
    pub(crate) package: String,
    pub(crate) package_id: String,
    pub(crate) purl: String,
    /// The file within the target.
    pub(crate) path: String,
    pub(crate) installed: String,
    pub(crate) fixed: String,
    /// What the vendor says; `None` where the report does not say, or in words unknown to us.
    pub(crate) status: Option<Status>,
    pub(crate) severity: Severity,
    pub(crate) title: String,
    pub(crate) url: String,
    pub(crate) published: Option<Timestamp>,
    pub(crate) line: i64,
    /// Trivy dropped it from its own list, and says why. Only with `--show-suppressed`.
    pub(crate) suppressed: Option<String>,
}

impl Finding {
    /// Returns whether a fixed version can be installed.
    pub(crate) fn is_fixable(&self) -> bool {
        self.status == Some(Status::Fixed) || !self.fixed.is_empty()
    }

    /// Forgets everything but keeps the memory.
    fn clear(&mut self) {
        for text in [
            &mut self.id,
            &mut self.alias,
            &mut self.package,
            &mut self.package_id,
            &mut self.purl,
            &mut self.path,
            &mut self.installed,
            &mut self.fixed,
            &mut self.title,
            &mut self.url,
        ] {
            text.clear();
        }
        self.status = None;
        self.severity = Severity::Unknown;
        self.published = None;
        self.line = 0;
        self.suppressed = None;
    }
}

/// The result that a finding is part of: one package database, lock file or other file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    /// `ghcr.io/acme/shop:1 (debian 12.8)`, `Python`, `app/package-lock.json`.
    pub(crate) name: String,
    /// `os-pkgs`, `lang-pkgs`, `secret`, …
    pub(crate) class: String,
}

/// The operating system of an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Os {
    pub(crate) family: String,
    pub(crate) name: String,
    pub(crate) is_end_of_life: bool,
}

/// What a report says of the scan as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) schema_version: Option<i64>,
    pub(crate) trivy_version: String,
    /// When the scan ended; not told before Trivy 0.48.
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) artifact_name: String,
    pub(crate) artifact_type: String,
    pub(crate) os: Option<Os>,
    pub(crate) image_id: String,
    pub(crate) diff_ids: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) digests: Vec<String>,
    pub(crate) reference: String,
    /// How many results there are, and of which classes.
    pub(crate) results: usize,
    pub(crate) os_results: usize,
    pub(crate) language_results: usize,
    /// The length of the report in bytes, and its SHA-256.
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}
