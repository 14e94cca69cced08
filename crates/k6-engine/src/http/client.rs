//! The HTTP client of a virtual user: connections, redirects, cookies.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use url::Url;

use super::{
    BodyKind, HttpError, Jar, Pool, Request, Response, Shared, Timings, body,
    connect::{Purpose, connect, key_of},
    exchange::{Answer, Broken, exchange},
    h2::Multiplexed,
    head, millis,
    pool::{Channel, Connection, Key},
    stream::{Peer, Traffic},
};

/// The HTTP client of a virtual user.
pub struct Client {
    pub(super) shared: Arc<Shared>,
    pool: RefCell<Pool>,
    pub(super) traffic: Traffic,
    /// Bytes written since they were last asked for.
    pub sent: Rc<Cell<u64>>,
    /// Bytes read since they were last asked for.
    pub received: Rc<Cell<u64>>,
}

/// What is told of every request that was made, redirects included.
pub type Hop<'a> = &'a dyn Fn(&Response);

impl Client {
    /// Returns a client without connections.
    pub fn new(shared: Arc<Shared>) -> Self {
        let traffic = Traffic::default();
        Self {
            shared,
            pool: RefCell::default(),
            sent: Rc::clone(&traffic.sent),
            received: Rc::clone(&traffic.received),
            traffic,
        }
    }

    /// Closes all idle connections.
    pub fn disconnect(&self) {
        self.pool.borrow_mut().clear();
    }

    /// Makes a request and follows its redirects, within its time.
    ///
    /// Afterwards `request` is the last one that was made.
    pub async fn fetch(
        &self,
        request: &mut Request,
        jar: Option<&RefCell<Jar>>,
        told: Hop<'_>,
    ) -> Box<Response> {
        let began = Cell::new(Instant::now());
        let at = Cell::new(None);
        let asked = request.asked.clone().unwrap_or_else(|| request.shown());
        let asked_method = request.method.clone();
        let (headers, body) = (sent_headers(&self.shared, request), sent_body(request));
        let timeout = request.timeout;
        let done = if timeout.is_zero() {
            None
        } else {
            let work = self.follow(request, jar, told, &began, &at);
            tokio::time::timeout(timeout, work).await.ok()
        };
        let mut response = if let Some(response) = done {
            response
        } else {
            let mut response = failed(&request.method, &request.shown(), HttpError::timeout());
            response.timings.waiting = millis(began.get(), Instant::now());
            response.remote = at.get();
            told(&response);
            response
        };
        // What stands for the request is the first one, wherever it was led.
        response.was_made = true;
        response.asked = asked;
        response.asked_method = asked_method;
        response.sent_headers = headers;
        response.sent_body = body;
        response
    }

    async fn follow(
        &self,
        request: &mut Request,
        jar: Option<&RefCell<Jar>>,
        told: Hop<'_>,
        began: &Cell<Instant>,
        at: &At,
    ) -> Box<Response> {
        let mut left = request.redirects;
        let mut challenged = false;
        loop {
            began.set(Instant::now());
            let mut response = self.once(request, jar, at).await;
            response.invites = request.digest.is_some() && !challenged;
            if let Some((user, password)) = &request.digest
                && response.status == 401
                && !challenged
            {
                challenged = true;
                let offered = response
                    .headers
                    .iter()
                    .find(|it| it.0 == "Www-Authenticate");
                let answer =
                    offered.and_then(|it| super::digest::answer(&it.1, user, password, request));
                if let Some(answer) = answer {
                    told(&response);
                    request.headers.push(("Authorization".to_owned(), answer));
                    continue;
                }
            }
            unpack(&mut response);
            told(&response);
            let target = if left > 0 {
                redirect(request, &response)
            } else {
                None
            };
            let Some(url) = target else {
                return response;
            };
            left -= 1;
            let keeps = matches!(response.status, 307 | 308);
            if !keeps && request.method != "HEAD" {
                "GET".clone_into(&mut request.method);
            }
            if !keeps {
                request.body.clear();
            }
            if url.host_str() != request.url.host_str() {
                request
                    .headers
                    .retain(|it| it.0 != "Authorization" && it.0 != "Host");
                request.basic = None;
            }
            refer(request, &url);
            // Cookies on the way are those of the jar.
            request.cookies.clear();
            request.headers.retain(|it| it.0 != "Cookie");
            request.url = url;
            request.address = None;
            at.set(None);
        }
    }

    async fn once(&self, request: &Request, jar: Option<&RefCell<Jar>>, at: &At) -> Box<Response> {
        let key = match request
            .fault
            .clone()
            .map_or_else(|| key_of(&request.url), Err)
        {
            Ok(key) => key,
            Err(err) => return failed(&request.method, &request.shown(), err),
        };
        let cookies = head::cookies(request, jar);
        let mut fields = head::fields(request, &self.shared.user_agent, &cookies);
        if self.shared.no_reuse {
            fields.push(("Connection".to_owned(), "close".to_owned()));
        }
        let began = Instant::now();
        let mut fresh_only = self.shared.no_reuse;
        let (mut response, peer) = loop {
            let mut timings = Timings::default();
            let channel = match self.channel(&key, fresh_only, &mut timings).await {
                Ok(channel) => channel,
                Err(err) => {
                    let mut response = failed(&request.method, &request.shown(), err);
                    response.timings = timings;
                    break (response, Peer::default());
                }
            };
            timings.blocked = millis(began, Instant::now());
            let (done, peer, reused) = self
                .through(channel, request, &fields, &mut timings, at)
                .await;
            match done {
                Ok(answer) => {
                    if let Some(jar) = jar {
                        let mut jar = jar.borrow_mut();
                        for header in answer.headers.iter().filter(|it| it.0 == "Set-Cookie") {
                            jar.store(&request.url, &header.1);
                        }
                    }
                    break (Box::new(finished(request, answer, timings)), peer);
                }
                // The server closed an idle connection while we took it: another try is no second request.
                Err(broken) if broken.untouched && reused => fresh_only = true,
                Err(broken) => {
                    let mut response = failed(&request.method, &request.shown(), broken.error);
                    response.timings = timings;
                    response.is_heard = broken.body.is_some();
                    response.body = broken.body.unwrap_or_default();
                    response.body_kind = request.body_kind;
                    break (response, peer);
                }
            }
        };
        response.remote = peer.address;
        if response.status > 0 {
            response.tls_version = peer.version;
            response.tls_cipher = peer.cipher;
        }
        response.sent_cookies = cookies;
        response
    }

    /// Returns an idle connection, a share in one, or a new one.
    async fn channel(
        &self,
        key: &Key,
        fresh_only: bool,
        timings: &mut Timings,
    ) -> Result<Channel, HttpError> {
        if !fresh_only && let Some(channel) = self.pool.borrow_mut().take(key) {
            return Ok(channel);
        }
        // What is rare is kept elsewhere than in the memory of each virtual user.
        let (stream, by_proxy) = Box::pin(connect(
            &self.shared,
            key,
            Purpose::Requests,
            &self.traffic,
            timings,
        ))
        .await?;
        if stream.speaks_h2() {
            let connection = Box::pin(Multiplexed::open(stream)).await?;
            if !self.shared.no_reuse {
                self.pool.borrow_mut().share(key, &connection);
            }
            return Ok(Channel::Many(connection));
        }
        Ok(Channel::One(Connection {
            key: key.clone(),
            stream,
            buffer: Vec::new(),
            reused: false,
            by_proxy,
        }))
    }

    /// Makes a request over a connection. Returns also who answered, and whether others had asked before.
    async fn through(
        &self,
        channel: Channel,
        request: &Request,
        fields: &[(String, String)],
        timings: &mut Timings,
        at: &At,
    ) -> (Result<Answer, Broken>, Peer, bool) {
        let keep = request.body_kind != BodyKind::None;
        let is_head = request.method == "HEAD";
        match channel {
            Channel::Many(share) => {
                at.set(share.peer().address);
                let done = Box::pin(share.exchange(request, fields, keep, timings)).await;
                if done.as_ref().is_err_and(|it| it.untouched) {
                    self.pool.borrow_mut().forget(&share);
                }
                (done, share.peer().clone(), share.reused)
            }
            Channel::One(mut connection) => {
                let mut head = head::text(request, fields, connection.by_proxy);
                if connection.by_proxy {
                    self.authorize(&mut head, &connection.key);
                }
                let peer = connection.stream.peer();
                at.set(peer.address);
                let reused = connection.reused;
                let body = &request.body;
                let done = exchange(
                    &mut connection,
                    head.as_bytes(),
                    body,
                    is_head,
                    keep,
                    timings,
                )
                .await;
                if done.as_ref().is_ok_and(|it| it.keep_alive) && !self.shared.no_reuse {
                    self.pool.borrow_mut().put(connection);
                }
                (done, peer, reused)
            }
        }
    }

    /// Adds what a proxy wants to know, which is nobody else's business.
    fn authorize(&self, head: &mut String, key: &Key) {
        let proxy = self.shared.proxies.between(key.tls, &key.host, key.port);
        if let Some(text) = proxy.and_then(|it| it.authorization.as_ref()) {
            head.truncate(head.len() - 2);
            head.push_str(&format!("Proxy-Authorization: {text}\r\n\r\n"));
        }
    }
}

/// Who was found where a request went.
type At = Cell<Option<SocketAddr>>;

fn sent_headers(shared: &Shared, request: &Request) -> Vec<(String, String)> {
    head::sent(request, &shared.user_agent)
}

fn sent_body(request: &Request) -> Vec<u8> {
    request.plain_body.as_ref().unwrap_or(&request.body).clone()
}

/// Decompresses the body. One that cannot be is no answer, as in k6.
fn unpack(response: &mut Response) {
    let encoding = response
        .headers
        .iter()
        .find(|it| it.0 == "Content-Encoding");
    let Some(encoding) = encoding
        .map(|it| it.1.clone())
        .filter(|_| !response.body.is_empty())
    else {
        return;
    };
    match body::decompress(std::mem::take(&mut response.body), &encoding) {
        Ok(plain) => response.body = plain,
        Err(err) => {
            response.status = 0;
            response.is_heard = false;
            response.status_text.clear();
            response.proto = "";
            response.error_code = err.code;
            response.error = err.text;
        }
    }
}

/// Tells the next server where it was named, but not in clear text what was read in secret. What the
/// script says itself stands.
fn refer(request: &mut Request, next: &Url) {
    if request.headers.iter().any(|it| it.0 == "Referer") && !request.refers {
        return;
    }
    request.headers.retain(|it| it.0 != "Referer");
    request.refers = true;
    if request.url.scheme() == "https" && next.scheme() == "http" {
        return;
    }
    let last = match &request.address {
        Some(address) => address.anonymous(),
        None => {
            let mut last = request.url.clone();
            let _ = last.set_username("");
            let _ = last.set_password(None);
            last.to_string()
        }
    };
    request.headers.push(("Referer".to_owned(), last));
}

fn redirect(request: &Request, response: &Response) -> Option<Url> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers.iter().find(|it| it.0 == "Location")?;
    if location.1.is_empty() {
        return None;
    }
    request.url.join(&location.1).ok()
}

fn failed(method: &str, url: &str, error: HttpError) -> Box<Response> {
    Box::new(Response {
        url: url.to_owned(),
        method: method.to_owned(),
        error: error.text,
        error_code: error.code,
        ..Response::default()
    })
}

fn finished(request: &Request, answer: Answer, timings: Timings) -> Response {
    Response {
        url: request.shown(),
        method: request.method.clone(),
        status: answer.status,
        is_heard: true,
        status_text: format!("{} {}", answer.status, answer.reason)
            .trim_end()
            .to_owned(),
        proto: answer.proto,
        headers: answer.headers,
        body: answer.body,
        body_kind: request.body_kind,
        timings,
        error_code: if answer.status >= 400 {
            1000 + answer.status
        } else {
            0
        },
        ..Response::default()
    }
}
