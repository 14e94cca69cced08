//! One request and its answer over HTTP/1.1, with the instants that k6 measures.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    task::{Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};

use super::{
    HttpError, Timings,
    body::{Chunks, Framing, LIMIT},
    millis,
    pool::Connection,
};

/// The largest head of an answer.
const HEAD_LIMIT: usize = 1 << 20;

/// As much as is read at once.
const ROOM: usize = 64 << 10;

/// As much as a connection keeps for the next answer.
const KEPT: usize = 4 << 10;

thread_local! {
    /// Where bytes arrive before a connection keeps them: a thousand virtual users that wait need one.
    static ARRIVALS: RefCell<Box<[u8]>> = RefCell::new(vec![0; ROOM].into_boxed_slice());
}

/// An answer as it came over the wire.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub(super) proto: &'static str,
    pub(super) keep_alive: bool,
}

/// What went wrong, and whether the server may have begun to answer.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) error: HttpError,
    pub(super) untouched: bool,
    /// What came of the body before that, where its head was whole.
    pub(super) body: Option<Vec<u8>>,
}

/// Sends `head` and `body`, and reads the answer. `keep` tells whether its body is wanted.
pub(super) async fn exchange(
    connection: &mut Connection,
    head: &[u8],
    body: &[u8],
    is_head: bool,
    keep: bool,
    timings: &mut Timings,
) -> Result<Answer, Broken> {
    let began = Instant::now();
    let written = write(connection, head, body).await;
    let wrote = Instant::now();
    timings.sending = millis(began, wrote);
    let mut answer = Answer::default();
    let mut reader = Reader {
        connection,
        received: 0,
        first: None,
        framed: false,
    };
    let read = read(&mut reader, &mut answer, is_head, keep).await;
    let (first, received, framed) = (reader.first, reader.received, reader.framed);
    let done = Instant::now();
    timings.waiting = millis(wrote, first.unwrap_or(done));
    timings.receiving = first.map_or(0.0, |it| millis(it.max(wrote), done));
    match (read, written) {
        (Ok(()), _) => Ok(answer),
        // A server that answers and closes before it has read everything is heard out first.
        (Err(_), Err(err)) if received == 0 => Err(Broken {
            error: HttpError::of_io("write", &err),
            untouched: true,
            body: None,
        }),
        (Err(error), _) => Err(Broken {
            error,
            untouched: received == 0,
            body: framed.then_some(answer.body),
        }),
    }
}

async fn write(connection: &mut Connection, head: &[u8], body: &[u8]) -> std::io::Result<()> {
    if body.len() > 16_384 {
        connection.stream.write_all(head).await?;
        connection.stream.write_all(body).await?;
    } else if body.is_empty() {
        connection.stream.write_all(head).await?;
    } else {
        let whole = [head, body].concat();
        connection.stream.write_all(&whole).await?;
    }
    connection.stream.flush().await
}

struct Reader<'a> {
    connection: &'a mut Connection,
    received: u64,
    first: Option<Instant>,
    /// Whether the head was whole.
    framed: bool,
}

impl Reader<'_> {
    /// Reads more into the buffer. Returns whether there was more.
    async fn more(&mut self) -> Result<bool, HttpError> {
        let connection = &mut *self.connection;
        let count = poll_fn(|cx| {
            ARRIVALS.with_borrow_mut(|room| {
                let mut room = ReadBuf::new(room);
                ready!(Pin::new(&mut connection.stream).poll_read(cx, &mut room))?;
                connection.buffer.extend_from_slice(room.filled());
                Poll::Ready(Ok(room.filled().len()))
            })
        });
        let count = count
            .await
            .map_err(|err: std::io::Error| HttpError::of_io("read", &err))?;
        if self.first.is_none() && count > 0 {
            self.first = Some(Instant::now());
        }
        self.received += count as u64;
        Ok(count > 0)
    }
}

async fn read(
    reader: &mut Reader<'_>,
    answer: &mut Answer,
    is_head: bool,
    keep: bool,
) -> Result<(), HttpError> {
    reader.connection.buffer.clear();
    let framing = loop {
        if !reader.more().await? {
            let text = if reader.received == 0 {
                "EOF"
            } else {
                "unexpected EOF"
            };
            return Err(HttpError::new(1000, text));
        }
        if let Some(framing) = head(&mut reader.connection.buffer, answer, is_head)? {
            break framing;
        }
        if reader.connection.buffer.len() > HEAD_LIMIT {
            return Err(HttpError::malformed("the head of the answer is too long"));
        }
    };
    reader.framed = true;
    match framing {
        Framing::None => {}
        Framing::Length(length) => {
            let mut left = length;
            loop {
                let buffer = &mut reader.connection.buffer;
                let take = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                if keep {
                    answer.body.extend_from_slice(&buffer[..take]);
                }
                buffer.drain(..take);
                left -= take as u64;
                if left == 0 {
                    break;
                }
                if answer.body.len() > LIMIT {
                    return Err(HttpError::malformed("the body is too long"));
                }
                if !reader.more().await? {
                    return Err(HttpError::new(1000, "unexpected EOF"));
                }
            }
        }
        Framing::Chunked => {
            let mut chunks = Chunks::default();
            loop {
                let buffer = &mut reader.connection.buffer;
                let taken = chunks.decode(buffer, &mut answer.body, keep)?;
                buffer.drain(..taken);
                if chunks == Chunks::Done {
                    break;
                }
                if answer.body.len() > LIMIT {
                    return Err(HttpError::malformed("the body is too long"));
                }
                if !reader.more().await? {
                    return Err(HttpError::new(1000, "unexpected EOF"));
                }
            }
        }
        Framing::UntilClose => {
            answer.keep_alive = false;
            loop {
                let buffer = &mut reader.connection.buffer;
                if keep {
                    answer.body.extend_from_slice(buffer);
                }
                buffer.clear();
                if answer.body.len() > LIMIT {
                    return Err(HttpError::malformed("the body is too long"));
                }
                if !reader.more().await? {
                    break;
                }
            }
        }
    }
    let buffer = &mut reader.connection.buffer;
    // Bytes beyond the answer: nobody asked for them, but where they are no more HTTP.
    if !buffer.is_empty() {
        answer.keep_alive = false;
    } else if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
    Ok(())
}

/// Says, in the words of Go, why the start of an answer is none.
fn malformed(answer: &[u8], err: httparse::Error) -> String {
    let line = answer.split(|it| *it == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line.trim_ascii_end());
    let Some((version, rest)) = line.split_once(' ') else {
        return format!("malformed HTTP response {line:?}");
    };
    let status = rest.trim_start().split(' ').next().unwrap_or_default();
    if status.len() != 3 || status.parse::<u16>().is_err() {
        return format!("malformed HTTP status code {status:?}");
    }
    if !matches!(version, "HTTP/1.0" | "HTTP/1.1") {
        return format!("malformed HTTP version {version:?}");
    }
    format!("malformed HTTP response: {err}")
}

/// Parses a head from the start of `buffer` and removes it. Returns how the body ends.
pub(super) fn head(
    buffer: &mut Vec<u8>,
    answer: &mut Answer,
    is_head: bool,
) -> Result<Option<Framing>, HttpError> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut parsed = httparse::Response::new(&mut headers);
        let length = match parsed.parse(buffer) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(err) => return Err(HttpError::malformed(malformed(buffer, err))),
        };
        let status = parsed.code.unwrap_or(0);
        // Interim answers are skipped; 101 is the last one.
        if (100..200).contains(&status) && status != 101 {
            buffer.drain(..length);
            if buffer.is_empty() {
                return Ok(None);
            }
            continue;
        }
        answer.status = status;
        parsed
            .reason
            .unwrap_or_default()
            .clone_into(&mut answer.reason);
        answer.keep_alive = parsed.version != Some(0);
        answer.proto = if answer.keep_alive {
            "HTTP/1.1"
        } else {
            "HTTP/1.0"
        };
        let mut framing = Framing::UntilClose;
        answer.headers.reserve(parsed.headers.len());
        for header in parsed.headers.iter() {
            let value = match std::str::from_utf8(header.value) {
                Ok(text) => text.to_owned(),
                Err(_) => header.value.iter().map(|it| char::from(*it)).collect(),
            };
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                let length = value
                    .trim()
                    .parse()
                    .map_err(|_| HttpError::malformed(format!("bad Content-Length {value:?}")))?;
                match framing {
                    Framing::Chunked => {}
                    Framing::Length(other) if other != length => {
                        return Err(HttpError::malformed("two values of Content-Length"));
                    }
                    _ => framing = Framing::Length(length),
                }
            } else if is("transfer-encoding") {
                if !value.trim().eq_ignore_ascii_case("chunked") {
                    return Err(HttpError::malformed(format!(
                        "unsupported transfer encoding: {value}"
                    )));
                }
                framing = Framing::Chunked;
            } else if is("connection") {
                let close = value
                    .split(',')
                    .any(|it| it.trim().eq_ignore_ascii_case("close"));
                let keep = value
                    .split(',')
                    .any(|it| it.trim().eq_ignore_ascii_case("keep-alive"));
                answer.keep_alive = !close && (answer.keep_alive || keep);
            }
            answer.headers.push((super::canonical(header.name), value));
        }
        buffer.drain(..length);
        if is_head || matches!(status, 101 | 204 | 304) {
            framing = Framing::None;
        }
        return Ok(Some(framing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Option<Framing>, Answer, Vec<u8>), HttpError> {
        let mut buffer = text.as_bytes().to_vec();
        let mut answer = Answer::default();
        let framing = head(&mut buffer, &mut answer, false)?;
        Ok((framing, answer, buffer))
    }

    #[test]
    fn the_head_tells_how_the_body_ends() {
        let (framing, answer, rest) =
            parse("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        assert_eq!(framing, Some(Framing::Length(2)));
        assert_eq!(answer.headers[0].0, "Content-Length");
        assert!(answer.keep_alive);
        assert_eq!(rest, b"ok");
        let (framing, answer, _) = parse("HTTP/1.0 200 OK\r\n\r\n").unwrap();
        assert_eq!(framing, Some(Framing::UntilClose));
        assert!(!answer.keep_alive);
        let both = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(parse(both).unwrap().0, Some(Framing::Chunked));
        assert_eq!(
            parse("HTTP/1.1 204 No Content\r\n\r\n").unwrap().0,
            Some(Framing::None)
        );
    }

    #[test]
    fn interim_answers_are_skipped() {
        let (framing, answer, _) =
            parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        assert_eq!((framing, answer.status), (Some(Framing::Length(0)), 201));
    }

    #[test]
    fn garbage_and_lies_are_errors() {
        for wrong in [
            "garbage\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse("HTTP/1.1 200 OK\r\nConte").unwrap().0, None);
    }
}
