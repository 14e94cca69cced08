//! The section `k6-run` of the configuration.

use std::path::PathBuf;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What runs a script.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The built-in engine where it has all that the script uses, else k6
    #[default]
    Auto,
    /// The built-in engine
    Native,
    /// The program k6
    K6,
}

/// The section `k6-run` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What runs a script.
    pub engine: Engine,
    /// The program k6: a path, or a name to be found on `PATH`; `k6` where it is not given.
    pub k6: Option<PathBuf>,
    /// Whether the verdict is k6's own, which passes where nothing was measured.
    pub k6_strict_compat: bool,
}
