//! Runs pods as processes of this machine: starts, probes, restarts, measures and ends them, and
//! writes down in their status what became of them.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::OpenOptions,
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use autoscaleops_core::process::{Run, Running};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    api::lock,
    cluster::Cluster,
    environment,
    metrics::Usage,
    objects, probe,
    process::{self, Consumed},
    store::Stored,
    value::{list, milli, number, set, stamp, text},
    workloads::condition,
};

/// How often the CPU of limited containers is looked at.
const THROTTLE: Duration = Duration::from_millis(20);
/// How often pods are looked at.
const SYNC: Duration = Duration::from_millis(100);
/// How often use is measured.
const MEASURE: Duration = Duration::from_secs(1);
/// A container that ran this long is taken to be well: its next restart waits little again.
const WELL: Duration = Duration::from_secs(600);
/// The longest pause before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// The annotation that tells at which port of this machine a container's port is.
pub(crate) const PORTS: &str = "rehearsal.autoscaleops.dev/ports";

/// The probes of a container, in the order of their fields.
const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// Where a container is in its life.
#[derive(Debug)]
enum State {
    Waiting {
        reason: &'static str,
        message: String,
        until: Instant,
    },
    Running {
        process: Running,
        since: Timestamp,
        began: Instant,
    },
    Ended {
        code: i64,
        reason: &'static str,
        since: Timestamp,
        at: Timestamp,
    },
}

/// One probe of one container.
#[derive(Debug, Default)]
struct ProbeState {
    due: Option<Instant>,
    in_flight: bool,
    successes: i64,
    failures: i64,
}

/// One container of one pod.
#[derive(Debug)]
struct Container {
    name: String,
    spec: Value,
    is_init: bool,
    state: State,
    last: Option<Value>,
    run: i64,
    backoff: Duration,
    first_backoff: Duration,
    killed_for: Option<&'static str>,
    started: bool,
    ready: bool,
    probes: [ProbeState; 3],
    limit: Option<f64>,
    memory_limit: Option<i64>,
    tokens: f64,
    measured: (Instant, Duration),
    stopped: bool,
    samples: VecDeque<(Instant, Duration)>,
}

/// One pod that runs here.
#[derive(Debug)]
struct Pod {
    namespace: String,
    name: String,
    ports: BTreeMap<u16, u16>,
    containers: Vec<Container>,
    started_at: Timestamp,
    ending: Option<Ending>,
    phase: &'static str,
}

#[derive(Debug)]
struct Ending {
    term_at: Instant,
    termed: bool,
    kill_at: Instant,
}

/// The outcome of a probe.
#[derive(Debug)]
struct Probed {
    uid: String,
    container: String,
    run: i64,
    index: usize,
    outcome: Result<(), String>,
}

/// All pods that run here.
#[derive(Debug)]
pub(crate) struct Kubelet {
    cluster: Arc<Cluster>,
    pods: BTreeMap<String, Pod>,
    probed: mpsc::UnboundedSender<Probed>,
    outcomes: mpsc::UnboundedReceiver<Probed>,
}

impl Kubelet {
    /// Makes the one that runs the pods of a cluster.
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        let (probed, outcomes) = mpsc::unbounded_channel();
        Self {
            cluster,
            pods: BTreeMap::new(),
            probed,
            outcomes,
        }
    }

    /// Runs pods until the task is dropped or the cluster stops, then ends them all.
    pub(crate) async fn run(mut self) {
        end_orphans(&self.cluster.folder);
        let mut news = lock(&self.cluster.store).subscribe();
        let (mut synced, mut measured) = (Instant::now(), Instant::now());
        let mut seen = u64::MAX;
        loop {
            if self.cluster.is_stopping() {
                self.end_all().await;
                return;
            }
            while let Ok(outcome) = self.outcomes.try_recv() {
                self.settle(&outcome);
            }
            let touched = lock(&self.cluster.store).touched("pods");
            if touched != seen || synced.elapsed() >= SYNC {
                seen = touched;
                synced = Instant::now();
                self.sync();
            }
            if measured.elapsed() >= MEASURE {
                measured = Instant::now();
                self.measure();
            }
            let limited = self.throttle();
            tokio::select! {
                _ = news.changed() => {}
                Some(outcome) = self.outcomes.recv() => self.settle(&outcome),
                () = tokio::time::sleep(if limited { THROTTLE } else { SYNC }) => {}
            }
        }
    }

    fn sync(&mut self) {
        let live: BTreeMap<String, Arc<Stored>> = lock(&self.cluster.store)
            .list("pods", None)
            .into_iter()
            .map(|it| (it.uid.clone(), it))
            .collect();
        // Removed by force: the processes go with it.
        self.pods.retain(|uid, _| live.contains_key(uid));
        for (uid, stored) in &live {
            if !self.pods.contains_key(uid) && !self.adopt(uid, stored) {
                continue;
            }
            let Some(mut pod) = self.pods.remove(uid) else {
                continue;
            };
            if stored.deleting && pod.ending.is_none() {
                pod.begin_end(&stored.value());
            }
            let gone = self.drive(uid, &mut pod);
            self.write(uid, &pod, stored, gone);
            if gone {
                let _ = std::fs::remove_dir_all(self.cluster.folder.join("pods").join(uid));
                lock(&self.cluster.usage).remove(uid);
            } else {
                self.pods.insert(uid.clone(), pod);
            }
        }
        let mut usage = lock(&self.cluster.usage);
        usage.retain(|uid, _| live.contains_key(uid));
    }

    /// Takes a new pod over. Returns whether there is anything to run.
    fn adopt(&mut self, uid: &str, stored: &Stored) -> bool {
        let value = stored.value();
        if matches!(text(&value, "/status/phase"), "Succeeded" | "Failed") || stored.deleting {
            if stored.deleting {
                let mut store = lock(&self.cluster.store);
                if let Err(err) = store.delete("pods", &stored.namespace, &stored.name) {
                    tracing::warn!("cannot remove a pod: {err}");
                }
            }
            return false;
        }
        let mut pod = Pod::new(stored, &value, lock(&self.cluster.config).restart_backoff.0);
        for container in &mut pod.containers {
            for port in list(&container.spec, "/ports") {
                if let Some(port) =
                    number(port, "/containerPort").and_then(|it| u16::try_from(it).ok())
                {
                    pod.ports.insert(port, probe::free_port().unwrap_or(port));
                }
            }
        }
        let mut store = lock(&self.cluster.store);
        let message = format!(
            "Successfully assigned {}/{} to {}",
            pod.namespace,
            pod.name,
            crate::NODE
        );
        objects::event(
            &mut store,
            &value,
            "Normal",
            "Scheduled",
            &message,
            "stand-in-scheduler",
        );
        drop(store);
        self.pods.insert(uid.to_owned(), pod);
        true
    }

    /// Moves every container of a pod one step. Returns whether the pod ended after it was deleted.
    fn drive(&self, uid: &str, pod: &mut Pod) -> bool {
        let now = Instant::now();
        let names = (pod.namespace.clone(), pod.name.clone());
        for container in &mut pod.containers {
            if let Some(message) = container.reap(&self.cluster) {
                self.event(&names, "Warning", "BackOff", &message);
            }
        }
        if let Some(ending) = &mut pod.ending {
            if now >= ending.term_at && !ending.termed {
                ending.termed = true;
                for container in &mut pod.containers {
                    container.signal(Signal::TERM);
                }
            } else if now >= ending.kill_at {
                for container in &mut pod.containers {
                    container.signal(Signal::KILL);
                }
            }
            return pod
                .containers
                .iter()
                .all(|it| !matches!(it.state, State::Running { .. }));
        }
        let policy = pod.policy();
        let ports = pod.ports.clone();
        for index in 0..pod.containers.len() {
            let may_start = pod.containers[..index]
                .iter()
                .filter(|it| it.is_init)
                .all(|it| matches!(it.state, State::Ended { code: 0, .. }));
            let container = &mut pod.containers[index];
            if let State::Ended { code, .. } = container.state {
                let again = if container.is_init {
                    code != 0 && policy != "Never"
                } else {
                    policy == "Always" || policy == "OnFailure" && code != 0
                };
                if again {
                    container.wait_for_restart();
                    if let State::Waiting {
                        reason: "CrashLoopBackOff",
                        message,
                        ..
                    } = &container.state
                    {
                        let message = message.clone();
                        self.event(&names, "Warning", "BackOff", &message);
                    }
                }
            }
            if let State::Waiting { until, .. } = &container.state
                && may_start
                && *until <= now
            {
                self.start(uid, &names, container, &ports);
            }
            self.probe(uid, container, &ports);
        }
        pod.phase = pod.phase_now(&policy);
        false
    }

    fn start(
        &self,
        uid: &str,
        names: &(String, String),
        container: &mut Container,
        ports: &BTreeMap<u16, u16>,
    ) {
        let image = text(&container.spec, "/image").to_owned();
        let found = {
            let config = lock(&self.cluster.config);
            config
                .program(&image)
                .map(|(program, tag)| (program.clone(), tag))
        };
        let Some((program, tag)) = found else {
            let message = format!(
                "no program is named for the image \"{image}\" under `embedded.images`, or its tag is not listed there"
            );
            let reason = if container.backoff.is_zero() {
                "ErrImagePull"
            } else {
                "ImagePullBackOff"
            };
            container.backoff =
                (container.backoff * 2).clamp(Duration::from_secs(2), LONGEST_BACKOFF);
            container.state = State::Waiting {
                reason,
                message: message.clone(),
                until: Instant::now() + container.backoff,
            };
            self.event(
                names,
                "Warning",
                "Failed",
                &format!("Failed to pull image \"{image}\": {message}"),
            );
            return;
        };
        let variables = {
            let store = lock(&self.cluster.store);
            environment::variables(&store, &names.0, &names.1, &container.spec, ports)
        };
        let variables = match variables {
            Ok(variables) => variables,
            Err(message) => {
                container.state = State::Waiting {
                    reason: "CreateContainerConfigError",
                    message: message.clone(),
                    until: Instant::now() + Duration::from_secs(2),
                };
                self.event(names, "Warning", "Failed", &format!("Error: {message}"));
                return;
            }
        };
        match self.spawn(uid, container, &program, &tag, &variables, ports) {
            Ok(process) => {
                self.event(
                    names,
                    "Normal",
                    "Pulled",
                    &format!(
                        "Image \"{image}\" is the program {}",
                        program.program.display()
                    ),
                );
                self.event(
                    names,
                    "Normal",
                    "Started",
                    &format!("Started container {}", container.name),
                );
                container.begin(process);
            }
            Err(message) => {
                self.event(names, "Warning", "Failed", &format!("Error: {message}"));
                container.backoff =
                    (container.backoff * 2).clamp(Duration::from_secs(2), LONGEST_BACKOFF);
                container.state = State::Waiting {
                    reason: "RunContainerError",
                    message,
                    until: Instant::now() + container.backoff,
                };
            }
        }
    }

    fn spawn(
        &self,
        uid: &str,
        container: &Container,
        program: &crate::config::Program,
        tag: &str,
        variables: &BTreeMap<String, String>,
        ports: &BTreeMap<u16, u16>,
    ) -> Result<Running, String> {
        let path = crate::logs::file(&self.cluster, uid, &container.name, container.run);
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        std::fs::create_dir_all(&folder)
            .map_err(|err| format!("cannot make `{}`: {err}", folder.display()))?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|err| format!("cannot write `{}`: {err}", path.display()))?;
        let errors = log.try_clone().map_err(|err| err.to_string())?;
        let mut all = environment::base(&folder, tag);
        all.extend(program.env.clone());
        all.extend(variables.clone());
        // Where to listen is the stand-in's to say: here all pods share one network.
        if let Some(port) = list(&container.spec, "/ports")
            .first()
            .and_then(|it| number(it, "/containerPort"))
            .and_then(|it| u16::try_from(it).ok())
            .and_then(|it| ports.get(&it))
        {
            all.insert("LISTEN".to_owned(), format!("127.0.0.1:{port}"));
            all.insert("PORT".to_owned(), port.to_string());
        }
        for (inside, outside) in ports {
            all.insert(format!("PORT_{inside}"), outside.to_string());
        }
        let mut run = Run::new(&program.program).env_clear().cwd(&folder);
        for argument in program.args.iter().map(String::as_str).chain(
            list(&container.spec, "/args")
                .iter()
                .filter_map(Value::as_str),
        ) {
            run = run.arg(environment::expand(argument, &all));
        }
        for (name, value) in &all {
            run = run.env(name, value);
        }
        let process = run
            .streams(Stdio::null(), Stdio::from(log), Stdio::from(errors))
            .start()
            .map_err(|err| {
                autoscaleops_core::process::last_words(
                    anyhow::Error::new(err).root_cause().to_string().as_bytes(),
                )
            })
            .map_err(|err| format!("cannot start `{}`: {err}", program.program.display()))?;
        let started = i32::try_from(process.id())
            .ok()
            .and_then(process::stat)
            .map_or(0, |it| it.started);
        // Read again after a crash of the stand-in, to end what it left behind.
        let _ = std::fs::write(
            folder.join(format!("{}.pid", container.name)),
            format!("{} {started}", process.id()),
        );
        Ok(process)
    }

    fn probe(&self, uid: &str, container: &mut Container, ports: &BTreeMap<u16, u16>) {
        let State::Running { began, .. } = &container.state else {
            return;
        };
        let (began, now) = (*began, Instant::now());
        if !container.started && container.spec.get("startupProbe").is_none() {
            container.started = true;
        }
        if container.started && container.spec.get("readinessProbe").is_none() {
            container.ready = true;
        }
        for (index, field) in PROBES.iter().enumerate() {
            let Some(spec) = container.spec.get(*field) else {
                continue;
            };
            let applies = if index == 0 {
                !container.started
            } else {
                container.started
            };
            let state = &mut container.probes[index];
            let delay = Duration::from_secs(
                u64::try_from(number(spec, "/initialDelaySeconds").unwrap_or(0)).unwrap_or(0),
            );
            let due = *state.due.get_or_insert(began + delay);
            if !applies || state.in_flight || now < due {
                continue;
            }
            let period = u64::try_from(number(spec, "/periodSeconds").unwrap_or(10))
                .unwrap_or(10)
                .max(1);
            state.due = Some(now + Duration::from_secs(period));
            state.in_flight = true;
            let check = probe::Probe::of(spec, &container.spec, ports);
            let (sender, uid, name, run) = (
                self.probed.clone(),
                uid.to_owned(),
                container.name.clone(),
                container.run,
            );
            tokio::spawn(async move {
                let outcome = check.run().await;
                let _ = sender.send(Probed {
                    uid,
                    container: name,
                    run,
                    index,
                    outcome,
                });
            });
        }
    }

    fn settle(&mut self, probed: &Probed) {
        let Some(pod) = self.pods.get_mut(&probed.uid) else {
            return;
        };
        let names = (pod.namespace.clone(), pod.name.clone());
        let ending = pod.ending.is_some();
        let Some(container) = pod
            .containers
            .iter_mut()
            .find(|it| it.name == probed.container && it.run == probed.run)
        else {
            return;
        };
        let Some(spec) = container.spec.get(PROBES[probed.index]).cloned() else {
            return;
        };
        let state = &mut container.probes[probed.index];
        state.in_flight = false;
        if probed.outcome.is_ok() {
            state.successes += 1;
            state.failures = 0;
        } else {
            state.failures += 1;
            state.successes = 0;
        }
        let well = state.successes >= number(&spec, "/successThreshold").unwrap_or(1);
        let ill = state.failures >= number(&spec, "/failureThreshold").unwrap_or(3);
        if let Err(message) = &probed.outcome
            && !ending
        {
            let kind = ["Startup", "Liveness", "Readiness"][probed.index];
            self.event(
                &names,
                "Warning",
                "Unhealthy",
                &format!("{kind} probe failed: {message}"),
            );
        }
        let Some(container) = self.pods.get_mut(&probed.uid).and_then(|it| {
            it.containers
                .iter_mut()
                .find(|it| it.name == probed.container)
        }) else {
            return;
        };
        match probed.index {
            0 if well => container.started = true,
            2 if well => container.ready = true,
            2 if ill => container.ready = false,
            0 | 1 if ill && !ending && container.killed_for.is_none() => {
                container.killed_for = Some("Error");
                container.signal(Signal::TERM);
                let message = format!(
                    "Container {} failed its probe, will be restarted",
                    container.name
                );
                self.event(&names, "Normal", "Killing", &message);
            }
            _ => {}
        }
        if probed.index == 2 || probed.index == 0 {
            self.sync_one(&probed.uid);
        }
    }

    fn sync_one(&mut self, uid: &str) {
        let stored = lock(&self.cluster.store)
            .list("pods", None)
            .into_iter()
            .find(|it| it.uid == uid);
        if let (Some(stored), Some(mut pod)) = (stored, self.pods.remove(uid)) {
            let policy = pod.policy();
            pod.phase = pod.phase_now(&policy);
            self.write(uid, &pod, &stored, false);
            self.pods.insert(uid.to_owned(), pod);
        }
    }

    fn event(&self, names: &(String, String), kind: &str, reason: &str, message: &str) {
        let mut store = lock(&self.cluster.store);
        if let Some(pod) = store.get("pods", &names.0, &names.1) {
            objects::event(&mut store, &pod.value(), kind, reason, message, "stand-in");
        }
    }

    /// Writes a pod's status when it changed, or takes the pod away when it is over.
    fn write(&self, uid: &str, pod: &Pod, stored: &Stored, gone: bool) {
        let mut store = lock(&self.cluster.store);
        let result = if gone {
            store
                .delete("pods", &stored.namespace, &stored.name)
                .map(|_| ())
        } else {
            let Some(live) = store
                .get("pods", &stored.namespace, &stored.name)
                .filter(|it| it.uid == uid)
            else {
                return;
            };
            let mut value = live.value();
            let before = value.get("status").cloned().unwrap_or(Value::Null);
            let status = pod.status(&before, stored.deleting);
            let ports: serde_json::Map<String, Value> = pod
                .ports
                .iter()
                .map(|(inside, outside)| (inside.to_string(), json!(outside)))
                .collect();
            let ports = Value::Object(ports).to_string();
            let listed = text(
                &value,
                "/metadata/annotations/rehearsal.autoscaleops.dev~1ports",
            ) == ports;
            if status == before && (listed || pod.ports.is_empty()) {
                return;
            }
            if !pod.ports.is_empty() {
                set(&mut value, &["metadata", "annotations"], PORTS, ports);
            }
            set(&mut value, &[], "status", status);
            store.put("pods", value).map(|_| ())
        };
        if let Err(err) = result {
            tracing::warn!("cannot write a pod: {err}");
        }
    }

    /// Measures CPU and memory of every container.
    fn measure(&mut self) {
        if self.pods.is_empty() {
            return;
        }
        let groups = process::groups();
        let window = lock(&self.cluster.config).metrics_window.0;
        let mut usage = lock(&self.cluster.usage);
        for (uid, pod) in &mut self.pods {
            for container in &mut pod.containers {
                let State::Running { process, .. } = &container.state else {
                    container.samples.clear();
                    continue;
                };
                let group = i32::try_from(process.id()).unwrap_or(0);
                let Some(consumed) = groups.get(&group).copied() else {
                    continue;
                };
                let measured = container.sample(consumed, window);
                if let Some(measured) = measured {
                    usage
                        .entry(uid.clone())
                        .or_default()
                        .insert(container.name.clone(), measured);
                }
                if container
                    .memory_limit
                    .is_some_and(|it| consumed.memory > it)
                    && container.killed_for.is_none()
                {
                    container.killed_for = Some("OOMKilled");
                    container.signal(Signal::KILL);
                }
            }
        }
    }

    /// Holds containers to their CPU limit by stopping and continuing them. Returns whether there
    /// are any to hold.
    fn throttle(&mut self) -> bool {
        let mut any = false;
        for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
            any |= container.throttle();
        }
        any
    }

    async fn end_all(&mut self) {
        for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
            container.signal(Signal::TERM);
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let mut running = false;
            for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
                container.reap(&self.cluster);
                running |= matches!(container.state, State::Running { .. });
            }
            if !running {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
            container.signal(Signal::KILL);
        }
        self.pods.clear();
    }
}

impl Pod {
    fn new(stored: &Stored, value: &Value, first_backoff: Duration) -> Self {
        let containers = [("/spec/initContainers", true), ("/spec/containers", false)]
            .iter()
            .flat_map(|(place, is_init)| list(value, place).iter().map(|it| (it, *is_init)))
            .map(|(spec, is_init)| Container::new(spec, is_init, value, first_backoff))
            .collect();
        let started_at = text(value, "/status/startTime")
            .parse()
            .unwrap_or_else(|_| Timestamp::now());
        Self {
            namespace: stored.namespace.clone(),
            name: stored.name.clone(),
            ports: BTreeMap::new(),
            containers,
            started_at,
            ending: None,
            phase: "Pending",
        }
    }

    fn policy(&self) -> String {
        self.containers
            .first()
            .map_or("Always", |it| text(&it.spec, "/x-restart-policy"))
            .to_owned()
    }

    fn begin_end(&mut self, value: &Value) {
        let seconds =
            |it: Option<i64>| Duration::from_secs(u64::try_from(it.unwrap_or(0)).unwrap_or(0));
        let grace = seconds(number(value, "/metadata/deletionGracePeriodSeconds"));
        let sleep = self
            .containers
            .iter()
            .map(|it| seconds(number(&it.spec, "/lifecycle/preStop/sleep/seconds")))
            .max()
            .unwrap_or_default();
        let now = Instant::now();
        self.ending = Some(Ending {
            term_at: now + sleep.min(grace),
            termed: false,
            kill_at: now + grace,
        });
        for container in &mut self.containers {
            container.ready = false;
        }
    }

    fn phase_now(&self, policy: &str) -> &'static str {
        let (mut running, mut waiting, mut failed) = (false, false, false);
        for container in self.containers.iter().filter(|it| !it.is_init) {
            match container.state {
                State::Running { .. } => running = true,
                State::Waiting { .. } if container.run > 0 => running = true,
                State::Waiting { .. } => waiting = true,
                State::Ended { code, .. } => failed |= code != 0,
            }
        }
        let init_failed = policy == "Never"
            && self
                .containers
                .iter()
                .any(|it| it.is_init && matches!(it.state, State::Ended { code, .. } if code != 0));
        match () {
            () if init_failed => "Failed",
            () if running => "Running",
            () if waiting => "Pending",
            () if failed => "Failed",
            () => "Succeeded",
        }
    }

    fn status(&self, before: &Value, deleting: bool) -> Value {
        let mains = || self.containers.iter().filter(|it| !it.is_init);
        let initialized = self
            .containers
            .iter()
            .filter(|it| it.is_init)
            .all(|it| matches!(it.state, State::Ended { code: 0, .. }));
        let ready =
            !deleting && mains().all(|it| it.ready && matches!(it.state, State::Running { .. }));
        let done = self.phase == "Succeeded";
        let word = |it: bool| if it { "True" } else { "False" };
        let conditions = [
            ("PodReadyToStartContainers", true),
            ("Initialized", initialized),
            ("Ready", ready),
            ("ContainersReady", ready),
            ("PodScheduled", true),
        ]
        .map(|(kind, holds)| {
            let (reason, message) = match (holds, kind) {
                (false, "Ready" | "ContainersReady") if done => ("PodCompleted", String::new()),
                (false, "Ready" | "ContainersReady") => {
                    let names: Vec<&str> = mains()
                        .filter(|it| !it.ready)
                        .map(|it| it.name.as_str())
                        .collect();
                    (
                        "ContainersNotReady",
                        format!("containers with unready status: [{}]", names.join(" ")),
                    )
                }
                (false, _) => ("ContainersNotInitialized", String::new()),
                _ => ("", String::new()),
            };
            let mut made = condition(before, kind, word(holds), reason, &message, false);
            if let Some(map) = made.as_object_mut() {
                map.shift_remove("lastUpdateTime");
                if reason.is_empty() {
                    map.shift_remove("reason");
                }
                if message.is_empty() {
                    map.shift_remove("message");
                }
            }
            made
        });
        let statuses = |init: bool| -> Vec<Value> {
            self.containers
                .iter()
                .filter(|it| it.is_init == init)
                .map(Container::status)
                .collect()
        };
        let mut status = json!({
            "phase": self.phase, "conditions": conditions, "hostIP": "127.0.0.1", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}],
            "startTime": stamp(self.started_at), "qosClass": "Burstable", "containerStatuses": statuses(false),
        });
        let init = statuses(true);
        if !init.is_empty() {
            set(&mut status, &[], "initContainerStatuses", init);
        }
        status
    }
}

impl Container {
    fn new(spec: &Value, is_init: bool, pod: &Value, first_backoff: Duration) -> Self {
        let name = text(spec, "/name").to_owned();
        let earlier = ["/status/initContainerStatuses", "/status/containerStatuses"]
            .iter()
            .flat_map(|it| list(pod, it))
            .find(|it| {
                text(it, "/name") == name
                    && (it.pointer("/state/running").is_some()
                        || number(it, "/restartCount").unwrap_or(0) > 0)
            });
        let run = earlier.map_or(0, |it| number(it, "/restartCount").unwrap_or(0) + 1);
        let mut spec = spec.clone();
        set(
            &mut spec,
            &[],
            "x-restart-policy",
            text(pod, "/spec/restartPolicy"),
        );
        let limit = spec.pointer("/resources/limits/cpu").and_then(milli);
        #[expect(clippy::cast_precision_loss, reason = "cores fit")]
        let limit = limit.map(|it| it as f64 / 1000.0);
        Self {
            memory_limit: spec
                .pointer("/resources/limits/memory")
                .and_then(milli)
                .map(|it| it / 1000),
            name,
            spec,
            is_init,
            state: State::Waiting {
                reason: if is_init {
                    "PodInitializing"
                } else {
                    "ContainerCreating"
                },
                message: String::new(),
                until: Instant::now(),
            },
            last: None,
            run,
            backoff: Duration::ZERO,
            first_backoff,
            killed_for: None,
            started: false,
            ready: false,
            probes: Default::default(),
            limit,
            tokens: 0.0,
            measured: (Instant::now(), Duration::ZERO),
            stopped: false,
            samples: VecDeque::new(),
        }
    }

    fn begin(&mut self, process: Running) {
        self.killed_for = None;
        self.started = false;
        self.ready = false;
        self.probes = Default::default();
        self.tokens = 0.0;
        self.measured = (Instant::now(), Duration::ZERO);
        self.stopped = false;
        self.samples.clear();
        self.samples.push_back((Instant::now(), Duration::ZERO));
        self.state = State::Running {
            process,
            since: Timestamp::now(),
            began: Instant::now(),
        };
    }

    /// Notes when the process ended. Returns a message for an event when it failed.
    fn reap(&mut self, cluster: &Cluster) -> Option<String> {
        use std::os::unix::process::ExitStatusExt as _;

        let State::Running {
            process,
            since,
            began,
        } = &mut self.state
        else {
            return None;
        };
        let status = process.poll().ok()??;
        let code = i64::from(
            status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        );
        let reason = match (self.killed_for, code) {
            (Some("OOMKilled"), _) => "OOMKilled",
            (_, 0) => "Completed",
            _ => "Error",
        };
        // What it started and left behind goes with it.
        process::signal(process.id(), Signal::KILL);
        if began.elapsed() > WELL {
            self.backoff = Duration::ZERO;
        }
        let _ = cluster;
        let (since, at) = (*since, Timestamp::now());
        self.state = State::Ended {
            code,
            reason,
            since,
            at,
        };
        self.ready = false;
        (code != 0 && self.run > 0)
            .then(|| format!("Container {} ended with code {code}", self.name))
    }

    fn wait_for_restart(&mut self) {
        let State::Ended {
            code,
            reason,
            since,
            at,
        } = &self.state
        else {
            return;
        };
        self.last = Some(
            json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": stamp(*since), "finishedAt": stamp(*at)}}),
        );
        self.run += 1;
        let pause = self.backoff;
        let (reason, message) = if pause.is_zero() {
            ("ContainerCreating", String::new())
        } else {
            (
                "CrashLoopBackOff",
                format!(
                    "back-off {}s restarting failed container={}",
                    pause.as_secs(),
                    self.name
                ),
            )
        };
        self.state = State::Waiting {
            reason,
            message,
            until: Instant::now() + pause,
        };
        self.backoff = Duration::ZERO.max(pause * 2).min(LONGEST_BACKOFF);
        if self.backoff.is_zero() {
            self.backoff = self.first_backoff;
        }
    }

    fn signal(&mut self, signal: Signal) {
        if let State::Running { process, .. } = &self.state {
            process::signal(process.id(), signal);
            // A stopped process hears nothing but KILL.
            if self.stopped {
                process::signal(process.id(), Signal::CONT);
                self.stopped = false;
            }
        }
    }

    fn sample(&mut self, consumed: Consumed, window: Duration) -> Option<Usage> {
        let now = Instant::now();
        self.samples.push_back((now, consumed.cpu));
        // One sample older than the window stays, so that the whole window is covered.
        while self
            .samples
            .get(1)
            .is_some_and(|it| now.duration_since(it.0) >= window)
        {
            self.samples.pop_front();
        }
        let (then, cpu) = *self.samples.front()?;
        let over = now.duration_since(then);
        if over < Duration::from_millis(500) {
            return None;
        }
        let used = consumed.cpu.saturating_sub(cpu).as_secs_f64() / over.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "billionths of some cores fit"
        )]
        Some(Usage {
            at: Timestamp::now(),
            window: over,
            cpu_nano: (used * 1e9) as i64,
            memory: consumed.memory,
        })
    }

    fn throttle(&mut self) -> bool {
        let (Some(limit), State::Running { process, .. }) = (self.limit, &self.state) else {
            return false;
        };
        let id = process.id();
        let Some(stat) = i32::try_from(id).ok().and_then(process::stat) else {
            return true;
        };
        let (then, cpu) = self.measured;
        let now = Instant::now();
        let elapsed = now.duration_since(then).as_secs_f64();
        self.measured = (now, stat.cpu);
        if cpu > Duration::ZERO || self.tokens != 0.0 {
            let used = stat.cpu.saturating_sub(cpu).as_secs_f64();
            // A tenth of a second may be saved up, as with the kernel's own periods.
            self.tokens = (self.tokens + elapsed * limit - used).min(limit * 0.1);
        } else {
            self.tokens = limit * 0.1;
        }
        if self.tokens < 0.0 && !self.stopped {
            self.stopped = true;
            process::signal(id, Signal::STOP);
        } else if self.tokens >= 0.0 && self.stopped {
            self.stopped = false;
            process::signal(id, Signal::CONT);
        }
        true
    }

    fn status(&self) -> Value {
        let state = match &self.state {
            State::Waiting {
                reason, message, ..
            } if message.is_empty() => json!({"waiting": {"reason": reason}}),
            State::Waiting {
                reason, message, ..
            } => json!({"waiting": {"reason": reason, "message": message}}),
            State::Running { since, .. } => json!({"running": {"startedAt": stamp(*since)}}),
            State::Ended {
                code,
                reason,
                since,
                at,
            } => {
                json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": stamp(*since), "finishedAt": stamp(*at)}})
            }
        };
        let image = text(&self.spec, "/image");
        let running = matches!(self.state, State::Running { .. });
        let ready = if self.is_init {
            matches!(self.state, State::Ended { code: 0, .. })
        } else {
            self.ready && running
        };
        json!({
            "name": self.name, "state": state, "lastState": self.last.clone().unwrap_or_else(|| json!({})), "ready": ready,
            "restartCount": self.run, "image": image, "imageID": "", "started": self.started && running,
            "containerID": match &self.state { State::Running { process, .. } => format!("process://{}", process.id()), _ => String::new() },
        })
    }
}

/// Ends the processes that an earlier stand-in left behind, told from others by their start time.
pub(crate) fn end_orphans(folder: &std::path::Path) {
    let folder = folder.join("pods");
    for pod in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(pod.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if file.path().extension().is_none_or(|it| it != "pid") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(file.path()) else {
                continue;
            };
            let mut words = text
                .split_whitespace()
                .filter_map(|it| it.parse::<u64>().ok());
            if let (Some(pid), Some(started)) = (words.next(), words.next())
                && let Ok(id) = i32::try_from(pid)
                && process::stat(id).is_some_and(|it| it.started == started && it.group == id)
            {
                process::signal(u32::try_from(pid).unwrap_or(0), Signal::KILL);
            }
            let _ = std::fs::remove_file(file.path());
        }
    }
}
