//! What blocks: the configuration, the flags over it, and the two read into one policy.

use std::{collections::BTreeMap, path::PathBuf};

use autoscaleops_core::{Failure, time::Span};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    feeds::Feeds,
    scan::{Class, Severity, Status},
};

/// What a budget counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum BudgetUnit {
    /// Every package with the flaw counts
    #[default]
    Finding,
    /// One flaw counts once, in however many packages it is
    Cve,
}

/// The section `trivy-gate` of `autoscaleops.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Severities of vulnerabilities that block.
    #[serde(deserialize_with = "list_of_severities")]
    pub severities: Vec<Severity>,
    /// Severities of secrets that block.
    #[serde(deserialize_with = "list_of_severities")]
    pub secret_severities: Vec<Severity>,
    /// Severities of misconfigurations that block.
    #[serde(deserialize_with = "list_of_severities")]
    pub misconfiguration_severities: Vec<Severity>,
    /// Severities of licences that block.
    #[serde(deserialize_with = "list_of_severities")]
    pub license_severities: Vec<Severity>,
    /// Whether vulnerabilities without a fixed version are listed and do not block.
    pub ignore_unfixed: bool,
    /// Vendor statuses of vulnerabilities that are listed and do not block.
    pub ignore_statuses: Vec<Status>,
    /// Whether vulnerabilities of unknown severity block.
    pub fail_on_unknown: bool,
    /// Whether an operating system that gets no fixes any more blocks.
    pub fail_on_eol: bool,
    /// How many CRITICAL vulnerabilities are tolerated.
    pub max_critical: u64,
    /// How many HIGH vulnerabilities are tolerated.
    pub max_high: u64,
    /// How many MEDIUM vulnerabilities are tolerated, where they block.
    pub max_medium: u64,
    /// How many LOW vulnerabilities are tolerated, where they block.
    pub max_low: u64,
    /// How many vulnerabilities of unknown severity are tolerated, where they block.
    pub max_unknown: u64,
    /// What the budgets `max_…` count.
    pub budget_unit: BudgetUnit,
    /// Days from publication during which a vulnerability does not block yet.
    pub grace_days: u32,
    /// Whether CRITICAL vulnerabilities have the days of grace too.
    pub grace_critical: bool,
    /// Whether known exploited vulnerabilities have the days of grace too.
    pub grace_exploited: bool,
    /// CISA's catalogue of known exploited vulnerabilities, a JSON file. What it lists blocks at any
    /// severity, also without a fix.
    #[schemars(with = "Option<String>")]
    pub kev: Option<PathBuf>,
    /// FIRST's EPSS scores, a CSV file, not compressed.
    #[schemars(with = "Option<String>")]
    pub epss: Option<PathBuf>,
    /// EPSS score from which a vulnerability blocks at any severity.
    pub block_epss: Option<f64>,
    /// EPSS score below which a vulnerability is listed and does not block, unless it is CRITICAL,
    /// known exploited or without a score.
    pub tolerate_epss: Option<f64>,
    /// The greatest age of the files `kev` and `epss`.
    pub max_feed_age: Option<Span>,
    /// Waiver files in trivy-gate's own format.
    #[schemars(with = "Vec<String>")]
    pub waivers: Vec<PathBuf>,
    /// Waiver files in Trivy's formats: YAML by the endings `.yaml` and `.yml`, else plain text.
    #[schemars(with = "Vec<String>")]
    pub ignorefiles: Vec<PathBuf>,
    /// The longest time that an own waiver may still last, in days.
    pub max_waiver_days: u32,
    /// How many waived findings are tolerated.
    pub max_waived: Option<u64>,
    /// Days before its end from which a waiver is listed as ending soon.
    pub expiring_days: u32,
    /// Whether a waiver that waives nothing, or has expired, blocks.
    pub fail_on_unused_waivers: bool,
    /// Whether findings that Trivy itself suppressed (VEX, ignore file) are judged as all others.
    pub distrust_suppressed: bool,
    /// The image that must have been scanned: a reference, or a digest.
    pub expect_image: Option<String>,
    /// The greatest age of the report.
    pub max_age: Option<Span>,
    /// Kinds of artifact whose reports are judged.
    pub artifact_types: Vec<String>,
    /// Whether a scan that found no packages passes, as for an image with one static program.
    pub allow_empty: bool,
    /// The greatest length of a report in bytes.
    pub max_report_bytes: u64,
    /// How many findings are listed one by one; all are counted.
    pub max_listed: usize,
    /// The Trivy program that `--image` and `--input` run.
    #[schemars(with = "Option<String>")]
    pub trivy: Option<PathBuf>,
    /// The Trivy image, pinned by digest, that is run where there is no program.
    pub trivy_image: Option<String>,
    /// How long Trivy may take.
    pub trivy_timeout: Span,
    /// Trivy's cache folder, with its database.
    #[schemars(with = "Option<String>")]
    pub trivy_cache: Option<PathBuf>,
    /// Whether Trivy uses the database as it is, without the network.
    pub offline: bool,
    /// What Trivy looks for.
    pub scanners: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let high = vec![Severity::High, Severity::Critical];
        Self {
            severities: high.clone(),
            secret_severities: high,
            misconfiguration_severities: Vec::new(),
            license_severities: Vec::new(),
            ignore_unfixed: true,
            ignore_statuses: Vec::new(),
            fail_on_unknown: false,
            fail_on_eol: false,
            max_critical: 0,
            max_high: 0,
            max_medium: 0,
            max_low: 0,
            max_unknown: 0,
            budget_unit: BudgetUnit::Finding,
            grace_days: 0,
            grace_critical: false,
            grace_exploited: false,
            kev: None,
            epss: None,
            block_epss: None,
            tolerate_epss: None,
            max_feed_age: None,
            waivers: Vec::new(),
            ignorefiles: Vec::new(),
            max_waiver_days: 90,
            max_waived: None,
            expiring_days: 14,
            fail_on_unused_waivers: false,
            distrust_suppressed: false,
            expect_image: None,
            max_age: None,
            artifact_types: vec!["container_image".to_owned()],
            allow_empty: false,
            max_report_bytes: 1 << 30,
            max_listed: 2_000,
            trivy: None,
            trivy_image: None,
            trivy_timeout: Span::seconds(600),
            trivy_cache: None,
            offline: false,
            scanners: vec!["vuln".to_owned(), "secret".to_owned()],
        }
    }
}

/// The flags over the configuration, under the same names.
#[derive(Clone, Debug, Default, Args, Serialize)]
#[command(next_help_heading = "Policy")]
pub struct Flags {
    /// Severities of vulnerabilities that block [default: HIGH,CRITICAL]
    #[arg(long, value_parser = severities, value_name = "LIST", global = true)]
    severities: Option<Severities>,
    /// Severities of secrets that block; `none` for none [default: HIGH,CRITICAL]
    #[arg(long, value_parser = severities, value_name = "LIST", global = true)]
    secret_severities: Option<Severities>,
    /// Severities of misconfigurations that block [default: none]
    #[arg(long, value_parser = severities, value_name = "LIST", global = true)]
    misconfiguration_severities: Option<Severities>,
    /// Severities of licences that block [default: none]
    #[arg(long, value_parser = severities, value_name = "LIST", global = true)]
    license_severities: Option<Severities>,
    /// Let vulnerabilities without a fixed version pass; they are listed [default]
    #[arg(
        long,
        overrides_with = "no_ignore_unfixed",
        num_args = 0,
        default_missing_value = "true",
        global = true
    )]
    ignore_unfixed: Option<bool>,
    /// Block on vulnerabilities without a fixed version too
    #[arg(long, global = true)]
    #[serde(skip)]
    no_ignore_unfixed: bool,
    /// Vendor statuses that do not block, such as `will_not_fix,end_of_life`
    #[arg(long, value_delimiter = ',', value_name = "LIST", global = true)]
    ignore_statuses: Option<Vec<Status>>,
    /// Block on vulnerabilities of unknown severity
    #[arg(long, num_args = 0, default_missing_value = "true", global = true)]
    fail_on_unknown: Option<bool>,
    /// Block when the operating system gets no fixes any more
    #[arg(long, num_args = 0, default_missing_value = "true", global = true)]
    fail_on_eol: Option<bool>,
    /// Tolerate this many CRITICAL vulnerabilities
    #[arg(long, value_name = "N", global = true)]
    max_critical: Option<u64>,
    /// Tolerate this many HIGH vulnerabilities
    #[arg(long, value_name = "N", global = true)]
    max_high: Option<u64>,
    /// Tolerate this many MEDIUM vulnerabilities
    #[arg(long, value_name = "N", global = true)]
    max_medium: Option<u64>,
    /// Tolerate this many LOW vulnerabilities
    #[arg(long, value_name = "N", global = true)]
    max_low: Option<u64>,
    /// Tolerate this many vulnerabilities of unknown severity
    #[arg(long, value_name = "N", global = true)]
    max_unknown: Option<u64>,
    /// What those limits count [default: finding]
    #[arg(long, value_enum, value_name = "UNIT", global = true)]
    budget_unit: Option<BudgetUnit>,
    /// Let a vulnerability pass for so many days from its publication
    #[arg(long, value_name = "DAYS", global = true)]
    grace_days: Option<u32>,
    /// Grant the days of grace to CRITICAL vulnerabilities too
    #[arg(long, num_args = 0, default_missing_value = "true", global = true)]
    grace_critical: Option<bool>,
    /// Grant the days of grace to known exploited vulnerabilities too
    #[arg(long, num_args = 0, default_missing_value = "true", global = true)]
    grace_exploited: Option<bool>,
    /// CISA's catalogue of known exploited vulnerabilities (JSON); what it lists blocks
    #[arg(long, value_name = "FILE", global = true)]
    kev: Option<PathBuf>,
    /// FIRST's EPSS scores (CSV)
    #[arg(long, value_name = "FILE", global = true)]
    epss: Option<PathBuf>,
    /// Block from this EPSS score, at any severity
    #[arg(long, value_name = "SCORE", global = true)]
    block_epss: Option<f64>,
    /// Tolerate below this EPSS score, unless CRITICAL, known exploited or without a score
    #[arg(long, value_name = "SCORE", global = true)]
    tolerate_epss: Option<f64>,
    /// Refuse KEV and EPSS files older than this
    #[arg(long, value_name = "SPAN", global = true)]
    max_feed_age: Option<Span>,
    /// Waivers in trivy-gate's own format (can be repeated)
    #[arg(long, value_name = "FILE", global = true)]
    waivers: Option<Vec<PathBuf>>,
    /// Waivers in Trivy's formats, `.trivyignore` or `.trivyignore.yaml` (can be repeated)
    #[arg(long = "ignorefile", value_name = "FILE", global = true)]
    ignorefiles: Option<Vec<PathBuf>>,
    /// The longest time that an own waiver may still last [default: 90]
    #[arg(long, value_name = "DAYS", global = true)]
    max_waiver_days: Option<u32>,
    /// Block when more findings than this are waived
    #[arg(long, value_name = "N", global = true)]
    max_waived: Option<u64>,
    /// List waivers that end within so many days [default: 14]
    #[arg(long, value_name = "DAYS", global = true)]
    expiring_days: Option<u32>,
    /// Block on waivers that waive nothing or have expired
    #[arg(long, num_args = 0, default_missing_value = "true", global = true)]
    fail_on_unused_waivers: Option<bool>,
    /// Judge findings that Trivy suppressed (VEX, ignore file) as all others
    #[arg(long, num_args = 0, default_missing_value = "true", global = true)]
    distrust_suppressed: Option<bool>,
    /// Judge only a report of this image: a reference or a digest
    #[arg(long, value_name = "IMAGE", help_heading = "Evidence", global = true)]
    expect_image: Option<String>,
    /// Judge only a report that is not older than this
    #[arg(long, value_name = "SPAN", help_heading = "Evidence", global = true)]
    max_age: Option<Span>,
    /// Judge reports of these kinds of artifact [default: `container_image`]
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LIST",
        help_heading = "Evidence",
        global = true
    )]
    artifact_types: Option<Vec<String>>,
    /// Let a scan pass that found no packages
    #[arg(
        long,
        num_args = 0,
        default_missing_value = "true",
        help_heading = "Evidence",
        global = true
    )]
    allow_empty: Option<bool>,
    /// The greatest length of a report [default: 1073741824]
    #[arg(long, value_name = "BYTES", help_heading = "Evidence", global = true)]
    max_report_bytes: Option<u64>,
    /// How many findings to list one by one [default: 2000]
    #[arg(long, value_name = "N", help_heading = "Evidence", global = true)]
    max_listed: Option<usize>,
    /// The Trivy program to run [default: trivy]
    #[arg(long, value_name = "PROGRAM", help_heading = "Running Trivy")]
    trivy: Option<PathBuf>,
    /// The Trivy image to run where there is no program, pinned by digest
    #[arg(long, value_name = "IMAGE@DIGEST", help_heading = "Running Trivy")]
    trivy_image: Option<String>,
    /// How long Trivy may take [default: 10m]
    #[arg(long, value_name = "SPAN", help_heading = "Running Trivy")]
    trivy_timeout: Option<Span>,
    /// Trivy's cache folder
    #[arg(long, value_name = "FOLDER", help_heading = "Running Trivy")]
    trivy_cache: Option<PathBuf>,
    /// Use Trivy's database as it is
    #[arg(
        long,
        num_args = 0,
        default_missing_value = "true",
        help_heading = "Running Trivy"
    )]
    offline: Option<bool>,
    /// What Trivy looks for: vuln, secret, misconfig, license [default: vuln,secret]
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LIST",
        help_heading = "Running Trivy"
    )]
    scanners: Option<Vec<String>>,
}

impl Flags {
    /// Returns the flags with the negative ones folded into the positive ones.
    pub(crate) fn settled(mut self) -> Self {
        if self.no_ignore_unfixed {
            self.ignore_unfixed = Some(false);
        }
        self
    }
}

/// Severities as a text, checked: `HIGH,CRITICAL`, or `none`.
type Severities = String;

/// Checks a list of severities and keeps it as it is.
fn severities(text: &str) -> Result<Severities, String> {
    parse_severities(text).map(|_| text.to_owned())
}

fn parse_severities(text: &str) -> Result<Vec<Severity>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    text.split(',').map(|it| it.trim().parse()).collect()
}

/// Reads severities as a list, or as the text that flags and environment have.
fn list_of_severities<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Severity>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        List(Vec<String>),
    }

    let texts = match Either::deserialize(deserializer)? {
        Either::Text(text) => return parse_severities(&text).map_err(de::Error::custom),
        Either::List(texts) => texts,
    };
    texts
        .iter()
        .map(|it| it.parse().map_err(de::Error::custom))
        .collect()
}

/// The rules by which single findings are judged.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    severities: BTreeMap<Class, Vec<Severity>>,
    pub(crate) ignore_unfixed: bool,
    pub(crate) ignore_statuses: Vec<Status>,
    /// What is tolerated, by severity in ascending order.
    pub(crate) budgets: [u64; 5],
    pub(crate) budget_unit: BudgetUnit,
    pub(crate) grace_days: u32,
    pub(crate) grace_critical: bool,
    pub(crate) grace_exploited: bool,
    pub(crate) feeds: Feeds,
    pub(crate) block_epss: Option<f64>,
    pub(crate) tolerate_epss: Option<f64>,
    pub(crate) distrust_suppressed: bool,
    pub(crate) fail_on_eol: bool,
    pub(crate) fail_on_unused_waivers: bool,
    pub(crate) max_waived: Option<u64>,
    /// The time at which is judged.
    pub(crate) now: Timestamp,
}

impl Policy {
    /// Returns the policy that `settings` describe, judged at `now`.
    ///
    /// # Errors
    ///
    /// Fails on values without a meaning.
    pub(crate) fn new(settings: &Settings, feeds: Feeds, now: Timestamp) -> Result<Self, Failure> {
        let mut vulnerabilities = settings.severities.clone();
        if settings.fail_on_unknown {
            vulnerabilities.push(Severity::Unknown);
        }
        let severities = BTreeMap::from([
            (Class::Vulnerability, vulnerabilities),
            (Class::Secret, settings.secret_severities.clone()),
            (
                Class::Misconfiguration,
                settings.misconfiguration_severities.clone(),
            ),
            (Class::License, settings.license_severities.clone()),
        ]);
        if severities.values().all(Vec::is_empty) {
            return Err(usage(
                "no severity blocks in any class: such a gate would be open to everything",
            ));
        }
        for (name, score) in [
            ("block_epss", settings.block_epss),
            ("tolerate_epss", settings.tolerate_epss),
        ] {
            if score.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
                return Err(usage(format!("`{name}` is a probability, between 0 and 1")));
            }
            if score.is_some() && settings.epss.is_none() {
                return Err(usage(format!(
                    "`{name}` needs `epss`, the file with the scores"
                )));
            }
        }
        Ok(Self {
            severities,
            ignore_unfixed: settings.ignore_unfixed,
            ignore_statuses: settings.ignore_statuses.clone(),
            budgets: [
                settings.max_unknown,
                settings.max_low,
                settings.max_medium,
                settings.max_high,
                settings.max_critical,
            ],
            budget_unit: settings.budget_unit,
            grace_days: settings.grace_days,
            grace_critical: settings.grace_critical,
            grace_exploited: settings.grace_exploited,
            feeds,
            block_epss: settings.block_epss,
            tolerate_epss: settings.tolerate_epss,
            distrust_suppressed: settings.distrust_suppressed,
            fail_on_eol: settings.fail_on_eol,
            fail_on_unused_waivers: settings.fail_on_unused_waivers,
            max_waived: settings.max_waived,
            now,
        })
    }

    /// Returns whether findings of this class and severity block.
    pub(crate) fn gates(&self, class: Class, severity: Severity) -> bool {
        self.severities
            .get(&class)
            .is_some_and(|it| it.contains(&severity))
    }

    /// Returns the severities of `class` that block, the worst first.
    pub(crate) fn gated(&self, class: Class) -> Vec<Severity> {
        let mut all = self.severities.get(&class).cloned().unwrap_or_default();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup();
        all
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::usage(message)
        .kind_of("policy")
        .hint("trivy-gate config show")
}
