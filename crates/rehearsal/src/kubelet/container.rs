//! One container: a process group in its life from start to end and to the next start.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use autoscaleops_core::process::Running;
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    process,
    value::{list, milli, number, stamp, text},
};

/// A container that ran this long is taken to be well: its next restart waits little again.
const WELL: Duration = Duration::from_secs(600);
/// The longest pause before a restart.
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// Where a container is in its life.
#[derive(Debug)]
pub(super) enum State {
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
pub(super) struct ProbeState {
    /// When it is asked next.
    pub(super) due: Option<Instant>,
    /// Whether an answer is awaited.
    pub(super) in_flight: bool,
    /// Answers in a row that were right.
    pub(super) successes: i64,
    /// Answers in a row that were not.
    pub(super) failures: i64,
}

/// One container of one pod.
#[derive(Debug)]
pub(super) struct Container {
    /// Its name.
    pub(super) name: String,
    /// What the pod says about it.
    pub(super) spec: Value,
    /// Whether it runs before the others.
    pub(super) is_init: bool,
    /// Where it is in its life.
    pub(super) state: State,
    /// How its last run ended.
    pub(super) last: Option<Value>,
    /// How often it was started again.
    pub(super) run: i64,
    /// The pause before the next start.
    pub(super) backoff: Duration,
    /// The first pause of a row.
    pub(super) first_backoff: Duration,
    /// Why it was ended by us.
    pub(super) killed_for: Option<&'static str>,
    /// When it is ended for good, after it was asked to end and does not.
    pub(super) kill_at: Option<Instant>,
    /// What its process was told, for the commands of its probes.
    pub(super) environment: BTreeMap<String, String>,
    /// The processes of its group, as they were last measured.
    pub(super) members: Vec<i32>,
    /// Whether its startup probe has passed.
    pub(super) started: bool,
    /// Whether its readiness probe has passed.
    pub(super) ready: bool,
    /// Its probes.
    pub(super) probes: [ProbeState; 3],
    /// How many processors it may use.
    pub(super) limit: Option<f64>,
    /// How many bytes it may use.
    pub(super) memory_limit: Option<i64>,
    /// CPU seconds that it has saved up.
    pub(super) tokens: f64,
    /// When its CPU was looked at last, and what it was.
    pub(super) measured: (Instant, Duration),
    /// Whether it is held back.
    pub(super) stopped: bool,
    /// Its CPU over the window of the metrics.
    pub(super) samples: VecDeque<(Instant, Duration)>,
}

impl Container {
    /// Returns a container that was not started yet, with what an earlier stand-in noted of it.
    pub(super) fn new(spec: &Value, is_init: bool, pod: &Value, first_backoff: Duration) -> Self {
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
        let spec = spec.clone();
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
            kill_at: None,
            environment: BTreeMap::new(),
            members: Vec::new(),
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

    /// Notes that its process runs.
    pub(super) fn begin(&mut self, process: Running) {
        self.killed_for = None;
        self.kill_at = None;
        self.members.clear();
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
    pub(super) fn reap(&mut self) -> Option<String> {
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

    /// Lets it wait for its next start, longer each time.
    pub(super) fn wait_for_restart(&mut self) {
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

    /// Tries at once what waits for its program: another one may be named for its image now.
    pub(super) fn look_again(&mut self) {
        if let State::Waiting { reason, until, .. } = &mut self.state
            && matches!(
                *reason,
                "ErrImagePull" | "ImagePullBackOff" | "RunContainerError"
            )
        {
            *until = Instant::now();
            self.backoff = Duration::ZERO;
        }
    }

    /// Sends a signal to its processes.
    pub(super) fn signal(&mut self, signal: Signal) {
        if let State::Running { process, .. } = &self.state {
            process::signal(process.id(), signal);
            // A stopped process hears nothing but KILL.
            if self.stopped {
                process::signal(process.id(), Signal::CONT);
                self.stopped = false;
            }
        }
    }

    /// Asks it to end, and ends it when it has not done so within `grace`.
    pub(super) fn end_within(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        self.kill_at = Some(Instant::now() + grace);
    }

    /// Returns its status as the pod shows it.
    pub(super) fn status(&self) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waits_for_its_program_is_tried_again_when_the_configuration_changes() {
        for (reason, again) in [("ImagePullBackOff", true), ("CrashLoopBackOff", false)] {
            let first = Duration::from_secs(10);
            let mut container = Container::new(&json!({"name": "c"}), false, &json!({}), first);
            container.backoff = Duration::from_secs(80);
            container.state = State::Waiting {
                reason,
                message: String::new(),
                until: Instant::now() + Duration::from_secs(80),
            };
            container.look_again();
            let State::Waiting { until, .. } = container.state else {
                panic!("it waits");
            };
            assert_eq!(until <= Instant::now(), again, "{reason}");
            assert_eq!(container.backoff.is_zero(), again, "{reason}");
        }
    }
}
