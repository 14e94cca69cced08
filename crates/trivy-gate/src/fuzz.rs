//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

use autoscaleops_core::Verdict;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Settings, feeds::Feeds, judge, purl::PackageUrl, time, trivy::archive::Archive, waiver::Waivers,
};

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    let whole = String::from_utf8_lossy(rest);
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 9 {
        0 => report(rest),
        1 => waivers(rest, "waivers.yaml", |it, path| {
            it.read_own(path, 90, now()).is_ok()
        }),
        2 => waivers(rest, ".trivyignore", |it, path| it.read_trivy(path).is_ok()),
        3 => waivers(rest, ".trivyignore.yaml", |it, path| {
            it.read_trivy(path).is_ok()
        }),
        4 => {
            if let Ok(purl) = PackageUrl::parse(&whole) {
                assert!(purl.covers(&purl) || whole.contains('?'), "{whole}");
            }
        }
        5 => {
            if let Some(at) = time::parse(&whole) {
                let _ = time::date(at);
            }
            let _ = time::parse_date(&whole);
        }
        6 => with_file(rest, "kev.json", |path| {
            let _ = Feeds::read(Some(path), None, None, now());
        }),
        7 => with_file(rest, "epss.csv", |path| {
            let _ = Feeds::read(None, Some(path), None, now());
        }),
        _ => with_file(rest, "image.tar", |path| {
            if let Ok(archive) = Archive::read(path) {
                let _ = archive.names_of(&format!("sha256:{}", "a".repeat(64)));
            }
        }),
    }
}

/// What passes is one whole JSON document, and holds nothing of what was to be blocked.
fn report(bytes: &[u8]) {
    let settings = Settings::default();
    let Ok(report) = judge(Cursor::new(bytes.to_vec()), &settings, now()) else {
        return;
    };
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(err) => {
            // Another reader gives up at lone surrogates, numbers out of range and deep nesting.
            assert!(!err.is_eof(), "judged, and not whole: {err}");
            return;
        }
    };
    if report.verdict != Verdict::Pass {
        return;
    }
    for result in value["Results"].as_array().into_iter().flatten() {
        for found in result["Vulnerabilities"].as_array().into_iter().flatten() {
            let is_blocked = matches!(found["Severity"].as_str(), Some("HIGH" | "CRITICAL"));
            let is_fixable = found["FixedVersion"]
                .as_str()
                .is_some_and(|it| !it.is_empty());
            assert!(!(is_blocked && is_fixable), "passed with {found}");
        }
    }
}

/// Waivers are read or refused, and those that are read can be asked.
fn waivers(bytes: &[u8], name: &str, read: impl Fn(&mut Waivers, &Path) -> bool) {
    with_file(bytes, name, |path| {
        let mut waivers = Waivers::default();
        if !read(&mut waivers, path) {
            return;
        }
        let settings = Settings {
            ignorefiles: if name.starts_with('.') {
                vec![path.to_owned()]
            } else {
                Vec::new()
            },
            waivers: if name.starts_with('.') {
                Vec::new()
            } else {
                vec![path.to_owned()]
            },
            ..Settings::default()
        };
        let judged = judge(Cursor::new(REPORT.as_bytes()), &settings, now());
        assert!(judged.is_ok(), "waivers that were read stop the gate");
    });
}

const REPORT: &str = r#"{"SchemaVersion":2,"ArtifactName":"acme/shop:1","ArtifactType":"container_image","Results":[{"Target":"usr/lib/app.jar","Class":"lang-pkgs","Type":"jar","Vulnerabilities":[{"VulnerabilityID":"CVE-2025-1","PkgName":"log4j","PkgPath":"usr/lib/app.jar","PkgIdentifier":{"PURL":"pkg:maven/org.apache/log4j@1.0"},"InstalledVersion":"1.0","FixedVersion":"1.1","Severity":"CRITICAL"}]}]}"#;

fn now() -> Timestamp {
    Timestamp::from_second(1_795_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn with_file(bytes: &[u8], name: &str, then: impl FnOnce(&Path)) {
    let folder: PathBuf = std::env::temp_dir().join(format!("fuzz-gate-{}", std::process::id()));
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
        for (name, input) in fuzz_inputs("gate", |_| true) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
