//! What an autoscaler asks for, and the settings of the controller that serves it.

use serde::{Deserialize, Serialize};

/// The spec of an autoscaler after defaulting: what the API server stores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The lower bound; zero needs an Object or External metric.
    pub min_replicas: i32,
    /// The upper bound.
    pub max_replicas: i32,
    /// The metrics; the greatest wish wins.
    pub metrics: Vec<Metric>,
    /// The behavior, filled in on both sides, or nothing for the older rules.
    pub behavior: Option<Behavior>,
}

impl Spec {
    /// Returns whether a metric can be read without any pod.
    pub fn has_object_or_external(&self) -> bool {
        self.metrics.iter().any(|metric| {
            matches!(
                metric.kind,
                MetricKind::Object { .. } | MetricKind::External { .. }
            )
        })
    }
}

/// One metric and its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Where the value comes from.
    pub kind: MetricKind,
    /// What it should be.
    pub target: Target,
}

/// Where a metric's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricKind {
    /// A resource of the pods, or of one container in each of them.
    Resource {
        /// `cpu`, `memory`, …
        name: String,
        /// The container, for a `ContainerResource` metric.
        container: Option<String>,
    },
    /// A custom metric of each pod.
    Pods {
        /// The metric.
        name: String,
    },
    /// A custom metric of one object.
    Object {
        /// The metric.
        name: String,
        /// The object's kind.
        object_kind: String,
        /// The object's name.
        object_name: String,
    },
    /// A metric from outside the cluster.
    External {
        /// The metric.
        name: String,
        /// The selector as the controller prints it.
        selector: String,
    },
}

impl MetricKind {
    /// Returns the type as the API names it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Resource {
                container: None, ..
            } => "Resource",
            Self::Resource { .. } => "ContainerResource",
            Self::Pods { .. } => "Pods",
            Self::Object { .. } => "Object",
            Self::External { .. } => "External",
        }
    }

    /// Returns the name of the metric or resource.
    pub fn name(&self) -> &str {
        match self {
            Self::Resource { name, .. }
            | Self::Pods { name }
            | Self::Object { name, .. }
            | Self::External { name, .. } => name,
        }
    }

    /// Returns the reason of `ScalingActive` when this metric cannot be read.
    pub fn failure_reason(&self) -> &'static str {
        match self {
            Self::Resource {
                container: None, ..
            } => "FailedGetResourceMetric",
            Self::Resource { .. } => "FailedGetContainerResourceMetric",
            Self::Pods { .. } => "FailedGetPodsMetric",
            Self::Object { .. } => "FailedGetObjectMetric",
            Self::External { .. } => "FailedGetExternalMetric",
        }
    }
}

/// What a metric should be. Amounts are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Percent of the request, on average.
    Utilization(i32),
    /// An amount per pod, on average.
    AverageValue(i64),
    /// An amount in all.
    Value(i64),
}

/// How fast to scale, in both directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behavior {
    /// Upwards.
    pub scale_up: ScalingRules,
    /// Downwards.
    pub scale_down: ScalingRules,
}

/// How fast to scale in one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingRules {
    /// How long a recommendation against the direction holds it back, in seconds. Nothing on the
    /// way down means the controller's own window.
    pub stabilization_s: Option<i32>,
    /// Which policy wins.
    pub select: SelectPolicy,
    /// The policies.
    pub policies: Vec<Policy>,
    /// The tolerance in this direction, where the autoscaler has its own.
    pub tolerance: Option<f64>,
}

impl ScalingRules {
    /// Returns the rules upwards that the API fills in.
    pub fn default_up() -> Self {
        Self {
            stabilization_s: Some(0),
            select: SelectPolicy::Max,
            policies: vec![
                Policy::new(PolicyKind::Pods, 4, 15),
                Policy::new(PolicyKind::Percent, 100, 15),
            ],
            tolerance: None,
        }
    }

    /// Returns the rules downwards that the API fills in.
    pub fn default_down() -> Self {
        Self {
            stabilization_s: None,
            select: SelectPolicy::Max,
            policies: vec![Policy::new(PolicyKind::Percent, 100, 15)],
            tolerance: None,
        }
    }

    /// Returns the longest period of a policy, in seconds.
    pub fn longest_period_s(&self) -> i32 {
        self.policies
            .iter()
            .map(|policy| policy.period_s)
            .max()
            .unwrap_or(0)
    }
}

/// Which of several policies wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows most.
    #[default]
    Max,
    /// The one that allows least.
    Min,
    /// None: no scaling in this direction.
    Disabled,
}

/// How much may change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What `value` counts.
    pub kind: PolicyKind,
    /// How much.
    pub value: i32,
    /// The period in seconds.
    pub period_s: i32,
}

impl Policy {
    /// Returns a policy.
    pub const fn new(kind: PolicyKind, value: i32, period_s: i32) -> Self {
        Self {
            kind,
            value,
            period_s,
        }
    }
}

/// What a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Pods.
    Pods,
    /// Percent of the size at the start of the period.
    Percent,
}

/// How far the ratio of value to target may be from one without a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerances {
    /// Below one.
    pub down: f64,
    /// Above one.
    pub up: f64,
}

/// The settings of the controller, the same for all autoscalers of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Controller {
    /// The minor version of Kubernetes 1.
    pub minor: u32,
    /// Its tolerances.
    pub tolerances: Tolerances,
    /// The window on the way down, for an autoscaler without its own, in seconds.
    pub downscale_stabilization_s: i32,
    /// How long a pod's CPU is distrusted after its start, in seconds.
    pub cpu_initialization_s: i32,
    /// Within which time of its start a pod that turned unready is taken to have never been
    /// ready, in seconds.
    pub initial_readiness_delay_s: i32,
    /// By which factor the older rules let a target grow in one sync.
    pub scale_up_limit_factor: f64,
}

impl Controller {
    /// The newest minor version that this crate knows.
    pub const NEWEST: u32 = 37;

    /// Returns the default settings of Kubernetes 1.`minor`.
    pub fn of_version(minor: u32) -> Self {
        Self {
            minor,
            ..Self::default()
        }
    }

    /// Returns the tolerances for an autoscaler, its own where the version heeds them.
    pub fn tolerances_of(&self, behavior: Option<&Behavior>) -> Tolerances {
        let mut tolerances = self.tolerances;
        if self.minor >= 35
            && let Some(behavior) = behavior
        {
            tolerances.down = behavior.scale_down.tolerance.unwrap_or(tolerances.down);
            tolerances.up = behavior.scale_up.tolerance.unwrap_or(tolerances.up);
        }
        tolerances
    }

    /// Returns whether a ratio is so near to one that nothing should change.
    ///
    /// Up to 1.32 the distance was compared with the tolerance; since then the ratio is compared
    /// with both ends. The two differ where floating point does: at 1.1 exactly.
    pub fn is_within(&self, tolerances: Tolerances, ratio: f64) -> bool {
        if self.minor <= 32 {
            (1.0 - ratio).abs() <= tolerances.up
        } else {
            (1.0 - tolerances.down) <= ratio && ratio <= (1.0 + tolerances.up)
        }
    }
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            minor: Self::NEWEST,
            tolerances: Tolerances { down: 0.1, up: 0.1 },
            downscale_stabilization_s: 300,
            cpu_initialization_s: 300,
            initial_readiness_delay_s: 30,
            scale_up_limit_factor: 2.0,
        }
    }
}
