//! Creates or completes a kind cluster with the platform in it, as a graph of steps.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use autoscaleops_core::{Console, Failure, Level, cluster::ClusterArgs, file};

use super::{
    config, docker,
    doctor::{self, Check},
    drift::{self, Difference},
    preload, program, state,
};
use crate::{
    env_file::{self, Credentials},
    graph::{self, Step, Timing},
    platform::{
        install::{self, Application, Platform},
        versions::Versions,
    },
    spec::Spec,
};

/// What the user asked for beyond the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Delete a cluster that differs, and make it anew.
    pub recreate: bool,
    /// Take over fields that other managers own.
    pub force_conflicts: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Whether the cluster was made, or its nodes were started.
    pub changed: bool,
    /// What differs from the configuration. Nothing was done then.
    pub drift: Vec<Difference>,
    /// When each step ran.
    pub timings: Vec<Timing>,
    /// Every Application.
    pub applications: Vec<Application>,
    /// What went wrong without consequence.
    pub warnings: Vec<String>,
}

/// What is there of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Existing {
    /// Its containers; empty when there is no cluster.
    pub containers: Vec<docker::Container>,
}

impl Existing {
    /// Looks at the cluster of `spec`.
    ///
    /// # Errors
    ///
    /// Fails when kind or docker does.
    pub fn look(spec: &Spec) -> anyhow::Result<Self> {
        if !program::exists(&spec.name)? {
            return Ok(Self::default());
        }
        let containers = docker::inspect(&program::nodes(&spec.name)?)?;
        Ok(Self { containers })
    }

    fn is_there(&self) -> bool {
        !self.containers.is_empty()
    }

    fn names(&self) -> Vec<String> {
        self.containers
            .iter()
            .map(|it| it.name.trim_start_matches('/').to_owned())
            .collect()
    }

    fn stopped(&self) -> Vec<String> {
        self.containers
            .iter()
            .filter(|it| it.state.status != "running")
            .map(|it| it.name.trim_start_matches('/').to_owned())
            .collect()
    }
}

/// Returns what [`up`] would do, and what differs from the configuration. Changes nothing.
///
/// # Errors
///
/// Fails when kind or docker does, or a pin cannot be read.
pub fn plan(spec: &Spec) -> anyhow::Result<(Vec<String>, Vec<Difference>)> {
    spec.check()?;
    let versions = Versions::of(spec)?;
    let existing = Existing::look(spec)?;
    let image = versions.node_image(spec);
    let mut actions = Vec::new();
    if existing.is_there() {
        let drift = drift::compare(spec, image, &existing.containers);
        if !drift.is_empty() {
            return Ok((actions, drift));
        }
        let stopped = existing.stopped();
        if !stopped.is_empty() {
            actions.push(format!("start the stopped nodes {}", stopped.join(", ")));
        }
    } else {
        actions.push(format!(
            "create the cluster {} with {} workers of {image}",
            spec.name, spec.workers
        ));
        if spec.preload {
            actions.push(format!("pull and load {}", versions.images().join(", ")));
        }
    }
    for pinned in &versions.manifests {
        actions.push(format!(
            "apply {} {} (only what differs)",
            pinned.name, pinned.version
        ));
    }
    actions.push(format!(
        "apply {} and wait for every Application",
        spec.root_app.display()
    ));
    Ok((actions, Vec::new()))
}

/// Returns the checks of the machine, the cluster's own ports left out.
pub fn preflight(spec: &Spec, versions: &Versions, existing: &Existing) -> Vec<Check> {
    doctor::judge(&doctor::gather(spec, &existing.names()), spec, versions)
}

/// Creates or completes the cluster of `spec`. Relative paths start from `folder`.
///
/// # Errors
///
/// Fails on the first step that does, with its remedy. What is there then is completed by the next run.
pub fn up(
    spec: &Spec,
    folder: &Path,
    options: Options,
    console: &Console,
) -> anyhow::Result<Outcome> {
    spec.check()?;
    let versions = Versions::of(spec)?;
    let env_file = spec.env_file.as_ref().map(|it| folder.join(it));
    let credentials = env_file::credentials(env_file.as_deref())?;
    if !spec.is_private() {
        console.warn(&format!(
            "`bind_address: {}` opens the cluster to the network",
            spec.bind_address
        ));
    }
    // Without kind or docker the checks below say so, and everything else that is missing too.
    let mut existing = Existing::look(spec).unwrap_or_default();
    refuse_unfit(&preflight(spec, &versions, &existing))?;
    let access = state::access(spec)?;
    let node_image = versions.node_image(spec).to_owned();
    if existing.is_there() {
        let drift = drift::compare(spec, &node_image, &existing.containers);
        if !drift.is_empty() && !options.recreate {
            return Ok(Outcome {
                drift,
                ..Outcome::default()
            });
        }
        if !drift.is_empty() {
            program::delete(&spec.name, &access.kubeconfig.clone().unwrap_or_default())?;
            existing = Existing::default();
        }
    }
    let progress = console.spinner("starting");
    let bring_up = BringUp {
        spec,
        folder,
        options,
        versions,
        credentials,
        kubeconfig: access.kubeconfig.clone().unwrap_or_default(),
        access,
        node_image,
        info: docker::info().unwrap_or_default(),
        home: state::folder(&spec.name)?,
        stopped: existing.stopped(),
        makes: !existing.is_there(),
        found: Mutex::default(),
    };
    let say = |text: &str| progress.say(text);
    let (timings, result) = graph::run(bring_up.steps(&say), Duration::from(spec.timeout), &say);
    drop(progress);
    result?;
    let changed = bring_up.makes || !bring_up.stopped.is_empty();
    let found = bring_up
        .found
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome {
        changed,
        drift: Vec::new(),
        timings,
        applications: found.applications,
        warnings: found.warnings,
    })
}

/// What the steps have found out for each other.
#[derive(Default)]
struct Found {
    platform: Option<Arc<Platform>>,
    images: Vec<String>,
    applications: Vec<Application>,
    warnings: Vec<String>,
}

/// One run of [`up`].
struct BringUp<'a> {
    spec: &'a Spec,
    folder: &'a Path,
    options: Options,
    versions: Versions,
    credentials: Option<Credentials>,
    access: ClusterArgs,
    kubeconfig: PathBuf,
    node_image: String,
    info: docker::Info,
    home: PathBuf,
    stopped: Vec<String>,
    makes: bool,
    found: Mutex<Found>,
}

type Say<'a> = &'a (dyn Fn(&str) + Sync);

impl BringUp<'_> {
    fn steps<'a>(&'a self, say: Say<'a>) -> Vec<Step<'a>> {
        let mut steps = vec![
            Step::new("manifests", &[], |_| self.read_manifests()),
            Step::new("cluster", &[], |left| self.make_cluster(left)),
            Step::new("api", &["cluster"], |left| {
                install::wait_for_api(&self.access, left)?;
                install::assert_kind(&self.access)
            }),
            Step::new("nodes", &["api"], move |left| {
                let count = usize::from(self.spec.workers) + 1;
                install::wait_for_nodes(&self.access, count, left, say)
            }),
            Step::new("definitions", &["manifests", "api"], move |left| {
                self.platform()?.definitions(&self.access, left, say)
            }),
            Step::new("settings", &["definitions"], |_| {
                self.platform()?.settings(&self.access)
            }),
            Step::new("root", &["settings"], |_| {
                self.platform()?.root(&self.access)
            }),
            Step::new("workloads", &["settings", "load"], |_| {
                self.platform()?.workloads(&self.access)
            }),
            Step::new("argo cd", &["workloads", "nodes"], move |left| {
                self.platform()?.wait_for_workloads(&self.access, left, say)
            }),
            Step::new("applications", &["argo cd", "root"], move |left| {
                let all = install::wait_for_applications(&self.access, left, say)?;
                self.found().applications = all;
                Ok(())
            }),
        ];
        if self.makes && self.spec.preload {
            steps.push(Step::new("pull", &[], |left| {
                self.pull(left);
                Ok(())
            }));
            steps.push(Step::new("load", &["pull", "cluster"], |left| {
                self.load(left);
                Ok(())
            }));
        }
        steps
    }

    fn read_manifests(&self) -> anyhow::Result<()> {
        let credentials = self.credentials.as_ref();
        let platform = Platform::load(
            self.spec,
            self.folder,
            &self.versions,
            credentials,
            true,
            self.options.force_conflicts,
        )?;
        self.found().platform = Some(Arc::new(platform));
        Ok(())
    }

    fn make_cluster(&self, left: Duration) -> anyhow::Result<()> {
        let name = &self.spec.name;
        if self.makes {
            let path = self.home.join("kind.yaml");
            let text = config::render(self.spec, &self.node_image);
            file::replace_private(&path, text.as_bytes())?;
            return program::create(name, &path, &self.kubeconfig, left);
        }
        if !self.stopped.is_empty() {
            docker::start(&self.stopped)?;
        }
        file::replace_private(&self.kubeconfig, &program::kubeconfig(name)?)?;
        Ok(())
    }

    fn pull(&self, left: Duration) {
        let (images, problems) = preload::pull(&self.versions.images(), left);
        let mut found = self.found();
        found.images = images;
        for problem in problems {
            found
                .warnings
                .push(format!("not loaded, the nodes will pull it: {problem}"));
        }
    }

    fn load(&self, left: Duration) {
        let images = std::mem::take(&mut self.found().images);
        if images.is_empty() {
            return;
        }
        let loaded = preload::load(&self.spec.name, &images, &self.info, &self.home, left);
        if let Err(err) = loaded {
            let warning = format!("not loaded, the nodes will pull them: {err:#}");
            self.found().warnings.push(warning);
        }
    }

    fn platform(&self) -> anyhow::Result<Arc<Platform>> {
        let platform = self.found().platform.clone();
        platform.ok_or_else(|| anyhow::anyhow!("the manifests were not read"))
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Turns every failed check into one error, so that all of them are seen at once.
fn refuse_unfit(checks: &[Check]) -> Result<(), Failure> {
    let bad: Vec<&Check> = checks
        .iter()
        .filter(|it| it.problem == Some(Level::Error))
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = bad
        .iter()
        .map(|it| format!("{}: {}", it.id, it.message))
        .collect();
    let remedies: Vec<String> = bad
        .iter()
        .map(|it| format!("{}: {}", it.id, it.remedy))
        .collect();
    Err(Failure::unavailable(
        "preflight",
        format!(
            "this machine cannot hold the cluster yet: {}",
            problems.join("; ")
        ),
    )
    .hint(remedies.join("\n")))
}
