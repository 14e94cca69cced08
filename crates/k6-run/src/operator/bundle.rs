//! A script with its local modules, as the files of a `ConfigMap`.
//!
//! Names there have no folders, so modules get one flat name each, and imports are rewritten to it.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, Result};
use autoscaleops_core::Failure;
use autoscaleops_k6_engine::js::imports;

/// What the runners start.
pub(super) const ENTRY: &str = "k6-run.js";
/// Begins the line in which a runner tells its result.
pub(super) const MARK: &str = "k6-run-result ";
/// A `ConfigMap` holds at most a mebibyte.
const LIMIT: usize = 1 << 20;

/// Returns the files by name: the script, its local modules, and what makes each runner tell its
/// result in a form that can be merged.
pub(super) fn files(script: &Path) -> Result<BTreeMap<String, String>> {
    let mut names: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut open = vec![plain(script)];
    let mut files = BTreeMap::new();
    // Its ending tells k6 what it is written in.
    let entry = match script.extension() {
        Some(it) if it.eq_ignore_ascii_case("ts") => "script.ts",
        _ => "script.js",
    };
    names.insert(plain(script), entry.to_owned());
    while let Some(path) = open.pop() {
        let source = fs_err::read_to_string(&path).context("cannot read the script")?;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let text = rewritten(&path, &source, |specifier| {
            let target = plain(&folder.join(specifier));
            let count = names.len();
            let name = names.entry(target.clone()).or_insert_with(|| {
                open.push(target.clone());
                let file = target
                    .file_name()
                    .map(|it| it.to_string_lossy().into_owned());
                format!("m{count}-{}", file.unwrap_or_default())
            });
            format!("./{name}")
        })?;
        if let Some(name) = names.get(&path) {
            files.insert(name.clone(), text);
        }
    }
    let has_default = files
        .get(entry)
        .is_some_and(|it| it.contains("export default") || it.contains("as default"));
    files.insert(ENTRY.to_owned(), all_of(entry, has_default));
    let size: usize = files.iter().map(|it| it.0.len() + it.1.len()).sum();
    if size > LIMIT {
        let message =
            format!("the script and its modules have {size} bytes, and a ConfigMap holds {LIMIT}");
        return Err(Failure::usage(message)
            .hint("put them on a volume, and name that in the TestRun by hand")
            .into());
    }
    Ok(files)
}

/// Returns the script that does what `script` does, and tells its result.
fn all_of(script: &str, has_default: bool) -> String {
    let default = if has_default {
        format!("export {{ default }} from './{script}';\n")
    } else {
        String::new()
    };
    // So many percentiles that those of all runners together can be told from them.
    format!(
        "import * as own from './{script}';\nexport * from './{script}';\n{default}const stats = ['count', 'avg', 'min', 'med', 'max'];\nfor (let p = 1; p < 100; p++) stats.push(`p(${{p}})`);\nfor (const p of [99.5, 99.9, 99.99]) stats.push(`p(${{p}})`);\nexport const options = Object.assign({{}}, own.options, {{ summaryTrendStats: stats }});\nexport function handleSummary(data) {{\n  const made = (own.handleSummary && own.handleSummary(data)) || {{}};\n  made.stdout = `${{made.stdout || ''}}\\n{MARK}${{JSON.stringify(data)}}\\n`;\n  return made;\n}}\n"
    )
}

/// Rewrites the local specifiers of what the script at `path` imports.
///
/// # Errors
///
/// Fails on what is no script.
fn rewritten(path: &Path, source: &str, mut name: impl FnMut(&str) -> String) -> Result<String> {
    let imports = imports(&path.to_string_lossy(), source).ok_or_else(|| {
        let message = format!("{} cannot be read as a script", path.display());
        Failure::usage(message).hint(format!("k6-run doctor {}", path.display()))
    })?;
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    for import in imports.iter().filter(|it| is_local(&it.specifier)) {
        out.push_str(&source[at..import.span.start]);
        out.push_str(&format!("'{}'", name(&import.specifier)));
        at = import.span.end;
    }
    out.push_str(&source[at..]);
    Ok(out)
}

/// Returns whether an import is of a file beside the script.
pub(crate) fn is_local(specifier: &str) -> bool {
    specifier.starts_with("./") || specifier.starts_with("../")
}

/// Removes `.` and `..` without asking the file system.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_folders_travel_under_flat_names() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, text).unwrap();
            path
        };
        let script = put(
            "a.js",
            "// it's a test\nimport http from 'k6/http';\nimport { x } from './lib/b.js';\nexport default () => x('./lib/b.js');\n",
        );
        put("lib/b.js", "import c from \"../c.js\"; export const x = c;");
        put("c.js", "export default 1;");
        let files = files(&script).unwrap();
        assert_eq!(
            files["script.js"],
            "// it's a test\nimport http from 'k6/http';\nimport { x } from './m1-b.js';\nexport default () => x('./lib/b.js');\n"
        );
        assert_eq!(
            files["m1-b.js"],
            "import c from './m2-c.js'; export const x = c;"
        );
        assert!(files[ENTRY].contains("export { default }") && files["m2-c.js"].contains('1'));
    }

    #[test]
    fn what_only_looks_like_an_import_stays_and_typescript_is_told_by_its_ending() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("a.ts");
        let text = "// import './no.js'\nconst parts: string[] = Array.from('./no.js');\nexport default function (): void {}";
        fs_err::write(&script, text).unwrap();
        let made = files(&script).unwrap();
        assert_eq!(made["script.ts"], text);
        assert!(made[ENTRY].contains("export { default } from './script.ts';"));
        fs_err::write(&script, "import {").unwrap();
        let err = files(&script).unwrap_err();
        assert!(
            err.to_string().contains("a.ts cannot be read as a script"),
            "{err}"
        );
    }

    #[test]
    fn a_module_that_is_missing_is_an_error_now_and_not_in_the_pods() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("a.js");
        fs_err::write(&script, "import './no.js';").unwrap();
        assert!(files(&script).is_err());
    }
}
