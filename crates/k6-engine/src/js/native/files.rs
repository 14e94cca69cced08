//! Files, modules, messages, the environment, and arrays that are shared.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, PoisonError},
};

use rquickjs::{Ctx, Function, IntoJs as _, Module, Object, Result, Value};

use super::{Native, given, text_at, throw, undefined};
use crate::js::{
    Level, Phase, Vu,
    modules::{self, common_js},
};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("open", open),
    ("require", require),
    ("console", console),
    ("sharedArray", shared_array),
    ("sharedLength", shared_length),
    ("sharedGet", shared_get),
];

/// Returns the file of the script that calls a native function.
fn caller(ctx: &Ctx<'_>) -> Option<String> {
    (1..3)
        .filter_map(|level| ctx.script_or_module_name(level))
        .filter_map(|it| it.to_string().ok())
        .find(|it| it.starts_with('/'))
}

fn open<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() != Phase::Init {
        return Err(throw(
            ctx,
            "The \"open()\" function is only available in the init stage (i.e. the global scope), see https://grafana.com/docs/k6/latest/using-k6/test-lifecycle for more information",
        ));
    }
    let name = text_at(arguments, 0)?;
    if name.is_empty() {
        return Err(throw(ctx, "open() can't be used with an empty filename"));
    }
    let path = located(vu, ctx, &name);
    let contents = contents(vu, &path)
        .map_err(|err| throw(ctx, &format!("cannot open `{}`: {err}", path.display())))?;
    if text_at(arguments, 1)? == "b" {
        return super::buffer(ctx, contents.as_slice());
    }
    String::from_utf8_lossy(&contents).into_js(ctx)
}

/// Returns the path that `name` means for the script that calls.
pub(super) fn located(vu: &Vu, ctx: &Ctx<'_>, name: &str) -> PathBuf {
    let folder = caller(ctx).and_then(|it| Path::new(&it).parent().map(Path::to_owned));
    modules::beneath(&folder.unwrap_or_else(|| vu.shared.folder.clone()), name)
}

/// Returns what a file holds. Each is read once.
pub(super) fn contents(vu: &Vu, path: &Path) -> std::io::Result<Arc<Vec<u8>>> {
    let known = || {
        vu.shared
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    let cached = known().get(path).cloned();
    if let Some(contents) = cached {
        return Ok(contents);
    }
    let read = Arc::new(std::fs::read(path)?);
    known().insert(path.to_owned(), Arc::clone(&read));
    Ok(read)
}

/// Keeps an array that all virtual users share, and returns its number.
pub(super) fn share(
    vu: &Vu,
    name: String,
    make: impl FnOnce() -> Result<Vec<String>>,
) -> Result<usize> {
    let arrays = || {
        vu.shared
            .arrays
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    if let Some(place) = arrays().iter().position(|it| it.0 == name) {
        return Ok(place);
    }
    let elements = make()?;
    let mut all = arrays();
    // Another virtual user may have made it meanwhile.
    if let Some(place) = all.iter().position(|it| it.0 == name) {
        return Ok(place);
    }
    all.push((name, Arc::new(elements)));
    Ok(all.len() - 1)
}

fn require<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let name = text_at(arguments, 0)?;
    if vu.phase.get() != Phase::Init {
        return Err(throw(
            ctx,
            &format!(
                "the \"require\" function is only available in the init stage, not for \"{name}\""
            ),
        ));
    }
    let is_local = name.starts_with('.');
    let target = if is_local {
        located(vu, ctx, &name).to_string_lossy().into_owned()
    } else {
        name
    };
    if let Some(exports) = common_js::exported(ctx, &target)? {
        return Ok(exports);
    }
    let mut running = vu.requiring.borrow().clone();
    running.extend(caller(ctx));
    if vu.shared.modules.is_circular(&target, &running) {
        let message =
            format!("the module \"{target}\" cannot be required while it is being loaded");
        return Err(throw(ctx, &message));
    }
    let known: Vec<usize> = vu.unhandled.borrow().keys().copied().collect();
    let outer = vu.requiring.replace(running);
    let loaded = Module::import(ctx, target).and_then(|it| it.finish::<Object<'js>>());
    vu.requiring.replace(outer);
    if loaded.is_err() {
        // Whoever requires it hears of it: the promises behind it are nobody's.
        let mut unhandled = vu.unhandled.borrow_mut();
        unhandled.retain(|promise, _| known.contains(promise));
    }
    let namespace = loaded?;
    let common: Option<Value<'js>> = namespace.get("__cjs")?;
    Ok(common.unwrap_or_else(|| namespace.into_value()))
}

fn console<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let level = match text_at(arguments, 0)?.as_str() {
        "debug" => Level::Debug,
        "warning" => Level::Warning,
        "error" => Level::Error,
        _ => Level::Info,
    };
    (vu.shared.console)(level, &text_at(arguments, 1)?);
    Ok(undefined(ctx))
}

fn shared_array<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() != Phase::Init {
        return Err(throw(
            ctx,
            "new SharedArray must be called in the init context",
        ));
    }
    let name = text_at(arguments, 0)?;
    let make = given(arguments, 1).and_then(Value::as_function);
    let place = share(vu, name, || match make {
        Some(make) => Function::call(make, ()),
        None => Err(throw(ctx, "a SharedArray needs a function")),
    })?;
    Ok(Value::new_number(ctx.clone(), place as f64))
}

fn array_at<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    arguments: &[Value<'js>],
) -> Result<Arc<Vec<String>>> {
    let place = given(arguments, 0)
        .and_then(Value::as_number)
        .unwrap_or(-1.0);
    let arrays = vu
        .shared
        .arrays
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let found = arrays.get(place as usize).map(|it| Arc::clone(&it.1));
    found.ok_or_else(|| throw(ctx, "there is no such SharedArray"))
}

fn shared_length<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let array = array_at(vu, ctx, arguments)?;
    Ok(Value::new_number(ctx.clone(), array.len() as f64))
}

fn shared_get<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let array = array_at(vu, ctx, arguments)?;
    let place = given(arguments, 1)
        .and_then(Value::as_number)
        .unwrap_or(-1.0);
    match array.get(place as usize) {
        Some(text) => text.as_str().into_js(ctx),
        None => Ok(undefined(ctx)),
    }
}
