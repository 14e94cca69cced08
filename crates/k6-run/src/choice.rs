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
    let is_archive = script.extension().is_some_and(|it| it == "tar");
    let archive = is_archive.then(|| "k6 archive".to_owned());
    let flags = flags.map(RunFlags::foreign).unwrap_or_default();
    found.extend(
        archive
            .into_iter()
            .chain(flags)
            .map(|construct| Unsupported {
                construct,
                file: script.clone(),
                line: 1,
            }),
    );
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
    let is_flag = first.construct.starts_with("--") || first.construct.starts_with("K6_");
    let place = (!is_flag).then_some((first.file.as_path(), first.line));
    instead(&first.construct, place, settings, console).map(Chosen::K6)
}

/// Returns the line of a script on which an option is set, the first where that is not seen.
pub(crate) fn line_of(script: &Path, option: &str) -> usize {
    let text = fs_err::read_to_string(script).unwrap_or_default();
    let sets = |line: &str| {
        line.match_indices(option).any(|(at, _)| {
            let is_name = |it: char| it.is_alphanumeric() || it == '_' || it == '$';
            let after = line[at + option.len()..].trim_start_matches(['\'', '"']);
            !line[..at].ends_with(is_name) && after.trim_start().starts_with([':', '='])
        })
    };
    text.lines().position(sets).map_or(1, |it| it + 1)
}

/// Finds k6 for what the built-in engine lacks.
///
/// # Errors
///
/// Fails when the built-in engine was asked for, or k6 is missing.
pub(crate) fn instead(
    construct: &str,
    place: Option<(&Path, usize)>,
    settings: &Settings,
    console: &Console,
) -> Result<PathBuf> {
    let program = settings.k6.clone().unwrap_or_else(|| PathBuf::from("k6"));
    let text = place.map(|(file, line)| format!(" ({}:{line})", file.display()));
    let what = format!(
        "`{construct}`{} needs the real k6",
        text.unwrap_or_default()
    );
    let at = |failure: Failure| match place {
        Some((file, line)) => failure.at(file, line, 1),
        None => failure,
    };
    if settings.engine == Engine::Native {
        let failure = Failure::usage(what).kind_of("unsupported");
        return Err(at(failure)
            .hint("k6-run --engine auto, with k6 installed")
            .into());
    }
    if Run::new(&program).arg("version").capture().is_err() {
        let message = format!("{what}, and `{}` cannot be started", program.display());
        let failure = Failure::unavailable("program_missing", message);
        return Err(at(failure).hint("install k6, or name it with --k6").into());
    }
    console.note(&format!("{what}, so k6 runs the script"));
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_found_on_the_line_that_sets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.js");
        let text = "// dns is set below\nexport const options = {\n  mydns: 1,\n  'dns': { ttl: '1m' },\n};\noptions.localIPs = ['x'];\n";
        fs_err::write(&path, text).unwrap();
        assert_eq!(line_of(&path, "dns"), 4);
        assert_eq!(line_of(&path, "localIPs"), 6);
        assert_eq!(line_of(&path, "missing"), 1);
    }
}
