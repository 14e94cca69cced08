//! The tool's section of the configuration, and the flags that override it.

use autoscaleops_core::time::Span;
use autoscaleops_gitops::{OnConflict, TransportKind};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The section `tag-bump` of `autoscaleops.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The remote of a checkout, by name or address.
    pub remote: String,
    /// The branch to land on. Absent: the one that the checkout is on, or the remote's default.
    pub branch: Option<String>,
    /// The template (Jinja) of the commit's message. It knows image, old, new, file, path, branch,
    /// tool, changes and count.
    pub message: Option<String>,
    /// Who commits, as `Name <mail@example.org>`.
    pub author: Option<String>,
    /// Whether the commit is signed. Absent: as `commit.gpgSign` says.
    pub sign: Option<bool>,
    /// The key that it is signed with. Absent: the one that Git is configured with.
    pub signing_key: Option<String>,
    /// Whether a `Signed-off-by:` is added.
    pub sign_off: bool,
    /// Whether `[skip ci]` is added to the first line.
    pub skip_ci: bool,
    /// What to do when somebody else changed the same value meanwhile.
    pub on_conflict: OnConflict,
    /// How often to try when others push at the same time.
    pub attempts: u32,
    /// How long to try.
    pub retry_for: Span,
    /// The time that one call of the network may take.
    pub timeout: Span,
    /// What carries commits to the remote.
    pub transport: TransportKind,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            remote: "origin".to_owned(),
            branch: None,
            message: None,
            author: None,
            sign: None,
            signing_key: None,
            sign_off: false,
            skip_ci: false,
            on_conflict: OnConflict::Fail,
            attempts: 60,
            retry_for: Span::seconds(300),
            timeout: Span::seconds(120),
            transport: TransportKind::Auto,
        }
    }
}

/// Flags with the names of the settings.
#[derive(Clone, Debug, Default, Serialize, Args)]
#[command(next_help_heading = "How it lands")]
pub struct Flags {
    /// Remote of the checkout, by name or address [default: origin]
    #[arg(long, value_name = "REMOTE")]
    remote: Option<String>,
    /// Branch to land on [default: the checkout's, or the remote's default]
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// Template (Jinja) of the message; knows image, old, new, file, path, branch, tool, changes, count
    #[arg(long, short, value_name = "TEMPLATE")]
    message: Option<String>,
    /// Who commits, as `Name <mail>` [default: the environment, then git config]
    #[arg(long, value_name = "WHO")]
    author: Option<String>,
    /// Sign the commit, with this key or the configured one [default: as commit.gpgSign says]
    #[arg(long = "sign", value_name = "KEY", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    #[serde(rename = "signing_key")]
    sign_with: Option<String>,
    #[arg(skip)]
    sign: Option<bool>,
    /// Do not sign the commit, whatever commit.gpgSign says
    #[arg(long, conflicts_with = "sign_with")]
    #[serde(skip)]
    no_sign: bool,
    /// Add a `Signed-off-by:`
    #[arg(long, num_args = 0, default_missing_value = "true")]
    sign_off: Option<bool>,
    /// Add `[skip ci]` to the first line of the message
    #[arg(long, num_args = 0, default_missing_value = "true")]
    skip_ci: Option<bool>,
    /// What to do when somebody else changed the same value meanwhile [default: fail]
    #[arg(long, value_enum, value_name = "WHAT")]
    on_conflict: Option<OnConflictFlag>,
    /// How often to try when others push at the same time [default: 60]
    #[arg(long, value_name = "COUNT")]
    attempts: Option<u32>,
    /// How long to try [default: 5m]
    #[arg(long, value_name = "TIME")]
    retry_for: Option<Span>,
    /// Time that one call of the network may take [default: 2m]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// What carries commits: the `git` program, or the built-in library (no TLS, no ssh) [default: auto]
    #[arg(long, value_enum, value_name = "WHICH")]
    transport: Option<TransportFlag>,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum OnConflictFlag {
    /// Land nothing, exit 10
    Fail,
    /// Change the value all the same
    Overwrite,
    /// Leave the value to the other
    Skip,
    /// Change the value where ours is the newer version
    Newer,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum TransportFlag {
    /// The `git` program where there is one
    Auto,
    /// The `git` program
    Git,
    /// The built-in library
    Library,
}

impl Flags {
    /// Returns the flags as layers of the settings: `--sign` and `--no-sign` are one key.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.no_sign {
            self.sign = Some(false);
        } else if self.sign_with.is_some() {
            self.sign = Some(true);
        }
        self.sign_with = self.sign_with.filter(|it| !it.is_empty());
        self
    }
}
