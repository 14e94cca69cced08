//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use serde_json::Value;

use crate::{html, http, js::modules, options::Options, span, threshold::Expression};

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 10 {
        0 => {
            if let Ok(threshold) = Expression::parse(&text) {
                let _ = (threshold.label(), threshold.holds(f64::NAN));
            }
        }
        1 => {
            if let Some(duration) = span::parse(&text) {
                assert!(span::parse(&span::text(duration)).is_some(), "{text}");
            }
        }
        2 => options(rest),
        3 => {
            for name in ["a.js", "a.ts"] {
                for import in modules::imports(name, &text).unwrap_or_default() {
                    assert!(import.line >= 1 && text.get(import.span).is_some());
                }
            }
        }
        9 => html::fuzz(&text),
        other => http::fuzz::run(other - 4, rest),
    }
}

fn options(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let Ok(options) = Options::parse(&value) else {
        return;
    };
    let _ = (options.unknown(), options.foreign(), options.thresholds());
    for scenario in options.plan().into_iter().flatten() {
        let _ = (scenario.duration(), scenario.describe());
        assert!(scenario.planned_vus() <= scenario.max_vus(), "{scenario:?}");
    }
    let _ = Options::default().overridden_by(options);
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("load", |first| !first.is_ascii_uppercase()) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
