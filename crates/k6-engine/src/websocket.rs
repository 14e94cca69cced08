//! `WebSockets` as scripts meet them: messages, and how a connection came to its end.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use crate::http::{Handshake, Stream};

/// The largest message that is taken.
const LIMIT: usize = 64 << 20;

/// What is read at once: many sockets wait at a time.
const BUFFER: usize = 4 << 10;

/// The codes of a close that says nothing else: `k6/websockets` has one, `k6/ws` the other.
pub(crate) const NORMAL: u16 = 1000;
pub(crate) const GOING_AWAY: u16 = 1001;

/// The code of a close that has none.
const NO_STATUS: u16 = 1005;

/// What the library makes of a close with a code that no server may send.
const VIOLATION: (u16, &str) = (1002, "Protocol violation");

/// What is heard from a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Binary(Bytes),
    Ping,
    /// With what the ping said that it answers.
    Pong(Bytes),
    End(End),
}

/// How a connection came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closed it, with a code and a text: 1006 where it did not say so.
    Closed(u16, String),
    /// The server broke the rules, and was told so.
    Violated,
    /// The server asks for more than there is here: the code to close with, and why.
    Refused(u16, &'static str),
    /// The connection broke.
    Broken,
}

/// Writes a close as k6 does.
pub(crate) fn close_words(code: u16, text: &str) -> String {
    let meaning = match code {
        1000 => " (normal)",
        1001 => " (going away)",
        1002 => " (protocol error)",
        1003 => " (unsupported data)",
        1005 => " (no status)",
        1006 => " (abnormal closure)",
        1007 => " (invalid payload data)",
        1008 => " (policy violation)",
        1009 => " (message too big)",
        1010 => " (mandatory extension missing)",
        1011 => " (internal server error)",
        _ => "",
    };
    let colon = if text.is_empty() { "" } else { ": " };
    format!("websocket: close {code}{meaning}{colon}{text}")
}

/// Returns whether a server may close with `code`, as k6 sees it.
fn may_close_with(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1005 | 1007..=1013 | 3000..=4999)
}

/// An open connection.
pub(crate) struct Socket {
    stream: WebSocketStream<Stream>,
    ends: Option<(SocketAddr, SocketAddr)>,
}

impl Socket {
    /// Takes over the connection of a handshake to which the server agreed.
    pub(crate) async fn of(handshake: &mut Handshake) -> Option<Self> {
        let (stream, read) = handshake.connection.take()?;
        let ends = stream.ends();
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .max_message_size(Some(LIMIT))
            .max_frame_size(Some(LIMIT));
        let stream =
            WebSocketStream::from_partially_read(stream, read, Role::Client, Some(config)).await;
        Some(Self { stream, ends })
    }

    /// Waits for what the server says next. Pings are answered by themselves.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            let heard = match ready!(self.stream.poll_next_unpin(cx)) {
                Some(Ok(Message::Text(text))) => Heard::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(data))) => Heard::Binary(data),
                Some(Ok(Message::Ping(_))) => Heard::Ping,
                Some(Ok(Message::Pong(data))) => Heard::Pong(data),
                Some(Ok(Message::Close(frame))) => Heard::End(closed(frame)),
                Some(Ok(Message::Frame(_))) => continue,
                Some(Err(err)) => Heard::End(broken(&err)),
                None => Heard::End(unexpected()),
            };
            return Poll::Ready(heard);
        }
    }

    /// Waits for what the server says next.
    pub(crate) async fn next(&mut self) -> Heard {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Begins to send; [`Self::poll_flush`] ends it.
    ///
    /// # Errors
    ///
    /// Returns k6's words for what went wrong.
    pub(crate) fn begin(&mut self, message: Message) -> Result<(), String> {
        let sent = self.stream.start_send_unpin(message);
        sent.map_err(|err| self.words(&err))
    }

    /// Waits until all is sent.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let flushed = ready!(self.stream.poll_flush_unpin(cx));
        Poll::Ready(flushed.map_err(|err| self.words(&err)))
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// Returns k6's words for what went wrong.
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), String> {
        self.begin(message)?;
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Sends what the library has to answer to a close, where it still can.
    pub(crate) async fn part(&mut self) {
        let _ = std::future::poll_fn(|cx| self.poll_flush(cx)).await;
    }

    fn words(&self, err: &Error) -> String {
        match err {
            Error::Protocol(ProtocolError::SendAfterClosing)
            | Error::ConnectionClosed
            | Error::AlreadyClosed => "websocket: close sent".to_owned(),
            Error::Io(err) => {
                let why = match err.kind() {
                    io::ErrorKind::BrokenPipe => "broken pipe".to_owned(),
                    io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
                    _ => err.to_string(),
                };
                match self.ends {
                    Some((own, other)) => format!("write tcp {own}->{other}: write: {why}"),
                    None => format!("write: {why}"),
                }
            }
            other => other.to_string(),
        }
    }
}

/// Returns the message that closes a connection. A code of no status is sent as none.
pub(crate) fn closing(code: u16, reason: &str) -> Message {
    Message::Close((code != NO_STATUS).then(|| CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }))
}

fn unexpected() -> End {
    End::Closed(1006, "unexpected EOF".to_owned())
}

fn closed(frame: Option<CloseFrame>) -> End {
    let Some(frame) = frame else {
        return End::Closed(NO_STATUS, String::new());
    };
    let code = u16::from(frame.code);
    if !may_close_with(code) || (code, frame.reason.as_str()) == VIOLATION {
        return End::Violated;
    }
    End::Closed(code, frame.reason.as_str().to_owned())
}

fn broken(err: &Error) -> End {
    match err {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => unexpected(),
        Error::Io(err) if err.kind() == io::ErrorKind::UnexpectedEof => unexpected(),
        Error::Capacity(_) => End::Refused(1009, "websocket: read limit exceeded"),
        Error::Utf8(_) => End::Refused(1007, "websocket: a text is no UTF-8"),
        Error::Protocol(_) => End::Violated,
        _ => End::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_is_put_as_k6_puts_it() {
        assert_eq!(close_words(4000, "bye"), "websocket: close 4000: bye");
        assert_eq!(close_words(1005, ""), "websocket: close 1005 (no status)");
    }

    #[test]
    fn codes_that_no_server_may_send_break_the_rules() {
        let close = |code: u16| {
            closed(Some(CloseFrame {
                code: code.into(),
                reason: "".into(),
            }))
        };
        for code in [0, 999, 1004, 1006, 1014, 1015, 1016, 2999, 5000] {
            assert_eq!(close(code), End::Violated, "{code}");
        }
        assert_eq!(close(1012), End::Closed(1012, String::new()));
        assert_eq!(closed(None), End::Closed(1005, String::new()));
    }

    #[test]
    fn a_close_of_no_status_has_no_code_on_the_wire() {
        assert_eq!(closing(1005, "x"), Message::Close(None));
        assert!(matches!(closing(1000, "x"), Message::Close(Some(frame)) if frame.reason == "x"));
    }
}
