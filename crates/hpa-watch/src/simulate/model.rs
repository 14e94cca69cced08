//! Plays a load against an autoscaler: exactly, sync by sync, or with a model of the pods.

use autoscaleops_hpa::{
    Container, Controller, Decision, Inputs, Moment, Outcome, Phase, Pod, Readiness, Reading,
    Ready, Sample, Samples, Scale, Selection, Spec, State, Trace,
};

/// What a sync did.
#[derive(Clone, Debug)]
pub struct Sync {
    /// When.
    pub at: Moment,
    /// What was decided.
    pub decision: Decision,
    /// Why.
    pub trace: Trace,
    /// Ready pods at that time.
    pub ready: i32,
}

/// Plays a utilization per sync. All pods are ready at once, so that the numbers are all there is.
pub fn exact(
    controller: &Controller,
    spec: &Spec,
    replicas: i32,
    period_ms: i64,
    series: &[i32],
    mut each: impl FnMut(Sync),
) {
    let mut state = State::default();
    let mut replicas = replicas;
    let mut at = Moment(0);
    let failed = Err(autoscaleops_hpa::MetricError::Unavailable(
        "not part of the simulation".to_owned(),
    ));
    let mut readings = vec![failed; spec.metrics.len()];
    for &percent in series {
        if let Some(first) = readings.first_mut() {
            *first = Ok(Reading::Utilization {
                percent,
                ready: replicas,
            });
        }
        let inputs = Inputs {
            scale: Ok(Scale {
                spec_replicas: replicas,
                status_replicas: replicas,
            }),
            selection: &Selection::Valid,
            pods: &[],
            readings: &readings,
        };
        let Outcome {
            state: next,
            decision,
            trace,
        } = controller.reconcile(state, spec, &inputs, at);
        state = next;
        let ready = replicas;
        replicas = decision.desired;
        each(Sync {
            at,
            decision,
            trace,
            ready,
        });
        at = Moment(at.0.saturating_add(period_ms));
    }
}

/// How pods behave in the model. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Workload {
    /// A pod's CPU request in millicores.
    pub request: i64,
    /// The most that a pod can use, in millicores.
    pub limit: f64,
    /// From the creation of a pod to its readiness.
    pub startup_ms: i64,
    /// Between two measurements.
    pub scrape_ms: i64,
    /// When the first measurement is made.
    pub scrape_phase_ms: i64,
    /// When the first sync is made.
    pub sync_phase_ms: i64,
}

/// A pod of the model.
struct Replica {
    created: i64,
    ready_at: i64,
    /// What it used since its creation, in millicore-milliseconds.
    used: f64,
    /// The counter at the last two measurements, and when the later one was made.
    scraped: Option<f64>,
    sample: Option<(f64, i64)>,
    pod: Pod,
}

/// The cluster of the model.
struct Cluster<'a> {
    workload: &'a Workload,
    demand: &'a [(f64, f64)],
    replicas: Vec<Replica>,
    created: usize,
    now: i64,
}

impl Cluster<'_> {
    fn resize(&mut self, size: i32, is_first: bool) {
        let size = usize::try_from(size).unwrap_or(0);
        // The youngest go first, as they are the least useful.
        self.replicas.truncate(size);
        while self.replicas.len() < size {
            let created = if is_first { -3_600_000 } else { self.now };
            self.created += 1;
            let request = ("cpu".to_owned(), self.workload.request);
            self.replicas.push(Replica {
                created,
                ready_at: created + self.workload.startup_ms,
                used: 0.0,
                scraped: is_first.then_some(0.0),
                sample: None,
                pod: Pod {
                    name: format!("pod-{}", self.created),
                    phase: Phase::Running,
                    started: Some(Moment(created)),
                    containers: vec![Container {
                        name: "app".to_owned(),
                        requests: vec![request],
                    }],
                    ..Pod::default()
                },
            });
        }
    }

    fn demand_at(&self, at: i64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a simulation")]
        let seconds = at as f64 / 1_000.0;
        let past = self.demand.partition_point(|pair| pair.0 <= seconds);
        past.checked_sub(1)
            .and_then(|index| self.demand.get(index))
            .map_or(0.0, |pair| pair.1)
    }

    fn ready(&self) -> usize {
        self.replicas
            .iter()
            .filter(|replica| replica.ready_at <= self.now)
            .count()
    }

    /// Lets time pass. The demand is taken as it is at the beginning of the stretch.
    fn advance(&mut self, to: i64) {
        #[expect(clippy::cast_precision_loss, reason = "a stretch of a second")]
        let stretch = (to - self.now) as f64;
        let ready = self.ready();
        if ready > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a number of pods")]
            let share = (self.demand_at(self.now) / ready as f64).min(self.workload.limit);
            for replica in &mut self.replicas {
                if replica.ready_at <= self.now {
                    replica.used += share * stretch;
                }
            }
        }
        self.now = to;
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a simulation")]
    fn scrape(&mut self) {
        for replica in &mut self.replicas {
            if let Some(before) = replica.scraped {
                let rate = (replica.used - before) / self.workload.scrape_ms as f64;
                replica.sample = Some((rate, self.now));
            }
            replica.scraped = Some(replica.used);
        }
    }

    fn see(&mut self) -> (Vec<Pod>, Samples) {
        let mut samples = Samples::default();
        let mut pods = Vec::with_capacity(self.replicas.len());
        for replica in &self.replicas {
            let is_ready = replica.ready_at <= self.now;
            let mut pod = replica.pod.clone();
            pod.ready = Some(Ready {
                status: if is_ready {
                    Readiness::True
                } else {
                    Readiness::False
                },
                since: Moment(if is_ready {
                    replica.ready_at
                } else {
                    replica.created
                }),
            });
            pods.push(pod);
            #[expect(clippy::cast_possible_truncation, reason = "millicores")]
            samples.by_pod.push(replica.sample.map(|(rate, at)| Sample {
                milli: rate.ceil() as i64,
                at: Moment(at),
                window_ms: self.workload.scrape_ms,
            }));
        }
        (pods, samples)
    }
}

/// Plays a total demand until `end_ms`.
#[expect(clippy::too_many_arguments, reason = "a model has its parameters")]
pub fn modelled(
    controller: &Controller,
    spec: &Spec,
    replicas: i32,
    period_ms: i64,
    demand: &[(f64, f64)],
    workload: &Workload,
    end_ms: i64,
    mut each: impl FnMut(Sync),
) {
    let mut cluster = Cluster {
        workload,
        demand,
        replicas: Vec::new(),
        created: 0,
        now: 0,
    };
    cluster.resize(replicas, true);
    let mut state = State::default();
    let mut size = replicas;
    let mut next_scrape = workload.scrape_phase_ms;
    let mut next_sync = workload.sync_phase_ms;
    loop {
        let whole = cluster.now - cluster.now.rem_euclid(1_000) + 1_000;
        let next = whole.min(next_scrape).min(next_sync);
        if next > end_ms {
            return;
        }
        if next > cluster.now {
            cluster.advance(next);
        }
        if cluster.now == next_scrape {
            cluster.scrape();
            next_scrape += workload.scrape_ms;
        }
        if cluster.now == next_sync {
            next_sync += period_ms;
            let (pods, samples) = cluster.see();
            let has_samples = samples.by_pod.iter().any(Option::is_some);
            let mut readings = vec![
                Err(autoscaleops_hpa::MetricError::Unavailable(
                    "not part of the simulation".to_owned(),
                ));
                spec.metrics.len()
            ];
            if let Some(first) = readings.first_mut() {
                *first = if has_samples {
                    Ok(Reading::Samples(samples))
                } else {
                    Err(autoscaleops_hpa::MetricError::Unavailable(
                        "unable to get metrics for resource cpu: no metrics returned from resource metrics API".to_owned(),
                    ))
                };
            }
            let at = Moment(cluster.now);
            let inputs = Inputs {
                scale: Ok(Scale {
                    spec_replicas: size,
                    status_replicas: size,
                }),
                selection: &Selection::Valid,
                pods: &pods,
                readings: &readings,
            };
            let outcome = controller.reconcile(state, spec, &inputs, at);
            state = outcome.state;
            size = outcome.decision.desired;
            let ready = i32::try_from(cluster.ready()).unwrap_or(i32::MAX);
            cluster.resize(size, false);
            each(Sync {
                at,
                decision: outcome.decision,
                trace: outcome.trace,
                ready,
            });
        }
    }
}
