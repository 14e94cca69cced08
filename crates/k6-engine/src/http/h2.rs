//! One request and its answer over HTTP/2, with the instants that k6 measures.

use std::{rc::Rc, time::Instant};

use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::{HeaderName, HeaderValue, Method, Uri, Version};

use super::{
    HttpError, Request, Timings,
    body::LIMIT,
    exchange::{Answer, Broken},
    head, millis,
    stream::{Peer, Stream},
};

/// A share in a connection. It is closed when nobody has a share any more.
pub(super) struct Multiplexed {
    sender: SendRequest<Bytes>,
    driver: Rc<Driver>,
    pub(super) reused: bool,
}

/// What moves the bytes of a connection.
struct Driver {
    task: tokio::task::JoinHandle<()>,
    peer: Peer,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Multiplexed {
    /// Begins to speak HTTP/2 on a connection.
    pub(super) async fn open(stream: Stream) -> Result<Self, HttpError> {
        let peer = stream.peer();
        let mut builder = Builder::new();
        // The windows that Go's client offers.
        builder
            .initial_window_size(4 << 20)
            .initial_connection_window_size(1 << 30)
            .max_header_list_size(10 << 20)
            .enable_push(false);
        let (sender, connection) = builder.handshake(stream).await.map_err(|err| of(&err))?;
        let task = tokio::task::spawn_local(async move {
            // Each request is told of the end itself.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver: Rc::new(Driver { task, peer }),
            reused: false,
        })
    }

    /// Returns another share.
    pub(super) fn again(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            driver: Rc::clone(&self.driver),
            reused: true,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.driver.task.is_finished()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.driver, &other.driver)
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.driver.peer
    }

    /// Sends a request and reads its answer.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        fields: &[(String, String)],
        keep: bool,
        timings: &mut Timings,
    ) -> Result<Answer, Broken> {
        let untouched = |error| Broken {
            error,
            untouched: true,
            body: None,
        };
        let touched = |error| Broken {
            error,
            untouched: false,
            body: None,
        };
        let head = message(request, fields).map_err(touched)?;
        let began = Instant::now();
        let mut sender = self
            .sender
            .clone()
            .ready()
            .await
            .map_err(|err| untouched(of(&err)))?;
        let (answer, body) = sender
            .send_request(head, request.body.is_empty())
            .map_err(|err| untouched(of(&err)))?;
        let (parts, mut stream) =
            speak(answer, body, request, began, timings)
                .await
                .map_err(|err| Broken {
                    // The server has not looked at it, by its own word.
                    untouched: err.reason() == Some(Reason::REFUSED_STREAM)
                        || (err.is_go_away() && err.reason() == Some(Reason::NO_ERROR)),
                    body: None,
                    error: of(&err),
                })?;
        let first = Instant::now();
        let mut content = Vec::new();
        while let Some(piece) = stream.data().await {
            let piece = piece.map_err(|err| touched(of(&err)))?;
            let _ = stream.flow_control().release_capacity(piece.len());
            if keep {
                content.extend_from_slice(&piece);
            }
            if content.len() > LIMIT {
                return Err(touched(HttpError::malformed("the body is too long")));
            }
        }
        timings.receiving = millis(first, Instant::now());
        let text = |value: &HeaderValue| match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => text.to_owned(),
            Err(_) => value.as_bytes().iter().map(|it| char::from(*it)).collect(),
        };
        Ok(Answer {
            status: parts.status.as_u16(),
            reason: parts
                .status
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (super::canonical(name.as_str()), text(value)))
                .collect(),
            body: content,
            proto: "HTTP/2.0",
            keep_alive: true,
        })
    }
}

/// Sends the body and waits for the head of the answer, which may come before the body is through.
async fn speak(
    answer: ResponseFuture,
    body: SendStream<Bytes>,
    request: &Request,
    began: Instant,
    timings: &mut Timings,
) -> Result<(http::response::Parts, RecvStream), h2::Error> {
    let mut answer = std::pin::pin!(answer);
    let mut wrote = None;
    let answered = {
        let sending = send(body, Bytes::copy_from_slice(&request.body));
        let mut sending = std::pin::pin!(sending);
        loop {
            tokio::select! {
                biased;
                sent = &mut sending, if wrote.is_none() => {
                    wrote = Some(Instant::now());
                    // Where the server has hung up, its answer says more.
                    if sent.is_err() {
                        break answer.as_mut().await;
                    }
                }
                got = &mut answer => break got,
            }
        }
    };
    let now = Instant::now();
    let wrote = wrote.unwrap_or(now);
    timings.sending = millis(began, wrote);
    timings.waiting = millis(wrote, now);
    Ok(answered?.into_parts())
}

async fn send(mut stream: SendStream<Bytes>, mut body: Bytes) -> Result<(), h2::Error> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let capacity = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
        let Some(capacity) = capacity.transpose()? else {
            return Ok(());
        };
        let piece = body.split_to(capacity.min(body.len()));
        if piece.is_empty() {
            continue;
        }
        stream.send_data(piece, body.is_empty())?;
    }
    Ok(())
}

fn message(request: &Request, fields: &[(String, String)]) -> Result<http::Request<()>, HttpError> {
    let wrong = |err: &dyn std::fmt::Display| HttpError::malformed(err.to_string());
    let uri = |target: String| {
        Uri::builder()
            .scheme("https")
            .authority(head::authority(request))
            .path_and_query(target)
            .build()
    };
    // What HTTP/1.1 sends as it stands, and this library does not, is escaped.
    let escaped = || {
        let path = request.address.as_ref().map(|it| it.target.as_str());
        request
            .url
            .join(path.unwrap_or("/"))
            .map(|it| it[url::Position::BeforePath..].to_owned())
    };
    let uri = uri(head::target(request))
        .or_else(|err| escaped().map_or(Err(err), uri))
        .map_err(|err| wrong(&err))?;
    let mut message = http::Request::new(());
    *message.method_mut() =
        Method::from_bytes(head::method(request).as_bytes()).map_err(|err| wrong(&err))?;
    *message.uri_mut() = uri;
    *message.version_mut() = Version::HTTP_2;
    for (name, value) in fields {
        let of_one_connection = matches!(
            name.as_str(),
            "Connection" | "Keep-Alive" | "Proxy-Connection" | "Transfer-Encoding" | "Upgrade"
        );
        if of_one_connection || (name == "Te" && value != "trailers") {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|err| wrong(&err))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|err| wrong(&err))?;
        message.headers_mut().append(name, value);
    }
    Ok(message)
}

/// Returns an error of HTTP/2 with k6's number for it.
fn of(err: &h2::Error) -> HttpError {
    if let Some(io) = err.get_io() {
        return HttpError::of_io("read", io);
    }
    let Some(reason) = err.reason() else {
        return HttpError::malformed(format!("http2: {err}"));
    };
    // Behind each of these numbers there are as many as the specification has reasons.
    let number = u16::try_from(u32::from(reason))
        .ok()
        .filter(|it| *it <= 13)
        .map_or(0, |it| it + 1);
    let (base, what) = if err.is_reset() {
        (1630, "stream error")
    } else if err.is_remote() {
        (1610, "received GoAway")
    } else {
        (1650, "connection error")
    };
    HttpError::new(
        base + number,
        format!("http2: {what} with http2 ErrCode {reason:?}"),
    )
}
