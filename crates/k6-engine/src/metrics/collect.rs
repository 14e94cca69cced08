//! Where samples go: one shard per worker thread, drained into the totals of the run.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::json;

use super::{
    CHECKS, Contains, HTTP_REQ_DURATION, Id, Kind, Registry, Sink, Submetric, Tags, Threshold,
    Trend,
};

/// What a run knows of its metrics before it starts.
#[derive(Debug)]
pub struct Collector {
    /// The metrics.
    pub registry: Registry,
    /// Those with tags, from the thresholds.
    pub submetrics: Vec<Submetric>,
    /// The thresholds, by the name that they were given under.
    pub thresholds: Vec<(String, Vec<Threshold>)>,
    /// Whether each sample is kept as a line of JSON.
    pub lines: bool,
}

/// The samples of one worker since the last drain.
#[derive(Debug, Default)]
pub struct Shard {
    sinks: Vec<Option<Sink>>,
    subs: Vec<Option<Sink>>,
    by_metric: Vec<Vec<usize>>,
    kinds: Vec<Kind>,
    checks: Checks,
    lines: String,
    described: Vec<bool>,
}

/// Locks a shard, whatever happened to another holder.
pub(crate) fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// Adds a sample of the metric `id`.
    pub fn add(&mut self, collector: &Collector, id: Id, value: f64, tags: Tags<'_>) {
        // As in k6: a script may have a way of its own to check.
        if id == CHECKS
            && let Some(name) = tags.get("check")
        {
            let group = tags.get("group").unwrap_or_default();
            self.checks.add(group, name, value != 0.0);
        }
        self.sample(collector, id, value, tags);
    }

    fn sample(&mut self, collector: &Collector, id: Id, value: f64, tags: Tags<'_>) {
        if id >= self.kinds.len() {
            self.learn(collector);
        }
        let Some(kind) = self.kinds.get(id).copied() else {
            return;
        };
        self.sinks[id]
            .get_or_insert_with(|| Sink::new(kind))
            .add(value);
        for sub in &self.by_metric[id] {
            if tags.match_all(&collector.submetrics[*sub].tags) {
                self.subs[*sub]
                    .get_or_insert_with(|| Sink::new(kind))
                    .add(value);
            }
        }
        if collector.lines {
            self.line(collector, id, value, tags);
        }
    }

    /// Adds the result of a check.
    pub fn check(
        &mut self,
        collector: &Collector,
        group: &str,
        name: &str,
        passed: bool,
        tags: Tags<'_>,
    ) {
        // As in k6, whose summary finds checks by their tag.
        if tags.get("check").is_some() {
            self.checks.add(group, name, passed);
        }
        self.sample(collector, CHECKS, f64::from(u8::from(passed)), tags);
    }

    /// Remembers that a group was entered.
    pub(crate) fn enter(&mut self, group: &str) {
        self.checks.enter(group);
    }

    fn learn(&mut self, collector: &Collector) {
        let all = collector.registry.all();
        self.kinds = all.iter().map(|it| it.kind).collect();
        self.sinks.resize(all.len(), None);
        self.subs.resize(collector.submetrics.len(), None);
        self.by_metric = (0..all.len())
            .map(|id| {
                let subs = collector.submetrics.iter().enumerate();
                subs.filter(|it| it.1.parent == id).map(|it| it.0).collect()
            })
            .collect();
    }

    fn line(&mut self, collector: &Collector, id: Id, value: f64, tags: Tags<'_>) {
        if id >= self.described.len() {
            self.described.resize(self.kinds.len(), false);
        }
        let Some(metric) = collector.registry.get(id) else {
            return;
        };
        if !self.described[id] {
            self.described[id] = true;
            let _ = writeln!(self.lines, "\u{1}{}", describe(collector, id));
        }
        let mut line = json!({
            "metric": metric.name,
            "type": "Point",
            "data": {
                "time": jiff::Timestamp::now().to_string(),
                "value": crate::summary::number(value),
                "tags": tags.sorted(),
            },
        });
        if !tags.metadata.is_empty() {
            let pairs: BTreeMap<_, _> = tags.metadata.iter().cloned().collect();
            line["data"]["metadata"] = json!(pairs);
        }
        let _ = writeln!(self.lines, "{line}");
    }
}

/// Returns the line that introduces a metric in the stream of samples.
fn describe(collector: &Collector, id: Id) -> String {
    let Some(metric) = collector.registry.get(id) else {
        return String::new();
    };
    let thresholds: Vec<&str> = collector
        .thresholds
        .iter()
        .filter(|it| it.0 == metric.name)
        .flat_map(|it| it.1.iter().map(|one| one.expression.source.as_str()))
        .collect();
    let subs: Vec<_> = collector
        .submetrics
        .iter()
        .filter(|it| it.parent == id)
        .map(|it| {
            let tags: HashMap<&str, &str> = it
                .tags
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            json!({"name": it.name, "suffix": it.suffix, "tags": tags})
        })
        .collect();
    json!({
        "type": "Metric",
        "data": {
            "name": metric.name, "type": metric.kind, "contains": metric.contains,
            "thresholds": thresholds,
            "submetrics": if subs.is_empty() { serde_json::Value::Null } else { subs.into() },
        },
        "metric": metric.name,
    })
    .to_string()
}

/// Groups, and the results of checks by group and name, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// Group path, name, passes, fails.
    pub all: Vec<(String, String, u64, u64)>,
    /// The paths of groups that were entered, also those without checks.
    pub groups: Vec<String>,
    entered: HashSet<String>,
    places: HashMap<String, usize>,
    key: String,
}

impl Checks {
    fn place(&mut self, group: &str, name: &str) -> usize {
        self.key.clear();
        self.key.push_str(group);
        self.key.push_str("::");
        self.key.push_str(name);
        if let Some(place) = self.places.get(&self.key) {
            return *place;
        }
        let place = self.all.len();
        self.all.push((group.to_owned(), name.to_owned(), 0, 0));
        self.places.insert(self.key.clone(), place);
        place
    }

    fn add(&mut self, group: &str, name: &str, passed: bool) {
        let place = self.place(group, name);
        if passed {
            self.all[place].2 += 1;
        } else {
            self.all[place].3 += 1;
        }
    }

    fn enter(&mut self, group: &str) {
        if !self.entered.contains(group) {
            self.entered.insert(group.to_owned());
            self.groups.push(group.to_owned());
        }
    }

    fn absorb(&mut self, other: &mut Self) {
        for group in other.groups.drain(..) {
            self.enter(&group);
        }
        for (group, name, passes, fails) in &mut other.all {
            let place = self.place(group, name);
            self.all[place].2 += std::mem::take(passes);
            self.all[place].3 += std::mem::take(fails);
        }
    }
}

/// All samples of a run, summed up.
#[derive(Debug, Default)]
pub struct Totals {
    /// By the number of the metric; `None` where there was no sample.
    pub sinks: Vec<Option<Sink>>,
    /// By the place in [`Collector::submetrics`].
    pub subs: Vec<Option<Sink>>,
    /// The checks.
    pub checks: Checks,
    /// How long requests took since this was last taken.
    pub recent: Trend,
    described: Vec<String>,
}

impl Totals {
    /// Takes what `shard` holds, and returns its lines, each metric introduced once.
    pub fn drain(&mut self, collector: &Collector, shard: &Arc<Mutex<Shard>>) -> String {
        let mut shard = lock(shard);
        let size = collector.registry.all().len().max(shard.sinks.len());
        if self.sinks.len() < size {
            self.sinks.resize(size, None);
        }
        if self.subs.len() < collector.submetrics.len() {
            self.subs.resize(collector.submetrics.len(), None);
        }
        if let Some(Some(Sink::Trend(trend))) = shard.sinks.get(HTTP_REQ_DURATION) {
            self.recent.absorb(&mut trend.clone());
        }
        absorb_all(&mut self.sinks, &mut shard.sinks);
        absorb_all(&mut self.subs, &mut shard.subs);
        self.checks.absorb(&mut shard.checks);
        let lines = std::mem::take(&mut shard.lines);
        drop(shard);
        if !lines.contains('\u{1}') {
            return lines;
        }
        let mut once = String::with_capacity(lines.len());
        for line in lines.split_inclusive('\n') {
            match line.strip_prefix('\u{1}') {
                None => once.push_str(line),
                Some(description) if !self.described.iter().any(|it| it == description) => {
                    self.described.push(description.to_owned());
                    once.push_str(description);
                }
                Some(_) => {}
            }
        }
        once
    }

    /// Returns the samples of the metric `id`.
    pub fn sink(&mut self, id: Id) -> Option<&mut Sink> {
        self.sinks.get_mut(id).and_then(Option::as_mut)
    }

    /// Returns the sum of the counter `id`.
    pub fn sum(&self, id: Id) -> f64 {
        match self.sinks.get(id) {
            Some(Some(Sink::Counter { sum, .. })) => *sum,
            _ => 0.0,
        }
    }

    /// Returns hits and total of the rate `id`.
    pub fn rate(&self, id: Id) -> (u64, u64) {
        match self.sinks.get(id) {
            Some(Some(Sink::Rate { hits, total })) => (*hits, *total),
            _ => (0, 0),
        }
    }
}

fn absorb_all(totals: &mut [Option<Sink>], parts: &mut [Option<Sink>]) {
    for (total, part) in totals.iter_mut().zip(parts) {
        if let Some(part) = part {
            if let Some(total) = total {
                total.absorb(part);
            } else {
                let mut fresh = match part {
                    Sink::Counter { .. } => Sink::new(Kind::Counter),
                    Sink::Gauge { .. } => Sink::new(Kind::Gauge),
                    Sink::Rate { .. } => Sink::new(Kind::Rate),
                    Sink::Trend(_) => Sink::new(Kind::Trend),
                };
                fresh.absorb(part);
                *total = Some(fresh);
            }
        }
    }
}

impl Collector {
    /// Returns a collector for the thresholds of a script.
    ///
    /// # Errors
    ///
    /// Fails on a threshold whose metric does not exist, or whose aggregation the metric lacks.
    pub fn new(
        registry: Registry,
        thresholds: Vec<(String, Vec<Threshold>)>,
        lines: bool,
    ) -> Result<Self, String> {
        let mut submetrics: Vec<Submetric> = Vec::new();
        for (name, conditions) in &thresholds {
            let (base, suffix) = match name.split_once('{') {
                Some((base, rest)) => {
                    let suffix = rest.strip_suffix('}').ok_or_else(|| {
                        format!("the threshold on `{name}` lacks its closing brace")
                    })?;
                    (base, Some(suffix))
                }
                None => (name.as_str(), None),
            };
            let id = registry.find(base).ok_or_else(|| {
                format!(
                    "invalid threshold defined on {name}; reason: no metric name \"{base}\" found"
                )
            })?;
            let kind = registry.get(id).map_or(Kind::Counter, |it| it.kind);
            for one in conditions {
                one.expression
                    .check(name, kind)
                    .map_err(|err| err.to_string())?;
            }
            if let Some(suffix) = suffix {
                submetrics.push(Submetric {
                    parent: id,
                    name: name.clone(),
                    suffix: suffix.to_owned(),
                    tags: tags_of(suffix)?,
                });
            }
        }
        let always = "http_req_duration{expected_response:true}";
        if !submetrics.iter().any(|it| it.name == always) {
            submetrics.push(Submetric {
                parent: HTTP_REQ_DURATION,
                name: always.to_owned(),
                suffix: "expected_response:true".to_owned(),
                tags: vec![("expected_response".to_owned(), "true".to_owned())],
            });
        }
        Ok(Self {
            registry,
            submetrics,
            thresholds,
            lines,
        })
    }

    /// Returns what the samples of the metric `id` are.
    pub fn contains(&self, id: Id) -> Contains {
        self.registry
            .get(id)
            .map_or(Contains::Default, |it| it.contains)
    }
}

fn tags_of(suffix: &str) -> Result<Vec<(String, String)>, String> {
    let clean = |text: &str| {
        text.trim()
            .trim_matches(|c| c == '"' || c == '\'')
            .to_owned()
    };
    if suffix.trim().is_empty() {
        return Err("a threshold on a metric with tags names no tag".to_owned());
    }
    Ok(suffix
        .split(',')
        .map(|pair| match pair.split_once(':') {
            Some((key, value)) => (clean(key), clean(value)),
            None => (clean(pair), String::new()),
        })
        .collect())
}

#[cfg(test)]
mod tests;
