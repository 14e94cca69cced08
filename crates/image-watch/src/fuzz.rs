//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::path::Path;

use crate::{
    argo::{self, Documents},
    cache,
    glob::Glob,
    masterminds::{Constraint, Version},
    registry,
    settings::Settings,
};

const TAGS: [&str; 8] = [
    "1.2.3",
    "v1.10.0",
    "2.0.0-rc.1",
    "latest",
    "20240101",
    "1.2",
    "dev-1a2b3c4",
    "1.2.3_build",
];

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 12 {
        0 => constraint(&text),
        1 => version(&text),
        2 => {
            if let Ok(glob) = Glob::parse(&text) {
                for tag in TAGS {
                    let _ = glob.matches(tag);
                }
            }
        }
        3 => settings(&text),
        4 => import(&text),
        11 => cache::fuzz(rest),
        other => registry::fuzz::run(other - 5, rest),
    }
}

/// `>=1.2 <2` on the first line, a version on the second.
fn constraint(text: &str) {
    let (text, version) = text.split_once('\n').unwrap_or((text, "1.2.3"));
    let Ok(constraint) = Constraint::parse(text) else {
        return;
    };
    assert!(Constraint::parse(constraint.as_str()).is_ok());
    for version in TAGS.into_iter().chain([version]).filter_map(Version::parse) {
        let admits = constraint.admits(&version);
        assert_eq!(admits, constraint.admits(&version));
    }
}

/// Two versions, a line each: their order is one.
fn version(text: &str) {
    let (one, two) = text.split_once('\n').unwrap_or((text, "1.2.3"));
    if let (Some(one), Some(two)) = (Version::parse(one), Version::parse(two)) {
        assert_eq!(one.precedence(&two), two.precedence(&one).reverse());
        assert!(one.precedence(&one).is_eq());
    }
}

fn settings(text: &str) {
    let Ok(settings) = serde_yaml::from_str::<Settings>(text) else {
        return;
    };
    for image in settings.read().into_iter().flatten() {
        for tag in TAGS {
            // What screens a tag and what explains the screening must agree.
            let is_in = image.rule.screen(tag).is_ok();
            let traced = image.rule.trace(tag).iter().all(|it| it.1.is_ok());
            assert_eq!(is_in, traced, "{tag}");
        }
    }
}

/// What is made of a stranger's resource holds our settings and nothing that he wrote beside them.
fn import(text: &str) {
    let mut documents = Documents::default();
    if documents.add(Path::new("in.yaml"), text).is_err() {
        return;
    }
    let Ok((entries, notes)) = documents.entries() else {
        return;
    };
    let Ok(converted) = argo::convert(&entries, notes) else {
        return;
    };
    let written: serde_json::Value = match serde_yaml::from_str(&converted.text) {
        Ok(written) => written,
        Err(err) => panic!("what was written is not YAML: {err}\n{}", converted.text),
    };
    let keys: Vec<&String> = written
        .as_object()
        .into_iter()
        .flat_map(|it| it.keys())
        .collect();
    assert_eq!(keys, ["image-watch"], "{}", converted.text);
    let images = written["image-watch"]["images"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!(images, entries.len(), "{}", converted.text);
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("watch", |_| true) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
