//! `doctor`: what in a script needs the real k6.

use anyhow::Result;
use autoscaleops_core::{Console, Finding, Level, Report, Subject, Verdict};
use autoscaleops_k6_engine::js::Unsupported;

use crate::{
    choice::{line_of, needs_k6},
    details::LoadDetails,
    flags::RunFlags,
    native::Loaded,
};

/// Examines a script without running it.
///
/// What stands outside its functions is run, as that is where its options come from; nothing is
/// sent by that. Where it needs variables that are not there, only its imports are examined.
pub(crate) fn examine(flags: &RunFlags, console: &Console) -> Result<Report<LoadDetails>> {
    flags.check()?;
    let script = flags.script()?;
    let mut found = needs_k6(&script, Some(flags));
    let mut findings = Vec::new();
    if found.is_empty() {
        match Loaded::new(&script, flags, console) {
            Ok(loaded) => {
                found.extend(loaded.foreign().into_iter().map(|option| Unsupported {
                    line: line_of(&script, option.split([' ', '.']).next().unwrap_or(&option)),
                    construct: format!("options.{option}"),
                    file: script.clone(),
                }));
                if let Some(text) = loaded.refusal() {
                    let message = format!("it would not run: {text}");
                    findings.push(Finding::new(Level::Warning, "options", message));
                }
                findings.extend(loaded.unknown().into_iter().map(|option| {
                    let message = format!("there is no option `{option}`; it changes nothing");
                    Finding::new(Level::Warning, "unknown-option", message).at(
                        &script,
                        line_of(&script, &option),
                        1,
                    )
                }));
            }
            Err(err) => {
                let message = format!("its options are not known, as it cannot be loaded: {err}");
                findings.push(Finding::new(Level::Warning, "not-loaded", message));
            }
        }
    }
    let name = script.display().to_string();
    let (engine, summary) = match found.as_slice() {
        [] => (
            "native",
            format!("the built-in engine has all that {name} uses"),
        ),
        [one] => (
            "k6",
            format!("{name} needs the real k6 for `{}`", one.construct),
        ),
        more => (
            "k6",
            format!("{name} needs the real k6 for {} constructs", more.len()),
        ),
    };
    let details = LoadDetails {
        engine: engine.to_owned(),
        script: name.clone(),
        notes: found.iter().map(|it| it.construct.clone()).collect(),
        ..LoadDetails::default()
    };
    let needs = found.iter().map(|it| {
        let message = format!("`{}` is not built in", it.construct);
        let finding = Finding::new(Level::Note, "needs-k6", message);
        if it.construct.starts_with("--") || it.construct.starts_with("K6_") {
            finding
        } else {
            finding.at(&it.file, it.line, 1)
        }
    });
    let findings: Vec<Finding> = needs.chain(findings).collect();
    Ok(Report::new(Verdict::Pass, summary, details)
        .subject(Subject::new("load-test", name))
        .output("engine", engine)
        .findings(findings))
}
