//! The same platform on a cluster that is there already: no kind, no docker, the context named
//! explicitly, `NodePorts` only on request.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use autoscaleops_core::{Console, Failure, cluster::ClusterArgs};

use crate::{
    env_file,
    graph::{self, Step},
    kind::up::{Options, Outcome},
    platform::{
        install::{self, Platform},
        versions::Versions,
    },
    spec::Spec,
};

/// Installs or completes the platform on the cluster that `access` names. Relative paths start from
/// `folder`.
///
/// # Errors
///
/// Fails without a context named by the user, and on the first step that does.
pub fn up(
    spec: &Spec,
    folder: &Path,
    access: &ClusterArgs,
    options: Options,
    console: &Console,
) -> anyhow::Result<Outcome> {
    spec.check()?;
    if access.context.is_none() {
        let refusal = Failure::usage(
            "`--provider existing` needs `--context NAME`: a current context can be the wrong one",
        )
        .hint("`kubectl config get-contexts` lists them");
        return Err(refusal.into());
    }
    let versions = Versions::of(spec)?;
    let env_file = spec.env_file.as_ref().map(|it| folder.join(it));
    let credentials = env_file::credentials(env_file.as_deref())?;
    let platform = Platform::load(
        spec,
        folder,
        &versions,
        credentials.as_ref(),
        spec.node_ports,
        options.force_conflicts,
    )?;
    let progress = console.spinner("starting");
    let say = |text: &str| progress.say(text);
    let applications = Arc::new(Mutex::new(Vec::new()));
    let found = Arc::clone(&applications);
    let steps = vec![
        Step::new("api", &[], |left| install::wait_for_api(access, left)),
        Step::new("definitions", &["api"], |left| {
            platform.definitions(access, left, &say)
        }),
        Step::new("settings", &["definitions"], |_| platform.settings(access)),
        Step::new("root", &["settings"], |_| platform.root(access)),
        Step::new("workloads", &["settings"], |_| platform.workloads(access)),
        Step::new("argo cd", &["workloads"], |left| {
            platform.wait_for_workloads(access, left, &say)
        }),
        Step::new("applications", &["argo cd", "root"], move |left| {
            let all = install::wait_for_applications(access, left, &say)?;
            *found.lock().unwrap_or_else(PoisonError::into_inner) = all;
            Ok(())
        }),
    ];
    let (timings, result) = graph::run(steps, Duration::from(spec.timeout), &say);
    drop(progress);
    result?;
    let applications = applications
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Ok(Outcome {
        timings,
        applications,
        ..Outcome::default()
    })
}
