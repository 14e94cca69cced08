//! The flags over the configuration.

use std::path::PathBuf;

use autoscaleops_core::time::Span;
use clap::Args;
use serde::Serialize;

use super::settings::{BudgetUnit, parse_severities};
use crate::scan::Status;

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
    /// FIRST's EPSS scores (CSV, also gzipped)
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
    /// Judge only a report of this image: a reference, a digest, or the list of its layers (`DiffIDs`)
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
