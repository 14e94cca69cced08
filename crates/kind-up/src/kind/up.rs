//! Creates or completes a kind cluster with the platform in it, as a graph of steps.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use autoscaleops_core::{Console, file, text};

use super::{config, docker, doctor, drift, preload, program};
use crate::{
    details::{Check, Drift, Phase, Step as Planned},
    env_file::{self, Credentials},
    graph::{self, Step},
    platform::{install::Platform, versions::Versions, wait},
    spec::Spec,
};

/// What the user asked for beyond the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Delete a cluster that differs, and make it anew.
    pub(crate) recreate: bool,
    /// Take over fields that other managers own.
    pub(crate) force_conflicts: bool,
    /// Run one phase only, with what it needs.
    pub(crate) only: Option<String>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whether the cluster was made, or its nodes were started.
    pub(crate) changed: bool,
    /// What differs from the configuration. Nothing was done then.
    pub(crate) drift: Vec<Drift>,
    /// When each step ran.
    pub(crate) phases: Vec<Phase>,
    /// What went wrong without consequence.
    pub(crate) warnings: Vec<String>,
}

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
    if existing.is_there() {
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
        let note = format!(
            "one control plane and {} of {image}",
            text::count(spec.workers, "worker")
        );
        steps.push(step("create", format!("cluster {}", spec.name), &note));
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

/// Returns the checks of the machine, the cluster's own ports left out.
pub(crate) fn preflight(spec: &Spec, versions: &Versions, existing: &Existing) -> Vec<Check> {
    doctor::judge(&doctor::gather(spec, &existing.names()), spec, versions)
}

/// Creates or completes the cluster of `spec`.
///
/// # Errors
///
/// Fails on the first step that does, with its remedy. What is there then is completed by the next run.
pub(crate) fn up(spec: &Spec, options: &Options, console: &Console) -> anyhow::Result<Outcome> {
    let versions = Versions::of(spec)?;
    let credentials = env_file::credentials(&spec.git_credentials)?;
    if !spec.is_private() {
        console.warn(&format!(
            "`listen_address: {}` opens the cluster to the network",
            spec.listen_address
        ));
    }
    // Without kind or docker the checks below say so, and everything else that is missing too.
    let mut existing = Existing::look(spec).unwrap_or_default();
    doctor::refuse_unfit(&preflight(spec, &versions, &existing))?;
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
            program::delete(&spec.name, &spec.kubeconfig())?;
            existing = Existing::default();
        }
    }
    let progress = console.spinner("starting");
    let bring_up = BringUp {
        spec,
        options,
        versions,
        credentials,
        node_image,
        info: docker::info().unwrap_or_default(),
        stopped: existing.stopped(),
        makes: !existing.is_there(),
        found: Mutex::default(),
    };
    let say = |text: &str| progress.say(text);
    let steps = match &options.only {
        Some(name) => graph::only(bring_up.steps(&say), name)?,
        None => bring_up.steps(&say),
    };
    let (phases, result) = graph::run(steps, spec.timeout, &say);
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
        phases,
        warnings: found.warnings,
    })
}

/// What the steps have found out for each other.
#[derive(Default)]
struct Found {
    platform: Option<Arc<Platform>>,
    images: Vec<String>,
    archive: Option<preload::Archive>,
    warnings: Vec<String>,
}

/// One run of [`up`].
struct BringUp<'a> {
    spec: &'a Spec,
    options: &'a Options,
    versions: Versions,
    credentials: Option<Credentials>,
    node_image: String,
    info: docker::Info,
    stopped: Vec<String>,
    makes: bool,
    found: Mutex<Found>,
}

/// Runs the phases of a first bring-up by the scheduler of a real one, each sleeping for as long as
/// `lasts` says instead of doing its work.
///
/// # Errors
///
/// Fails when a phase has no length.
pub(crate) fn on_paper(
    spec: &Spec,
    lasts: &(dyn Fn(&str) -> Option<Duration> + Sync),
) -> anyhow::Result<Vec<Phase>> {
    let options = Options::default();
    let bring_up = BringUp {
        spec,
        options: &options,
        versions: Versions::built_in(),
        credentials: None,
        node_image: String::new(),
        info: docker::Info::default(),
        stopped: Vec::new(),
        makes: true,
        found: Mutex::default(),
    };
    let silent = |_: &str| {};
    let steps = bring_up
        .steps(&silent)
        .into_iter()
        .map(|step| {
            let name = step.name();
            step.with(move |_| {
                let length = lasts(name)
                    .ok_or_else(|| anyhow::anyhow!("nothing says how long `{name}` takes"))?;
                std::thread::sleep(length);
                Ok(())
            })
        })
        .collect();
    let (phases, result) = graph::run(steps, spec.timeout, &silent);
    result.map(|()| phases)
}

type Say<'a> = &'a (dyn Fn(&str) + Sync);

impl BringUp<'_> {
    fn steps<'a>(&'a self, say: Say<'a>) -> Vec<Step<'a>> {
        let mut steps = vec![
            Step::new("manifests", &[], |_| self.read_manifests()),
            Step::new("cluster", &[], |left| self.make_cluster(left)),
            Step::new("api", &["cluster"], |left| {
                wait::wait_for_api(&self.spec.access, left)?;
                wait::assert_kind(&self.spec.access)
            }),
            Step::new("nodes", &["api"], move |left| {
                let count = usize::from(self.spec.workers) + 1;
                wait::wait_for_nodes(&self.spec.access, count, left, say)
            }),
            Step::new("definitions", &["manifests", "api"], move |left| {
                self.platform()?.definitions(&self.spec.access, left, say)
            }),
            Step::new("settings", &["definitions"], |_| {
                self.platform()?.settings(&self.spec.access)
            }),
            Step::new("root", &["settings"], |_| {
                self.platform()?.root(&self.spec.access)
            }),
            Step::new("workloads", &["settings", "load"], |_| {
                self.platform()?.workloads(&self.spec.access)
            }),
            Step::new("argo cd", &["workloads", "nodes"], move |left| {
                self.platform()?
                    .wait_for_workloads(&self.spec.access, left, say)
            }),
            Step::new("applications", &["argo cd", "root"], move |left| {
                wait::wait_for_applications(&self.spec.access, left, say)
            }),
        ];
        if self.makes && self.spec.preload {
            steps.push(Step::new("pull", &[], |left| {
                self.pull(left);
                Ok(())
            }));
            // Written while the nodes boot: only what needs a node waits for one.
            steps.push(Step::new("archive", &["pull"], |left| {
                self.archive(left);
                Ok(())
            }));
            steps.push(Step::new("load", &["archive", "cluster"], |left| {
                self.load(left);
                Ok(())
            }));
        }
        if self.makes {
            steps.push(Step::new("names", &["cluster"], |_| {
                self.look_up_names();
                Ok(())
            }));
        }
        steps
    }

    fn read_manifests(&self) -> anyhow::Result<()> {
        let credentials = self.credentials.as_ref();
        let platform = Platform::load(
            self.spec,
            &self.versions,
            credentials,
            self.options.force_conflicts,
        )?;
        self.found().platform = Some(Arc::new(platform));
        Ok(())
    }

    fn make_cluster(&self, left: Duration) -> anyhow::Result<()> {
        let name = &self.spec.name;
        if self.makes {
            let path = self.spec.home.join("kind.yaml");
            let text = config::render(self.spec, &self.node_image);
            file::replace_private(&path, text.as_bytes())?;
            program::create(name, &path, &self.spec.kubeconfig(), left)?;
            // kind makes it private; an older umask or a kept file may not have.
            let private = fs_err::read(self.spec.kubeconfig())?;
            file::replace_private(&self.spec.kubeconfig(), &private)?;
            return Ok(());
        }
        if !self.stopped.is_empty() {
            docker::start(&self.stopped)?;
        }
        file::replace_private(&self.spec.kubeconfig(), &program::kubeconfig(name)?)?;
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

    fn archive(&self, left: Duration) {
        let images = std::mem::take(&mut self.found().images);
        if images.is_empty() {
            return;
        }
        match preload::save(&images, &self.info, &self.spec.home, left) {
            Ok(archive) => self.found().archive = Some(archive),
            Err(err) => self.not_loaded(&err),
        }
    }

    fn load(&self, left: Duration) {
        let archive = self.found().archive.take();
        if let Some(archive) = archive
            && let Err(err) = preload::load(&self.spec.name, &archive, left)
        {
            self.not_loaded(&err);
        }
    }

    fn not_loaded(&self, err: &anyhow::Error) {
        let warning = format!("not loaded, the nodes will pull them: {err:#}");
        self.found().warnings.push(warning);
    }

    /// Warns when a node finds no registry: every pull would fail later, and say less.
    fn look_up_names(&self) {
        let node = format!("{}-control-plane", self.spec.name);
        let mut hosts: Vec<String> = self
            .versions
            .images()
            .iter()
            .filter_map(|it| it.split_once('/'))
            .map(|(host, _)| host.to_owned())
            .filter(|it| it.contains('.') && !it.contains(':'))
            .collect();
        hosts.sort();
        hosts.dedup();
        for host in hosts {
            if let Err(err) = docker::resolves(&node, &host) {
                self.found().warnings.push(format!(
                    "the nodes cannot find {host}, so they will pull nothing from there ({err}): look at Docker's DNS and proxy settings (`docker info`)"
                ));
            }
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
