//! `k6/websockets`: connections that live beside the script, each with a task of its own, and tell
//! it what happens through the event loop.

use std::{pin::Pin, rc::Rc, task::Poll, time::Instant};

use bytes::Bytes;
use rquickjs::{Ctx, Function, IntoJs as _, Object, Result, Value};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::{
    Native, buffer, bytes, checks, given,
    sockets::{PROTOCOL, Params, Pings, elapsed, labels, refuse_outside, scheme, target, wait},
    text, text_at, throw, undefined,
};
use crate::{
    http::masked,
    js::Vu,
    metrics::{WS_CONNECTING, WS_MSGS_RECEIVED, WS_SESSIONS},
    websocket::NORMAL,
};

mod task;

pub(crate) use task::Note;
use task::{Command, State, Task, What, now};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("socketOpen", open),
    ("socketSend", send),
    ("socketPing", ping),
    ("socketClose", close),
    ("socketBuffered", buffered),
    ("socketDrop", forsake),
];

/// A connection as its script holds it. Dropped, it ends.
pub(super) struct Link {
    commands: mpsc::UnboundedSender<Command>,
    state: Rc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Lets a script hear what a connection tells.
pub(crate) fn deliver<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    shelf: &Object<'js>,
    id: u64,
    note: Note,
) -> Result<()> {
    let weight = note.what.weight();
    let callback: Function<'js> = shelf.get(id.to_string())?;
    let Some(state) = state(vu, id) else {
        return Ok(());
    };
    state.heard(weight);
    match &note.what {
        What::Text(_) | What::Binary(_) | What::Ping | What::Pong if state.is_closing.get() => {
            return Ok(());
        }
        What::Text(_) | What::Binary(_) => note.labels.sample(vu, WS_MSGS_RECEIVED, 1.0),
        What::Close => {
            forget(vu, id);
            shelf.remove(id.to_string())?;
        }
        _ => {}
    }
    let nothing = || undefined(ctx);
    let (kind, value) = match note.what {
        What::Open(protocol) => ("open", protocol.into_js(ctx)?),
        What::Text(text) => ("message", text.into_js(ctx)?),
        What::Binary(data) => ("message", buffer(ctx, &data)?),
        What::Ping => ("ping", nothing()),
        What::Pong => ("pong", nothing()),
        What::Error(words) => ("error", words.into_js(ctx)?),
        What::Close => ("close", nothing()),
    };
    callback.call((kind, value, note.at))
}

/// Begins a connection: what hears of it, its address, what both may speak, its parameters.
fn open<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    refuse_outside(vu, ctx)?;
    let address = match arguments.get(1) {
        Some(value) if !value.is_undefined() => text(value)?,
        _ => return Err(throw(ctx, "WebSocket requires a url")),
    };
    let to = target(&address);
    if let Err(problem) = &to
        && problem.starts_with("parse ")
    {
        let text = format!(
            "WebSocket requires valid url, but got {address:?} which resulted in {problem}"
        );
        return Err(throw(ctx, &text));
    }
    let scheme = scheme(&address);
    if !matches!(scheme.as_str(), "ws" | "wss") {
        let text = format!("WebSocket requires url with scheme ws or wss, but got {scheme:?}");
        return Err(throw(ctx, &text));
    }
    let fragment = address.split_once('#').map_or("", |it| it.1);
    if !fragment.is_empty() {
        let text = format!("WebSocket requires no url fragment, but got {fragment:?}");
        return Err(throw(ctx, &text));
    }
    let mut params = Params::read(vu, ctx, given(arguments, 3), "WebSocket tags option")?;
    if let Some(name) = params.unknown {
        return Err(throw(ctx, &format!("unknown WebSocket's option {name}")));
    }
    let protocols = text_at(arguments, 2)?;
    if !protocols.is_empty() {
        params.headers.retain(|it| it.0 != PROTOCOL);
        params.headers.push((PROTOCOL.to_owned(), protocols));
    }
    let mut labels = labels(vu, &params.tags);
    let named = params.tags.iter().rfind(|it| it.0 == "name");
    let name = named.map_or_else(|| masked(&address).into_owned(), |it| it.1.clone());
    labels.system(vu, "url", &name);
    labels.system(vu, "name", &name);

    let id = checks::shelve(vu, ctx, arguments.first())?;
    let state = Rc::<State>::default();
    let (commands, asked) = mpsc::unbounded_channel();
    let task = Task {
        vu: Rc::clone(vu),
        id,
        state: Rc::clone(&state),
        labels: Rc::new(labels),
        pings: Pings::default(),
        began: Instant::now(),
    };
    let work: Pin<Box<dyn Future<Output = ()>>> = match to {
        Ok(to) => Box::pin(task.live(params.request(to), params.jar(), asked)),
        Err(problem) => Box::pin(async move {
            task.count(WS_SESSIONS, 1.0);
            task.count(WS_CONNECTING, elapsed(task.began));
            task.over(Some(problem));
        }),
    };
    let link = Link {
        commands,
        state,
        task: tokio::task::spawn_local(work),
    };
    let mut sockets = vu.sockets.borrow_mut();
    sockets.get_or_insert_default().links.insert(id, link);
    Ok(Value::new_number(ctx.clone(), id as f64))
}

/// Works on the connection that the first argument names. `None` where it is over.
fn at<T>(vu: &Vu, arguments: &[Value<'_>], work: impl FnOnce(&Link) -> T) -> Option<T> {
    let id = arguments.first().and_then(Value::as_number)? as u64;
    let sockets = vu.sockets.borrow();
    sockets.as_ref()?.links.get(&id).map(work)
}

fn send<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let message = match given(arguments, 1) {
        Some(value) if value.is_object() => {
            let data = bytes(value).ok_or_else(|| throw(ctx, "bytes are expected"))?;
            Message::Binary(Bytes::from(data))
        }
        _ => Message::Text(text_at(arguments, 1)?.into()),
    };
    let state = at(vu, arguments, |link| {
        let state = &link.state;
        state.queue(message.len());
        let _ = link.commands.send(Command::Send(message));
        Rc::clone(state)
    });
    if let Some(state) = state
        && !state.has_room()
    {
        // A server that does not read must not cost more and more memory.
        wait(
            vu,
            ctx,
            std::future::poll_fn(move |cx| {
                if state.has_room() {
                    return Poll::Ready(());
                }
                *state.writer.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }),
        )?;
    }
    Ok(undefined(ctx))
}

fn ping<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    at(vu, arguments, |link| link.commands.send(Command::Ping));
    Ok(undefined(ctx))
}

fn close<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let code = given(arguments, 1)
        .and_then(Value::as_number)
        .unwrap_or(f64::from(NORMAL));
    let reason = text_at(arguments, 2)?;
    at(vu, arguments, |link| {
        link.state.is_closing.set(true);
        let command = Command::Close(code as i64 as u16, reason);
        link.commands.send(command)
    });
    Ok(undefined(ctx))
}

/// Returns how many bytes are not sent yet.
fn buffered<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let count = at(vu, arguments, |link| link.state.unsent.get());
    Ok(Value::new_number(ctx.clone(), count.unwrap_or(0) as f64))
}

/// Ends a connection without a word.
fn forsake<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if let Some(id) = arguments.first().and_then(Value::as_number) {
        forget(vu, id as u64);
    }
    Ok(undefined(ctx))
}

/// Tells a script of the end of all its connections, as its iteration has failed.
pub(super) fn part(vu: &Rc<Vu>, ctx: &Ctx<'_>) {
    let open = vu.sockets.borrow().as_ref().map(|it| {
        let mut open: Vec<u64> = it.links.keys().copied().collect();
        open.sort_unstable();
        open
    });
    let tell = |id: u64| -> Result<()> {
        let hidden: Object<'_> = ctx.globals().get("__k6")?;
        let shelf: Object<'_> = hidden.get("callbacks")?;
        let callback: Function<'_> = shelf.get(id.to_string())?;
        callback.call(("close", undefined(ctx), now()))
    };
    for id in open.into_iter().flatten() {
        forget(vu, id);
        // What is thrown here has nobody to catch it.
        if tell(id).is_err() {
            ctx.catch();
        }
    }
}

fn state(vu: &Vu, id: u64) -> Option<Rc<State>> {
    let sockets = vu.sockets.borrow();
    let link = sockets.as_ref()?.links.get(&id)?;
    Some(Rc::clone(&link.state))
}

fn forget(vu: &Vu, id: u64) {
    let mut sockets = vu.sockets.borrow_mut();
    if let Some(sockets) = sockets.as_mut() {
        sockets.links.remove(&id);
    }
}
