//! The handshake of `WebSockets` (RFC 6455, section 4): a request that turns its connection over.

use std::{cell::RefCell, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

use super::{
    Client, HttpError, Jar, Request, Timings,
    connect::{Purpose, connect, key_of},
    exchange::{Answer, exchange},
    head,
    pool::{Connection, Key},
    stream::Stream,
};

/// How long a handshake may take, as in k6.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of the body of a refusal scripts see, as in k6.
const BODY: usize = 1_024;

/// What belongs to the handshake alone.
const RESERVED: [&str; 5] = [
    "Upgrade",
    "Connection",
    "Sec-Websocket-Key",
    "Sec-Websocket-Version",
    "Sec-Websocket-Extensions",
];

/// How a server answered a handshake.
pub(crate) struct Handshake {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) remote: Option<std::net::SocketAddr>,
    /// The connection, with what was read beyond the answer. `None` where the server did not agree.
    pub(crate) connection: Option<(Stream, Vec<u8>)>,
}

impl Handshake {
    /// Returns the values of a header, joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let all = self.headers.iter().filter(|it| it.0 == name);
        all.map(|it| it.1.clone())
            .reduce(|all, it| all + ", " + &it)
    }
}

impl Client {
    /// Asks a server to speak WebSocket. `key` are random bytes.
    ///
    /// # Errors
    ///
    /// Fails when there is no answer within its time. A server that does not agree is no error.
    pub(crate) async fn upgrade(
        &self,
        request: &Request,
        jar: Option<&RefCell<Jar>>,
        key: [u8; 16],
    ) -> Result<Handshake, HttpError> {
        let key = STANDARD.encode(key);
        let work = self.shake(request, jar, &key);
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::new(1050, "i/o timeout")),
        }
    }

    async fn shake(
        &self,
        request: &Request,
        jar: Option<&RefCell<Jar>>,
        key: &str,
    ) -> Result<Handshake, HttpError> {
        let taken = |it: &&(String, String)| RESERVED.contains(&it.0.as_str());
        if let Some((name, _)) = request.headers.iter().find(taken) {
            let text = format!("websocket: duplicate header not allowed: {name}");
            return Err(HttpError::new(1000, text));
        }
        let whom = key_of(&request.url)?;
        let cookies = head::cookies(request, jar);
        let mut fields = head::fields(request, &self.shared.user_agent, &cookies);
        for (name, value) in [
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", "13"),
            ("Upgrade", "websocket"),
        ] {
            fields.push((name.to_owned(), value.to_owned()));
        }
        let mut timings = Timings::default();
        let (stream, _) = connect(
            &self.shared,
            &whom,
            Purpose::Socket,
            &self.traffic,
            &mut timings,
        )
        .await
        .map_err(|err| as_go_says(err, &whom))?;
        let remote = stream.peer().address;
        let mut connection = Connection {
            key: whom,
            stream,
            buffer: Vec::new(),
            reused: false,
            by_proxy: false,
        };
        let text = head::text(request, &fields, false);
        let answer = exchange(
            &mut connection,
            text.as_bytes(),
            b"",
            false,
            true,
            &mut timings,
        )
        .await
        .map_err(|broken| broken.error)?;
        if let Some(jar) = jar {
            let mut jar = jar.borrow_mut();
            for (_, cookie) in answer.headers.iter().filter(|it| it.0 == "Set-Cookie") {
                jar.store(&request.url, cookie);
            }
        }
        let agreed = agrees(&answer, key);
        let mut body = answer.body;
        body.truncate(BODY);
        Ok(Handshake {
            status: answer.status,
            headers: answer.headers,
            body,
            remote,
            connection: agreed.then_some((connection.stream, connection.buffer)),
        })
    }
}

/// Names the server in the words of a connection that could not be made.
fn as_go_says(mut err: HttpError, whom: &Key) -> HttpError {
    if let Some(why) = err.text.strip_prefix("dial: ") {
        err.text = format!("dial tcp {}:{}: connect: {why}", whom.host, whom.port);
    }
    err
}

/// Returns what a server has to answer to `key`.
fn accept(key: &str) -> String {
    // The number is the protocol's own: RFC 6455, section 1.3.
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(Sha1::digest(text.as_bytes()))
}

fn agrees(answer: &Answer, key: &str) -> bool {
    let has = |name: &str, word: &str| {
        let mut values = answer.headers.iter().filter(|it| it.0 == name);
        values.any(|it| {
            it.1.split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(word))
        })
    };
    let mut accepted = answer
        .headers
        .iter()
        .filter(|it| it.0 == "Sec-Websocket-Accept");
    answer.status == 101
        && has("Upgrade", "websocket")
        && has("Connection", "upgrade")
        && accepted.any(|it| it.1.trim() == accept(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_agrees_with_the_answer_to_the_key_alone() {
        // The pair of RFC 6455, section 1.3.
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let answer = |status: u16, accept: &str, upgrade: &str| Answer {
            status,
            headers: [
                ("Upgrade", upgrade),
                ("Connection", "keep-alive, Upgrade"),
                ("Sec-Websocket-Accept", accept),
            ]
            .map(|it| (it.0.to_owned(), it.1.to_owned()))
            .to_vec(),
            ..Answer::default()
        };
        let right = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(agrees(&answer(101, right, "WebSocket"), key));
        assert!(!agrees(&answer(200, right, "websocket"), key));
        assert!(!agrees(&answer(101, "other", "websocket"), key));
        assert!(!agrees(&answer(101, right, "h2c"), key));
    }
}
