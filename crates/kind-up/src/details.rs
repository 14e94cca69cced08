//! What only `kind-up` reports.

use schemars::JsonSchema;
use serde::Serialize;

/// The part of the report that is `kind-up`'s own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Details {
    /// The name of the cluster.
    pub cluster: String,
    /// What it stands on: `kind`, `embedded` or `existing`.
    pub provider: String,
    /// Whether it is a stand-in and no cluster.
    pub stand_in: bool,
    /// The private kubeconfig.
    pub kubeconfig: Option<String>,
    /// What was done, and how long it took.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// What would be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Where the cluster differs from the configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// What was looked at before the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// The nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// The applications of Argo CD.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<Application>,
    /// What listens where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Text that is the whole answer, such as a kubeconfig.
    #[serde(skip)]
    pub text: Option<String>,
}

/// One phase of a bring-up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// The phases that it waited for.
    pub after: Vec<String>,
    /// When it began, in milliseconds from the start.
    pub start_ms: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Whether it is on the path that decided the whole time.
    pub critical: bool,
    /// What it did, in a few words.
    pub note: String,
}

/// One step of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Step {
    /// `create`, `change`, `keep` or `recreate`.
    pub action: String,
    /// What it is about.
    pub subject: String,
    /// More about it.
    pub note: String,
}

/// One difference between the cluster and the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Drift {
    /// What differs.
    pub what: String,
    /// What the configuration says.
    pub wanted: String,
    /// What is there.
    pub found: String,
}

/// One look before the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Check {
    /// Its name.
    pub id: String,
    /// `pass`, `warn` or `fail`.
    pub outcome: String,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// One node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether it takes pods.
    pub ready: bool,
    /// Its version.
    pub version: String,
}

/// One application of Argo CD.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync: String,
    /// `Healthy`, `Progressing`, `Degraded`, `Missing` …
    pub health: String,
    /// The commit that it follows.
    pub revision: String,
    /// What is wrong, when something is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// Whether it will not become well by itself.
    #[serde(skip)]
    pub hopeless: bool,
}

impl Application {
    /// Returns whether nothing is left to wait for.
    pub fn is_settled(&self) -> bool {
        self.sync == "Synced" && self.health == "Healthy"
    }
}

/// One address of the platform.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Address {
    /// What is there.
    pub name: String,
    /// Where.
    pub url: String,
}
