//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::path::Path;

use autoscaleops_core::{Format, Look, Report, Subject};
use serde_json::Value;

use crate::{
    compare,
    details::{self, LoadDetails},
    flags::environment,
    operator::merge,
    real, render, verdict,
};

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 6 {
        0 => with_file(rest, "summary.json", |path| {
            if let Ok(details) = compare::read(path) {
                show(details);
            }
        }),
        1 => {
            let mut parts = Vec::new();
            if merge::gather(&text, Path::new("-"), &mut parts).is_ok()
                && !parts.is_empty()
                && let Ok(details) = merge::merge(&parts)
            {
                show(details);
            }
        }
        2 => {
            let mut said = real::said::Said::default();
            for line in text.lines() {
                said.hear(line);
            }
        }
        3 => {
            if let Ok(value) = serde_json::from_slice::<Value>(rest) {
                let _ = real::watch::glance(&value);
            }
        }
        4 => {
            let _ = environment::options(&|_| Some(text.clone().into_owned()));
        }
        _ => with_file(rest, "recording.jsonl", recorded),
    }
}

/// A recording of `hpa-watch` becomes a picture in the page, whatever its times and sizes are.
fn recorded(path: &Path) {
    let Ok(scaling) = details::scalings(path, None) else {
        return;
    };
    let steps = scaling.iter().flat_map(|it| &it.steps);
    for step in steps {
        assert!(step.at.is_finite(), "{step:?}");
    }
    show(LoadDetails {
        scaling,
        ..LoadDetails::default()
    });
}

/// Judged and written in every form, none of which can be broken out of.
fn show(details: LoadDetails) {
    let judged = verdict::judge(&details);
    let report = Report::new(judged.verdict, judged.summary, details)
        .subject(Subject::new("load-test", "load.js"))
        .findings(judged.findings);
    let report = verdict::with_outputs(report);
    for format in [Format::Html, Format::Junit, Format::Markdown, Format::Human] {
        let text = render::render(
            &report,
            format,
            &Look {
                width: 80,
                color: false,
            },
        );
        let text = text.unwrap_or_default();
        assert!(!text.contains("<script>alert"), "{format:?}: {text}");
        let is_drawn = !text.contains("\"NaN") && !text.contains("\"inf");
        assert!(is_drawn || format != Format::Html, "{text}");
    }
}

fn with_file(bytes: &[u8], name: &str, then: impl FnOnce(&Path)) {
    let folder = std::env::temp_dir().join(format!("fuzz-load-{}", std::process::id()));
    let path = folder.join(name);
    if std::fs::create_dir_all(&folder).is_ok() && std::fs::write(&path, bytes).is_ok() {
        then(&path);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("load", |first| first.is_ascii_uppercase()) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
