//! Built-in modules that export no more than a script imports.
//!
//! Each virtual user has its own instance of each module, and `k6/http` has 25 exports, of which most
//! scripts import one.

use std::collections::BTreeSet;

use oxc_parser::ParserReturn;
use oxc_syntax::module_record::ImportImportName;

use crate::js::native::{APIS, Api};

/// Stands between the name of a module and the names that are imported from it.
const MARK: char = '?';

/// Returns the names of the built-in modules that `source` needs, in their lean forms.
pub(super) fn wanted(source: &str, parsed: &ParserReturn<'_>) -> Vec<String> {
    // These import at run time what is not known now.
    if source.contains("require(") || source.contains("import(") {
        return Vec::new();
    }
    let record = &parsed.module_record;
    if !record.dynamic_imports.is_empty() {
        return Vec::new();
    }
    let lean = APIS.iter().filter_map(|api| {
        let requested = record.requested_modules.get(api.module)?;
        if requested.iter().any(|it| !it.is_import) {
            return None;
        }
        let mut names = BTreeSet::new();
        let entries = record.import_entries.iter();
        for entry in entries.filter(|it| it.module_request.name == api.module) {
            match &entry.import_name {
                ImportImportName::Name(name) => names.insert(name.name.as_str()),
                ImportImportName::Default(_) => names.insert("default"),
                ImportImportName::NamespaceObject => return None,
            };
        }
        let known = |name: &&str| *name == "default" || api.names().any(|it| it == *name);
        let is_known = names.iter().all(known);
        let names: Vec<&str> = names.into_iter().collect();
        is_known.then(|| format!("{}{MARK}{}", api.module, names.join(",")))
    });
    lean.collect()
}

/// Returns which of `wanted` is the lean form of the module `name`.
pub(super) fn of<'a>(wanted: &'a [String], name: &str) -> Option<&'a str> {
    let is = |it: &&String| {
        it.split_once(MARK)
            .is_some_and(|(module, _)| module == name)
    };
    wanted.iter().find(is).map(String::as_str)
}

/// Returns the source of a built-in module, lean or whole, where this is one that can be both.
pub(super) fn source(name: &str) -> Option<String> {
    let find = |module: &str| APIS.iter().find(|it| it.module == module);
    match name.split_once(MARK) {
        Some((module, names)) => {
            find(module).map(|api: &Api| api.source(names.split(',').filter(|it| !it.is_empty())))
        }
        None => find(name).map(|api| api.source(api.names().chain(["default"]))),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Survey, *};

    fn wanted(source: &str) -> Vec<String> {
        Survey::of("a.js", source).unwrap_or_default().lean
    }

    #[test]
    fn a_script_gets_what_it_imports() {
        let source =
            "import http, { get } from 'k6/http'; import { check } from 'k6'; import 'k6/data';";
        let wanted = wanted(source);
        assert_eq!(wanted, ["k6?check", "k6/http?default,get"]);
        assert_eq!(of(&wanted, "k6/http"), Some("k6/http?default,get"));
        assert_eq!(of(&wanted, "k6/data"), None);
        let module = super::source("k6/http?default,get").unwrap_or_default();
        assert!(module.contains("export default") && module.contains("export const get ="));
        assert!(!module.contains("post"), "{module}");
    }

    #[test]
    fn whoever_may_want_more_gets_all() {
        for script in [
            "import * as http from 'k6/http';",
            "import http from 'k6/http'; export * from 'k6/http';",
            "import http from 'k6/http'; export { get } from 'k6/http';",
            "import http from 'k6/http'; const other = require('k6/http');",
            "import http from 'k6/http'; const other = await import('k6/' + 'http');",
            "import http, { brew } from 'k6/http';",
            "import http from 'k6/http'; this is no script",
        ] {
            assert!(wanted(script).is_empty(), "{script}");
        }
        let whole = source("k6/http").unwrap_or_default();
        assert!(
            whole.contains("post") && whole.contains("TLS_1_3"),
            "{whole}"
        );
        assert_eq!(source("k6/data"), None);
    }
}
