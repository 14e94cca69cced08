//! What containers use, and how they are held to their limits.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;

use super::{
    Kubelet,
    container::{Container, State},
};
use crate::{
    api::lock,
    metrics::Usage,
    process::{self, Consumed},
};

impl Kubelet {
    /// Measures CPU and memory of every container.
    pub(super) fn measure(&mut self) {
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
                let Some((consumed, members)) = groups.get(&group) else {
                    continue;
                };
                let consumed = *consumed;
                container.members.clone_from(members);
                let log = crate::logs::file(&self.cluster, uid, &container.name, container.run);
                crate::logs::keep_short(&log);
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
    pub(super) fn throttle(&mut self) -> bool {
        let mut any = false;
        for container in self.pods.values_mut().flat_map(|it| &mut it.containers) {
            any |= container.throttle();
        }
        any
    }
}

impl Container {
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
        // What it started counts as its own; who is in the group is known to a second.
        let others = self.members.iter().filter(|it| **it != stat.group);
        let of_others: Duration = others
            .filter_map(|it| process::stat(*it).filter(|it| it.group == stat.group))
            .map(|it| it.cpu)
            .sum();
        let used_now = stat.cpu + of_others;
        let (then, cpu) = self.measured;
        let now = Instant::now();
        let elapsed = now.duration_since(then).as_secs_f64();
        self.measured = (now, used_now);
        if cpu > Duration::ZERO || self.tokens != 0.0 {
            let used = used_now.saturating_sub(cpu).as_secs_f64();
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
}
