//! The `hpa-watch` section of the configuration, and the flags that override it.

use std::path::{Path, PathBuf};

use autoscaleops_core::{
    CommonArgs, Failure, Tool as _,
    cluster::ClusterArgs,
    config::{self, Source},
    time::Span,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Cli,
    expectation::{ExpectationArgs, Expectations, Goal, Measure},
    simulate::ModelArgs,
};

/// The section.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The kubeconfig file; as kubectl would find it where none is given.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; its current one where none is given.
    pub context: Option<String>,
    /// The namespace; that of the context where none is given.
    pub namespace: Option<String>,
    /// What `assert` and `report` expect of the way out, such as `>=3 within 3m`.
    pub out: Option<Goal>,
    /// What they expect of the way back, such as `<=1 within 8m`.
    pub back: Option<Goal>,
    /// How often they let the direction turn.
    pub max_reversals: Option<usize>,
    /// Whether metrics that were known must stay known.
    pub never_unknown: bool,
    /// Which number they hold against the goals.
    pub measure: Measure,
    /// The time without any change after which `record` takes the sizes as settled.
    pub settle: Span,
    /// The time between two syncs that `simulate` assumes: 15 s plus the controller's own work.
    pub sync_period: Span,
    /// The version of Kubernetes whose rules `simulate` follows, 1.29 to 1.37.
    pub k8s: String,
    /// The CPU time of a request, where the load of `simulate` is a report of k6-run.
    pub cpu_per_request: Option<Span>,
    /// The CPU request of a pod in the model, in millicores.
    pub request: i64,
    /// The CPU that a pod of the model can use at most, in millicores; five times the request
    /// where none is given.
    pub limit: Option<i64>,
    /// The time that a pod of the model takes from its creation to its readiness.
    pub startup: Span,
    /// The time between two measurements in the model.
    pub scrape: Span,
    /// The time that the model goes on after the last change of the demand.
    pub tail: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            namespace: None,
            out: None,
            back: None,
            max_reversals: None,
            never_unknown: false,
            measure: Measure::Auto,
            settle: Span::seconds(30),
            sync_period: Span(std::time::Duration::from_millis(15_010)),
            k8s: "1.37".to_owned(),
            cpu_per_request: None,
            request: 100,
            limit: None,
            startup: Span::seconds(40),
            scrape: Span::seconds(15),
            tail: Span::seconds(300),
        }
    }
}

/// The flags of the command line that have a key in the section.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Flags<'a> {
    pub(crate) kubeconfig: Option<&'a Path>,
    pub(crate) context: Option<&'a str>,
    pub(crate) namespace: Option<&'a str>,
    #[serde(flatten)]
    pub(crate) expectations: Option<&'a ExpectationArgs>,
    pub(crate) settle: Option<Span>,
    #[serde(flatten)]
    pub(crate) model: Option<&'a ModelArgs>,
}

impl Settings {
    /// Returns the section with every layer applied. A kubeconfig that the file names starts from
    /// the file's folder.
    ///
    /// # Errors
    ///
    /// Fails on a file or a variable that cannot be used.
    pub(crate) fn resolve(common: &CommonArgs, flags: &Flags<'_>) -> Result<Self, Failure> {
        let resolved = config::resolve::<Self>(Cli::NAME, common, flags)?;
        let folder = resolved.folder();
        let is_of_file = matches!(resolved.sources.get("kubeconfig"), Some(Source::File(_)));
        let mut settings = resolved.value;
        if is_of_file {
            settings.kubeconfig = settings.kubeconfig.map(|path| folder.join(path));
        }
        Ok(settings)
    }

    /// Returns which cluster to connect to.
    pub fn cluster(&self) -> ClusterArgs {
        ClusterArgs {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        }
    }

    /// Returns what is expected.
    pub fn expectations(&self) -> Expectations {
        Expectations {
            out: self.out,
            back: self.back,
            max_reversals: self.max_reversals,
            never_unknown: self.never_unknown,
            measure: self.measure,
        }
    }
}
