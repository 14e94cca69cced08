//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::path::Path;

use serde_json::Value;

use crate::{applications, env_file, kubeconfig, manifest, platform::versions::Versions};

const OURS: &str = "{apiVersion: v1, kind: Config, current-context: kind-a, clusters: [{name: kind-a, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: QQ==}}], contexts: [{name: kind-a, context: {cluster: kind-a, user: kind-a}}], users: [{name: kind-a, user: {token: t}}]}";

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 5 {
        0 => {
            for line in text.lines() {
                if let Err(why) = env_file::assignment(line) {
                    let value = line.split_once('=').map_or("", |it| it.1.trim());
                    assert!(
                        value.len() < 12 || !why.contains(value),
                        "a value is shown: {why}"
                    );
                }
            }
        }
        1 => kubeconfigs(&text),
        2 => {
            let _ = Versions::parse(&text, Path::new("versions.toml"));
        }
        3 => {
            for object in manifest::parse(&text, "in.yaml").into_iter().flatten() {
                let _ = (manifest::stage(&object), manifest::name(&object));
            }
        }
        _ => {
            if let Ok(value) = serde_json::from_slice::<Value>(rest) {
                let _ = applications::application(&value);
            }
        }
    }
}

/// A stranger's kubeconfig keeps all that it had, or is left alone.
fn kubeconfigs(theirs: &str) {
    if let Ok(merged) = kubeconfig::merge(theirs, OURS) {
        let merged: Value = match serde_yaml::from_str(&merged) {
            Ok(merged) => merged,
            Err(err) => panic!("what was merged is not YAML: {err}\n{merged}"),
        };
        let before: Value = serde_yaml::from_str(theirs).unwrap_or_default();
        assert_eq!(merged["current-context"], before["current-context"]);
        let names = |it: &Value| it["contexts"].as_array().map_or(0, Vec::len);
        assert!(names(&merged) >= names(&before), "a context was lost");
    }
    let _ = kubeconfig::for_wsl(theirs, std::net::Ipv4Addr::new(172, 20, 0, 1).into());
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("cluster", |first| first.is_ascii_uppercase()) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
