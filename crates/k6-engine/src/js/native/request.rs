//! `k6/http`: what a script asks for becomes a request.

use std::{cell::RefCell, rc::Rc, time::Duration};

use rquickjs::{Array, Coerced, Ctx, Function, IntoJs as _, Object, Result, Value};
use url::Url;

use super::{Native, bytes, checks, given, interrupted, response, text, text_at, throw, undefined};
use crate::{
    http::{self, Attributes, BodyKind, Jar, Request, Response, canonical},
    js::{
        Level, Phase, Vu,
        fiber::{Call, Input, Op, perform},
        vu::{Event, Expected},
    },
    span,
};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("get", |vu, ctx, arguments| {
        without_body(vu, ctx, "GET", arguments)
    }),
    ("head", |vu, ctx, arguments| {
        without_body(vu, ctx, "HEAD", arguments)
    }),
    ("post", |vu, ctx, arguments| {
        with_body(vu, ctx, "POST", arguments)
    }),
    ("put", |vu, ctx, arguments| {
        with_body(vu, ctx, "PUT", arguments)
    }),
    ("patch", |vu, ctx, arguments| {
        with_body(vu, ctx, "PATCH", arguments)
    }),
    ("del", |vu, ctx, arguments| {
        with_body(vu, ctx, "DELETE", arguments)
    }),
    ("options", |vu, ctx, arguments| {
        with_body(vu, ctx, "OPTIONS", arguments)
    }),
    ("request", any),
    ("asyncRequest", any_async),
    ("batch", batch),
    ("setResponseCallback", set_callback),
    ("setEncoder", set_encoder),
    ("newJar", new_jar),
    ("currentJar", current_jar),
    ("jarCookies", jar_cookies),
    ("jarSet", jar_set),
    ("jarRemove", jar_remove),
];

fn without_body<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    method: &str,
    arguments: &[Value<'js>],
) -> Result<Value<'js>> {
    let call = prepare(
        vu,
        ctx,
        method,
        arguments.first(),
        None,
        given(arguments, 1),
    )?;
    send(vu, ctx, call)
}

fn with_body<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    method: &str,
    arguments: &[Value<'js>],
) -> Result<Value<'js>> {
    let call = prepare(
        vu,
        ctx,
        method,
        arguments.first(),
        given(arguments, 1),
        given(arguments, 2),
    )?;
    send(vu, ctx, call)
}

fn any<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let method = text_at(arguments, 0)?.to_uppercase();
    let call = prepare(
        vu,
        ctx,
        &method,
        arguments.get(1),
        given(arguments, 2),
        given(arguments, 3),
    )?;
    send(vu, ctx, call)
}

/// A request, or the answer where there can be none.
type Prepared = std::result::Result<Call, Response>;

fn send<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, prepared: Prepared) -> Result<Value<'js>> {
    let answer = match prepared {
        Ok(call) => match vu.suspend(Op::Call(Box::new(call))) {
            Input::Response(answer) => *answer,
            _ => return Err(interrupted(ctx)),
        },
        Err(answer) => answer,
    };
    judge(vu, ctx, &answer)?;
    response::make(vu, ctx, answer)
}

/// Warns of an error, or throws it where the script asks for that.
fn judge(vu: &Vu, ctx: &Ctx<'_>, answer: &Response) -> Result<()> {
    if answer.error.is_empty() {
        return Ok(());
    }
    if vu.defaults.borrow().throw {
        return Err(throw(ctx, &answer.error));
    }
    let method = &answer.method;
    let name = format!(
        "{}{}",
        method.get(..1).unwrap_or_default(),
        method.get(1..).unwrap_or_default().to_lowercase()
    );
    (vu.shared.console)(
        Level::Warning,
        &format!(
            "Request Failed: {name} \"{}\": {}",
            answer.url, answer.error
        ),
    );
    Ok(())
}

fn any_async<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let method = text_at(arguments, 2)?.to_uppercase();
    let prepared = prepare(
        vu,
        ctx,
        &method,
        arguments.get(3),
        given(arguments, 4),
        given(arguments, 5),
    )?;
    let id = checks::shelve(vu, ctx, arguments.first())?;
    let vu = Rc::clone(vu);
    tokio::task::spawn_local(async move {
        let answer = match prepared {
            Ok(call) => perform(&vu, call).await,
            Err(answer) => answer,
        };
        vu.happened(Event::Answer(id, Box::new(answer)));
    });
    Ok(undefined(ctx))
}

fn batch<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let Some(list) = given(arguments, 0).and_then(Value::as_array) else {
        return Err(throw(
            ctx,
            "batch() needs an array or an object of requests",
        ));
    };
    let mut calls = Vec::with_capacity(list.len());
    let mut failed = Vec::new();
    for (place, one) in list.iter::<Array<'js>>().enumerate() {
        let parts: Vec<Value<'js>> = one?.iter().collect::<Result<_>>()?;
        let method = text_at(&parts, 0)?.to_uppercase();
        match prepare(
            vu,
            ctx,
            &method,
            parts.get(1),
            given(&parts, 2),
            given(&parts, 3),
        )? {
            Ok(call) => calls.push(call),
            Err(answer) => failed.push((place, answer)),
        }
    }
    let Input::Responses(mut answers) = vu.suspend(Op::Batch(calls)) else {
        return Err(interrupted(ctx));
    };
    for (place, answer) in failed {
        answers.insert(place.min(answers.len()), answer);
    }
    let array = Array::new(ctx.clone())?;
    for (place, answer) in answers.into_iter().enumerate() {
        judge(vu, ctx, &answer)?;
        array.set(place, response::make(vu, ctx, answer)?)?;
    }
    Ok(array.into_value())
}

fn prepare<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    method: &str,
    url: Option<&Value<'js>>,
    body: Option<&Value<'js>>,
    params: Option<&Value<'js>>,
) -> Result<Prepared> {
    if vu.phase.get() == Phase::Init {
        return Err(throw(
            ctx,
            "making http requests in the init context is not supported",
        ));
    }
    if vu.is_cancelled() {
        return Err(interrupted(ctx));
    }
    let url = url.cloned().unwrap_or_else(|| undefined(ctx));
    let mut name = None;
    let address = match url.as_object() {
        Some(object) if object.contains_key("__url")? => {
            name = Some(object.get::<_, String>("name")?);
            object.get::<_, String>("url")?
        }
        _ => text(&url)?,
    };
    let parsed = match vu.parse_url(&address) {
        Ok(parsed) => parsed,
        Err(err) => {
            if vu.defaults.borrow().throw {
                return Err(throw(ctx, &format!("invalid URL: {err}")));
            }
            return Ok(Err(Response {
                url: address,
                method: method.to_owned(),
                error: format!("invalid URL: {err}"),
                error_code: 1020,
                ..Response::default()
            }));
        }
    };
    let defaults = vu.defaults.borrow().clone();
    let basic = credentials(&parsed);
    let mut call = Call {
        request: Request {
            method: method.to_owned(),
            url: parsed,
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(60),
            redirects: defaults.max_redirects,
            cookies: Vec::new(),
            body_kind: if defaults.discard_bodies {
                BodyKind::None
            } else {
                BodyKind::Text
            },
            basic,
            digest: None,
        },
        text: address,
        name,
        tags: Vec::new(),
        base: vu.tags.borrow().clone(),
        expected: vu.expected.borrow().clone(),
        jar: Some(vu.jar.borrow().clone()),
    };
    if call.request.basic.is_some() {
        let mut clean = call.request.url.clone();
        let _ = clean.set_username("****");
        let _ = clean.set_password(Some("****"));
        call.text = clean.to_string();
    }
    let mut compression = None;
    if let Some(params) = params {
        let Some(params) = params.as_object() else {
            return Err(throw(ctx, "the parameters of a request must be an object"));
        };
        compression = read_params(vu, ctx, params, &mut call)?;
    }
    if let Some(body) = body {
        read_body(ctx, body, &mut call.request)?;
    }
    if let Some(algorithms) = compression {
        compress(ctx, &mut call.request, &algorithms)?;
    }
    Ok(Ok(call))
}

fn credentials(url: &Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    Some((
        http::unescaped(url.username()),
        http::unescaped(url.password().unwrap_or_default()),
    ))
}

fn read_params<'js>(
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

fn read_body<'js>(ctx: &Ctx<'js>, body: &Value<'js>, request: &mut Request) -> Result<()> {
    if let Some(known) = bytes(body) {
        request.body = known;
        return Ok(());
    }
    if !body.is_object() {
        request.body = text(body)?.into_bytes();
        return Ok(());
    }
    let hidden: Object<'js> = ctx.globals().get("__k6")?;
    let encoder: Function<'js> = hidden.get("encoder")?;
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
fn compress(ctx: &Ctx<'_>, request: &mut Request, algorithms: &str) -> Result<()> {
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

fn expected<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Rc<Expected>> {
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

fn set_callback<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let value = arguments.first().cloned().unwrap_or_else(|| undefined(ctx));
    let expected = expected(ctx, &value)?;
    *vu.expected.borrow_mut() = expected;
    Ok(undefined(ctx))
}

fn set_encoder<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let hidden: Object<'js> = ctx.globals().get("__k6")?;
    hidden.set("encoder", arguments.first().cloned())?;
    Ok(undefined(ctx))
}

fn new_jar<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    let mut jars = vu.jars.borrow_mut();
    jars.push(Rc::default());
    Ok(Value::new_number(ctx.clone(), jars.len() as f64))
}

fn current_jar<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    // The virtual user's own jar is number 0, whichever it is at the moment.
    Ok(Value::new_number(ctx.clone(), 0.0))
}

fn jar_at<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    arguments: &[Value<'js>],
) -> Result<(Rc<RefCell<Jar>>, Url)> {
    let id = given(arguments, 0)
        .and_then(Value::as_number)
        .unwrap_or(0.0);
    let jar = vu
        .find_jar(id as usize)
        .ok_or_else(|| throw(ctx, "there is no such cookie jar"))?;
    let address = text_at(arguments, 1)?;
    let url = Url::parse(&address)
        .map_err(|err| throw(ctx, &format!("invalid URL `{address}`: {err}")))?;
    Ok((jar, url))
}

fn jar_cookies<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (jar, url) = jar_at(vu, ctx, arguments)?;
    let object = Object::new(ctx.clone())?;
    for (name, value) in jar.borrow().matching(&url) {
        let mut values: Vec<String> = object
            .get::<_, Option<Vec<String>>>(name.as_str())?
            .unwrap_or_default();
        values.push(value);
        object.set(name, values)?;
    }
    Ok(object.into_value())
}

fn jar_set<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (jar, url) = jar_at(vu, ctx, arguments)?;
    let mut attributes = Attributes::default();
    if let Some(options) = given(arguments, 4).and_then(Value::as_object) {
        attributes.domain = options.get("domain")?;
        attributes.path = options.get("path")?;
        attributes.expires = options.get("expires")?;
        attributes.max_age = options.get("max_age")?;
        attributes.secure = options.get::<_, Option<bool>>("secure")?.unwrap_or(false);
    }
    jar.borrow_mut().set(
        &url,
        &text_at(arguments, 2)?,
        &text_at(arguments, 3)?,
        &attributes,
    );
    true.into_js(ctx)
}

fn jar_remove<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (jar, url) = jar_at(vu, ctx, arguments)?;
    let name = given(arguments, 2).map(text).transpose()?;
    jar.borrow_mut().remove(&url, name.as_deref());
    Ok(undefined(ctx))
}
