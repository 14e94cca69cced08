//! What only hpa-watch reports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    doctor::Diagnosis, expectation::Outcome, recording::Point, simulate::Simulation, watch::Change,
};

/// The details of a report, by subcommand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Details {
    /// `simulate`.
    Simulation(Simulation),
    /// `assert`.
    Assertion(Assertion),
    /// `record`.
    Recorded(Recorded),
    /// `report`.
    Written(Written),
    /// `watch`.
    Change(Change),
    /// `doctor`.
    Diagnosis(Diagnosis),
    /// `rbac`.
    Role(Role),
}

/// What was expected and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assertion {
    /// The sizes, such as `1 → 3 → 1`.
    pub path: String,
    /// The expectations.
    pub expectations: Vec<Outcome>,
    /// How long was watched, in seconds.
    pub watched_s: f64,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recorded {
    /// The file.
    pub file: String,
    /// The lines in it.
    pub lines: usize,
    /// The sizes of each autoscaler.
    pub paths: Vec<AutoscalerPath>,
    /// Why it ended: `settled`, `stopped` or `time`.
    pub ended: String,
    /// The command's exit code.
    pub command_code: Option<i32>,
}

/// The sizes that one autoscaler went through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AutoscalerPath {
    /// `namespace/name`.
    pub hpa: String,
    /// Such as `1 → 3 → 1`.
    pub path: String,
    /// What it looked like at the end.
    pub last: Option<Point>,
}

/// The files that `report` wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// The sizes, such as `1 → 3 → 1`.
    pub path: String,
    /// The files.
    pub files: Vec<String>,
    /// The steps in plain text.
    pub story: Vec<String>,
}

/// The rights that hpa-watch needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    /// The manifests, as YAML.
    pub manifest: String,
}
