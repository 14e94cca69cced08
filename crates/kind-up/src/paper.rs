//! A bring-up on paper: the phases of the real graph, run by the real scheduler, each as long as
//! somebody measured or estimated it. For benchmarks; nothing is started or written.

use std::{path::Path, time::Duration};

use autoscaleops_core::cluster::ClusterArgs;

use crate::{details::Phase, kind, settings::Settings, spec::Spec};

/// How long a second of paper takes.
const SECOND: Duration = Duration::from_millis(20);

/// Returns the phases of a first bring-up on kind when each takes as long as `seconds` says, with
/// their times in milliseconds of paper.
///
/// # Errors
///
/// Fails when a phase has no length.
pub fn bring_up(seconds: &(dyn Fn(&str) -> Option<f64> + Sync)) -> anyhow::Result<Vec<Phase>> {
    let spec = Spec::of(
        &Settings::default(),
        Path::new("."),
        "unused".into(),
        ClusterArgs::default(),
    )?;
    let mut phases = kind::up::on_paper(&spec, &|name| {
        seconds(name).map(|it| SECOND.mul_f64(it.max(0.0)))
    })?;
    let scale = |ms: u64| ms * 1000 / u64::try_from(SECOND.as_millis()).unwrap_or(1).max(1);
    for phase in &mut phases {
        phase.start_ms = scale(phase.start_ms);
        phase.elapsed_ms = scale(phase.elapsed_ms);
    }
    Ok(phases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_waited_for_counts_on_paper() {
        let phases = bring_up(&|name| {
            Some(match name {
                "cluster" => 30.0,
                "archive" => 20.0,
                "load" => 8.0,
                "applications" => 40.0,
                _ => 0.0,
            })
        })
        .unwrap();
        let critical: Vec<&str> = phases
            .iter()
            .filter(|it| it.critical && it.elapsed_ms >= 1000)
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(critical, ["cluster", "load", "applications"]);
        assert!(bring_up(&|_| None).is_err());
    }
}
