//! An answer as scripts see it. Its parts are made when they are asked for.

use std::rc::Rc;

use rquickjs::{
    Class, Ctx, IntoJs as _, JsLifetime, Object, Persistent, Result, Value,
    class::{JsClass as _, Trace, Tracer},
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
pub(crate) fn make<'js>(vu: &Vu, ctx: &Ctx<'js>, response: Response) -> Result<Value<'js>> {
    let response = JsResponse {
        inner: Box::new(response),
    };
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
    let Some(prototype) = JsResponse::prototype(ctx)? else {
        return Ok(());
    };
    super::table::put_methods(ctx, &prototype);
    *vu.prototype.borrow_mut() = Some(Persistent::save(ctx, prototype));
    Ok(())
}

#[rquickjs::methods(rename_all = "snake_case")]
impl JsResponse {
    #[qjs(get, enumerable)]
    fn status(&self) -> u16 {
        self.inner.status
    }

    #[qjs(get, enumerable)]
    fn status_text(&self) -> String {
        self.inner.status_text.clone()
    }

    #[qjs(get, enumerable)]
    fn url(&self) -> String {
        self.inner.url.clone()
    }

    #[qjs(get, enumerable)]
    fn proto(&self) -> &'static str {
        self.inner.proto
    }

    #[qjs(get, enumerable)]
    fn error(&self) -> String {
        self.inner.error.clone()
    }

    #[qjs(get, enumerable)]
    fn error_code(&self) -> u16 {
        self.inner.error_code
    }

    #[qjs(get, enumerable)]
    fn remote_ip(&self) -> String {
        self.inner
            .remote
            .map(|it| it.ip().to_string())
            .unwrap_or_default()
    }

    #[qjs(get, enumerable)]
    fn remote_port(&self) -> u16 {
        self.inner.remote.map_or(0, |it| it.port())
    }

    #[qjs(get, enumerable)]
    fn tls_version(&self) -> &'static str {
        self.inner.tls_version
    }

    #[qjs(get, enumerable)]
    fn tls_cipher_suite(&self) -> String {
        self.inner.tls_cipher.clone()
    }

    #[qjs(get, enumerable)]
    fn body<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        let response = &self.inner;
        let has_none = !response.is_heard || matches!(response.status, 101 | 204 | 304);
        if has_none || response.body_kind == BodyKind::None {
            return Ok(Value::new_null(ctx));
        }
        if response.body_kind == BodyKind::Binary {
            return super::buffer(&ctx, response.body.as_slice());
        }
        match std::str::from_utf8(&response.body) {
            Ok(text) => text.into_js(&ctx),
            Err(_) => String::from_utf8_lossy(&response.body).into_js(&ctx),
        }
    }

    #[qjs(get, enumerable)]
    fn headers<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        let object = Object::new(ctx)?;
        let headers = &self.inner.headers;
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

    #[qjs(get, enumerable)]
    fn cookies<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        let object = Object::new(ctx.clone())?;
        for (_, header) in self.inner.headers.iter().filter(|it| it.0 == "Set-Cookie") {
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

    #[qjs(get, enumerable)]
    fn timings<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        let timings = &self.inner.timings;
        let object = Object::new(ctx)?;
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

    #[qjs(get, enumerable)]
    fn ocsp<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        let object = Object::new(ctx)?;
        for name in ["produced_at", "this_update", "next_update", "revoked_at"] {
            object.set(name, 0)?;
        }
        object.set("revocation_reason", "")?;
        object.set(
            "status",
            if self.inner.tls_version.is_empty() {
                ""
            } else {
                "unknown"
            },
        )?;
        Ok(object.into_value())
    }

    #[qjs(get, enumerable)]
    fn request<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        let response = &self.inner;
        if !response.was_made {
            return Ok(Value::new_null(ctx));
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
}
