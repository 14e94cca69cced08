//! The native functions behind the built-in modules, all on one hidden object.

use std::rc::Rc;

use rquickjs::{ArrayBuffer, Ctx, Error, Exception, Object, Result, Value, object::Property};

use super::{Vu, lazy, lazy::Classes};

mod api;
mod binary;
mod checks;
mod execution;
mod files;
mod html;
mod jars;
mod opened;
mod params;
mod request;
mod response;
mod select;
mod sockets;
mod table;
mod websockets;

pub(crate) use api::{ALL as APIS, Api};
pub(crate) use binary::{hex_text, md5_of};
pub(crate) use checks::enter;
pub(crate) use response::make as response;
pub(crate) use sockets::{Sockets, part};
pub(crate) use table::{forget, owner};
pub(crate) use websockets::{Note, deliver};

/// A native function.
type Native = for<'js> fn(&Rc<Vu>, &Ctx<'js>, &[Value<'js>]) -> Result<Value<'js>>;

/// All native functions.
const TABLES: &[&[(&str, Native)]] = &[
    binary::TABLE,
    checks::TABLE,
    execution::TABLE,
    files::TABLE,
    html::TABLE,
    html::elements::TABLE,
    html::selections::TABLE,
    jars::TABLE,
    opened::TABLE,
    request::TABLE,
    response::TABLE,
    sockets::TABLE,
    websockets::TABLE,
];

/// Puts the object with all native functions where the built-in modules find it.
pub(super) fn install(ctx: &Ctx<'_>, vu: &Rc<Vu>, classes: Classes) -> Result<()> {
    table::remember(ctx, vu);
    classes.stand_behind(ctx)?;
    response::install(ctx, vu)?;
    let object = classes.natives(ctx)?;
    ctx.globals()
        .prop("__k6", Property::from(object).configurable().writable())
}

/// Puts `name` on the object with native functions. Returns whether there is such a thing.
pub(super) fn make<'js>(ctx: &Ctx<'js>, object: &Object<'js>, name: &str) -> Result<bool> {
    match name {
        // What few scripts use of `k6/http` is evaluated when they do.
        "rest" => lazy::evaluate(ctx, "<http>").map(|()| true),
        "html" => lazy::evaluate(ctx, "<html>").map(|()| true),
        "elements" => lazy::evaluate(ctx, "<elements>").map(|()| true),
        // Defined, not set: to set asks what there is first, and that is this.
        "callbacks" | "modules" => {
            // Without a prototype: `constructor` is in neither.
            let empty = Object::new(ctx.clone())?;
            empty.set_prototype(None)?;
            object.prop(name, Property::from(empty)).map(|()| true)
        }
        _ => match api::make(ctx, name) {
            Some(made) => object.prop(name, Property::from(made?)).map(|()| true),
            None => Ok(table::put(ctx, object, name)),
        },
    }
}

/// Gives scripts `__ENV` with the variables of the run.
pub(super) fn environment(ctx: &Ctx<'_>) -> Result<()> {
    let Some(vu) = owner(ctx) else {
        return Ok(());
    };
    let env = Object::new(ctx.clone())?;
    let scenario = vu.scenario_env.borrow();
    for (name, value) in vu.shared.env.iter().chain(scenario.iter().flatten()) {
        // A name of the runtime: those who share it share its text, and each has the same variables.
        let value = rquickjs::Atom::from_str(ctx.clone(), value)?;
        env.set(name.as_str(), value.to_js_string()?)?;
    }
    ctx.globals()
        .prop("__ENV", Property::from(env).configurable().writable())
}

/// Throws what a script cannot catch, as its iteration is to end.
pub(crate) fn interrupted(ctx: &Ctx<'_>) -> Error {
    match Exception::from_message(ctx.clone(), "the iteration was interrupted") {
        Ok(exception) => {
            let value = exception.into_value();
            // SAFETY: the value is an error object of this context, alive during the call.
            unsafe { rquickjs::qjs::JS_SetUncatchableError(ctx.as_raw().as_ptr(), value.as_raw()) };
            ctx.throw(value)
        }
        Err(err) => err,
    }
}

/// Throws an error with the name that k6 gives its own.
pub(crate) fn throw(ctx: &Ctx<'_>, message: &str) -> Error {
    let named = || -> Result<Error> {
        let error = Exception::from_message(ctx.clone(), message)?.into_value();
        if let Some(object) = error.as_object() {
            let name = Property::from("GoError").configurable().writable();
            object.prop("name", name)?;
        }
        Ok(ctx.throw(error))
    };
    named().unwrap_or_else(|err| err)
}

/// Returns what a tag gets of a value of JavaScript, `None` where it is of a kind that tags do not take.
fn tag_text(value: &Value<'_>) -> Result<Option<String>> {
    let fits = value.is_string() || value.is_number() || value.is_bool();
    if fits {
        text(value).map(Some)
    } else {
        Ok(None)
    }
}

fn undefined<'js>(ctx: &Ctx<'js>) -> Value<'js> {
    Value::new_undefined(ctx.clone())
}

/// Returns the argument at `place`, where it is neither missing nor `undefined` nor `null`.
fn given<'a, 'js>(arguments: &'a [Value<'js>], place: usize) -> Option<&'a Value<'js>> {
    arguments
        .get(place)
        .filter(|it| !it.is_undefined() && !it.is_null())
}

/// Returns a value as text, as JavaScript would.
fn text(value: &Value<'_>) -> Result<String> {
    match value.as_string() {
        Some(text) => text.to_string(),
        None => Ok(value.get::<rquickjs::Coerced<String>>()?.0),
    }
}

/// Returns the text of the argument at `place`, empty where it is missing.
fn text_at(arguments: &[Value<'_>], place: usize) -> Result<String> {
    given(arguments, place).map_or_else(|| Ok(String::new()), text)
}

/// Returns the bytes of a text, an `ArrayBuffer` or a view of one.
pub(super) fn bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    if let Some(text) = value.as_string() {
        return text.to_string().ok().map(String::into_bytes);
    }
    let object = value.as_object()?;
    if let Some(buffer) = object.as_array_buffer() {
        return copied(buffer);
    }
    let buffer: Object<'_> = object.get("buffer").ok()?;
    let (start, length): (usize, usize) = (
        object.get("byteOffset").ok()?,
        object.get("byteLength").ok()?,
    );
    let whole = copied(buffer.as_array_buffer()?)?;
    whole
        .get(start..start.checked_add(length)?)
        .map(<[u8]>::to_vec)
}

/// Returns `data` as an `ArrayBuffer`.
fn buffer<'js>(ctx: &Ctx<'js>, data: &[u8]) -> Result<Value<'js>> {
    lazy::with_bytes(ctx)?;
    Ok(ArrayBuffer::new_copy(ctx.clone(), data)?.into_value())
}

fn copied(buffer: &ArrayBuffer<'_>) -> Option<Vec<u8>> {
    // SAFETY: no JavaScript runs between taking the slice and copying it, so it is neither changed nor detached.
    unsafe { buffer.as_bytes() }.map(<[u8]>::to_vec)
}
