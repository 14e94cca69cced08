//! What is there of a cluster, and what a bring-up would do about it.

use autoscaleops_core::text;

use super::{creation::Creation, docker, drift, program};
use crate::{
    details::{Drift, Step as Planned},
    platform::versions::Versions,
    spec::Spec,
};

/// What is there of the cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Existing {
    /// Its containers; empty when there is no cluster.
    pub(crate) containers: Vec<docker::Container>,
}

impl Existing {
    /// Looks at the cluster of `spec`.
    ///
    /// # Errors
    ///
    /// Fails when kind or docker does.
    pub(crate) fn look(spec: &Spec) -> anyhow::Result<Self> {
        if !program::exists(&spec.name)? {
            return Ok(Self::default());
        }
        let containers = docker::inspect(&program::nodes(&spec.name)?)?;
        Ok(Self { containers })
    }

    /// Returns whether there is any.
    pub(crate) fn is_there(&self) -> bool {
        !self.containers.is_empty()
    }

    /// Returns the names of its containers.
    pub(crate) fn names(&self) -> Vec<String> {
        self.containers
            .iter()
            .map(|it| it.name.trim_start_matches('/').to_owned())
            .collect()
    }

    /// Returns the names of those that do not run.
    pub(crate) fn stopped(&self) -> Vec<String> {
        self.containers
            .iter()
            .filter(|it| it.state.status != "running")
            .map(|it| it.name.trim_start_matches('/').to_owned())
            .collect()
    }
}

/// Returns what a bring-up would do, and what differs from the configuration. Changes nothing.
///
/// # Errors
///
/// Fails when kind or docker does, or a pin cannot be read.
pub(crate) fn plan(spec: &Spec) -> anyhow::Result<(Vec<Planned>, Vec<Drift>)> {
    let versions = Versions::of(spec)?;
    let existing = Existing::look(spec)?;
    let image = versions.node_image(spec);
    let step = |action: &str, subject: String, note: &str| Planned {
        action: action.to_owned(),
        subject,
        note: note.to_owned(),
    };
    let mut steps = Vec::new();
    let is_left = existing.is_there() && Creation::of(spec).was_left();
    if existing.is_there() && !is_left {
        let drift = drift::compare(spec, image, &existing.containers);
        if !drift.is_empty() {
            return Ok((steps, drift));
        }
        for node in existing.stopped() {
            steps.push(step(
                "change",
                format!("node {node}"),
                "start it, it has stopped",
            ));
        }
    } else {
        let cluster = format!("cluster {}", spec.name);
        if is_left {
            let note = "an earlier run did not finish it: deleted first";
            steps.push(step("recreate", cluster.clone(), note));
        }
        let note = format!(
            "one control plane and {} of {image}",
            text::count(spec.workers, "worker")
        );
        steps.push(step("create", cluster, &note));
        if spec.preload {
            for image in versions.images() {
                steps.push(step(
                    "create",
                    format!("image {image}"),
                    "pulled once, loaded into the workers",
                ));
            }
        }
    }
    steps.extend(apply_steps(spec, &versions));
    Ok((steps, Vec::new()))
}

/// Returns the steps of a plan that every cluster has.
pub(crate) fn apply_steps(spec: &Spec, versions: &Versions) -> Vec<Planned> {
    let step = |subject: String, note: &str| Planned {
        action: "apply".to_owned(),
        subject,
        note: note.to_owned(),
    };
    let mut steps: Vec<Planned> = versions
        .manifests
        .iter()
        .map(|it| {
            step(
                format!("{} {}", it.name, it.version),
                "only what differs is changed",
            )
        })
        .collect();
    for path in spec.root_app.iter().chain(&spec.manifests) {
        steps.push(step(
            path.display().to_string(),
            "then every Application is waited for",
        ));
    }
    steps
}
