//! The native functions behind the built-in modules, all on one hidden object.

use std::rc::Rc;

use rquickjs::{Ctx, Error, Exception, Object, Result, Value};

use super::Vu;

mod binary;
mod checks;
mod execution;
mod files;
mod jars;
mod opened;
mod params;
mod request;
mod response;
mod table;

pub(crate) use binary::{hex_text, md5_of};
pub(crate) use checks::enter;
pub(crate) use response::make as response;
pub(crate) use table::forget;

/// A native function.
type Native = for<'js> fn(&Rc<Vu>, &Ctx<'js>, &[Value<'js>]) -> Result<Value<'js>>;

/// All native functions.
const TABLES: &[&[(&str, Native)]] = &[
    binary::TABLE,
    checks::TABLE,
    execution::TABLE,
    files::TABLE,
    jars::TABLE,
    opened::TABLE,
    request::TABLE,
];

/// Puts all native functions where the built-in modules find them.
pub(crate) fn install(ctx: &Ctx<'_>, vu: &Rc<Vu>) -> Result<()> {
    let object = Object::new(ctx.clone())?;
    table::put(ctx, &object, vu);
    object.set("callbacks", Object::new(ctx.clone())?)?;
    response::install(ctx, vu, &object)?;
    ctx.globals().prop(
        "__k6",
        rquickjs::object::Property::from(object)
            .configurable()
            .writable(),
    )
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

/// Throws an ordinary error.
fn throw(ctx: &Ctx<'_>, message: &str) -> Error {
    Exception::throw_message(ctx, message)
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
fn bytes(value: &Value<'_>) -> Option<Vec<u8>> {
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

fn copied(buffer: &rquickjs::ArrayBuffer<'_>) -> Option<Vec<u8>> {
    // SAFETY: no JavaScript runs between taking the slice and copying it, so it is neither changed nor detached.
    unsafe { buffer.as_bytes() }.map(<[u8]>::to_vec)
}
