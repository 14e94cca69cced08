//! Which engine runs a script.

use std::path::{Path, PathBuf};

use anyhow::Result;
use autoscaleops_core::{Console, Failure, process::Run};
use autoscaleops_k6_engine::js::{Modules, Unsupported};

use crate::{
    flags::RunFlags,
    settings::{Engine, Settings},
};

/// The engine for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Native,
    K6(PathBuf),
}

/// Returns what in a script, or in the flags, needs the real k6.
pub(crate) fn needs_k6(script: &Path, flags: Option<&RunFlags>) -> Vec<Unsupported> {
    let script = std::path::absolute(script).unwrap_or_else(|_| script.to_owned());
    let mut found = Modules::scan(&script);
    for output in flags.iter().flat_map(|it| &it.k6_flags.out) {
        let kind = output.split('=').next().unwrap_or(output);
        if !matches!(kind, "json" | "prometheus") {
            found.push(Unsupported {
                construct: format!("--out {kind}"),
                file: script.clone(),
                line: 1,
            });
        }
    }
    found
}

/// Finds the engine that was asked for, or that the script needs.
pub(crate) fn choose(
    script: &Path,
    flags: &RunFlags,
    settings: &Settings,
    console: &Console,
) -> Result<Chosen> {
    let program = settings.k6.clone().unwrap_or_else(|| PathBuf::from("k6"));
    if settings.engine == Engine::K6 {
        return Ok(Chosen::K6(program));
    }
    let needs = needs_k6(script, Some(flags));
    let Some(first) = needs.first() else {
        return Ok(Chosen::Native);
    };
    let what = format!(
        "`{}` ({}:{}) needs the real k6",
        first.construct,
        first.file.display(),
        first.line
    );
    if settings.engine == Engine::Native {
        return Err(Failure::usage(what)
            .kind_of("unsupported")
            .at(&first.file, first.line, 1)
            .hint("k6-run --engine auto, with k6 installed")
            .into());
    }
    if Run::new(&program).arg("version").capture().is_err() {
        return Err(Failure::unavailable(
            "program_missing",
            format!("{what}, and `{}` cannot be started", program.display()),
        )
        .at(&first.file, first.line, 1)
        .hint("install k6, or name it with --k6")
        .into());
    }
    console.note(&format!("{what}, so k6 runs the script"));
    Ok(Chosen::K6(program))
}
