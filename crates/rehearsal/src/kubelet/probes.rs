//! Probes: asked when they are due, and what follows from their answers.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    Kubelet,
    container::{Container, State},
};
use crate::{probe, value::number};

/// The probes of a container, in the order of their fields.
const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// The outcome of a probe.
#[derive(Debug)]
pub(super) struct Probed {
    /// The pod.
    pub(super) uid: String,
    /// The container.
    pub(super) container: String,
    /// Its run: an answer to an earlier one is void.
    pub(super) run: i64,
    /// Which probe.
    pub(super) index: usize,
    /// The answer.
    pub(super) outcome: Result<(), String>,
}

impl Kubelet {
    /// Asks the probes of a container that are due.
    pub(super) fn probe(&self, uid: &str, container: &mut Container, ports: &BTreeMap<u16, u16>) {
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
            let check = probe::Probe::of(spec, &container.spec, ports, &container.environment);
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

    /// Notes an answer.
    pub(super) fn settle(&mut self, probed: &Probed) {
        let Some(pod) = self.pods.get_mut(&probed.uid) else {
            return;
        };
        let names = (pod.namespace.clone(), pod.name.clone());
        let ending = pod.ending.is_some();
        let grace = pod.grace;
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
                let own = number(&spec, "/terminationGracePeriodSeconds");
                let own = own.and_then(|it| u64::try_from(it).ok());
                container.end_within(own.map_or(grace, Duration::from_secs));
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
}
