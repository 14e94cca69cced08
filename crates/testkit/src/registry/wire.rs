//! Requests and answers as they go over the wire.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use super::{State, answers::answer, lock};

/// A request as the registry saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query, empty where there is none.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `If-None-Match` header.
    pub if_none_match: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How many requests came before it.
    pub number: u64,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers besides the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How the body is sent.
    pub sending: Sending,
}

/// How a body is sent.
#[derive(Clone, Copy, Debug)]
pub enum Sending {
    /// As it should be.
    Whole,
    /// Announced as a whole, and broken off after so many bytes.
    BrokenAfter(usize),
    /// Byte by byte with so long a pause before each.
    Slow(Duration),
}

impl Reply {
    /// Returns an answer with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            sending: Sending::Whole,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Says how the body is sent.
    #[must_use]
    pub fn sending(mut self, sending: Sending) -> Self {
        self.sending = sending;
        self
    }
}

/// Answers the requests of one connection, one after the other.
pub(super) fn serve(state: &State, stream: &TcpStream, address: SocketAddr) {
    drop(stream.set_nodelay(true));
    let Ok(clone) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(clone);
    while let Some(seen) = read(&mut reader, state) {
        if state.is_over.load(Ordering::SeqCst) {
            return;
        }
        let target = match seen.query.as_str() {
            "" => seen.path.clone(),
            query => format!("{}?{query}", seen.path),
        };
        lock(&state.log).push(format!("{} {target}", seen.method));
        {
            let mut at_once = lock(&state.at_once);
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        let hooked = lock(&state.hook).as_ref().and_then(|hook| hook(&seen));
        let reply = hooked.unwrap_or_else(|| answer(state, &seen, address));
        let pause = *lock(&state.pause);
        thread::sleep(pause);
        // Before the last byte: a client that has it may ask for the next one at once.
        lock(&state.at_once).0 -= 1;
        let is_whole = matches!(reply.sending, Sending::Whole);
        if send(stream, &seen, &reply).is_err() || !is_whole {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>, state: &State) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|it| *it > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut seen = Seen {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        number: state.number.fetch_add(1, Ordering::SeqCst),
        ..Seen::default()
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|it| *it > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => seen.authorization = Some(value.trim().to_owned()),
            "if-none-match" => seen.if_none_match = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = body;
    Some(seen)
}

fn send(mut stream: &TcpStream, seen: &Seen, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", reply.body.len());
    let mut bytes = head.into_bytes();
    if seen.method == "HEAD" {
        return stream.write_all(&bytes);
    }
    match reply.sending {
        Sending::Whole => {
            bytes.extend_from_slice(&reply.body);
            stream.write_all(&bytes)
        }
        Sending::BrokenAfter(length) => {
            bytes.extend_from_slice(&reply.body[..length.min(reply.body.len())]);
            stream.write_all(&bytes)?;
            stream.shutdown(std::net::Shutdown::Both)
        }
        Sending::Slow(pause) => {
            stream.write_all(&bytes)?;
            for byte in &reply.body {
                thread::sleep(pause);
                stream.write_all(&[*byte])?;
            }
            Ok(())
        }
    }
}
