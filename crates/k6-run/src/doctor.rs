//! `doctor`: what in a script needs the real k6.

use std::path::Path;

use anyhow::Result;
use autoscaleops_core::{Console, Failure, Finding, Level, Report, Subject, Verdict};
use autoscaleops_k6_engine::js::Unsupported;

use crate::{choice::needs_k6, details::LoadDetails, flags::RunFlags, native::Loaded};

/// Examines a script without running it.
///
/// What stands outside its functions is run, as that is where its options come from; nothing is
/// sent by that. Where it needs variables that are not there, only its imports are examined.
pub(crate) fn examine(script: &Path, console: &Console) -> Result<Report<LoadDetails>> {
    if !script.is_file() {
        return Err(
            Failure::usage(format!("the script `{}` is not a file", script.display())).into(),
        );
    }
    let mut found = needs_k6(script, None);
    if found.is_empty() {
        let flags = RunFlags {
            memory_limit: 512,
            ..RunFlags::default()
        };
        match Loaded::new(script, &flags, console) {
            Ok(loaded) => found.extend(loaded.foreign().map(|option| Unsupported {
                construct: format!("options.{option}"),
                file: script.to_owned(),
                line: 1,
            })),
            Err(err) => console.warn(&format!("its options are not known: {err}")),
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
    let findings = found.iter().map(|it| {
        let message = format!("`{}` is not built in", it.construct);
        Finding::new(Level::Note, "needs-k6", message).at(&it.file, it.line, 1)
    });
    Ok(Report::new(Verdict::Pass, summary, details)
        .subject(Subject::new("load-test", name))
        .output("engine", engine)
        .findings(findings))
}
