//! Several settings against one load.

use autoscaleops_core::Failure;
use autoscaleops_hpa::{Spec, Target};
use serde_json::Value;

use super::{Question, SimulateArgs, Variant, changed, path};

/// How many settings a sweep may try.
const MOST: usize = 10_000;

/// Plays every variant, and returns them: those that meet the target first, the cheapest first.
pub(super) fn variants(
    question: &Question,
    manifest: &Value,
    args: &SimulateArgs,
) -> Result<Vec<Variant>, Failure> {
    let mut variants = vec![play(question, manifest, Vec::new(), args)?];
    for changes in &args.compare {
        let changes = changes.split_whitespace().map(str::to_owned).collect();
        variants.push(play(question, manifest, changes, args)?);
    }
    if args.sweep.is_empty() {
        return Ok(variants);
    }
    for changes in combinations(&args.sweep)? {
        variants.push(play(question, manifest, changes, args)?);
    }
    let allowed = args.sweep_for.0.as_secs_f64();
    for variant in &mut variants {
        variant.meets = Some(variant.above_target_s <= allowed);
    }
    variants.sort_by(|a, b| {
        b.meets
            .cmp(&a.meets)
            .then(a.replica_seconds.total_cmp(&b.replica_seconds))
            .then_with(|| a.changes.cmp(&b.changes))
    });
    Ok(variants)
}

/// All combinations of `field=a,b,c` lists.
fn combinations(sweeps: &[String]) -> Result<Vec<Vec<String>>, Failure> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for sweep in sweeps {
        let (field, values) = sweep.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`--sweep {sweep}` has no `=`"))
                .hint("such as `--sweep maxReplicas=3,4,6`")
        })?;
        let values: Vec<&str> = values.split(',').collect();
        if all.len().saturating_mul(values.len()) > MOST {
            return Err(Failure::usage(format!(
                "the sweep has more than {MOST} settings"
            )));
        }
        all = all
            .into_iter()
            .flat_map(|changes| {
                values.iter().map(move |value| {
                    let mut changes = changes.clone();
                    changes.push(format!("{field}={}", value.trim()));
                    changes
                })
            })
            .collect();
    }
    Ok(all)
}

fn play(
    question: &Question,
    manifest: &Value,
    changes: Vec<String>,
    args: &SimulateArgs,
) -> Result<Variant, Failure> {
    let spec: Spec = changed(manifest, &changes, args)?;
    let limit = if args.sweep.is_empty() {
        match spec.metrics.first().map(|metric| metric.target) {
            Some(Target::Utilization(target)) => target,
            _ => args.sweep_limit,
        }
    } else {
        args.sweep_limit
    };
    #[expect(clippy::cast_precision_loss, reason = "a period in milliseconds")]
    let period = question.period_ms as f64 / 1_000.0;
    let mut sizes = Vec::new();
    let mut above = 0_u32;
    let mut total = 0.0;
    question.syncs(&spec, &question.workload, |sync| {
        sizes.push(sync.decision.desired);
        total += f64::from(sync.decision.desired);
        let utilization = sync.trace.metrics.first().and_then(|metric| match metric {
            Ok(proposal) => proposal.utilization,
            Err(_) => None,
        });
        if utilization.is_some_and(|utilization| utilization > limit) {
            above = above.saturating_add(1);
        }
    });
    Ok(Variant {
        changes,
        path: path(question.start(&spec), sizes.into_iter()),
        replica_seconds: total * period,
        above_target_s: f64::from(above) * period,
        meets: None,
    })
}
