//! The real binary against files and against the API server of the tests.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test, which starts the tool itself where it ends it"
)]

mod doctor;
mod live;
mod login;
mod offline;

use std::path::Path;

use serde_json::Value;
use snapbox::cmd::OutputAssert;

/// The autoscaler of the article's development environment.
const DEV: &str = r#"
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 3
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 60
      policies: [{type: Percent, value: 50, periodSeconds: 15}]
"#;

fn tool() -> snapbox::cmd::Command {
    autoscaleops_testkit::tool!("hpa-watch")
}

/// The reports on standard output.
fn reports(assert: &OutputAssert) -> Vec<Value> {
    String::from_utf8_lossy(&assert.get_output().stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|err| panic!("{err}: {line}")))
        .collect()
}

fn report(assert: &OutputAssert) -> Value {
    reports(assert).pop().unwrap_or_default()
}

fn stderr(assert: &OutputAssert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// The lines of a recording.
fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
