//! `k6/http`: what a script asks for becomes a request.

use std::rc::Rc;

use rquickjs::{Array, Ctx, Result, Value};

use super::{
    Native, checks, given, interrupted,
    params::{compress, credentials, expected, read_body, read_params},
    response, text, text_at, throw, undefined,
};
use crate::{
    http::{BodyKind, Request, Response},
    js::{
        Level, Phase, Vu,
        fiber::{Call, Input, Op, perform},
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
            redirects: defaults.max_redirects,
            body_kind: if defaults.discard_bodies {
                BodyKind::None
            } else {
                BodyKind::Text
            },
            basic,
            ..Request::get(parsed)
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

fn set_callback<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let value = arguments.first().cloned().unwrap_or_else(|| undefined(ctx));
    let expected = expected(ctx, &value)?;
    *vu.expected.borrow_mut() = expected;
    Ok(undefined(ctx))
}
