//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::{path::Path, time::Duration};

use autoscaleops_hpa::{Controller, kubernetes, manifest::Manifest, quantity};
use serde_json::Value;

use crate::{
    chart::{self, Theme},
    expectation::Goal,
    export, recording,
    simulate::{
        load::{Load, Units},
        model, setting,
    },
    timeline::Timeline,
};

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 9 {
        0 => manifest(&text),
        1 => {
            if let Some(milli) = quantity::parse_milli(&text) {
                assert_eq!(
                    quantity::parse_milli(&quantity::format_milli(milli)),
                    Some(milli)
                );
            }
        }
        2 => {
            let _ = (kubernetes::go_duration_ms(&text), kubernetes::moment(&text));
        }
        3 => {
            if let Ok(value) = serde_json::from_slice::<Value>(rest) {
                let _ = kubernetes::pod(&value);
                let _ = Manifest::of(&value);
            }
        }
        4 => with_file(rest, "recording.jsonl", recorded),
        5 => with_file(rest, "load", |path| {
            let units = Units {
                cpu_per_request: Some(Duration::from_millis(37)),
                ..Units::default()
            };
            let _ = Load::read(&path.to_string_lossy(), units);
        }),
        6 => {
            if !Path::new(&*text).exists() && text.len() < 64 && !text.contains(['x', '×']) {
                let _ = Load::read(&text, Units::default());
            }
        }
        7 => {
            if let Ok(goal) = text.parse::<Goal>() {
                // Printed to the millisecond.
                let printed = goal.to_string();
                let again = printed.parse::<Goal>();
                assert_eq!(again.map(|it| it.to_string()), Ok(printed));
            }
        }
        _ => {
            let mut value =
                serde_json::json!({"spec": {"maxReplicas": 3, "metrics": [{"type": "Resource"}]}});
            for line in text.lines() {
                let _ = setting::set(&mut value, line);
            }
        }
    }
}

/// A manifest is refused, or its simulation stays within its bounds.
fn manifest(text: &str) {
    let Ok(value) = serde_yaml::from_str::<Value>(text) else {
        return;
    };
    let Ok(manifest) = Manifest::of(&value) else {
        return;
    };
    let spec = &manifest.spec;
    let series = [0, 50, 370, 1_000_000, i32::MAX, 0, 3, 99, 100, 101];
    for minor in [23, Controller::NEWEST] {
        let controller = Controller::of_version(minor);
        model::exact(
            &controller,
            spec,
            spec.min_replicas.max(1),
            15_000,
            &series,
            |sync| {
                let desired = sync.decision.desired;
                assert!(
                    desired >= 0 && desired <= spec.max_replicas.max(1),
                    "{desired} of {spec:?}"
                );
            },
        );
    }
}

fn recorded(path: &Path) {
    let Ok(lines) = recording::read(path) else {
        return;
    };
    let Ok(timeline) = Timeline::of(&lines, None) else {
        return;
    };
    let _ = (timeline.steps(), timeline.path(), timeline.reversals());
    let picture = chart::svg(&timeline, 720.0, Theme::Light);
    assert!(
        !picture.contains("NaN") && !picture.contains("inf"),
        "{picture}"
    );
    let _ = (export::story(&timeline), export::csv(&timeline));
    let page = export::html(&timeline, &[], "");
    assert!(
        !page.contains("<script>alert"),
        "the page runs what a recording says"
    );
}

fn with_file(bytes: &[u8], name: &str, then: impl FnOnce(&Path)) {
    let folder = std::env::temp_dir().join(format!("fuzz-hpa-{}", std::process::id()));
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
        for (name, input) in fuzz_inputs("hpa", |_| true) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
