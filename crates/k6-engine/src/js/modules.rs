//! The modules of a script: found, compiled once, loaded by every virtual user.

use std::{
    collections::{HashMap, HashSet},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rquickjs::{
    Ctx, Exception, Module, Result as JsResult,
    loader::{ImportAttributes, Loader, Resolver},
    module::{Declared, WriteOptions},
};

pub(crate) mod common_js;
mod graph;
mod lean;
mod meta;
mod remote;
mod survey;

use graph::Graph;
pub use remote::Remote;
pub(crate) use survey::Survey;
pub use survey::{Import, imports};

use super::{native::APIS, typescript};

/// The modules that are built in, but for those of [`lean`].
const BUILTIN: [(&str, &str); 12] = [
    ("k6/html", include_str!("prelude/html.js")),
    ("k6/metrics", include_str!("prelude/metrics.js")),
    ("k6/data", include_str!("prelude/data.js")),
    ("k6/execution", include_str!("prelude/execution.js")),
    ("k6/crypto", include_str!("prelude/crypto.js")),
    ("k6/encoding", include_str!("prelude/encoding.js")),
    ("k6/timers", include_str!("prelude/timers.js")),
    ("k6/ws", include_str!("prelude/ws.js")),
    ("k6/websockets", include_str!("prelude/websockets.js")),
    (
        "k6/experimental/websockets",
        include_str!("prelude/websockets.js"),
    ),
    ("k6/experimental/fs", include_str!("prelude/fs.js")),
    ("k6/experimental/csv", include_str!("prelude/csv.js")),
];

/// Modules that no script can import, as their names are no specifiers: evaluated when a script
/// looks at what is in them.
const HIDDEN: [(&str, &str); 6] = [
    ("<console>", include_str!("prelude/console.js")),
    ("<crypto>", include_str!("prelude/webcrypto.js")),
    ("<html>", include_str!("prelude/html/selection.js")),
    ("<elements>", include_str!("prelude/html/elements.js")),
    ("<http>", include_str!("prelude/http/rest.js")),
    ("<timers>", include_str!("prelude/timeouts.js")),
];

/// Something that only the real k6 has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// What it is: `k6/browser`, an option.
    pub construct: String,
    /// The file that uses it.
    pub file: PathBuf,
    /// The line, counted from one.
    pub line: usize,
}

/// The modules of a script.
#[derive(Debug, Default)]
pub struct Modules {
    compiled: Mutex<HashMap<String, Arc<Vec<u8>>>>,
    /// The built-in modules that a script wants in another form, by the script's name.
    lean: Mutex<HashMap<String, Vec<String>>>,
    /// The modules that look at their `import.meta`.
    with_meta: Mutex<HashSet<String>>,
    /// Which modules each one imports.
    graph: Mutex<Graph>,
    /// Those of the network, by their address.
    fetched: HashMap<String, String>,
}

impl Modules {
    /// Finds imports that only the real k6 has, in `entry` and the local modules that it uses.
    pub fn scan(entry: &Path) -> Vec<Unsupported> {
        let mut found = Vec::new();
        let mut seen = Vec::new();
        let mut open = vec![normal(entry)];
        while let Some(file) = open.pop() {
            if seen.contains(&file) {
                continue;
            }
            seen.push(file.clone());
            let Ok(source) = std::fs::read_to_string(&file) else {
                continue;
            };
            let source = match plain(&file.to_string_lossy(), source) {
                Ok(source) => source,
                Err(refused) => {
                    // What is no TypeScript either is told when it is loaded.
                    if refused.what.starts_with("TypeScript") {
                        found.push(Unsupported {
                            construct: refused.what,
                            file: file.clone(),
                            line: refused.line,
                        });
                    }
                    continue;
                }
            };
            // What cannot be parsed is told when it is loaded.
            let survey = Survey::of(&file.to_string_lossy(), &source).unwrap_or_default();
            let foreign = survey.foreign.into_iter();
            found.extend(foreign.map(|(construct, line)| Unsupported {
                construct: construct.to_owned(),
                file: file.clone(),
                line,
            }));
            for import in survey.imports {
                let specifier = import.specifier;
                if is_local(&specifier) {
                    open.push(locate(&file, &specifier));
                } else if is_of_k6(&specifier) && !is_builtin(&specifier) {
                    found.push(Unsupported {
                        construct: specifier,
                        file: file.clone(),
                        line: import.line,
                    });
                }
            }
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Vec<u8>>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the source of a module that is not built in.
    fn source(&self, name: &str) -> Result<String, String> {
        if is_remote(name) {
            let known = self.fetched.get(name).cloned();
            return known.ok_or_else(|| "it was not fetched before the run".to_owned());
        }
        std::fs::read_to_string(name).map_err(|err| err.to_string())
    }

    /// Loads the module `name`, compiled by this call or an earlier one.
    pub(crate) fn load<'js>(&self, ctx: &Ctx<'js>, name: &str) -> JsResult<Module<'js, Declared>> {
        let known = self.lock().get(name).cloned();
        if let Some(bytes) = known {
            // SAFETY: the bytes were written by this process, from a module that the same engine compiled.
            let module = unsafe { Module::load(ctx.clone(), &bytes) }?;
            return self.with_meta(ctx, name, module);
        }
        let source = match builtin(name) {
            Some(source) => source,
            None => {
                let source = self.source(name).map_err(|err| {
                    Exception::throw_message(
                        ctx,
                        &format!("cannot read the module `{name}`: {err}"),
                    )
                })?;
                let source = plain(name, source).map_err(|err| {
                    let text = format!("{name}:{}: {}", err.line, err.what);
                    Exception::throw_syntax(ctx, &text)
                })?;
                let source = self.as_module(ctx, name, source)?;
                if source.contains("import.meta") {
                    let with_meta = self.with_meta.lock();
                    let mut with_meta = with_meta.unwrap_or_else(PoisonError::into_inner);
                    with_meta.insert(name.to_owned());
                }
                source
            }
        };
        let module = Module::declare(ctx.clone(), name, source)?;
        let options = WriteOptions {
            strip_source: true,
            ..WriteOptions::default()
        };
        let bytes = module.write(options)?;
        self.lock().insert(name.to_owned(), Arc::new(bytes));
        self.with_meta(ctx, name, module)
    }

    fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the module `name`, or one that it imports, waits for one of `running`.
    pub(crate) fn is_circular(&self, name: &str, running: &[String]) -> bool {
        self.graph().is_circular(name, running)
    }

    /// Makes an ES module of what is none: JSON and `CommonJS`.
    fn as_module(&self, ctx: &Ctx<'_>, name: &str, source: String) -> JsResult<String> {
        if is_json(name) {
            return Ok(format!("export default {source};"));
        }
        // What cannot be parsed is told by who compiles it.
        let Some(survey) = Survey::of(name, &source) else {
            return Ok(source);
        };
        if common_js::is(&source, &survey) {
            let names = common_js::run(ctx, name, &source)?;
            return Ok(common_js::written(name, &source, &names));
        }
        let imported = survey.imports.iter();
        let imported = imported.filter_map(|it| meant(name, &it.specifier));
        self.graph().add(name, imported.collect());
        let mut lean = self.lean.lock().unwrap_or_else(PoisonError::into_inner);
        lean.insert(name.to_owned(), survey.lean);
        Ok(source)
    }

    fn with_meta<'js>(
        &self,
        ctx: &Ctx<'js>,
        name: &str,
        module: Module<'js, Declared>,
    ) -> JsResult<Module<'js, Declared>> {
        let with_meta = self.with_meta.lock();
        let looks_at_it = with_meta.is_ok_and(|it| it.contains(name));
        if looks_at_it {
            meta::give(ctx, &module, name)?;
        }
        Ok(module)
    }
}

/// Returns the source of a module that is built in.
fn builtin(name: &str) -> Option<String> {
    let mut all = BUILTIN.iter().chain(&HIDDEN);
    let own = all.find(|it| it.0 == name).map(|it| it.1.to_owned());
    own.or_else(|| lean::source(name))
}

fn is_builtin(specifier: &str) -> bool {
    let apis = APIS.iter().map(|it| it.module);
    BUILTIN
        .iter()
        .map(|it| it.0)
        .chain(apis)
        .any(|it| it == specifier)
}

/// Returns whether a specifier is one that k6 or an extension of it may have. Nobody knows others, and
/// what a bundle requires of Node.js it may never reach.
fn is_of_k6(specifier: &str) -> bool {
    specifier == "k6" || specifier.starts_with("k6/")
}

fn is_local(specifier: &str) -> bool {
    specifier.starts_with('.') || specifier.starts_with('/') || specifier.starts_with("file:")
}

fn is_remote(specifier: &str) -> bool {
    specifier.starts_with("https://")
}

/// Returns the name of the module that `specifier` means in `base`, where it is not built in.
fn meant(base: &str, specifier: &str) -> Option<String> {
    if is_remote(specifier) {
        return Some(specifier.to_owned());
    }
    if is_remote(base) {
        return beside(base, specifier).filter(|_| !is_builtin(specifier));
    }
    let path = is_local(specifier).then(|| locate(Path::new(base), specifier))?;
    Some(path.to_string_lossy().into_owned())
}

/// Returns the address that `specifier` means in the module of the network at `base`.
fn beside(base: &str, specifier: &str) -> Option<String> {
    let url = url::Url::parse(base).ok()?.join(specifier).ok()?;
    is_remote(url.as_str()).then(|| url.to_string())
}

/// Returns whether the file or address `name` ends with `.` and `extension`.
fn ends_with(name: &str, extension: &str) -> bool {
    let path = name.split(['?', '#']).next().unwrap_or(name);
    Path::new(path)
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case(extension))
}

fn is_typescript(name: &str) -> bool {
    ends_with(name, "ts")
}

fn is_json(name: &str) -> bool {
    ends_with(name, "json")
}

/// Makes JavaScript of TypeScript.
fn plain(name: &str, source: String) -> Result<String, typescript::Refused> {
    if is_typescript(name) {
        typescript::strip(&source)
    } else {
        Ok(source)
    }
}

/// Returns the file that `specifier` means in `from`.
fn locate(from: &Path, specifier: &str) -> PathBuf {
    let folder = from.parent().unwrap_or_else(|| Path::new("."));
    beneath(folder, specifier)
}

/// Returns the file that `name`, a path or an address of a file, means in `folder`.
pub(crate) fn beneath(folder: &Path, name: &str) -> PathBuf {
    let address = url::Url::parse(name).ok();
    let path = address.and_then(|it| it.to_file_path().ok());
    let plain = name.strip_prefix("file://").unwrap_or(name);
    normal(&folder.join(path.unwrap_or_else(|| plain.into())))
}

/// Removes `.` and `..` without asking the file system.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// Finds modules for the engine.
pub(crate) struct Finder(pub(crate) Arc<super::Shared>);

impl Resolver for Finder {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<String> {
        if is_builtin(name) {
            let lean = &self.0.modules.lean;
            let lean = lean.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = lean.get(base).and_then(|it| lean::of(it, name));
            return Ok(wanted.unwrap_or(name).to_owned());
        }
        if let Some(meant) = meant(base, name) {
            return Ok(meant);
        }
        let message = if is_of_k6(name) {
            format!("the module \"{name}\" is not built into this engine: it needs the real k6")
        } else {
            format!(
                "there is no module \"{name}\": k6 has none of that name, and a file begins with `./`"
            )
        };
        Err(Exception::throw_message(ctx, &message))
    }
}

/// Loads modules for the engine.
pub(crate) struct Source(pub(crate) Arc<super::Shared>);

impl Loader for Source {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<Module<'js, Declared>> {
        self.0.modules.load(ctx, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain() {
        assert_eq!(
            locate(Path::new("/a/b/c.js"), "../d.js"),
            Path::new("/a/d.js")
        );
        assert_eq!(
            locate(Path::new("/a/b/c.js"), "file:///x/./y.js"),
            Path::new("/x/y.js")
        );
    }
}
