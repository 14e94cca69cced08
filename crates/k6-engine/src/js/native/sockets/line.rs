//! `k6/ws`: `connect` holds the iteration until its connection is over.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rquickjs::{Array, Coerced, Ctx, IntoJs as _, Object, Result, Value};
use tokio_tungstenite::tungstenite::Message;

use super::{
    super::{Native, buffer, bytes, given, interrupted, text_at, throw, undefined},
    Labels, Params, Pings, dial, elapsed, labels, open, refuse_outside, target, wait,
};
use crate::{
    http::{Handshake, HttpError, masked},
    js::Vu,
    metrics::{
        WS_CONNECTING, WS_MSGS_RECEIVED, WS_MSGS_SENT, WS_PING, WS_SESSION_DURATION, WS_SESSIONS,
    },
    websocket::{End, GOING_AWAY, Heard, Socket, close_words, closing},
};

pub(in crate::js::native) const TABLE: &[(&str, Native)] = &[
    ("wsConnect", connect),
    ("wsNext", next),
    ("wsSend", send),
    ("wsPing", ping),
    ("wsClose", close),
    ("wsTimer", timer),
    ("wsEnd", end),
];

/// A connection that `connect` holds.
pub(super) struct Line {
    /// `None` once it is closed.
    socket: Option<Box<Socket>>,
    labels: Labels,
    began: Instant,
    timers: Vec<Timer>,
    pings: Pings,
    /// Whether a timer was served last: then messages have their turn.
    served_timer: bool,
}

impl Line {
    /// Adds the sample of its end.
    pub(super) fn over(&self, vu: &Vu) {
        let took = elapsed(self.began);
        self.labels.sample(vu, WS_SESSION_DURATION, took);
    }
}

struct Timer {
    id: u64,
    due: Instant,
    period: Option<Duration>,
}

/// Works on the connection that the first argument names. `None` where there is none.
fn at<T>(vu: &Vu, arguments: &[Value<'_>], work: impl FnOnce(&mut Line) -> T) -> Option<T> {
    let id = arguments.first().and_then(Value::as_number)? as u64;
    let mut sockets = vu.sockets.borrow_mut();
    sockets.as_mut()?.lines.get_mut(&id).map(work)
}

/// Takes a connection out of its line, as long as something is done with it.
fn take(vu: &Vu, arguments: &[Value<'_>]) -> Option<Box<Socket>> {
    at(vu, arguments, |line| line.socket.take()).flatten()
}

fn put(vu: &Vu, arguments: &[Value<'_>], socket: Box<Socket>) {
    at(vu, arguments, |line| line.socket = Some(socket));
}

/// Returns the number of the connection with the answer, which is alone where there is none.
fn connect<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    refuse_outside(vu, ctx)?;
    let address = text_at(arguments, 0)?;
    let params = Params::read(vu, ctx, given(arguments, 1), "ws.connect() metric tags")?;
    let began = Instant::now();
    let mut labels = labels(vu, &params.tags);
    labels.system(vu, "url", &masked(&address));
    let answer = match target(&address) {
        Ok(url) => {
            let (inner, request, jar) = (Rc::clone(vu), params.request(url), params.jar());
            wait(vu, ctx, async move {
                let mut handshake = dial(&inner, &request, &jar).await?;
                let socket = open(&inner, &mut handshake).await;
                Ok((handshake, socket))
            })?
            .map_err(|err: HttpError| err.text)
        }
        Err(text) => Err(text),
    };
    if let Ok((handshake, _)) = &answer {
        labels.answered(vu, handshake);
    }
    labels.sample(vu, WS_SESSIONS, 1.0);
    labels.sample(vu, WS_CONNECTING, elapsed(began));
    let pair = Array::new(ctx.clone())?;
    let problem = match answer {
        Ok((handshake, Some(socket))) => {
            pair.set(0, response(ctx, &address, Some(&handshake), "")?)?;
            let mut sockets = vu.sockets.borrow_mut();
            let sockets = sockets.get_or_insert_default();
            sockets.last += 1;
            let line = Line {
                socket: Some(Box::new(socket)),
                labels,
                began,
                timers: Vec::new(),
                pings: Pings::default(),
                served_timer: false,
            };
            sockets.lines.insert(sockets.last, line);
            pair.set(1, sockets.last as f64)?;
            return Ok(pair.into_value());
        }
        Ok((handshake, None)) => {
            pair.set(0, response(ctx, "", Some(&handshake), "")?)?;
            "websocket: bad handshake".to_owned()
        }
        Err(text) => {
            pair.set(0, response(ctx, "", None, &text)?)?;
            text
        }
    };
    labels.sample(vu, WS_SESSION_DURATION, elapsed(began));
    if vu.defaults.borrow().throw {
        return Err(throw(ctx, &problem));
    }
    Ok(pair.into_value())
}

fn response<'js>(
    ctx: &Ctx<'js>,
    url: &str,
    handshake: Option<&Handshake>,
    error: &str,
) -> Result<Object<'js>> {
    let response = Object::new(ctx.clone())?;
    let headers = Object::new(ctx.clone())?;
    for (name, _) in handshake.iter().flat_map(|it| &it.headers) {
        let value = handshake.and_then(|it| it.header(name));
        headers.set(name.as_str(), value)?;
    }
    let body = handshake.map(|it| String::from_utf8_lossy(&it.body).into_owned());
    response.set("url", url)?;
    response.set("status", handshake.map_or(0, |it| it.status))?;
    response.set("headers", headers)?;
    response.set("body", body.unwrap_or_default())?;
    response.set("error", error)?;
    Ok(response)
}

/// What `connect` is told next.
enum Turn {
    Heard(Heard),
    /// The connection is over: the code, and what went wrong with its code and text, where it has them.
    End(u16, Option<String>, Option<(u16, String)>),
    Timer,
}

/// Waits for a message or a timer, whichever is first.
fn next<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.is_cancelled() {
        return Err(interrupted(ctx));
    }
    let due = at(vu, arguments, |line| {
        let due = line.timers.iter().map(|it| it.due).min();
        let is_due = due.is_some_and(|it| it <= Instant::now());
        (due, is_due && !line.served_timer)
    });
    let Some((due, timer_first)) = due else {
        return Err(throw(ctx, "there is no such WebSocket"));
    };
    if timer_first {
        return fired(vu, ctx, arguments);
    }
    let Some(mut socket) = take(vu, arguments) else {
        return Err(throw(ctx, "the WebSocket is closed"));
    };
    let (socket, turn) = wait(vu, ctx, async move {
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        let heard = tokio::select! {
            biased;
            heard = socket.next() => heard,
            () = timer => return (Some(socket), Turn::Timer),
        };
        match heard {
            Heard::End(end) => {
                let (code, words, told) = finish(&mut socket, end).await;
                (None, Turn::End(code, words, told))
            }
            heard => (Some(socket), Turn::Heard(heard)),
        }
    })?;
    if let Some(socket) = socket {
        put(vu, arguments, socket);
    }
    match turn {
        Turn::Timer => fired(vu, ctx, arguments),
        Turn::Heard(heard) => heard_as(vu, ctx, arguments, heard),
        Turn::End(code, words, told) => {
            let list = Array::new(ctx.clone())?;
            list.set(0, "end")?;
            list.set(1, code)?;
            list.set(2, words)?;
            if let Some((code, text)) = told {
                list.set(3, code)?;
                list.set(4, text)?;
            }
            Ok(list.into_value())
        }
    }
}

/// Ends a connection on this side. Returns the code that scripts see, and what went wrong.
async fn finish(socket: &mut Socket, end: End) -> (u16, Option<String>, Option<(u16, String)>) {
    match end {
        End::Closed(code, text) => {
            socket.part().await;
            if matches!(code, 1000 | 1001) {
                return (code, None, None);
            }
            (code, Some(close_words(code, &text)), Some((code, text)))
        }
        // As in k6, where what goes wrong is that a second close cannot be sent.
        End::Violated => {
            let _ = socket.send(closing(1002, "")).await;
            let words = "websocket: close sent".to_owned();
            (GOING_AWAY, Some(words), None)
        }
        End::Refused(code, words) => {
            let _ = socket.send(closing(code, "")).await;
            (code, Some(words.to_owned()), None)
        }
        End::Broken => {
            let sent = socket.send(closing(GOING_AWAY, "")).await;
            (GOING_AWAY, sent.err(), None)
        }
    }
}

/// Returns the timer that is due, and sets it again where it repeats.
fn fired<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let id = at(vu, arguments, |line| {
        line.served_timer = true;
        let all = line.timers.iter().enumerate();
        let (place, _) = all.min_by_key(|it| it.1.due)?;
        let now = Instant::now();
        let timer = &mut line.timers[place];
        match timer.period {
            // Of what was missed, one is made up for.
            Some(period) => {
                timer.due = (timer.due + period).max(now);
                Some(timer.id)
            }
            None => Some(line.timers.swap_remove(place).id),
        }
    });
    let list = Array::new(ctx.clone())?;
    list.set(0, "timer")?;
    list.set(1, id.flatten().map(|it| it as f64))?;
    Ok(list.into_value())
}

fn heard_as<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    arguments: &[Value<'js>],
    heard: Heard,
) -> Result<Value<'js>> {
    let list = Array::new(ctx.clone())?;
    let message = |vu: &Vu| {
        at(vu, arguments, |line| {
            line.served_timer = false;
            line.labels.sample(vu, WS_MSGS_RECEIVED, 1.0);
        })
    };
    match heard {
        Heard::Text(text) => {
            message(vu);
            list.set(0, "message")?;
            list.set(1, text)?;
        }
        Heard::Binary(data) => {
            message(vu);
            list.set(0, "binaryMessage")?;
            list.set(1, buffer(ctx, &data)?)?;
        }
        Heard::Pong(content) => {
            at(vu, arguments, |line| {
                line.served_timer = false;
                if let Some(took) = line.pings.answered(&content) {
                    line.labels.sample(vu, WS_PING, took);
                }
            });
            list.set(0, "pong")?;
        }
        _ => list.set(0, "ping")?,
    }
    Ok(list.into_value())
}

/// Sends `message`. Returns what went wrong.
fn sent<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    arguments: &[Value<'js>],
    message: Message,
) -> Result<Option<String>> {
    let Some(mut socket) = take(vu, arguments) else {
        return Ok(Some("websocket: close sent".to_owned()));
    };
    let (socket, sent) = wait(vu, ctx, async move {
        let sent = socket.send(message).await;
        (socket, sent)
    })?;
    put(vu, arguments, socket);
    Ok(sent.err())
}

fn send<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let message = match given(arguments, 1) {
        Some(value) if value.is_object() => {
            let data = bytes(value).ok_or_else(|| throw(ctx, "an ArrayBuffer is expected"))?;
            Message::Binary(Bytes::from(data))
        }
        _ => Message::Text(text_at(arguments, 1)?.into()),
    };
    let problem = sent(vu, ctx, arguments, message)?;
    at(vu, arguments, |line| {
        line.labels.sample(vu, WS_MSGS_SENT, 1.0);
    });
    problem.into_js(ctx)
}

fn ping<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let Some(message) = at(vu, arguments, |line| line.pings.next()) else {
        return Ok(undefined(ctx));
    };
    sent(vu, ctx, arguments, message)?.into_js(ctx)
}

fn close<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let code = given(arguments, 1)
        .and_then(Value::as_number)
        .unwrap_or(f64::from(GOING_AWAY));
    let problem = match take(vu, arguments) {
        Some(mut socket) => wait(vu, ctx, async move {
            socket.send(closing(code as i64 as u16, "")).await.err()
        })?,
        None => None,
    };
    problem.into_js(ctx)
}

fn timer<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let delay = match given(arguments, 1) {
        Some(value) => value.get::<Coerced<f64>>()?.0,
        None => 0.0,
    };
    let delay = Duration::try_from_secs_f64(delay / 1e3).unwrap_or(Duration::MAX);
    // Too far away to ever come.
    let delay = delay.clamp(Duration::from_micros(1), Duration::from_secs(1 << 30));
    let repeats = given(arguments, 2)
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let id = {
        let mut sockets = vu.sockets.borrow_mut();
        let sockets = sockets.get_or_insert_default();
        sockets.last += 1;
        sockets.last
    };
    at(vu, arguments, |line| {
        line.timers.push(Timer {
            id,
            due: Instant::now() + delay,
            period: repeats.then_some(delay),
        });
    });
    Ok(Value::new_number(ctx.clone(), id as f64))
}

fn end<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    at(vu, arguments, |line| line.over(vu));
    if let Some(id) = arguments.first().and_then(Value::as_number)
        && let Some(sockets) = vu.sockets.borrow_mut().as_mut()
    {
        sockets.lines.remove(&(id as u64));
    }
    Ok(undefined(ctx))
}
