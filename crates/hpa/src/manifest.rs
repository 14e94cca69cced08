//! Reads an autoscaler from its JSON form, with the API server's defaults and checks.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::{
    quantity::parse_milli,
    spec::{
        Behavior, Metric, MetricKind, Policy, PolicyKind, ScalingRules, SelectPolicy, Spec, Target,
    },
};

/// What is wrong with an autoscaler, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {problem}")]
pub struct ManifestError {
    /// The field, such as `spec.maxReplicas`.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What an autoscaler scales.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRef {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// An autoscaler as written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its namespace, empty where the manifest names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it scales.
    pub target: TargetRef,
    /// Its spec after defaulting.
    pub spec: Spec,
}

type Result<T> = std::result::Result<T, ManifestError>;

fn error<T>(path: &str, problem: impl Into<String>) -> Result<T> {
    Err(ManifestError {
        path: path.to_owned(),
        problem: problem.into(),
    })
}

impl Manifest {
    /// Reads an autoscaler of `autoscaling/v2` (or `v1`).
    ///
    /// # Errors
    ///
    /// Fails when the value is no autoscaler, or one that the API server would refuse.
    pub fn of(value: &Value) -> Result<Self> {
        let kind = text(value, "kind").unwrap_or_default();
        if kind != "HorizontalPodAutoscaler" {
            return error("kind", format!("`{kind}` is not HorizontalPodAutoscaler"));
        }
        let version = text(value, "apiVersion").unwrap_or_default();
        let Some(spec) = value.get("spec").filter(|spec| spec.is_object()) else {
            return error("spec", "is missing");
        };
        let spec_read = match version {
            "autoscaling/v2" => spec_of(spec)?,
            "autoscaling/v1" => spec_of_v1(spec)?,
            other => {
                return error("apiVersion", format!("`{other}` is not autoscaling/v2"));
            }
        };
        let target = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
        let own = |name: &str| text(target, name).unwrap_or_default().to_owned();
        let metadata = value.get("metadata").unwrap_or(&Value::Null);
        let of_metadata = |name: &str| text(metadata, name).unwrap_or_default().to_owned();
        Ok(Self {
            namespace: of_metadata("namespace"),
            name: of_metadata("name"),
            target: TargetRef {
                api_version: own("apiVersion"),
                kind: own("kind"),
                name: own("name"),
            },
            spec: spec_read,
        })
    }
}

/// Reads the spec of an `autoscaling/v2` object.
///
/// # Errors
///
/// Fails when the API server would refuse it.
pub fn spec_of(spec: &Value) -> Result<Spec> {
    let metrics = match spec.get("metrics") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| metric_of(item, &format!("spec.metrics[{index}]")))
            .collect::<Result<_>>()?,
        Some(_) => return error("spec.metrics", "is not a list"),
    };
    let behavior = match spec.get("behavior") {
        None | Some(Value::Null) => None,
        Some(behavior) => Some(Behavior {
            scale_up: rules_of(behavior, "scaleUp", ScalingRules::default_up())?,
            scale_down: rules_of(behavior, "scaleDown", ScalingRules::default_down())?,
        }),
    };
    let spec = Spec {
        min_replicas: integer(spec, "minReplicas", "spec")?.unwrap_or(1),
        max_replicas: match integer(spec, "maxReplicas", "spec")? {
            Some(max) => max,
            None => return error("spec.maxReplicas", "is missing"),
        },
        metrics: if metrics.is_empty() {
            vec![cpu(80)]
        } else {
            metrics
        },
        behavior,
    };
    check(&spec)?;
    Ok(spec)
}

fn spec_of_v1(spec: &Value) -> Result<Spec> {
    let mut v2 = spec_of(&serde_json::json!({
        "minReplicas": spec.get("minReplicas").unwrap_or(&Value::Null),
        "maxReplicas": spec.get("maxReplicas").unwrap_or(&Value::Null),
    }))?;
    if let Some(target) = integer(spec, "targetCPUUtilizationPercentage", "spec")? {
        v2.metrics = vec![cpu(target)];
    }
    Ok(v2)
}

fn cpu(target: i32) -> Metric {
    Metric {
        kind: MetricKind::Resource {
            name: "cpu".to_owned(),
            container: None,
        },
        target: Target::Utilization(target),
    }
}

fn check(spec: &Spec) -> Result<()> {
    if spec.min_replicas < 0 {
        return error("spec.minReplicas", "must not be negative");
    }
    if spec.min_replicas == 0 && !spec.has_object_or_external() {
        return error(
            "spec.minReplicas",
            "zero needs at least one Object or External metric",
        );
    }
    if spec.max_replicas < spec.min_replicas.max(1) {
        return error(
            "spec.maxReplicas",
            format!(
                "must be at least minReplicas and 1, but is {}",
                spec.max_replicas
            ),
        );
    }
    for (index, metric) in spec.metrics.iter().enumerate() {
        let positive = match metric.target {
            Target::Utilization(value) => value > 0,
            Target::AverageValue(value) | Target::Value(value) => value > 0,
        };
        if !positive {
            return error(
                &format!("spec.metrics[{index}]"),
                "the target must be greater than zero",
            );
        }
    }
    Ok(())
}

fn metric_of(item: &Value, path: &str) -> Result<Metric> {
    let Some(kind) = text(item, "type") else {
        return error(&format!("{path}.type"), "is missing");
    };
    let field = match kind {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        other => {
            return error(
                &format!("{path}.type"),
                format!("`{other}` is no metric type"),
            );
        }
    };
    let path = format!("{path}.{field}");
    let Some(source) = item.get(field).filter(|source| source.is_object()) else {
        return error(&path, "is missing");
    };
    let metric = source.get("metric").unwrap_or(&Value::Null);
    let named = |value: &Value, name: &str, path: &str| match text(value, name) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => error(&format!("{path}.{name}"), "is missing"),
    };
    let metric_path = format!("{path}.metric");
    let target = target_of(source.get("target").unwrap_or(&Value::Null), &path)?;
    let kind = match kind {
        "Resource" => MetricKind::Resource {
            name: named(source, "name", &path)?,
            container: None,
        },
        "ContainerResource" => MetricKind::Resource {
            name: named(source, "name", &path)?,
            container: Some(named(source, "container", &path)?),
        },
        "Pods" => MetricKind::Pods {
            name: named(metric, "name", &metric_path)?,
        },
        "Object" => {
            let object = source.get("describedObject").unwrap_or(&Value::Null);
            let object_path = format!("{path}.describedObject");
            MetricKind::Object {
                name: named(metric, "name", &metric_path)?,
                object_kind: named(object, "kind", &object_path)?,
                object_name: named(object, "name", &object_path)?,
            }
        }
        _ => MetricKind::External {
            name: named(metric, "name", &metric_path)?,
            selector: selector_text(metric.get("selector")),
        },
    };
    let fits = match (&kind, target) {
        (MetricKind::Resource { .. }, Target::Utilization(_) | Target::AverageValue(_))
        | (MetricKind::Pods { .. }, Target::AverageValue(_)) => true,
        (MetricKind::Object { .. } | MetricKind::External { .. }, target) => {
            !matches!(target, Target::Utilization(_))
        }
        _ => false,
    };
    if !fits {
        return error(
            &format!("{path}.target"),
            format!("does not suit a metric of type {}", kind.type_name()),
        );
    }
    Ok(Metric { kind, target })
}

fn target_of(target: &Value, path: &str) -> Result<Target> {
    let path = format!("{path}.target");
    if let Some(percent) = integer(target, "averageUtilization", &path)? {
        return Ok(Target::Utilization(percent));
    }
    for name in ["averageValue", "value"] {
        let Some(value) = target.get(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let Some(milli) = quantity(value) else {
            return error(&format!("{path}.{name}"), format!("{value} is no quantity"));
        };
        return Ok(if name == "value" {
            Target::Value(milli)
        } else {
            Target::AverageValue(milli)
        });
    }
    error(&path, "has no averageUtilization, averageValue or value")
}

/// The selector as the controller's own printing of it begins.
fn selector_text(selector: Option<&Value>) -> String {
    match selector {
        None | Some(Value::Null) => "nil".to_owned(),
        Some(selector) => {
            let mut labels = String::new();
            if let Some(Value::Object(map)) = selector.get("matchLabels") {
                for (name, value) in map {
                    labels.push_str(name);
                    labels.push_str(": ");
                    labels.push_str(value.as_str().unwrap_or_default());
                    labels.push(',');
                }
            }
            format!("&LabelSelector{{MatchLabels:map[string]string{{{labels}}},}}")
        }
    }
}

fn rules_of(behavior: &Value, name: &str, default: ScalingRules) -> Result<ScalingRules> {
    let path = format!("spec.behavior.{name}");
    let Some(rules) = behavior.get(name).filter(|rules| !rules.is_null()) else {
        return Ok(default);
    };
    let mut read = default;
    if let Some(window) = integer(rules, "stabilizationWindowSeconds", &path)? {
        if !(0..=3_600).contains(&window) {
            return error(
                &format!("{path}.stabilizationWindowSeconds"),
                format!("must be from 0 to 3600, but is {window}"),
            );
        }
        read.stabilization_s = Some(window);
    }
    match text(rules, "selectPolicy") {
        None => {}
        Some("Max") => read.select = SelectPolicy::Max,
        Some("Min") => read.select = SelectPolicy::Min,
        Some("Disabled") => read.select = SelectPolicy::Disabled,
        Some(other) => {
            return error(
                &format!("{path}.selectPolicy"),
                format!("`{other}` is not Max, Min or Disabled"),
            );
        }
    }
    match rules.get("policies") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) if !items.is_empty() => {
            read.policies = items
                .iter()
                .enumerate()
                .map(|(index, item)| policy_of(item, &format!("{path}.policies[{index}]")))
                .collect::<Result<_>>()?;
        }
        Some(_) => return error(&format!("{path}.policies"), "must hold at least one policy"),
    }
    if let Some(tolerance) = rules.get("tolerance").filter(|value| !value.is_null()) {
        let Some(milli) = quantity(tolerance).filter(|milli| *milli >= 0) else {
            return error(
                &format!("{path}.tolerance"),
                format!("{tolerance} is no quantity of at least zero"),
            );
        };
        #[expect(clippy::cast_precision_loss, reason = "far below the limit")]
        let tolerance = milli as f64 / 1_000.0;
        read.tolerance = Some(tolerance);
    }
    Ok(read)
}

fn policy_of(item: &Value, path: &str) -> Result<Policy> {
    let kind = match text(item, "type") {
        Some("Pods") => PolicyKind::Pods,
        Some("Percent") => PolicyKind::Percent,
        other => {
            let other = other.unwrap_or_default();
            return error(
                &format!("{path}.type"),
                format!("`{other}` is not Pods or Percent"),
            );
        }
    };
    let Some(value) = integer(item, "value", path)?.filter(|value| *value > 0) else {
        return error(&format!("{path}.value"), "must be greater than zero");
    };
    let period = integer(item, "periodSeconds", path)?;
    let Some(period_s) = period.filter(|period| (1..=1_800).contains(period)) else {
        return error(&format!("{path}.periodSeconds"), "must be from 1 to 1800");
    };
    Ok(Policy::new(kind, value, period_s))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn integer(value: &Value, name: &str, path: &str) -> Result<Option<i32>> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => match number
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
        {
            Some(number) => Ok(Some(number)),
            None => error(
                &format!("{path}.{name}"),
                format!("{number} is not a whole number"),
            ),
        },
    }
}

fn quantity(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => parse_milli(text),
        Value::Number(number) => parse_milli(&number.to_string()),
        _ => None,
    }
}
