//! Rehearses an autoscaler without a cluster.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use autoscaleops_core::{Failure, Report, Subject, Verdict, time::Span};
use autoscaleops_hpa::{Controller, MetricKind, Spec, Target, manifest::Manifest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{details::Details, settings::Settings, why};

pub mod load;
pub mod model;
pub mod setting;
mod sweep;

use self::{
    load::{Load, Units},
    model::{Sync, Workload},
};

/// Options of `simulate`.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateArgs {
    /// Manifest of the autoscaler, YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub hpa: PathBuf,

    /// Load: a file or an expression of percent per sync (`2x2,370,123x5`) or of seconds:millicores (`0:4,30:370,150:4`)
    #[arg(long, value_name = "FILE|EXPR")]
    pub load: String,

    /// Replicas to start from instead of the minimum
    #[arg(long, value_name = "NUMBER")]
    pub replicas: Option<i32>,

    /// Change of the spec, such as `behavior.scaleDown.stabilizationWindowSeconds=120` (can be repeated)
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,

    /// Changes of another variant to hold against the first, separated by spaces (can be repeated)
    #[arg(long, value_name = "CHANGES")]
    pub compare: Vec<String>,

    /// Values of a field to try all combinations of, such as `maxReplicas=3,4,6` (can be repeated)
    #[arg(long, value_name = "FIELD=VALUES")]
    pub sweep: Vec<String>,

    /// Utilization in percent that a swept setting may exceed only for `--sweep-for`
    #[arg(long, value_name = "PERCENT", default_value_t = 100)]
    pub sweep_limit: i32,

    /// Time above `--sweep-limit` that a swept setting is allowed
    #[arg(long, value_name = "SPAN", default_value = "1m")]
    pub sweep_for: Span,

    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// What a simulation takes for granted.
#[derive(Clone, Debug, Default, clap::Args, Serialize)]
pub struct ModelArgs {
    /// Time between two syncs: 15 s plus the controller's own work (default 15.01 s)
    #[arg(long, value_name = "SPAN")]
    pub sync_period: Option<Span>,

    /// Version of Kubernetes, 1.29 to 1.37 (default 1.37)
    #[arg(long, value_name = "VERSION")]
    pub k8s: Option<String>,

    /// CPU time of a request, where the load is a report of k6-run
    #[arg(long, value_name = "SPAN")]
    pub cpu_per_request: Option<Span>,

    /// CPU request of a pod in the model, in millicores (default 100)
    #[arg(long, value_name = "MILLICORES")]
    pub request: Option<i64>,

    /// CPU that a pod of the model can use at most, in millicores (default: five times the request)
    #[arg(long, value_name = "MILLICORES")]
    pub limit: Option<i64>,

    /// Time that a pod of the model takes from its creation to its readiness (default 40s)
    #[arg(long, value_name = "SPAN")]
    pub startup: Option<Span>,

    /// Time between two measurements in the model (default 15s)
    #[arg(long, value_name = "SPAN")]
    pub scrape: Option<Span>,

    /// Time that the model goes on after the last change of the demand (default 5m)
    #[arg(long, value_name = "SPAN")]
    pub tail: Option<Span>,
}

/// One sync of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Seconds from the beginning.
    pub at_s: f64,
    /// The average utilization that the controller saw, in percent.
    pub utilization: Option<i32>,
    /// What the metrics asked for, before windows, policies and bounds.
    pub recommended: Option<i32>,
    /// The replicas after the sync.
    pub replicas: i32,
    /// Ready pods at the sync.
    pub ready: i32,
    /// The reason in one word, as the controller's conditions have it.
    pub reason: String,
    /// The reason as a sentence.
    pub why: String,
}

/// How often a way was taken, over all phases of measuring and syncing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// The sizes, such as `1 → 3 → 1`.
    pub path: String,
    /// In how many of the runs.
    pub runs: usize,
}

/// What became of one setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// The changes against the file.
    pub changes: Vec<String>,
    /// The sizes, such as `1 → 3 → 1`.
    pub path: String,
    /// Replicas times seconds.
    pub replica_seconds: f64,
    /// Seconds with a utilization above the target.
    pub above_target_s: f64,
    /// Whether the swept target was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meets: Option<bool>,
}

/// What a simulation found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Simulation {
    /// `exact` for a utilization per sync, `model` for a total demand.
    pub kind: String,
    /// What the numbers rest on.
    pub assumptions: Vec<String>,
    /// The sizes, such as `1 → 3 → 1`.
    pub path: String,
    /// Every sync.
    pub steps: Vec<Step>,
    /// For a model, the ways over all 225 phases of measuring and syncing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Share>,
    /// The variants that were compared or swept, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
}

/// A question with everything parsed.
struct Question {
    controller: Controller,
    replicas: Option<i32>,
    period_ms: i64,
    load: Load,
    workload: Workload,
    tail_ms: i64,
}

/// Runs `simulate`.
///
/// # Errors
///
/// Fails when manifest, changes or load cannot be read.
pub fn run(args: &SimulateArgs, settings: &Settings) -> anyhow::Result<Report<Details>> {
    let mut manifest = setting::read(&args.hpa)?;
    for change in &args.set {
        setting::set(&mut manifest, change)?;
    }
    let read = setting::check(&manifest, &args.hpa)?;
    let request = settings.request.max(1);
    let question = Question {
        controller: Controller::of_version(minor(&settings.k8s)?),
        replicas: args.replicas,
        period_ms: millis(settings.sync_period.0).max(1),
        load: Load::read(
            &args.load,
            Units {
                hpa: Some(read.name.as_str()).filter(|name| !name.is_empty()),
                request,
                cpu_per_request: settings.cpu_per_request.map(|span| span.0),
            },
        )?,
        workload: Workload {
            request,
            #[expect(clippy::cast_precision_loss, reason = "millicores")]
            limit: settings.limit.unwrap_or(request.saturating_mul(5)).max(1) as f64,
            startup_ms: millis(settings.startup.0),
            scrape_ms: millis(settings.scrape.0).max(1_000),
            scrape_phase_ms: 7_000,
            sync_phase_ms: 0,
        },
        tail_ms: millis(settings.tail.0),
    };
    let (spec, note) = simulated(&read)?;
    let mut simulation = question.play(&spec);
    simulation.assumptions.extend(note);
    if !args.compare.is_empty() || !args.sweep.is_empty() {
        simulation.variants = sweep::variants(&question, &manifest, args)?;
    }
    let summary = summary(&simulation, &spec);
    let name = if read.name.is_empty() {
        args.hpa.display().to_string()
    } else {
        read.name.clone()
    };
    let sizes: Vec<i32> = simulation.steps.iter().map(|step| step.replicas).collect();
    Ok(Report::new(
        Verdict::Pass,
        summary,
        Details::Simulation(simulation.clone()),
    )
    .subject(Subject::new("hpa", name))
    .output("path", simulation.path)
    .output("highest", sizes.iter().max().copied().unwrap_or_default())
    .output("final", sizes.last().copied().unwrap_or_default())
    .output("syncs", sizes.len()))
}

impl Question {
    fn start(&self, spec: &Spec) -> i32 {
        self.replicas.unwrap_or(spec.min_replicas.max(1))
    }

    /// Plays the load against `spec`, every sync told, with all phases where the load is a demand.
    fn play(&self, spec: &Spec) -> Simulation {
        let mut steps = Vec::new();
        let (kind, assumptions) = match &self.load {
            Load::Utilization(_) => (
                "exact",
                vec!["every sync is exact; all pods are ready at once".to_owned()],
            ),
            Load::Demand(_) => ("model", self.assumptions()),
        };
        self.syncs(spec, &self.workload, |sync| {
            steps.push(step(spec, &sync));
        });
        let phases = match &self.load {
            Load::Utilization(_) => Vec::new(),
            Load::Demand(_) => self.phases(spec),
        };
        Simulation {
            kind: kind.to_owned(),
            assumptions,
            path: path(self.start(spec), steps.iter().map(|step| step.replicas)),
            steps,
            phases,
            variants: Vec::new(),
        }
    }

    fn syncs(&self, spec: &Spec, workload: &Workload, each: impl FnMut(Sync)) {
        let (start, period) = (self.start(spec), self.period_ms);
        match &self.load {
            Load::Utilization(series) => {
                model::exact(&self.controller, spec, start, period, series, each);
            }
            Load::Demand(demand) => {
                let last = demand.last().map_or(0.0, |pair| pair.0);
                #[expect(clippy::cast_possible_truncation, reason = "saturates")]
                let end = ((last * 1_000.0) as i64).saturating_add(self.tail_ms);
                let controller = &self.controller;
                model::modelled(controller, spec, start, period, demand, workload, end, each);
            }
        }
    }

    /// The ways over 15 phases of measuring times 15 of syncing.
    fn phases(&self, spec: &Spec) -> Vec<Share> {
        let mut shares: BTreeMap<String, usize> = BTreeMap::new();
        for scrape in 0..15 {
            for sync in 0..15 {
                let workload = Workload {
                    scrape_phase_ms: scrape * self.workload.scrape_ms / 15,
                    sync_phase_ms: sync * self.period_ms / 15,
                    ..self.workload.clone()
                };
                let mut sizes = Vec::new();
                self.syncs(spec, &workload, |sync| sizes.push(sync.decision.desired));
                *shares
                    .entry(path(self.start(spec), sizes.into_iter()))
                    .or_default() += 1;
            }
        }
        let mut shares: Vec<Share> = shares
            .into_iter()
            .map(|(path, runs)| Share { path, runs })
            .collect();
        shares.sort_by(|a, b| b.runs.cmp(&a.runs).then_with(|| a.path.cmp(&b.path)));
        shares
    }

    fn assumptions(&self) -> Vec<String> {
        let workload = &self.workload;
        let seconds = |ms: i64| Span(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        vec![
            format!(
                "the demand is shared evenly by the ready pods, each of which can use at most {}m of its request of {}m",
                workload.limit, workload.request
            ),
            format!(
                "a pod is ready {} after its creation, and gone at once when it is not wanted",
                seconds(workload.startup_ms)
            ),
            format!(
                "usage is measured every {} over that time; what cannot be served is lost, not queued",
                seconds(workload.scrape_ms)
            ),
        ]
    }
}

fn step(spec: &Spec, sync: &Sync) -> Step {
    let utilization = sync
        .trace
        .metrics
        .first()
        .and_then(|metric| metric.as_ref().ok())
        .and_then(|proposal| proposal.utilization);
    Step {
        at_s: sync.at.as_seconds(),
        utilization,
        recommended: sync.trace.recommended,
        replicas: sync.decision.desired,
        ready: sync.ready,
        reason: why::reason(&sync.trace, &sync.decision).to_owned(),
        why: why::sentence(spec, &sync.trace, &sync.decision, sync.at),
    }
}

/// The spec with the one metric that a simulation can feed, and what was left out.
fn simulated(manifest: &Manifest) -> Result<(Spec, Option<String>), Failure> {
    let mut spec = manifest.spec.clone();
    let total = spec.metrics.len();
    spec.metrics.retain(|metric| {
        matches!(
            (&metric.kind, metric.target),
            (
                MetricKind::Resource {
                    container: None,
                    ..
                },
                Target::Utilization(_)
            )
        )
    });
    spec.metrics.truncate(1);
    if spec.metrics.is_empty() {
        return Err(Failure::usage(
            "the autoscaler has no Resource metric with a Utilization target to simulate",
        ));
    }
    let note = (total > 1).then(|| format!("{} other metrics are left out", total - 1));
    Ok((spec, note))
}

/// Returns the minor version of a text such as `1.36`.
fn minor(text: &str) -> Result<u32, Failure> {
    text.trim_start_matches('v')
        .strip_prefix("1.")
        .and_then(|rest| rest.split('.').next())
        .and_then(|minor| minor.parse().ok())
        .filter(|minor| (29..=Controller::NEWEST).contains(minor))
        .ok_or_else(|| Failure::usage(format!("`--k8s {text}` is not a version from 1.29 to 1.37")))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}

/// The sizes in order, without repetition.
fn path(start: i32, sizes: impl Iterator<Item = i32>) -> String {
    let mut all = vec![start];
    for size in sizes {
        if all.last() != Some(&size) {
            all.push(size);
        }
    }
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(" → ")
}

fn summary(simulation: &Simulation, spec: &Spec) -> String {
    let bounds = format!("within {} to {}", spec.min_replicas, spec.max_replicas);
    match simulation.phases.first() {
        Some(share) => format!(
            "{} in {} of 225 phases, {bounds}, modelled",
            share.path, share.runs
        ),
        None => format!(
            "{}, {bounds}, in {} syncs",
            simulation.path,
            simulation.steps.len()
        ),
    }
}

/// Returns a manifest with more changes, checked.
fn changed(manifest: &Value, changes: &[String], args: &SimulateArgs) -> Result<Spec, Failure> {
    let mut manifest = manifest.clone();
    for change in changes {
        setting::set(&mut manifest, change)?;
    }
    let read = setting::check(&manifest, &args.hpa)?;
    Ok(simulated(&read)?.0)
}
