//! The same platform on a cluster that is there already: no kind, no docker, the context named
//! explicitly, node ports only on request.

use autoscaleops_core::Console;

use crate::{
    details::Step as Planned,
    env_file,
    graph::{self, Step},
    kind::up::{Options, Outcome, apply_steps},
    platform::{install::Platform, versions::Versions, wait},
    spec::Spec,
};

/// Returns what [`up`] would do. Changes nothing.
///
/// # Errors
///
/// Fails when a pin cannot be read.
pub(crate) fn plan(spec: &Spec) -> anyhow::Result<Vec<Planned>> {
    Ok(apply_steps(spec, &Versions::of(spec)?))
}

/// Installs or completes the platform on the cluster that `spec` reaches.
///
/// # Errors
///
/// Fails on the first step that does.
pub(crate) fn up(spec: &Spec, options: &Options, console: &Console) -> anyhow::Result<Outcome> {
    let access = &spec.access;
    let versions = Versions::of(spec)?;
    let credentials = env_file::credentials(&spec.git_credentials)?;
    // Before the first write: a manifest that is not what was pinned stops everything.
    let platform = Platform::load(
        spec,
        &versions,
        credentials.as_ref(),
        options.force_conflicts,
    )?;
    let progress = console.spinner("starting");
    let say = |text: &str| progress.say(text);
    let mut steps = vec![
        Step::new("api", &[], |left| wait::wait_for_api(access, left)),
        Step::new("definitions", &["api"], |left| {
            platform.definitions(access, left, &say)
        }),
        Step::new("settings", &["definitions"], |_| platform.settings(access)),
        Step::new("root", &["settings"], |_| platform.root(access)),
        Step::new("workloads", &["settings"], |_| platform.workloads(access)),
        Step::new("argo cd", &["workloads"], |left| {
            platform.wait_for_workloads(access, left, &say)
        }),
        Step::new("applications", &["argo cd", "root"], |left| {
            wait::wait_for_applications(access, left, &say)
        }),
    ];
    if let Some(name) = &options.only {
        steps = graph::only(steps, name)?;
    }
    let (phases, result) = graph::run(steps, spec.timeout, &say);
    drop(progress);
    result?;
    Ok(Outcome {
        phases,
        ..Outcome::default()
    })
}
