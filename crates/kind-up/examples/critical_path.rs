//! Prints the bring-up on kind on paper as Markdown: `critical_path scripts/bench/up.toml`.
//!
//! The phases and what each waits for are kind-up's own, run by its own scheduler; how long each
//! takes is in the file. The story's order is in the file too, one phase after the other.

use std::io::{self, Write as _};

use kind_up::{Phase, paper};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    megabit_per_second: f64,
    phase: Vec<Timed>,
    seed: Vec<Timed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Timed {
    name: String,
    seconds: [f64; 2],
    #[serde(default)]
    megabytes: f64,
    /// For the reader of the file.
    #[serde(rename = "source")]
    _source: String,
}

impl Timed {
    /// How long it takes at the lower (0) or upper (1) end, with its downloads over a line or without.
    fn lasts(&self, end: usize, line: Option<f64>) -> f64 {
        self.seconds[end] + line.map_or(0.0, |line| self.megabytes * 8.0 / line)
    }
}

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_default();
    let times: Times = toml::from_str(&std::fs::read_to_string(path)?)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| start | order | lowest, s | highest, s | goal, s |\n| --- | --- | --- | --- | --- |"
    )?;
    let mut sums = Vec::new();
    for (start, line, goal) in [
        ("warm", None, 90),
        ("cold", Some(times.megabit_per_second), 180),
    ] {
        let seed = |end| times.seed.iter().map(|it| it.lasts(end, line)).sum::<f64>();
        writeln!(
            out,
            "| {start} | the story's | {:.0} | {:.0} | |",
            seed(0),
            seed(1)
        )?;
        let (low, high) = (ours(&times, 0, line)?, ours(&times, 1, line)?);
        writeln!(
            out,
            "| {start} | kind-up's | {:.0} | {:.0} | {goal} |",
            low.0, high.0
        )?;
        sums.push(format!("- {start}, lowest: {}", low.1));
        sums.push(format!("- {start}, highest: {}", high.1));
    }
    writeln!(
        out,
        "\nThe critical path of kind-up's order, phase by phase:\n"
    )?;
    writeln!(out, "{}", sums.join("\n"))?;
    Ok(())
}

/// Returns how long our order takes, and the sum along its critical path.
fn ours(times: &Times, end: usize, line: Option<f64>) -> anyhow::Result<(f64, String)> {
    let lasts = |name: &str| {
        let found = times.phase.iter().find(|it| it.name == name)?;
        Some(found.lasts(end, line))
    };
    let phases = paper::bring_up(&lasts)?;
    let critical: Vec<&Phase> = phases.iter().filter(|it| it.critical).collect();
    let terms: Vec<(&str, f64)> = critical
        .iter()
        .filter_map(|it| Some((it.name.as_str(), lasts(&it.name)?)))
        .collect();
    let sum: f64 = terms.iter().map(|it| it.1).sum();
    let text: Vec<String> = terms
        .iter()
        .map(|(name, seconds)| format!("{name} {seconds:.1}"))
        .collect();
    Ok((sum, format!("{} = {sum:.1} s", text.join(" + "))))
}
