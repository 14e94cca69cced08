//! The causes, from what was seen. Pure.

use autoscaleops_hpa::{Controller, Pod, Spec, Usages, kubernetes, manifest::spec_of};
use serde_json::Value;

use super::{
    Cause, Diagnosis, Weight,
    snapshot::{Seen, Snapshot},
};
use crate::{live::seen::HpaStatus, recording::Condition};

mod metrics;
mod size;
mod target;
mod time;

pub use self::time::lags;

/// All that is looked at, in one place.
struct Case<'a> {
    snapshot: &'a Snapshot,
    controller: Controller,
    status: HpaStatus,
    spec: Option<Spec>,
    /// The pods that the target's selector matches.
    pods: Vec<(Pod, &'a Value)>,
    usages: Vec<Usages>,
    found: Diagnosis,
}

/// Finds the causes, the decisive one first.
pub fn find(snapshot: &Snapshot) -> Diagnosis {
    let mut case = Case::of(snapshot);
    case.rights();
    case.target();
    case.selection();
    case.metrics();
    case.requests();
    case.partial();
    case.bounds();
    case.held();
    case.capacity();
    case.others();
    case.silence();
    case.thrash();
    case.found.causes.sort_by_key(|cause| match cause.weight {
        Weight::Error => 0,
        Weight::Warning => 1,
        Weight::Info => 2,
    });
    case.found
}

/// Whether a selector with `matchLabels` and `matchExpressions` matches labels.
fn matches(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object();
    let expressions = selector["matchExpressions"].as_array();
    if wanted.is_none_or(serde_json::Map::is_empty) && expressions.is_none_or(Vec::is_empty) {
        return false;
    }
    let all = wanted
        .into_iter()
        .flatten()
        .all(|(name, value)| labels.get(name) == Some(value));
    all && expressions.into_iter().flatten().all(|expression| {
        let label = expression["key"].as_str().and_then(|key| labels.get(key));
        let values = expression["values"].as_array();
        let is_in =
            || label.is_some_and(|label| values.is_some_and(|values| values.contains(label)));
        match expression["operator"].as_str() {
            Some("In") => is_in(),
            Some("NotIn") => !is_in(),
            Some("Exists") => label.is_some(),
            Some("DoesNotExist") => label.is_none(),
            _ => false,
        }
    })
}

impl<'a> Case<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let status = snapshot.hpa.status.clone().unwrap_or_default();
        let selector = snapshot
            .target
            .known()
            .map(|target| &target["spec"]["selector"]);
        let pods: Vec<(Pod, &Value)> = match (&snapshot.pods, selector) {
            (Seen::Known(pods), Some(selector)) => pods
                .iter()
                .filter(|pod| matches(selector, &pod["metadata"]["labels"]))
                .map(|pod| (kubernetes::pod(pod), pod))
                .collect(),
            _ => Vec::new(),
        };
        let usages = match &snapshot.usages {
            // The namespace has others too.
            Seen::Known(items) => items
                .iter()
                .map(Usages::of)
                .filter(|usage| pods.iter().any(|(pod, _)| pod.name == usage.pod))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            snapshot,
            controller: Controller::of_version(snapshot.minor.unwrap_or(Controller::NEWEST)),
            status,
            spec: spec_of(&snapshot.hpa.spec).ok(),
            pods,
            usages,
            found: Diagnosis::default(),
        }
    }
}

impl Case<'_> {
    fn add(&mut self, weight: Weight, id: &str, [symptom, evidence, cause, fix]: [String; 4]) {
        self.found.causes.push(Cause {
            hpa: self.snapshot.name.clone(),
            id: id.to_owned(),
            weight,
            symptom,
            evidence,
            cause,
            fix,
        });
    }

    fn not_checked(&mut self, what: &str) {
        self.found.not_checked.push(what.to_owned());
    }

    fn condition(&self, kind: &str) -> Option<Condition> {
        self.status.condition(kind)
    }

    fn is_failing(&self, kind: &str) -> Option<Condition> {
        self.condition(kind).filter(|condition| !condition.holds)
    }

    /// What we may not read is said first of all.
    fn rights(&mut self) {
        let snapshot = self.snapshot;
        let is_blind = self.is_failing("ScalingActive").is_some();
        // Where the controller cannot read something either, that is a cause and no missing right.
        let unless_blind =
            |why: Option<String>| why.filter(|why| !is_blind || why.starts_with("no permission"));
        let items = [
            (
                "readiness, requests and capacity of the pods",
                snapshot.pods.missing(),
            ),
            (
                "the usage of the pods",
                unless_blind(snapshot.usages.missing()),
            ),
            ("the target", snapshot.target.missing()),
            (
                "whether resource metrics are served",
                unless_blind(snapshot.metrics_api.missing()),
            ),
            (
                "the registration of the resource metrics",
                snapshot.api_service.missing(),
            ),
            (
                "whether a vertical autoscaler pulls at it too",
                snapshot.verticals.missing(),
            ),
            ("whether it thrashes", snapshot.events.missing()),
        ];
        for (what, why) in items {
            if let Some(why) = why {
                self.not_checked(&format!("{what} ({why})"));
            }
        }
    }

    fn reference(&self) -> String {
        let reference = &self.snapshot.hpa.spec["scaleTargetRef"];
        let text = |name: &str| reference[name].as_str().unwrap_or_default();
        format!("{} {}", text("kind"), text("name"))
    }
}
