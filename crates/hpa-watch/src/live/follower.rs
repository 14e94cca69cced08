//! Hears what all watches say, and tells the lines that come of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use autoscaleops_core::{Failure, cluster::Cluster, stop};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event as ClusterEvent;
use kube::{Api, runtime::watcher};
use tokio::sync::mpsc;

use super::{
    Next, Selection,
    around::Around,
    explain, pages,
    seen::Hpa,
    server::{self, Server},
    tracker::Tracker,
    trouble,
    watches::{self, Message, Origin, Task},
};
use crate::recording::{Entry, Line, SCHEMA};

/// How often time is looked at while nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// How long changes gather before they are looked at: to wake up costs more than to read one, and
/// nobody sees the difference.
const BREATH: Duration = Duration::from_millis(50);
/// How many messages wait to be heard.
const WAITING: usize = 64;
/// How long a server that says to be busy is asked again at the beginning.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the autoscalers may be lost before a person is told.
const SILENCE: Duration = Duration::from_secs(5);

/// The state of following.
pub(super) struct Follower<'a, H> {
    cluster: &'a Cluster,
    selection: &'a Selection,
    handler: H,
    messages: mpsc::Receiver<Message>,
    tracker: Tracker,
    around: Around,
    lost: BTreeMap<Origin, Loss>,
    /// Whether the list of autoscalers is complete, now and ever.
    is_listed: bool,
    was_listed: bool,
    /// How often each event had happened.
    events: BTreeMap<String, i32>,
    stopped: bool,
    _autoscalers: Task,
}

/// A watch that is lost.
struct Loss {
    since: Instant,
    why: String,
    is_told: bool,
}

impl<'a, H: FnMut(Option<Line>) -> Next> Follower<'a, H> {
    pub(super) async fn begin(
        cluster: &'a Cluster,
        selection: &'a Selection,
        mut handler: H,
    ) -> Result<Self, Failure> {
        let client = &cluster.client;
        // The first call tells whether there is a cluster at all.
        let server = match server::ask(client).await {
            Ok(server) => server,
            Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403 | 404) => {
                Server::default()
            }
            Err(err) => return Err(explain(&err, cluster, "the version")),
        };
        let api: Api<Hpa> = if selection.all {
            Api::all(client.clone())
        } else {
            Api::namespaced(
                client.clone(),
                selection.namespace.as_deref().unwrap_or(&cluster.namespace),
            )
        };
        let (sender, messages) = mpsc::channel(WAITING);
        let autoscalers = watches::autoscalers(api, selection.names.clone(), sender.clone());
        let around = Around::new(cluster, sender, server.skew_ms);
        let start = Line {
            at: Timestamp::now(),
            entry: Entry::Start {
                schema: SCHEMA.to_owned(),
                version: autoscaleops_core::cli::VERSION.to_owned(),
                server: server.version.clone(),
            },
        };
        let stopped = handler(Some(start)) == Next::Stop;
        Ok(Self {
            cluster,
            selection,
            handler,
            messages,
            tracker: Tracker::new(selection.targets, &server),
            around,
            lost: BTreeMap::new(),
            is_listed: false,
            was_listed: false,
            events: BTreeMap::new(),
            stopped,
            _autoscalers: autoscalers,
        })
    }

    pub(super) async fn run(mut self, timeout: Option<Duration>) -> anyhow::Result<&'static str> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            if self.stopped {
                return Ok("done");
            }
            if stop::requested() {
                return Ok("stopped");
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok("time");
            }
            tokio::select! {
                message = self.messages.recv() => {
                    if let Some(message) = message {
                        self.take(message).await?;
                        self.take_the_rest().await?;
                    }
                }
                _ = ticks.tick() => {
                    let mut lines = Vec::new();
                    let at = Timestamp::now();
                    self.tracker.tick(at, &mut lines);
                    lines.extend(self.silence(at));
                    self.tell(lines);
                    if (self.handler)(None) == Next::Stop {
                        self.stopped = true;
                    }
                }
            }
        }
    }

    /// Takes what else has arrived, and then lets changes gather, the whole thread asleep.
    async fn take_the_rest(&mut self) -> Result<(), Failure> {
        // The tasks that read and decode run while this one yields.
        let mut idle = 0;
        while idle < 3 && !self.stopped && !stop::requested() {
            if let Ok(message) = self.messages.try_recv() {
                idle = 0;
                self.take(message).await?;
            } else {
                idle += 1;
                tokio::task::yield_now().await;
            }
        }
        if self.is_listed && !self.stopped {
            stop::wait(BREATH);
        }
        Ok(())
    }

    fn tell(&mut self, lines: Vec<Line>) {
        for line in lines {
            if (self.handler)(Some(line)) == Next::Stop {
                self.stopped = true;
            }
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), Failure> {
        let at = Timestamp::now();
        let mut lines = Vec::new();
        match message {
            Message::Listing => self.is_listed = false,
            Message::Hpa(name, hpa) => {
                if self.selection.targets {
                    self.around.follow_target(&name, &hpa).await;
                }
                self.tracker.see(&name, *hpa, at, &mut lines);
            }
            Message::Gone(name) => self.forget(&name, at, &mut lines),
            Message::Listed(all) => {
                let gone: Vec<String> = self
                    .tracker
                    .names()
                    .filter(|name| !all.contains(*name))
                    .map(str::to_owned)
                    .collect();
                for name in gone {
                    self.forget(&name, at, &mut lines);
                }
                self.is_listed = true;
                if !self.was_listed {
                    self.was_listed = true;
                    self.check_names(&all)?;
                }
            }
            Message::Target(turn, target) if self.around.is_current(&turn) => {
                let selector = target.as_ref().and_then(|(_, selector)| selector.clone());
                let target = target.map(|(target, _)| target);
                self.tracker.see_target(&turn.hpa, target, at, &mut lines);
                if target.is_some() {
                    self.around.follow_pods(&turn, selector).await;
                }
            }
            Message::Pods(turn, change) if self.around.is_current(&turn) => {
                self.tracker.see_pods(&turn.hpa, change, at, &mut lines);
            }
            Message::Usages(turn, usages) if self.around.is_current(&turn) => {
                self.tracker.see_usages(&turn.hpa, usages, at, &mut lines);
            }
            Message::Target(..) | Message::Pods(..) | Message::Usages(..) => {}
            Message::Event(event) => lines.extend(self.event(&event, at)),
            Message::EventGone(event) => {
                self.events.remove(&event);
            }
            Message::Lost(origin, err) => self.lose(origin, &err, at, &mut lines)?,
            Message::Back(origin) => {
                if let Some(loss) = self.lost.remove(&origin) {
                    let lasted = loss.since.elapsed().as_millis();
                    lines.push(Line {
                        at,
                        entry: Entry::Gap {
                            what: origin.what().to_owned(),
                            lasted_ms: u64::try_from(lasted).unwrap_or(u64::MAX),
                        },
                    });
                }
                if let Origin::Events(namespace) = origin {
                    for name in self.names_in(&namespace) {
                        self.tracker.look_again(&name, "events", at, &mut lines);
                    }
                }
            }
        }
        self.tell(lines);
        Ok(())
    }

    fn forget(&mut self, name: &str, at: Timestamp, lines: &mut Vec<Line>) {
        self.around.forget(name);
        self.tracker.forget(name, at, lines);
    }

    /// A watch is lost. It is tried again; what may not be read is gone on without.
    fn lose(
        &mut self,
        origin: Origin,
        err: &watcher::Error,
        at: Timestamp,
        lines: &mut Vec<Line>,
    ) -> Result<(), Failure> {
        tracing::info!("the watch of the {} is lost: {err}", origin.what());
        let cause = trouble::behind(err);
        let loss = self.lost.entry(origin.clone()).or_insert_with(|| Loss {
            since: Instant::now(),
            why: String::new(),
            is_told: false,
        });
        loss.why = match cause {
            Some(cause) => explain(cause, self.cluster, "the autoscalers").to_string(),
            None => err.to_string(),
        };
        let right = |what: &str| match cause {
            Some(cause) => pages::refusal(cause, &format!("watch {what}")),
            None => err.to_string(),
        };
        match origin {
            Origin::Autoscalers => {
                let is_patient = trouble::is_passing(err) && loss.since.elapsed() < PATIENCE;
                if !self.was_listed && !is_patient {
                    return Err(match cause {
                        Some(cause) => explain(cause, self.cluster, "the autoscalers"),
                        None => Failure::unavailable("cluster", err.to_string()),
                    });
                }
            }
            Origin::Target(turn) if self.around.is_current(&turn) && trouble::is_refused(err) => {
                let why = right(&self.around.plural(&turn));
                self.tracker.give_up(&turn.hpa, "target", &why, at, lines);
            }
            Origin::Pods(turn) if self.around.is_current(&turn) && trouble::is_refused(err) => {
                self.tracker
                    .give_up(&turn.hpa, "pods", &right("pods"), at, lines);
            }
            Origin::Events(namespace) if trouble::is_refused(err) => {
                let why = right("events");
                for name in self.names_in(&namespace) {
                    self.tracker.give_up(&name, "events", &why, at, lines);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn names_in(&self, namespace: &str) -> Vec<String> {
        let names = self.tracker.names();
        names
            .filter(|name| name.split('/').next() == Some(namespace))
            .map(str::to_owned)
            .collect()
    }

    /// Says once that the autoscalers are lost, when that lasts.
    fn silence(&mut self, at: Timestamp) -> Option<Line> {
        let loss = self.lost.get_mut(&Origin::Autoscalers)?;
        if loss.is_told || loss.since.elapsed() < SILENCE {
            return None;
        }
        loss.is_told = true;
        Some(Line {
            at,
            entry: Entry::Event {
                hpa: String::new(),
                kind: "Warning".to_owned(),
                reason: "WatchLost".to_owned(),
                message: format!("{}; trying again", loss.why),
                count: 1,
            },
        })
    }

    fn check_names(&self, all: &BTreeSet<String>) -> Result<(), Failure> {
        for name in &self.selection.names {
            if !all
                .iter()
                .any(|known| known.split('/').next_back() == Some(name))
            {
                let namespace = self
                    .selection
                    .namespace
                    .as_deref()
                    .unwrap_or(&self.cluster.namespace);
                return Err(Failure::unavailable(
                    "not_found",
                    format!(
                        "there is no HorizontalPodAutoscaler `{name}` in namespace `{namespace}`"
                    ),
                )
                .hint("kubectl get hpa -A"));
            }
        }
        Ok(())
    }

    /// An event that is new, or happened once more.
    fn event(&mut self, event: &ClusterEvent, at: Timestamp) -> Option<Line> {
        let object = &event.involved_object;
        let hpa = format!(
            "{}/{}",
            object.namespace.as_deref().unwrap_or_default(),
            object.name.as_deref().unwrap_or_default()
        );
        if !self.tracker.has(&hpa) {
            return None;
        }
        let count = event.count.unwrap_or(1);
        if self.events.insert(watches::identity(event), count) == Some(count) {
            return None;
        }
        Some(Line {
            at,
            entry: Entry::Event {
                hpa,
                kind: event.type_.clone().unwrap_or_default(),
                reason: event.reason.clone().unwrap_or_default(),
                message: event.message.clone().unwrap_or_default(),
                count,
            },
        })
    }
}
