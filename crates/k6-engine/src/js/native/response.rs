//! An answer as scripts see it. Its parts are made when they are asked for.

use std::rc::Rc;

use rquickjs::{
    Class, Ctx, IntoJs as _, JsLifetime, Object, Persistent, Result, Value,
    class::{Trace, Tracer},
    object::Property,
};

use super::{Native, text_at};
use crate::{
    http::{BodyKind, Jar, Response},
    js::Vu,
};

/// An answer.
#[rquickjs::class(rename = "Response")]
pub(crate) struct JsResponse {
    inner: Box<Response>,
}

// SAFETY: the type holds no values of JavaScript, so no lifetime of a context.
unsafe impl JsLifetime<'_> for JsResponse {
    type Changed<'to> = Self;
}

impl<'js> Trace<'js> for JsResponse {
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

pub(super) const TABLE: &[(&str, Native)] = &[("jsonAt", json_at)];

/// Returns, as JSON, what a selector finds in a text of JSON; `undefined` where that is nothing.
fn json_at<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (text, path) = (text_at(arguments, 0)?, text_at(arguments, 1)?);
    let found = serde_json::from_str(&text).ok();
    match found.and_then(|it: serde_json::Value| super::select::select(&it, &path)) {
        Some(found) => found.to_string().into_js(ctx),
        None => Ok(super::undefined(ctx)),
    }
}

/// Returns `response` as an object of JavaScript.
pub(crate) fn make<'js>(vu: &Vu, ctx: &Ctx<'js>, response: Box<Response>) -> Result<Value<'js>> {
    let response = JsResponse { inner: response };
    let prototype = vu.prototype.borrow().clone();
    let class = match prototype {
        Some(prototype) => Class::instance_proto(response, prototype.restore(ctx)?)?,
        None => Class::instance(ctx.clone(), response)?,
    };
    Ok(class.into_value())
}

/// Makes what all answers of a context share.
pub(super) fn install(ctx: &Ctx<'_>, vu: &Vu) -> Result<()> {
    // One of this context, not the one that all contexts of a runtime would share.
    let prototype = Object::new(ctx.clone())?;
    super::table::put_answers(ctx, &prototype)?;
    *vu.prototype.borrow_mut() = Some(Persistent::save(ctx, prototype));
    Ok(())
}

/// Makes a part of an answer.
type Part = for<'js> fn(&Response, &Ctx<'js>) -> Result<Value<'js>>;

/// The parts of an answer. Not by `rquickjs::methods`, which would put them in another order with each
/// build, and they would take more of each virtual user's stack.
pub(super) const PARTS: [(&str, Part); 16] = [
    ("status", |it, ctx| it.status.into_js(ctx)),
    ("status_text", |it, ctx| {
        it.status_text.as_str().into_js(ctx)
    }),
    ("url", |it, ctx| it.url.as_str().into_js(ctx)),
    ("proto", |it, ctx| it.proto.into_js(ctx)),
    ("error", |it, ctx| it.error.as_str().into_js(ctx)),
    ("error_code", |it, ctx| it.error_code.into_js(ctx)),
    ("remote_ip", |it, ctx| {
        let address = it.remote.map(|it| it.ip().to_string());
        address.unwrap_or_default().into_js(ctx)
    }),
    ("remote_port", |it, ctx| {
        it.remote.map_or(0, |it| it.port()).into_js(ctx)
    }),
    ("tls_version", |it, ctx| it.tls_version.into_js(ctx)),
    ("tls_cipher_suite", |it, ctx| {
        it.tls_cipher.as_str().into_js(ctx)
    }),
    ("body", body),
    ("headers", headers),
    ("cookies", cookies),
    ("timings", timings),
    ("ocsp", ocsp),
    ("request", request),
];

/// Returns the part at `place` of the answer `this`.
pub(super) fn part<'js>(ctx: &Ctx<'js>, this: &Value<'js>, place: usize) -> Result<Value<'js>> {
    let answer = Class::<JsResponse>::from_value(this)?;
    let (_, part) = PARTS.get(place).ok_or(rquickjs::Error::Unknown)?;
    part(&answer.borrow().inner, ctx)
}

/// Puts a value in the place of a part of the answer `this`, as a script asks for.
pub(super) fn replace<'js>(
    ctx: &Ctx<'js>,
    this: &Value<'js>,
    place: usize,
    value: Value<'js>,
) -> Result<Value<'js>> {
    let (name, _) = PARTS.get(place).ok_or(rquickjs::Error::Unknown)?;
    let answer = Class::<JsResponse>::from_value(this)?;
    let own = Property::from(value).configurable().enumerable().writable();
    answer.into_inner().prop(*name, own)?;
    Ok(super::undefined(ctx))
}

fn body<'js>(response: &Response, ctx: &Ctx<'js>) -> Result<Value<'js>> {
    let has_none = !response.is_heard || matches!(response.status, 101 | 204 | 304);
    if has_none || response.body_kind == BodyKind::None {
        return Ok(Value::new_null(ctx.clone()));
    }
    if response.body_kind == BodyKind::Binary {
        return super::buffer(ctx, response.body.as_slice());
    }
    match std::str::from_utf8(&response.body) {
        Ok(text) => text.into_js(ctx),
        Err(_) => String::from_utf8_lossy(&response.body).into_js(ctx),
    }
}

fn headers<'js>(response: &Response, ctx: &Ctx<'js>) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    let headers = &response.headers;
    for (place, (name, value)) in headers.iter().enumerate() {
        if headers[..place].iter().any(|it| it.0 == *name) {
            continue;
        }
        let more: Vec<&str> = headers[place + 1..]
            .iter()
            .filter(|it| it.0 == *name)
            .map(|it| it.1.as_str())
            .collect();
        if more.is_empty() {
            object.set(name.as_str(), value.as_str())?;
        } else {
            object.set(name.as_str(), format!("{value}, {}", more.join(", ")))?;
        }
    }
    Ok(object.into_value())
}

fn cookies<'js>(response: &Response, ctx: &Ctx<'js>) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    for (_, header) in response.headers.iter().filter(|it| it.0 == "Set-Cookie") {
        let Some(cookie) = Jar::parts(header) else {
            continue;
        };
        let entry = Object::new(ctx.clone())?;
        entry.set("name", cookie.name.as_str())?;
        entry.set("value", cookie.value.as_str())?;
        entry.set("domain", cookie.attributes.domain.unwrap_or_default())?;
        entry.set("path", cookie.attributes.path.unwrap_or_default())?;
        entry.set("http_only", cookie.http_only)?;
        entry.set("secure", cookie.attributes.secure)?;
        entry.set("max_age", cookie.attributes.max_age.unwrap_or(0))?;
        entry.set("expires", cookie.expires_ms)?;
        let list: Option<rquickjs::Array<'js>> = object.get(cookie.name.as_str())?;
        let list = match list {
            Some(list) => list,
            None => rquickjs::Array::new(ctx.clone())?,
        };
        list.set(list.len(), entry)?;
        object.set(cookie.name.as_str(), list)?;
    }
    Ok(object.into_value())
}

fn timings<'js>(response: &Response, ctx: &Ctx<'js>) -> Result<Value<'js>> {
    let timings = &response.timings;
    let object = Object::new(ctx.clone())?;
    for (name, value) in [
        ("duration", timings.duration()),
        ("blocked", timings.blocked),
        ("looking_up", 0.0),
        ("connecting", timings.connecting),
        ("tls_handshaking", timings.tls),
        ("sending", timings.sending),
        ("waiting", timings.waiting),
        ("receiving", timings.receiving),
    ] {
        object.set(name, value)?;
    }
    Ok(object.into_value())
}

fn ocsp<'js>(response: &Response, ctx: &Ctx<'js>) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    for name in ["produced_at", "this_update", "next_update", "revoked_at"] {
        object.set(name, 0)?;
    }
    object.set("revocation_reason", "")?;
    object.set(
        "status",
        if response.tls_version.is_empty() {
            ""
        } else {
            "unknown"
        },
    )?;
    Ok(object.into_value())
}

fn request<'js>(response: &Response, ctx: &Ctx<'js>) -> Result<Value<'js>> {
    if !response.was_made {
        return Ok(Value::new_null(ctx.clone()));
    }
    let object = Object::new(ctx.clone())?;
    object.set("method", response.asked_method.as_str())?;
    object.set("url", response.asked.as_str())?;
    let headers = Object::new(ctx.clone())?;
    for (name, value) in &response.sent_headers {
        headers.set(name.as_str(), vec![value.as_str()])?;
    }
    object.set("headers", headers)?;
    object.set(
        "body",
        String::from_utf8_lossy(&response.sent_body).as_ref(),
    )?;
    let cookies = Object::new(ctx.clone())?;
    for (name, value) in &response.sent_cookies {
        let entry = Object::new(ctx.clone())?;
        entry.set("name", name.as_str())?;
        entry.set("value", value.as_str())?;
        entry.set("replace", false)?;
        cookies.set(name.as_str(), vec![entry])?;
    }
    object.set("cookies", cookies)?;
    Ok(object.into_value())
}
