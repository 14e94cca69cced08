//! Creates or completes a kind cluster with the platform in it, as a graph of steps.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use autoscaleops_core::{Console, file, text};

use super::{
    config, creation::Creation, docker, doctor, drift, inventory::Existing, preload, program,
};
use crate::{
    applications::End,
    details::{Check, Drift, Phase},
    env_file::{self, Credentials},
    graph::{self, Step},
    platform::{apply::Tally, install::Platform, versions::Versions, wait},
    render,
    spec::Spec,
};

/// What the user asked for beyond the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Show the phases, also of a run that fails.
    pub(crate) timings: bool,
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
    /// Whether the cluster was made, its nodes were started, or an object was not as it should be.
    pub(crate) changed: bool,
    /// How the wait for the applications ended.
    pub(crate) end: End,
    /// What differs from the configuration. Nothing was done then.
    pub(crate) drift: Vec<Drift>,
    /// When each step ran.
    pub(crate) phases: Vec<Phase>,
    /// What went wrong without consequence.
    pub(crate) warnings: Vec<String>,
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
    let creation = Creation::of(spec);
    creation.wait(spec.timeout, || {
        console.note("the `kind` of an earlier run still makes this cluster; waiting for it");
    })?;
    // Without kind or docker the checks below say so, and everything else that is missing too.
    let mut existing = Existing::look(spec).unwrap_or_default();
    doctor::refuse_unfit(&preflight(spec, &versions, &existing))?;
    let node_image = versions.node_image(spec).to_owned();
    if existing.is_there() && creation.was_left() {
        console.note("an earlier run did not finish the cluster: it is deleted and made anew");
        program::delete(&spec.name, &spec.kubeconfig())?;
        existing = Existing::default();
    }
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
    let phases = finished(console, options, phases, result)?;
    let found = bring_up
        .found
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome {
        changed: bring_up.makes || !bring_up.stopped.is_empty() || found.has_changed,
        end: found.end,
        drift: Vec::new(),
        phases,
        warnings: found.warnings,
    })
}

/// Returns the phases of a run that went well. Those of one that did not are shown where they were
/// asked for: they say how far it came, and where the time went.
///
/// # Errors
///
/// Fails with the error of the run.
pub(crate) fn finished(
    console: &Console,
    options: &Options,
    phases: Vec<Phase>,
    result: anyhow::Result<()>,
) -> anyhow::Result<Vec<Phase>> {
    if result.is_err() && options.timings {
        for line in render::bars(&phases, console.look().width) {
            console.note(&line);
        }
    }
    result.map(|()| phases)
}

/// What the steps have found out for each other.
#[derive(Default)]
struct Found {
    platform: Option<Arc<Platform>>,
    images: Vec<String>,
    archive: Option<preload::Archive>,
    warnings: Vec<String>,
    has_changed: bool,
    end: End,
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
                Ok(String::new())
            })
        })
        .collect();
    let (phases, result) = graph::run(steps, spec.timeout, &silent);
    result.map(|()| phases)
}

type Say<'a> = &'a (dyn Fn(&str) + Sync);

impl BringUp<'_> {
    fn steps<'a>(&'a self, say: Say<'a>) -> Vec<Step<'a>> {
        let access = &self.spec.access;
        let mut steps = vec![
            Step::new("manifests", &[], |_| self.read_manifests()),
            Step::new("cluster", &[], |left| self.make_cluster(left)),
            Step::new("api", &["cluster"], |left| {
                wait::wait_for_api(access, left)?;
                wait::assert_kind(access)?;
                Ok(String::new())
            }),
            Step::new("nodes", &["api"], move |left| {
                let count = usize::from(self.spec.workers) + 1;
                wait::wait_for_nodes(access, count, left, say)?;
                wait::close_joining(access)?;
                Ok(text::count(count as u128, "node"))
            }),
            Step::new("definitions", &["manifests", "api"], move |left| {
                let tally = self.platform()?.definitions(access, left, say)?;
                Ok(self.applied(tally))
            }),
            Step::new("settings", &["definitions"], |_| {
                let tally = self.platform()?.settings(access)?;
                Ok(self.applied(tally))
            }),
            // As soon as its kind is known: the controller finds it there when it starts.
            Step::new("root", &["definitions"], |_| {
                let tally = self.platform()?.root(access)?;
                Ok(self.applied(tally))
            }),
            Step::new("workloads", &["settings", "load"], |_| {
                let tally = self.platform()?.workloads(access)?;
                Ok(self.applied(tally))
            }),
            Step::new("argo cd", &["workloads", "nodes"], move |left| {
                self.platform()?.wait_for_workloads(access, left, say)?;
                Ok(String::new())
            }),
            Step::new("applications", &["argo cd", "root"], move |left| {
                let (end, note) = self.platform()?.wait_for_applications(access, left, say)?;
                self.found().end = end;
                Ok(note)
            }),
        ];
        if self.makes && self.spec.preload {
            steps.push(Step::new("pull", &[], |left| {
                self.pull(left);
                Ok(text::count(self.found().images.len() as u128, "image"))
            }));
            // Written while the nodes boot: only what needs a node waits for one.
            steps.push(Step::new("archive", &["pull"], |left| {
                self.archive(left);
                Ok(String::new())
            }));
            steps.push(Step::new("load", &["archive", "cluster"], |left| {
                self.load(left);
                Ok(String::new())
            }));
        }
        if self.makes {
            steps.push(Step::new("names", &["cluster"], |_| {
                self.look_up_names();
                Ok(String::new())
            }));
        }
        steps
    }

    fn applied(&self, tally: Tally) -> String {
        self.found().has_changed |= tally.has_changed();
        tally.to_string()
    }

    fn read_manifests(&self) -> anyhow::Result<String> {
        let credentials = self.credentials.as_ref();
        let platform = Platform::load(
            self.spec,
            &self.versions,
            credentials,
            self.options.force_conflicts,
        )?;
        self.found().platform = Some(Arc::new(platform));
        Ok(String::new())
    }

    fn make_cluster(&self, left: Duration) -> anyhow::Result<String> {
        let name = &self.spec.name;
        let creation = Creation::of(self.spec);
        if self.makes {
            let home = &self.spec.home;
            let (path, log) = (home.join("kind.yaml"), home.join("kind.log"));
            let text = config::render(self.spec, &self.node_image);
            file::replace_private(&path, text.as_bytes())?;
            let kubeconfig = self.spec.kubeconfig();
            let held = creation.begin()?;
            program::create(name, [&path, &kubeconfig, &log], held, left)?;
            // kind makes it private; an older umask or a kept file may not have.
            let private = fs_err::read(&kubeconfig)?;
            file::replace_private(&kubeconfig, &private)?;
            creation.finish();
            return Ok("made".to_owned());
        }
        creation.finish();
        if !self.stopped.is_empty() {
            docker::start(&self.stopped)?;
        }
        file::replace_private(&self.spec.kubeconfig(), &program::kubeconfig(name)?)?;
        Ok("was there".to_owned())
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
