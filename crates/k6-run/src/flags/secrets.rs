//! Secrets of the environment reach a script, and the program k6, only where the script names them.

use std::{collections::BTreeSet, path::Path};

use autoscaleops_core::config;
use autoscaleops_k6_engine::js::imports;

use crate::operator::bundle::{is_local, plain};

/// What names of secrets have in them.
const MARKS: [&str; 9] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "CREDENTIAL",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
];

/// Returns the variables of the system that are kept from `script`.
pub(crate) fn kept_from(script: &Path) -> BTreeSet<String> {
    withheld(script, config::environment().into_keys())
}

fn withheld(script: &Path, names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let secrets: Vec<String> = names.into_iter().filter(|it| is_secret(it)).collect();
    if secrets.is_empty() {
        return BTreeSet::new();
    }
    let texts = texts(script);
    let asked_for = |name: &str| texts.iter().any(|it| it.contains(name));
    secrets.into_iter().filter(|it| !asked_for(it)).collect()
}

fn is_secret(name: &str) -> bool {
    let upper = name.to_uppercase();
    // Those of k6 are k6's to read.
    !upper.starts_with("K6_")
        && (upper.starts_with("AUTOSCALEOPS_") || MARKS.iter().any(|it| upper.contains(it)))
}

/// Returns the texts of a script and of the local modules that it imports. What cannot be read is
/// an error later, when it is run.
fn texts(script: &Path) -> Vec<String> {
    let mut open = vec![plain(script)];
    let (mut seen, mut texts) = (BTreeSet::new(), Vec::new());
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let Ok(bytes) = fs_err::read(&path) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let imports = imports(&path.to_string_lossy(), &text).unwrap_or_default();
        let local = imports.iter().filter(|it| is_local(&it.specifier));
        open.extend(local.map(|it| plain(&folder.join(&it.specifier))));
        texts.push(text);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reaches_a_script_that_names_it_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("a.js");
        fs_err::write(&script, "import './lib.js'; const t = __ENV.SHOP_TOKEN;").unwrap();
        fs_err::write(folder.path().join("lib.js"), "__ENV['DB_PASSWORD']").unwrap();
        let names = [
            "SHOP_TOKEN",
            "DB_PASSWORD",
            "GITHUB_TOKEN",
            "aws_secret_access_key",
            "AUTOSCALEOPS_REGISTRY_USER",
            "K6_CLOUD_TOKEN",
            "BASE_URL",
        ];
        let kept = withheld(&script, names.map(str::to_owned));
        let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
        assert_eq!(
            kept,
            [
                "AUTOSCALEOPS_REGISTRY_USER",
                "GITHUB_TOKEN",
                "aws_secret_access_key"
            ]
        );
    }
}
