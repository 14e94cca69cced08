//! The task of a connection: it serves the server and the script until one ends it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::super::sockets::{Labels, PROTOCOL, Pings, dial, elapsed, open};
use crate::{
    http::{Jar, Request},
    js::{Vu, vu::Event},
    metrics::{Id, WS_CONNECTING, WS_MSGS_SENT, WS_PING, WS_SESSION_DURATION, WS_SESSIONS},
    websocket::{End, Heard, Socket, close_words, closing},
};

/// How many bytes may wait for a script before no more are read.
const UNHEARD: usize = 1 << 20;

/// How many bytes may wait to be sent before `send` waits too.
const UNSENT: usize = 16 << 20;

/// What a message takes besides its content.
const OVERHEAD: usize = 256;

/// What close frames have room for.
const REASON: usize = 123;

/// What a connection tells its script, and when it happened in milliseconds since 1970.
pub(crate) struct Note {
    pub(super) what: What,
    pub(super) at: f64,
    pub(super) labels: Rc<Labels>,
}

pub(super) enum What {
    /// With what both sides speak.
    Open(String),
    Text(String),
    Binary(Bytes),
    Ping,
    Pong,
    Error(String),
    Close,
}

impl What {
    pub(super) fn weight(&self) -> usize {
        let content = match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
            _ => 0,
        };
        OVERHEAD + content
    }
}

/// What a script asks of a connection.
pub(super) enum Command {
    Send(Message),
    Ping,
    Close(u16, String),
}

/// What a connection and its script both look at.
#[derive(Default)]
pub(super) struct State {
    /// Bytes that are not sent yet, and in how many messages.
    pub(super) unsent: Cell<usize>,
    queued: Cell<usize>,
    /// Whether the script has closed it: what comes after that is not for the script any more.
    pub(super) is_closing: Cell<bool>,
    /// Bytes that the script has not heard yet.
    unheard: Cell<usize>,
    is_over: Cell<bool>,
    /// Who waits until there are fewer unheard bytes.
    reader: RefCell<Option<Waker>>,
    /// Who waits until there are fewer unsent bytes.
    pub(super) writer: RefCell<Option<Waker>>,
}

impl State {
    fn wake(waker: &RefCell<Option<Waker>>) {
        if let Some(waker) = waker.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(super) fn queue(&self, count: usize) {
        self.unsent.set(self.unsent.get() + count);
        self.queued.set(self.queued.get() + 1);
    }

    fn sent(&self, count: usize) {
        self.unsent.set(self.unsent.get().saturating_sub(count));
        self.queued.set(self.queued.get().saturating_sub(1));
        Self::wake(&self.writer);
    }

    pub(super) fn has_room(&self) -> bool {
        self.is_over.get() || self.unsent.get() + self.queued.get() * OVERHEAD <= UNSENT
    }

    pub(super) fn heard(&self, count: usize) {
        self.unheard.set(self.unheard.get().saturating_sub(count));
        Self::wake(&self.reader);
    }
}

/// Returns the milliseconds since 1970.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |it| it.as_nanos() as f64 / 1e6)
}

/// The task of a connection.
pub(super) struct Task {
    pub(super) vu: Rc<Vu>,
    /// The event under which its script hears of it.
    pub(super) id: u64,
    pub(super) state: Rc<State>,
    pub(super) labels: Rc<Labels>,
    pub(super) pings: Pings,
    pub(super) began: Instant,
}

impl Task {
    fn tell(&self, what: What) {
        let weight = what.weight();
        self.state.unheard.set(self.state.unheard.get() + weight);
        // Each event takes one off; the last one takes the connection's own.
        if !matches!(what, What::Close) {
            self.vu.pending.set(self.vu.pending.get() + 1);
        }
        let note = Box::new(Note {
            what,
            at: now(),
            labels: Rc::clone(&self.labels),
        });
        self.vu.happened(Event::Socket(self.id, note));
    }

    pub(super) fn count(&self, id: Id, value: f64) {
        self.labels.sample(&self.vu, id, value);
    }

    /// Tells the end, with what went wrong.
    pub(super) fn over(&self, problem: Option<String>) {
        self.state.is_over.set(true);
        State::wake(&self.state.writer);
        if let Some(words) = problem {
            self.tell(What::Error(words));
        }
        self.tell(What::Close);
    }

    pub(super) async fn live(
        mut self,
        request: Request,
        jar: Rc<RefCell<Jar>>,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        let answer = dial(&self.vu, &request, &jar).await;
        if let Ok(handshake) = &answer {
            Rc::make_mut(&mut self.labels).answered(&self.vu, handshake);
        }
        self.count(WS_SESSIONS, 1.0);
        self.count(WS_CONNECTING, elapsed(self.began));
        let mut handshake = match answer {
            Ok(handshake) => handshake,
            Err(err) => return self.over(Some(err.text)),
        };
        let protocol = handshake.header(PROTOCOL).unwrap_or_default();
        let Some(mut socket) = open(&self.vu, &mut handshake).await else {
            return self.over(Some("websocket: bad handshake".to_owned()));
        };
        drop(handshake);
        // A script that closes a connection before it is there never hears that it is.
        match commands.try_recv() {
            Ok(command) => {
                if let Err(problem) = self.obey(&mut socket, command) {
                    return self.over(Some(problem));
                }
            }
            Err(_) => self.tell(What::Open(protocol)),
        }
        let problem = self.serve(&mut socket, &mut commands).await;
        self.count(WS_SESSION_DURATION, elapsed(self.began));
        self.over(problem);
    }

    /// Serves both sides until one ends it. Returns what went wrong.
    async fn serve(
        &mut self,
        socket: &mut Socket,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> Option<String> {
        // As long as something is on its way, nothing else is begun, but all is heard.
        let mut under_way = Some(None);
        loop {
            let step =
                std::future::poll_fn(|cx| self.step(cx, socket, commands, under_way.is_some()))
                    .await;
            match step {
                Step::Sent(Ok(())) => {
                    if let Some(size) = under_way.take().flatten() {
                        self.state.sent(size);
                    }
                }
                Step::Asked(Some(command)) => {
                    let size = match &command {
                        Command::Send(message) => Some(message.len()),
                        _ => None,
                    };
                    match self.obey(socket, command) {
                        Ok(()) => under_way = Some(size),
                        Err(problem) => return Some(problem),
                    }
                }
                Step::Sent(Err(problem)) => return Some(problem),
                // Nobody is there any more.
                Step::Asked(None) => return None,
                Step::Heard(Heard::End(end)) => return self.finish(socket, end).await,
                Step::Heard(heard) => self.hear(heard),
            }
        }
    }

    fn step(
        &self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        is_under_way: bool,
    ) -> Poll<Step> {
        if is_under_way {
            if let Poll::Ready(sent) = socket.poll_flush(cx) {
                return Poll::Ready(Step::Sent(sent));
            }
        } else if let Poll::Ready(command) = commands.poll_recv(cx) {
            return Poll::Ready(Step::Asked(command));
        }
        if self.state.unheard.get() > UNHEARD {
            *self.state.reader.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        socket.poll_next(cx).map(Step::Heard)
    }

    /// Begins what the script asks for.
    fn obey(&mut self, socket: &mut Socket, command: Command) -> Result<(), String> {
        let message = match command {
            Command::Send(message) => message,
            Command::Ping => self.pings.next(),
            Command::Close(_, reason) if reason.len() > REASON => {
                return Err("websocket: invalid control frame".to_owned());
            }
            Command::Close(code, reason) => closing(code, &reason),
        };
        self.count(WS_MSGS_SENT, 1.0);
        socket.begin(message)
    }

    fn hear(&mut self, heard: Heard) {
        let what = match heard {
            Heard::Text(text) => What::Text(text),
            Heard::Binary(data) => What::Binary(data),
            Heard::Pong(content) => {
                if let Some(took) = self.pings.answered(&content) {
                    self.count(WS_PING, took);
                }
                What::Pong
            }
            _ => What::Ping,
        };
        if !self.state.is_closing.get() {
            self.tell(what);
        }
    }

    /// Ends a connection on this side. Returns what went wrong.
    async fn finish(&self, socket: &mut Socket, end: End) -> Option<String> {
        match end {
            End::Closed(code, text) => {
                socket.part().await;
                (!matches!(code, 1000 | 1001)).then(|| close_words(code, &text))
            }
            End::Violated => {
                let _ = socket.send(closing(1002, "")).await;
                None
            }
            End::Refused(code, words) => {
                let _ = socket.send(closing(code, "")).await;
                Some(words.to_owned())
            }
            End::Broken => None,
        }
    }
}

/// What happens next.
enum Step {
    Sent(Result<(), String>),
    Asked(Option<Command>),
    Heard(Heard),
}
