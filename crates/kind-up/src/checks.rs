//! What a bring-up needs: asked at once, of the machine, of the stand-in, or of a cluster that is
//! there already.

use std::path::Path;

use anyhow::Context as _;
use autoscaleops_core::{
    Failure, Finding, Level, Report, Verdict,
    cluster::{self, ClusterArgs},
    failure, process, text,
};
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    details::{Check, Details},
    kind,
    platform::versions::Versions,
    run::Run,
    settings::{Provider, Settings},
    spec::Spec,
};

/// Looks at everything that a bring-up needs.
///
/// # Errors
///
/// Fails when the configuration is wrong, or a cluster of the user's cannot be named.
pub(crate) fn doctor(run: &Run) -> anyhow::Result<Report<Details>> {
    let spec = run.spec()?;
    let versions = Versions::of(&spec)?;
    let mut details = run.details();
    details.checks = match run.settings.provider {
        Provider::Kind => {
            let there = kind::inventory::Existing::look(&spec).unwrap_or_default();
            kind::up::preflight(&spec, &versions, &there)
        }
        Provider::Embedded => embedded(&spec, &run.settings),
        Provider::Existing => {
            run.assert_named()?;
            existing(&spec.access)?
        }
    };
    let count = |outcome: &str| {
        details
            .checks
            .iter()
            .filter(|it| it.outcome == outcome)
            .count()
    };
    let (failed, warned) = (count("fail"), count("warn"));
    let verdict = if failed == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let summary = format!(
        "{} looked at, {failed} missing, {warned} risky",
        text::count(details.checks.len() as u128, "thing")
    );
    let findings: Vec<Finding> = details
        .checks
        .iter()
        .filter(|it| it.outcome != "pass")
        .map(|it| {
            let level = if it.outcome == "fail" {
                Level::Error
            } else {
                Level::Warning
            };
            Finding::new(level, it.id.clone(), format!("{}; {}", it.found, it.remedy))
        })
        .collect();
    Ok(Report::new(verdict, summary, details)
        .output("failed", failed)
        .output("warned", warned)
        .findings(findings))
}

/// Looks at what the stand-in needs: its ports, Git, and the programs that run for images.
pub(crate) fn embedded(spec: &Spec, settings: &Settings) -> Vec<Check> {
    let mut checks = vec![kind::doctor::ports(spec)];
    checks.push(match process::find("git") {
        Some(path) => Check::fine("git", path.display().to_string()),
        None => Check::risky(
            "git",
            "there is no program `git` on PATH: no Application can be followed".to_owned(),
            "install Git, or apply manifests only",
        ),
    });
    checks.push(match process::find("helm") {
        Some(path) => Check::fine("helm", path.display().to_string()),
        None => Check::risky(
            "helm",
            "there is no program `helm` on PATH: no folder with a Chart.yaml can be rendered"
                .to_owned(),
            "install Helm, or keep plain manifests in the repository",
        ),
    });
    for (image, program) in &settings.embedded.images {
        checks.push(program_of(image, &program.program));
    }
    checks
}

fn program_of(image: &str, program: &Path) -> Check {
    let id = "image";
    match process::find(&program.to_string_lossy()) {
        Some(path) => Check::fine(id, format!("{image} is {}", path.display())),
        None => Check::bad(
            id,
            format!(
                "{image} is `{}`, which is no program that can be started",
                program.display()
            ),
            "build it, or name another one under `kind-up: embedded: images:`",
        ),
    }
}

/// What the platform makes in a cluster, as group, resource, and namespace.
const MADE: [[&str; 3]; 4] = [
    ["", "namespaces", ""],
    ["apiextensions.k8s.io", "customresourcedefinitions", ""],
    ["rbac.authorization.k8s.io", "clusterroles", ""],
    ["apps", "deployments", "argocd"],
];

/// Looks at a cluster that is there already: whether it answers, and whether we may do what we must.
///
/// # Errors
///
/// Fails when the context cannot be used at all.
pub(crate) fn existing(access: &ClusterArgs) -> anyhow::Result<Vec<Check>> {
    cluster::block_on(async {
        let cluster = Cluster::connect(access).await?;
        if !cluster.is_ready().await {
            return Ok(vec![Check::bad(
                "api",
                format!("{} does not answer, or is not ready", cluster.address),
                "is the cluster up, a VPN needed, the login still good? `kubectl get --raw /readyz` says more",
            )]);
        }
        let mut checks = vec![Check::fine("api", format!("{} is ready", cluster.address))];
        for made in MADE {
            let id = made[1];
            checks.push(match may_create(&cluster, made).await {
                Ok(true) => Check::fine(id, format!("{id} may be created")),
                Ok(false) => Check::bad(
                    id,
                    format!("{id} may not be created"),
                    "the platform needs the rights of `cluster-admin`: use another context, or ask for them",
                ),
                Err(err) => Check::risky(
                    id,
                    format!("whether {id} may be created is not known: {}", failure::explain(&err)),
                    "`kubectl auth can-i create` says it",
                ),
            });
        }
        Ok(checks)
    })?
}

async fn may_create(
    cluster: &Cluster,
    [group, resource, namespace]: [&str; 3],
) -> anyhow::Result<bool> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "create", "group": group, "resource": resource, "namespace": namespace}},
    });
    let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&review)?)?;
    let answer: Value = cluster
        .client
        .request(request)
        .await
        .context(Failure::unavailable("cluster", "the review was refused"))?;
    Ok(answer["status"]["allowed"] == true)
}
