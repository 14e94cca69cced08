//! `k6/http`: what a script asks for becomes a request.

use std::{rc::Rc, sync::Arc};

use rquickjs::{Array, Ctx, Result, Value};

use super::{
    Native, checks, given, interrupted,
    params::{Read, Refused, compress, credentials, expected, read_body, read_params},
    response, text, throw, undefined,
};
use crate::{
    http::{Address, BodyKind, HttpError, Request, Response},
    js::{
        Level, Phase, Vu,
        fiber::{Call, Input, Op, Said, perform},
        vu::Event,
    },
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
    let method = method_at(arguments, 0)?;
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

/// Returns the method in an argument, which is sent as it stands.
fn method_at(arguments: &[Value<'_>], place: usize) -> Result<String> {
    match given(arguments, place) {
        Some(method) => text(method),
        None => Ok(String::new()),
    }
}

/// A request, or the answer where there can be none.
type Prepared = std::result::Result<Box<Call>, Box<Response>>;

fn send<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, prepared: Prepared) -> Result<Value<'js>> {
    let answer = match prepared {
        Ok(call) => match vu.suspend(Op::Call(call)) {
            Input::Response(answer) => answer,
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
    let method = method_at(arguments, 2)?;
    let prepared = prepare(
        vu,
        ctx,
        &method,
        arguments.get(3),
        given(arguments, 4),
        given(arguments, 5),
    )?;
    let id = checks::shelve(vu, ctx, arguments.first())?;
    let inner = Rc::clone(vu);
    vu.begin(async move {
        let answer = match prepared {
            Ok(call) => perform(&inner, call).await,
            Err(answer) => answer,
        };
        inner.happened(Event::Answer(id, answer));
    });
    Ok(undefined(ctx))
}

/// Makes requests at the same time: those in the list of calls, each a list of method, address, body and
/// parameters. A text among them says why the whole cannot be sent.
fn batch<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() == Phase::Init {
        return Err(throw(
            ctx,
            "Using batch in the init context is not supported",
        ));
    }
    let Some(list) = given(arguments, 0).and_then(Value::as_array) else {
        return Err(throw(ctx, "no argument was provided to http.batch()"));
    };
    let mut calls = Vec::with_capacity(list.len());
    for one in list.iter::<Value<'js>>() {
        let one = one?;
        let prepared = if let Some(parts) = one.as_array() {
            let parts: Vec<Value<'js>> = parts.iter().collect::<Result<_>>()?;
            let method = method_at(&parts, 0)?;
            let (body, params) = (given(&parts, 2), given(&parts, 3));
            prepare(vu, ctx, &method, parts.get(1), body, params)?
        } else {
            refused(vu, ctx, Refused::Told(text(&one)?, 0))?
        };
        match prepared {
            Ok(call) => calls.push(call),
            // As in k6: nothing is sent, and what stands before the wrong one has empty answers.
            Err(answer) => {
                judge(vu, ctx, &answer)?;
                let array = Array::new(ctx.clone())?;
                for place in 0..calls.len() {
                    array.set(place, response::make(vu, ctx, Box::default())?)?;
                }
                array.set(calls.len(), response::make(vu, ctx, answer)?)?;
                for place in calls.len() + 1..list.len() {
                    array.set(place, Value::new_null(ctx.clone()))?;
                }
                return Ok(array.into_value());
            }
        }
    }
    let Input::Responses(answers) = vu.suspend(Op::Batch(calls)) else {
        return Err(interrupted(ctx));
    };
    let array = Array::new(ctx.clone())?;
    for (place, answer) in answers.into_iter().enumerate() {
        judge(vu, ctx, &answer)?;
        array.set(place, response::make(vu, ctx, answer)?)?;
    }
    Ok(array.into_value())
}

/// Answers a request that cannot be made, or throws where the script asks for that.
fn refused(vu: &Vu, ctx: &Ctx<'_>, why: Refused) -> Result<Prepared> {
    match why {
        Refused::Thrown(err) => Err(err),
        Refused::Told(text, _) if vu.defaults.borrow().throw => Err(throw(ctx, &text)),
        Refused::Told(error, error_code) => Ok(Err(Box::new(Response {
            error,
            error_code,
            ..Response::default()
        }))),
    }
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
            "Making http requests in the init context is not supported",
        ));
    }
    if vu.is_cancelled() {
        return Err(interrupted(ctx));
    }
    match asked(vu, ctx, method, url, body, params) {
        Ok(call) => Ok(Ok(call)),
        Err(why) => refused(vu, ctx, why),
    }
}

/// Reads the address of a request, and its name where it has one.
fn address_of(vu: &Vu, url: Option<&Value<'_>>) -> Read<(Arc<Address>, Option<String>)> {
    let mut name = None;
    let text = match url.and_then(Value::as_object) {
        Some(object) if object.contains_key("__url")? => {
            name = Some(object.get::<_, String>("name")?);
            object.get::<_, String>("url")?
        }
        _ => match url.and_then(Value::as_string) {
            Some(text) => text.to_string()?,
            None => {
                let shown = match url {
                    Some(value) if !value.is_undefined() && !value.is_null() => text(value)?,
                    _ => "<nil>".to_owned(),
                };
                return Err(Refused::Told(format!("invalid URL: '#{shown}'"), 1020));
            }
        },
    };
    match vu.address(&text) {
        Ok(address) => Ok((address, name)),
        Err(err) => Err(Refused::Told(format!("invalid URL: {err}"), 1020)),
    }
}

fn asked<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    method: &str,
    url: Option<&Value<'js>>,
    body: Option<&Value<'js>>,
    params: Option<&Value<'js>>,
) -> Read<Box<Call>> {
    let (address, name) = address_of(vu, url)?;
    let mut call = begin(vu, method, &address, name);
    let mut compression = None;
    if let Some(params) = params.and_then(Value::as_object) {
        compression = read_params(vu, params, &mut call)?;
    }
    if let Some(body) = body {
        read_body(ctx, body, &mut call.request)?;
    }
    if let Some(algorithms) = compression {
        compress(vu, &mut call.request, &algorithms)?;
    }
    let is_token = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    if !method.bytes().all(is_token) {
        let message = format!("net/http: invalid method {method:?}");
        call.request.fault = Some(HttpError::new(1000, message));
    }
    if call.request.digest.is_some() {
        call.said.text = address.anonymous();
        call.request.asked = Some(address.shown.clone());
        call.request.address = Some(Arc::new(Address {
            shown: address.anonymous(),
            ..(*address).clone()
        }));
    }
    Ok(call)
}

/// Begins a request to an address. By itself, as each virtual user keeps as much memory for its stack
/// as its deepest call takes.
#[inline(never)]
fn begin(vu: &Vu, method: &str, address: &Arc<Address>, name: Option<String>) -> Box<Call> {
    let defaults = vu.defaults.borrow().clone();
    let basic = credentials(&address.url);
    let text = if basic.is_some() {
        address.masked()
    } else {
        address.shown.clone()
    };
    Box::new(Call {
        request: Request {
            method: method.to_owned(),
            redirects: defaults.max_redirects,
            body_kind: if defaults.discard_bodies {
                BodyKind::None
            } else {
                BodyKind::Text
            },
            basic,
            fault: address.fault.clone(),
            address: Some(Arc::clone(address)),
            ..Request::get(address.url.clone())
        },
        jar: Some(vu.jar.borrow().clone()),
        said: Said {
            text,
            name,
            tags: Vec::new(),
            base: vu.tags.borrow().clone(),
            expected: vu.expected.borrow().clone(),
        },
    })
}

fn set_callback<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let value = arguments.first().cloned().unwrap_or_else(|| undefined(ctx));
    let Some(expected) = expected(&value)? else {
        return Err(throw(
            ctx,
            "unsupported argument, expected http.expectedStatuses",
        ));
    };
    *vu.expected.borrow_mut() = expected;
    Ok(undefined(ctx))
}
