//! One pod: its containers, its phase and conditions, its end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::container::{Container, State};
use crate::{
    store::Stored,
    value::{list, milli, number, set, stamp, text},
    workloads::condition,
};

/// One pod that runs here.
#[derive(Debug)]
pub(super) struct Pod {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// When its containers are started again.
    pub(super) policy: String,
    /// The ports of this machine by those of the containers.
    pub(super) ports: BTreeMap<u16, u16>,
    /// Its containers, those that run first before the others.
    pub(super) containers: Vec<Container>,
    /// How long a container may take to end after it was asked to.
    pub(super) grace: Duration,
    /// When it was taken over.
    pub(super) started_at: Timestamp,
    /// How it ends, once it was deleted.
    pub(super) ending: Option<Ending>,
    /// Its class of service, by what it asks for and is limited to.
    quality: &'static str,
    /// Its phase.
    pub(super) phase: &'static str,
}

#[derive(Debug)]
pub(super) struct Ending {
    /// When it is asked to end.
    pub(super) term_at: Instant,
    /// Whether it was asked.
    pub(super) termed: bool,
    /// When it is ended.
    pub(super) kill_at: Instant,
}

/// Returns the class of service of a pod, by the rules of Kubernetes.
fn quality(pod: &Value) -> &'static str {
    let containers = || {
        ["/spec/initContainers", "/spec/containers"]
            .iter()
            .flat_map(|it| list(pod, it))
    };
    let amount = |container: &Value, of: &str, what: &str| {
        container
            .pointer(&format!("/resources/{of}/{what}"))
            .and_then(milli)
            .filter(|it| *it > 0)
    };
    let (mut any, mut guaranteed) = (false, true);
    for (container, what) in containers().flat_map(|it| [(it, "cpu"), (it, "memory")]) {
        let limit = amount(container, "limits", what);
        // What is limited and asks for nothing asks for its limit.
        let request = amount(container, "requests", what).or(limit);
        any |= request.is_some();
        guaranteed &= limit.is_some() && request == limit;
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

impl Pod {
    /// Returns a pod that was taken over just now.
    pub(super) fn new(stored: &Stored, value: &Value, first_backoff: Duration) -> Self {
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
            policy: match text(value, "/spec/restartPolicy") {
                "" => "Always",
                policy => policy,
            }
            .to_owned(),
            ports: BTreeMap::new(),
            grace: Duration::from_secs(
                number(value, "/spec/terminationGracePeriodSeconds")
                    .and_then(|it| u64::try_from(it).ok())
                    .unwrap_or(30),
            ),
            quality: quality(value),
            containers,
            started_at,
            ending: None,
            phase: "Pending",
        }
    }

    /// Notes that it was deleted: its containers are asked to end, and ended after a while.
    pub(super) fn begin_end(&mut self, value: &Value) {
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

    /// Returns the phase that follows from its containers.
    pub(super) fn phase_now(&self) -> &'static str {
        let (mut running, mut waiting, mut failed) = (false, false, false);
        for container in self.containers.iter().filter(|it| !it.is_init) {
            match container.state {
                State::Running { .. } => running = true,
                State::Waiting { .. } if container.run > 0 => running = true,
                State::Waiting { .. } => waiting = true,
                State::Ended { code, .. } => failed |= code != 0,
            }
        }
        let init_failed = self.policy == "Never"
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

    /// Returns its status.
    pub(super) fn status(&self, before: &Value, deleting: bool) -> Value {
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
            "startTime": stamp(self.started_at), "qosClass": self.quality, "containerStatuses": statuses(false),
        });
        let init = statuses(true);
        if !init.is_empty() {
            set(&mut status, &[], "initContainerStatuses", init);
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_service_follows_from_requests_and_limits() {
        let of = |resources: &Value| {
            quality(&json!({"spec": {"containers": [{"resources": resources}]}}))
        };
        let both = json!({"cpu": "1", "memory": "1Gi"});
        assert_eq!(of(&json!({})), "BestEffort");
        assert_eq!(of(&json!({"requests": {"cpu": "1"}})), "Burstable");
        assert_eq!(of(&json!({"limits": {"cpu": "1"}})), "Burstable");
        assert_eq!(of(&json!({"limits": both})), "Guaranteed");
        assert_eq!(
            of(&json!({"limits": both, "requests": {"cpu": "1000m", "memory": "1Gi"}})),
            "Guaranteed"
        );
        assert_eq!(
            of(&json!({"limits": both, "requests": {"cpu": "500m", "memory": "1Gi"}})),
            "Burstable"
        );
    }
}
