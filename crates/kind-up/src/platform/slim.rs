//! Argo CD's objects slimmed. Pure.

use serde_json::{Value, json};

/// Workloads that a rehearsed platform does without: no single sign-on, no notifications.
const DISPENSABLE: [&str; 2] = ["argocd-dex-server", "argocd-notifications-controller"];

/// Makes Argo CD's objects quicker to get ready and lighter, without a change to what it does.
///
/// Images are pulled only where they are absent, so that a loaded one serves; probes ask every two
/// seconds, where the manifests have up to thirty; what nobody uses here has no replicas.
pub(crate) fn slim(objects: &mut [Value]) {
    for object in objects {
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if DISPENSABLE.contains(&name.as_str()) && object["kind"] == "Deployment" {
            object["spec"]["replicas"] = json!(0);
        }
        let pod = &mut object["spec"]["template"]["spec"];
        for list in ["initContainers", "containers"] {
            let Some(containers) = pod.get_mut(list).and_then(Value::as_array_mut) else {
                continue;
            };
            for container in containers {
                if container["imagePullPolicy"] == "Always" {
                    container["imagePullPolicy"] = json!("IfNotPresent");
                }
                if let Some(probe) = container.get_mut("readinessProbe") {
                    probe["periodSeconds"] = json!(2);
                    probe["initialDelaySeconds"] = json!(1);
                }
            }
        }
        // Looking above must not leave empty mappings behind.
        if object["spec"]["template"]["spec"].is_null() {
            prune(object);
        }
    }
}

/// Takes out the nulls that indexing put in.
fn prune(object: &mut Value) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    if let Some(spec) = map.get_mut("spec").and_then(Value::as_object_mut) {
        if let Some(template) = spec.get_mut("template").and_then(Value::as_object_mut) {
            template.retain(|key, value| key != "spec" || !value.is_null());
        }
        spec.retain(|key, value| {
            key != "template" || value.as_object().is_none_or(|it| !it.is_empty())
        });
    }
    map.retain(|key, value| key != "spec" || value.as_object().is_none_or(|it| !it.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    const TEXT: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm}
---
# nothing
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-server}
spec:
  replicas: 1
  template:
    spec:
      containers:
      - name: server
        image: quay.io/argoproj/argocd:v3.5.1
        imagePullPolicy: Always
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, initialDelaySeconds: 3, periodSeconds: 30}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-dex-server}
spec: {replicas: 1, template: {spec: {containers: [{name: dex}]}}}
";

    #[test]
    fn slimming_changes_pulls_probes_and_what_nobody_uses_and_nothing_else() {
        let before = parse(TEXT, "install.yaml").unwrap();
        let mut after = before.clone();
        slim(&mut after);
        assert_eq!(after[0], before[0]);
        let server = &after[1]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(server["imagePullPolicy"], "IfNotPresent");
        assert_eq!(server["readinessProbe"]["periodSeconds"], 2);
        assert_eq!(server["readinessProbe"]["httpGet"]["path"], "/healthz");
        assert_eq!(after[1]["spec"]["replicas"], 1);
        assert_eq!(after[2]["spec"]["replicas"], 0);
    }
}
