//! What both kinds of `WebSockets` have in common: parameters, the handshake, and what samples carry.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use futures_util::FutureExt as _;
use rquickjs::{Ctx, Result, Value};
use tokio_tungstenite::tungstenite::Message;

use super::{checks::tags_of, interrupted, text, throw, websockets};
use crate::{
    http::{Address, Handshake, HttpError, Jar, Request, canonical},
    js::{
        Phase, Vu,
        fiber::{Input, Op},
        vu::system_tag,
    },
    metrics::{self, Id, Tags},
    websocket::Socket,
};

mod line;

pub(super) use line::TABLE;

/// Ends the connections of an iteration that did not end them itself.
pub(crate) fn part(vu: &Rc<Vu>, ctx: &Ctx<'_>, is_thrown: bool) {
    if is_thrown {
        websockets::part(vu, ctx);
    }
    let sockets = vu.sockets.borrow_mut().take();
    let Some(sockets) = sockets.filter(|_| vu.aborted.get()) else {
        return;
    };
    // As in k6: who ends the run sees the end of the connection that it is in.
    for line in sockets.lines.values() {
        line.over(vu);
    }
}

/// The `WebSockets` of a virtual user.
#[derive(Default)]
pub(crate) struct Sockets {
    last: u64,
    lines: HashMap<u64, line::Line>,
    pub(super) links: HashMap<u64, websockets::Link>,
}

/// The pings that are not answered yet, each with its number as its content.
#[derive(Default)]
pub(super) struct Pings {
    begun: u64,
    open: Vec<(u64, Instant)>,
}

impl Pings {
    /// Returns the next ping.
    pub(super) fn next(&mut self) -> Message {
        let number = self.begun;
        self.begun += 1;
        self.open.push((number, Instant::now()));
        Message::Ping(number.to_string().into())
    }

    /// Returns how long the ping took that is answered with `content`.
    pub(super) fn answered(&mut self, content: &[u8]) -> Option<f64> {
        let number: u64 = std::str::from_utf8(content).ok()?.parse().ok()?;
        let place = self.open.iter().position(|it| it.0 == number)?;
        Some(elapsed(self.open.swap_remove(place).1))
    }
}

/// What the samples of a connection carry.
#[derive(Clone)]
pub(super) struct Labels {
    base: Rc<Vec<(String, String)>>,
    own: Vec<(String, String)>,
    metadata: Vec<(String, String)>,
}

impl Labels {
    /// Adds a tag that the engine sets, where the options want it.
    pub(super) fn system(&mut self, vu: &Vu, key: &str, value: &str) {
        if vu.defaults.borrow().system_tags & system_tag(key) != 0 {
            self.own.push((key.to_owned(), value.to_owned()));
        }
    }

    /// Adds what an answer tells.
    pub(super) fn answered(&mut self, vu: &Vu, handshake: &Handshake) {
        self.system(vu, "status", &handshake.status.to_string());
        let protocol = handshake.header(PROTOCOL).unwrap_or_default();
        self.system(vu, "subproto", &protocol);
        if let Some(remote) = handshake.remote {
            self.system(vu, "ip", &remote.ip().to_string());
        }
    }

    /// Adds a sample.
    pub(super) fn sample(&self, vu: &Vu, id: Id, value: f64) {
        let collector = vu.collector.borrow();
        let Some(collector) = collector.as_ref() else {
            return;
        };
        let own: Vec<(&str, &str)> = self
            .own
            .iter()
            .map(|it| (it.0.as_str(), it.1.as_str()))
            .collect();
        let tags = Tags {
            base: &self.base,
            own: &own,
            metadata: &self.metadata,
        };
        metrics::lock(&vu.shard).add(collector, id, value, tags);
    }
}

/// An address of something else.
pub(super) const MALFORMED: &str = "malformed ws or wss URL";

/// The header that names what both sides speak.
pub(super) const PROTOCOL: &str = "Sec-Websocket-Protocol";

/// What stands beside the address of a connection.
pub(super) struct Params {
    pub(super) headers: Vec<(String, String)>,
    pub(super) tags: Vec<(String, String)>,
    jar: Rc<RefCell<Jar>>,
    /// A parameter that there is not.
    pub(super) unknown: Option<String>,
}

impl Params {
    /// Reads them. `place` says in errors where tags stand.
    pub(super) fn read<'js>(
        vu: &Rc<Vu>,
        ctx: &Ctx<'js>,
        params: Option<&Value<'js>>,
        place: &str,
    ) -> Result<Self> {
        let mut read = Self {
            headers: Vec::new(),
            tags: Vec::new(),
            jar: vu.jar.borrow().clone(),
            unknown: None,
        };
        let Some(params) = params.and_then(Value::as_object) else {
            return Ok(read);
        };
        for entry in params.props::<String, Value<'js>>() {
            let (key, value) = entry?;
            let object = value.as_object();
            match (key.as_str(), object) {
                ("headers", Some(headers)) => {
                    for entry in headers.props::<String, Value<'js>>() {
                        let (name, value) = entry?;
                        let name = canonical(&name);
                        let is_name = !name.is_empty()
                            && name.bytes().all(|it| it.is_ascii_graphic() && it != b':');
                        // A line break in a name would begin another header.
                        if is_name {
                            read.headers.push((name, text(&value)?));
                        }
                    }
                }
                ("tags", Some(tags)) => {
                    read.tags = tags_of(ctx, tags, &format!("invalid {place}: "))?;
                }
                ("jar", Some(jar)) => {
                    let id: Option<usize> = jar.get("__jar")?;
                    if let Some(jar) = id.and_then(|id| vu.find_jar(id)) {
                        read.jar = jar;
                    }
                }
                ("headers" | "tags" | "jar", None) => {}
                ("compression", _) => refuse_compression(ctx, &value)?,
                _ => read.unknown = Some(key),
            }
        }
        Ok(read)
    }

    /// Returns a request for `address`.
    pub(super) fn request(&self, address: Arc<Address>) -> Request {
        Request {
            headers: self.headers.clone(),
            address: Some(Arc::clone(&address)),
            ..Request::get(address.url.clone())
        }
    }

    pub(super) fn jar(&self) -> Rc<RefCell<Jar>> {
        Rc::clone(&self.jar)
    }
}

fn refuse_compression<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<()> {
    let told = if value.is_undefined() || value.is_null() {
        String::new()
    } else {
        text(value)?.trim().to_owned()
    };
    match told.as_str() {
        "" => Ok(()),
        "deflate" => Err(throw(
            ctx,
            "the compression of WebSockets needs the real k6",
        )),
        other => Err(throw(
            ctx,
            &format!(
                "unsupported compression algorithm '{other}', supported algorithm is 'deflate'"
            ),
        )),
    }
}

/// Returns the milliseconds since `began`.
pub(super) fn elapsed(began: Instant) -> f64 {
    began.elapsed().as_nanos() as f64 / 1e6
}

/// Returns the labels of a connection to `address`, without what only its answer tells.
pub(super) fn labels(vu: &Vu, tags: &[(String, String)]) -> Labels {
    Labels {
        base: vu.tags.borrow().clone(),
        own: tags.to_vec(),
        metadata: vu.metadata.borrow().clone(),
    }
}

/// Returns the scheme of an address, in small letters.
pub(super) fn scheme(address: &str) -> String {
    let scheme = address.split_once("://").map_or("", |it| it.0);
    scheme.to_ascii_lowercase()
}

/// Reads the address of a server. What is an address of something else is malformed.
pub(super) fn target(address: &str) -> std::result::Result<Arc<Address>, String> {
    if !matches!(scheme(address).as_str(), "ws" | "wss") {
        return Err(MALFORMED.to_owned());
    }
    // Jars and proxies know the schemes of HTTP.
    let as_http = format!("http{}", &address[2..]);
    let read = Address::parse(&as_http).map_err(|err| {
        let (own, wanted) = (format!("{as_http:?}"), format!("{address:?}"));
        err.replacen(&own, &wanted, 1)
    })?;
    let is_plain = read.url.username().is_empty() && read.url.password().is_none();
    if let Some(fault) = read.fault {
        return Err(fault.text);
    }
    is_plain
        .then(|| Arc::new(read))
        .ok_or_else(|| MALFORMED.to_owned())
}

/// Makes the handshake.
pub(super) async fn dial(
    vu: &Vu,
    request: &Request,
    jar: &RefCell<Jar>,
) -> std::result::Result<Handshake, HttpError> {
    let client = vu.client.borrow().clone();
    let Some(client) = client else {
        return Err(HttpError::new(1000, "no connections can be made here"));
    };
    let mut key = [0; 16];
    key[..8].copy_from_slice(&vu.random_bits().to_le_bytes());
    key[8..].copy_from_slice(&vu.random_bits().to_le_bytes());
    client.upgrade(request, Some(jar), key).await
}

/// Takes over the connection of a handshake to which the server agreed.
pub(super) async fn open(vu: &Vu, handshake: &mut Handshake) -> Option<Socket> {
    let socket = Socket::of(handshake).await?;
    vu.shared.sockets_opened.fetch_add(1, Ordering::Relaxed);
    Some(socket)
}

/// Fails where there are no connections: while the script is loaded, and at the end of an iteration.
pub(super) fn refuse_outside(vu: &Vu, ctx: &Ctx<'_>) -> Result<()> {
    if vu.phase.get() == Phase::Init {
        return Err(throw(
            ctx,
            "using websockets in the init context is not supported",
        ));
    }
    if vu.is_cancelled() {
        return Err(interrupted(ctx));
    }
    Ok(())
}

/// Waits for `work`, where it is not done at once, and lets others run meanwhile.
pub(super) fn wait<T: 'static>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'_>,
    work: impl Future<Output = T> + 'static,
) -> Result<T> {
    let mut work = Box::pin(work);
    if let Some(done) = work.as_mut().now_or_never() {
        return Ok(done);
    }
    let slot = Rc::new(Cell::new(None));
    let inner = Rc::clone(&slot);
    let input = vu.suspend(Op::Do(Box::pin(async move {
        inner.set(Some(work.await));
    })));
    match (input, slot.take()) {
        (Input::Done, Some(done)) => Ok(done),
        _ => Err(interrupted(ctx)),
    }
}
