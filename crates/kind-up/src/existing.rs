//! The same platform on a cluster that is there already: no kind, no docker, the context named
//! explicitly, node ports only on request.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use autoscaleops_core::Console;

use crate::{
    applications::End,
    details::Step as Planned,
    env_file,
    graph::{self, Step},
    kind::{
        inventory::apply_steps,
        up::{Options, Outcome, finished},
    },
    platform::{apply::Tally, install::Platform, versions::Versions, wait},
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
    let has_changed = AtomicBool::new(false);
    let applied = |tally: Tally| {
        has_changed.fetch_or(tally.has_changed(), Ordering::Relaxed);
        Ok(tally.to_string())
    };
    let end = Mutex::new(End::default());
    let mut steps = vec![
        Step::new("api", &[], |left| {
            wait::wait_for_api(access, left)?;
            Ok(String::new())
        }),
        Step::new("definitions", &["api"], |left| {
            applied(platform.definitions(access, left, &say)?)
        }),
        Step::new("settings", &["definitions"], |_| {
            applied(platform.settings(access)?)
        }),
        Step::new("root", &["definitions"], |_| {
            applied(platform.root(access)?)
        }),
        Step::new("workloads", &["settings"], |_| {
            applied(platform.workloads(access)?)
        }),
        Step::new("argo cd", &["workloads"], |left| {
            platform.wait_for_workloads(access, left, &say)?;
            Ok(String::new())
        }),
        Step::new("applications", &["argo cd", "root"], |left| {
            let (how, note) = platform.wait_for_applications(access, left, &say)?;
            *end.lock().unwrap_or_else(PoisonError::into_inner) = how;
            Ok(note)
        }),
    ];
    if let Some(name) = &options.only {
        steps = graph::only(steps, name)?;
    }
    let (phases, result) = graph::run(steps, spec.timeout, &say);
    drop(progress);
    let phases = finished(console, options, phases, result)?;
    Ok(Outcome {
        changed: has_changed.into_inner(),
        end: end.into_inner().unwrap_or_else(PoisonError::into_inner),
        phases,
        ..Outcome::default()
    })
}
