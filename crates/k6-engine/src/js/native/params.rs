//! What stands beside the address of a request: parameters and body.

use std::{rc::Rc, time::Duration};

use rquickjs::{Array, Coerced, Ctx, Function, Object, Result, Value};
use url::Url;

use super::{bytes, checks, text, throw};
use crate::{
    http::{self, BodyKind, Request, canonical},
    js::{Vu, fiber::Call, vu::Expected},
    span,
};

pub(super) fn credentials(url: &Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    Some((
        http::unescaped(url.username()),
        http::unescaped(url.password().unwrap_or_default()),
    ))
}

pub(super) fn read_params<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    params: &Object<'js>,
    call: &mut Call,
) -> Result<Option<String>> {
    let mut compression = None;
    let mut auth = String::new();
    for entry in params.props::<String, Value<'js>>() {
        let (key, value) = entry?;
        if value.is_undefined() || value.is_null() {
            continue;
        }
        let request = &mut call.request;
        match key.as_str() {
            "headers" => {
                if let Some(headers) = value.as_object() {
                    for (name, value) in checks::pairs(headers)? {
                        let name = canonical(&name);
                        // A line break in a name would begin another header.
                        if !name.is_empty()
                            && name.bytes().all(|it| it.is_ascii_graphic() && it != b':')
                        {
                            request.headers.push((name, value));
                        }
                    }
                }
            }
            "tags" => {
                if let Some(tags) = value.as_object() {
                    for (key, value) in checks::pairs(tags)? {
                        if key == "name" {
                            call.name = Some(value);
                        } else {
                            call.tags.push((key, value));
                        }
                    }
                }
            }
            "timeout" => {
                let told = text(&value)?;
                let timeout = span::parse(&told)
                    .ok_or_else(|| throw(ctx, &format!("invalid timeout value: {told}")))?;
                request.timeout = if timeout.is_zero() {
                    Duration::from_secs(60)
                } else {
                    timeout
                };
            }
            "redirects" => request.redirects = value.get::<Coerced<f64>>()?.0.max(0.0) as u32,
            "cookies" => {
                if let Some(cookies) = value.as_object() {
                    for entry in cookies.props::<String, Value<'js>>() {
                        let (name, value) = entry?;
                        match value.as_object() {
                            Some(object) if object.contains_key("value")? => {
                                let replace =
                                    object.get::<_, Option<bool>>("replace")?.unwrap_or(false);
                                request
                                    .cookies
                                    .push((name, text(&object.get("value")?)?, replace));
                            }
                            _ => request.cookies.push((name, text(&value)?, false)),
                        }
                    }
                }
            }
            "jar" => {
                let id: Option<usize> = match value.as_object() {
                    Some(object) => object.get("__jar")?,
                    None => None,
                };
                call.jar = id.and_then(|id| vu.find_jar(id));
            }
            "auth" => auth = text(&value)?,
            "responseType" => {
                request.body_kind = match text(&value)?.as_str() {
                    "binary" => BodyKind::Binary,
                    "none" => BodyKind::None,
                    "text" => BodyKind::Text,
                    other => {
                        return Err(throw(ctx, &format!("{other} is not a valid response type")));
                    }
                };
            }
            "responseCallback" => call.expected = expected(ctx, &value)?,
            "compression" => compression = Some(text(&value)?),
            _ => {}
        }
    }
    if auth == "digest" {
        call.request.digest = call.request.basic.take();
    } else if !auth.is_empty() && auth != "basic" {
        return Err(throw(
            ctx,
            &format!("the authentication `{auth}` needs the real k6"),
        ));
    }
    Ok(compression)
}

pub(super) fn read_body<'js>(
    ctx: &Ctx<'js>,
    body: &Value<'js>,
    request: &mut Request,
) -> Result<()> {
    if let Some(known) = bytes(body) {
        request.body = known;
        return Ok(());
    }
    if !body.is_object() {
        request.body = text(body)?.into_bytes();
        return Ok(());
    }
    let hidden: Object<'js> = ctx.globals().get("__k6")?;
    let encoder: Function<'js> = hidden.get::<_, Object<'js>>("http")?.get("encode")?;
    let pair: Array<'js> = encoder.call((body.clone(),))?;
    let content: Value<'js> = pair.get(0)?;
    request.body = bytes(&content).unwrap_or_default();
    if !request.headers.iter().any(|it| it.0 == "Content-Type") {
        request
            .headers
            .push(("Content-Type".to_owned(), pair.get(1)?));
    }
    Ok(())
}

/// Compresses the body as the parameter `compression` asks for.
pub(super) fn compress(ctx: &Ctx<'_>, request: &mut Request, algorithms: &str) -> Result<()> {
    let listed: Vec<&str> = algorithms.split(',').map(str::trim).collect();
    for name in &listed {
        let body = std::mem::take(&mut request.body);
        request.body = http::compress(body, name).map_err(|err| throw(ctx, &err))?;
    }
    request
        .headers
        .push(("Content-Encoding".to_owned(), listed.join(", ")));
    Ok(())
}

pub(super) fn expected<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Rc<Expected>> {
    if value.is_null() {
        return Ok(Rc::new(Expected::Unjudged));
    }
    let ranges: Option<Array<'js>> = match value.as_object() {
        Some(object) => object.get("__ranges")?,
        None => None,
    };
    let Some(ranges) = ranges else {
        return Err(throw(
            ctx,
            "unsupported argument, expected http.expectedStatuses",
        ));
    };
    let mut known = Vec::new();
    for range in ranges.iter::<Array<'js>>() {
        let range = range?;
        known.push((range.get(0)?, range.get(1)?));
    }
    Ok(Rc::new(Expected::Ranges(known)))
}
