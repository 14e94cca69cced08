//! The tool's section of the configuration.

use std::path::PathBuf;

use autoscaleops_core::time::Span;
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::scan::{Severity, Status};

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
    /// FIRST's EPSS scores, a CSV file, as it is published (`.csv.gz`) or unpacked.
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
    /// The image that must have been scanned: a reference, a digest, or the list of its layers
    /// (`DiffIDs`).
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

pub(super) fn parse_severities(text: &str) -> Result<Vec<Severity>, String> {
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
