//! Runs pods as processes of this machine: starts, probes, restarts, measures and ends them, and
//! writes down in their status what became of them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::{container::State, pod::Pod, probes::Probed};
use crate::{
    api::lock,
    cluster::Cluster,
    config::Config,
    objects, probe,
    store::Stored,
    value::{list, number, set, text},
};

mod container;
mod measure;
mod orphans;
mod pod;
mod probes;
mod start;

pub(crate) use self::orphans::end_orphans;

/// How often the CPU of limited containers is looked at.
const THROTTLE: Duration = Duration::from_millis(20);
/// How often pods are looked at.
const SYNC: Duration = Duration::from_millis(100);
/// How often use is measured.
const MEASURE: Duration = Duration::from_secs(1);

/// The annotation that tells at which port of this machine a container's port is.
pub(crate) const PORTS: &str = "rehearsal.autoscaleops.dev/ports";

/// All pods that run here.
#[derive(Debug)]
pub(crate) struct Kubelet {
    cluster: Arc<Cluster>,
    /// The configuration as it was looked at last.
    config: Config,
    pods: BTreeMap<String, Pod>,
    probed: mpsc::UnboundedSender<Probed>,
    outcomes: mpsc::UnboundedReceiver<Probed>,
}

impl Kubelet {
    /// Makes the one that runs the pods of a cluster.
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        let (probed, outcomes) = mpsc::unbounded_channel();
        let config = lock(&cluster.config).clone();
        Self {
            cluster,
            config,
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
        let is_new = {
            let config = lock(&self.cluster.config);
            let is_new = *config != self.config;
            if is_new {
                self.config.clone_from(&config);
            }
            is_new
        };
        if is_new {
            for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
                container.look_again();
            }
        }
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
            if let Some(message) = container.reap() {
                self.event(&names, "Warning", "BackOff", &message);
            }
            if container.kill_at.is_some_and(|it| now >= it) {
                container.signal(Signal::KILL);
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
        let policy = pod.policy.clone();
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
                if container.run > 0 {
                    renew_ports(&container.spec, &mut pod.ports);
                }
                self.start(uid, &names, container, &pod.ports);
            }
            self.probe(uid, container, &pod.ports);
        }
        pod.phase = pod.phase_now();
        false
    }

    fn sync_one(&mut self, uid: &str) {
        let stored = lock(&self.cluster.store)
            .list("pods", None)
            .into_iter()
            .find(|it| it.uid == uid);
        if let (Some(stored), Some(mut pod)) = (stored, self.pods.remove(uid)) {
            pod.phase = pod.phase_now();
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

    async fn end_all(&mut self) {
        for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
            container.signal(Signal::TERM);
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let mut running = false;
            for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
                container.reap();
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

/// Gives a container that starts again another port of this machine where somebody has taken its own
/// meanwhile.
fn renew_ports(container: &Value, ports: &mut BTreeMap<u16, u16>) {
    for port in list(container, "/ports") {
        let inside = number(port, "/containerPort").and_then(|it| u16::try_from(it).ok());
        if let Some(outside) = inside.and_then(|it| ports.get_mut(&it))
            && !probe::is_free(*outside)
            && let Some(free) = probe::free_port()
        {
            *outside = free;
        }
    }
}
