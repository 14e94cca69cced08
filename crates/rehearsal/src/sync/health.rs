//! Health by Argo CD's rules, kind by kind. Pure.

use serde_json::Value;

use crate::value::{list, number, text};

/// Returns how bad a word is: the worst of its parts is the health of an application.
pub(super) fn rank(word: &str) -> u8 {
    match word {
        "Healthy" => 0,
        "Suspended" => 1,
        "Progressing" => 2,
        "Missing" => 3,
        "Degraded" => 4,
        _ => 5,
    }
}

/// Returns the health of an object by Argo CD's rules, or nothing for a kind without any.
pub(super) fn health(value: &Value) -> Option<(&'static str, String)> {
    let condition = |kind: &str| {
        list(value, "/status/conditions")
            .iter()
            .find(|it| text(it, "/type") == kind)
    };
    match text(value, "/kind") {
        "Deployment" => {
            if let Some(found) = condition("Progressing")
                .filter(|it| text(it, "/reason") == "ProgressDeadlineExceeded")
            {
                return Some(("Degraded", text(found, "/message").to_owned()));
            }
            let count = |pointer: &str| number(value, pointer).unwrap_or(0);
            let wanted = number(value, "/spec/replicas").unwrap_or(1);
            let settled = number(value, "/status/observedGeneration")
                == number(value, "/metadata/generation")
                && count("/status/updatedReplicas") >= wanted
                && count("/status/replicas") <= count("/status/updatedReplicas")
                && count("/status/availableReplicas") >= count("/status/updatedReplicas");
            if settled {
                Some(("Healthy", String::new()))
            } else {
                Some(("Progressing", "Waiting for rollout to finish".to_owned()))
            }
        }
        "HorizontalPodAutoscaler" => {
            let bad = [
                "FailedGetScale",
                "FailedUpdateScale",
                "InvalidSelector",
                "InvalidMetricSourceType",
            ];
            let failed = list(value, "/status/conditions")
                .iter()
                .find(|it| text(it, "/status") == "False" && bad.contains(&text(it, "/reason")));
            match failed {
                Some(failed) => Some(("Degraded", text(failed, "/message").to_owned())),
                None => Some(("Healthy", String::new())),
            }
        }
        "Pod" => Some(match text(value, "/status/phase") {
            "Running" if crate::workloads::is_ready(value) => ("Healthy", String::new()),
            "Succeeded" => ("Healthy", String::new()),
            "Failed" => ("Degraded", String::new()),
            _ => ("Progressing", crate::table::pod_status(value)),
        }),
        "Service" => Some(match condition(crate::proxy::LISTENING) {
            Some(found) if text(found, "/status") == "False" => {
                ("Degraded", text(found, "/message").to_owned())
            }
            _ => ("Healthy", String::new()),
        }),
        "StatefulSet" | "DaemonSet" | "Job" => Some((
            "Progressing",
            "the stand-in stores this kind and does not run it".to_owned(),
        )),
        "Application" => {
            let word = match text(value, "/status/health/status") {
                "Healthy" => "Healthy",
                "Degraded" => "Degraded",
                "Missing" => "Missing",
                _ => "Progressing",
            };
            Some((word, String::new()))
        }
        _ => None,
    }
}
