//! The HTTP client of a virtual user: connections, redirects, cookies.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use base64::Engine as _;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{
    BodyKind, HttpError, Jar, Pool, Request, Response, Timings, Tls, body,
    exchange::{Answer, exchange},
    millis,
    pool::{Connection, Key},
    stream::Stream,
};

/// What all clients of a run share.
pub struct Shared {
    /// Whom to trust.
    pub tls: Tls,
    /// What stands in `User-Agent`.
    pub user_agent: String,
    /// Whether every request gets a connection of its own.
    pub no_reuse: bool,
    /// Names that lead elsewhere.
    pub hosts: BTreeMap<String, String>,
    /// Names that are not called: `*.example.org` or whole.
    pub blocked: Vec<String>,
    /// Addresses that have been looked up.
    pub resolved: Mutex<HashMap<String, Vec<IpAddr>>>,
}

/// The HTTP client of a virtual user.
pub struct Client {
    shared: Arc<Shared>,
    pool: RefCell<Pool>,
    /// Bytes written since they were last asked for.
    pub sent: Cell<u64>,
    /// Bytes read since they were last asked for.
    pub received: Cell<u64>,
}

/// What is told of every request that was made, redirects included.
pub type Hop<'a> = &'a dyn Fn(&Response);

impl Client {
    /// Returns a client without connections.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            pool: RefCell::default(),
            sent: Cell::new(0),
            received: Cell::new(0),
        }
    }

    /// Closes all idle connections.
    pub fn disconnect(&self) {
        self.pool.borrow_mut().clear();
    }

    /// Makes a request and follows its redirects, within its time.
    pub async fn fetch(
        &self,
        request: Request,
        jar: Option<Rc<RefCell<Jar>>>,
        told: Hop<'_>,
    ) -> Response {
        let began = Cell::new(Instant::now());
        let at = RefCell::new((request.method.clone(), request.url.clone()));
        let timeout = request.timeout;
        let work = self.follow(request, jar.as_deref(), told, &began, &at);
        if let Ok(response) = tokio::time::timeout(timeout, work).await {
            response
        } else {
            let (method, url) = at.into_inner();
            let mut response = failed(&method, &url, HttpError::timeout());
            response.timings.waiting = millis(began.get(), Instant::now());
            told(&response);
            response
        }
    }

    async fn follow(
        &self,
        mut request: Request,
        jar: Option<&RefCell<Jar>>,
        told: Hop<'_>,
        began: &Cell<Instant>,
        at: &RefCell<(String, Url)>,
    ) -> Response {
        let mut left = request.redirects;
        let mut challenged = false;
        loop {
            began.set(Instant::now());
            let mut response = self.once(&request, jar).await;
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
                    offered.and_then(|it| super::digest::answer(&it.1, user, password, &request));
                if let Some(answer) = answer {
                    told(&response);
                    request.headers.push(("Authorization".to_owned(), answer));
                    continue;
                }
            }
            unpack(&mut response);
            told(&response);
            let target = if left > 0 {
                redirect(&request, &response)
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
                request.headers.retain(|it| !it.0.starts_with("Content-"));
            }
            if url.host_str() != request.url.host_str() {
                request
                    .headers
                    .retain(|it| it.0 != "Authorization" && it.0 != "Host");
                request.basic = None;
            }
            request.cookies.clear();
            *at.borrow_mut() = (request.method.clone(), url.clone());
            request.url = url;
        }
    }

    async fn once(&self, request: &Request, jar: Option<&RefCell<Jar>>) -> Response {
        let key = match key_of(&request.url) {
            Ok(key) => key,
            Err(err) => return failed(&request.method, &request.url, err),
        };
        let cookies = cookies(request, jar);
        let head = self.head(request, &cookies);
        let began = Instant::now();
        let mut fresh_only = self.shared.no_reuse;
        loop {
            let mut timings = Timings::default();
            let idle = if fresh_only {
                None
            } else {
                self.pool.borrow_mut().take(&key)
            };
            let mut connection = match idle {
                Some(connection) => connection,
                None => match self.connect(key.clone(), &mut timings).await {
                    Ok(connection) => connection,
                    Err(err) => {
                        let mut response = failed(&request.method, &request.url, err);
                        response.timings = timings;
                        response.sent_headers = sent(request, &self.shared.user_agent);
                        response.sent_cookies = cookies;
                        response.sent_body.clone_from(&request.body);
                        return response;
                    }
                },
            };
            timings.blocked = millis(began, Instant::now());
            let keep = request.body_kind != BodyKind::None;
            let is_head = request.method == "HEAD";
            let done = exchange(
                &mut connection,
                head.as_bytes(),
                &request.body,
                is_head,
                keep,
                &mut timings,
            )
            .await;
            match done {
                Ok(answer) => {
                    self.sent.set(self.sent.get() + answer.sent);
                    self.received.set(self.received.get() + answer.received);
                    if let Some(jar) = jar {
                        let mut jar = jar.borrow_mut();
                        for header in answer.headers.iter().filter(|it| it.0 == "Set-Cookie") {
                            jar.store(&request.url, &header.1);
                        }
                    }
                    let (tls_version, tls_cipher) = connection.stream.tls();
                    let remote = connection.stream.peer();
                    if answer.keep_alive && !self.shared.no_reuse {
                        self.pool.borrow_mut().put(connection);
                    }
                    let mut response = finished(request, answer, timings);
                    response.tls_version = tls_version;
                    response.tls_cipher = tls_cipher;
                    response.remote = remote;
                    response.sent_headers = sent(request, &self.shared.user_agent);
                    response.sent_cookies = cookies;
                    response.sent_body.clone_from(&request.body);
                    return response;
                }
                // The server closed an idle connection while we took it: another try is no second request.
                Err(broken) if broken.untouched && connection.reused => fresh_only = true,
                Err(broken) => {
                    self.sent.set(self.sent.get() + head.len() as u64);
                    let mut response = failed(&request.method, &request.url, broken.error);
                    response.timings = timings;
                    response.remote = connection.stream.peer();
                    response.sent_headers = sent(request, &self.shared.user_agent);
                    response.sent_cookies = cookies;
                    response.sent_body.clone_from(&request.body);
                    return response;
                }
            }
        }
    }

    fn head(&self, request: &Request, cookies: &[(String, String)]) -> String {
        let mut head = String::with_capacity(256);
        let url = &request.url;
        let given = |name: &str| {
            request
                .headers
                .iter()
                .find(|it| it.0 == name)
                .map(|it| it.1.as_str())
        };
        head.push_str(&request.method);
        head.push(' ');
        head.push_str(if url.path().is_empty() {
            "/"
        } else {
            url.path()
        });
        if let Some(query) = url.query() {
            head.push('?');
            head.push_str(query);
        }
        head.push_str(" HTTP/1.1\r\nHost: ");
        match (given("Host"), url.port()) {
            (Some(host), _) => head.push_str(host),
            (None, Some(port)) => {
                let _ = write!(head, "{}:{port}", url.host_str().unwrap_or_default());
            }
            (None, None) => head.push_str(url.host_str().unwrap_or_default()),
        }
        head.push_str("\r\nUser-Agent: ");
        head.push_str(given("User-Agent").unwrap_or(&self.shared.user_agent));
        let has_body =
            !request.body.is_empty() || matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
        if has_body {
            let _ = write!(head, "\r\nContent-Length: {}", request.body.len());
        }
        if let Some((user, password)) = &request.basic {
            let text =
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            let _ = write!(head, "\r\nAuthorization: Basic {text}");
        }
        for (name, value) in &request.headers {
            if matches!(name.as_str(), "Host" | "User-Agent" | "Content-Length") {
                continue;
            }
            head.push_str("\r\n");
            head.push_str(name);
            head.push_str(": ");
            // A line break in a value would begin another header.
            head.extend(value.chars().filter(|it| *it != '\r' && *it != '\n'));
        }
        for (place, (name, value)) in cookies.iter().enumerate() {
            head.push_str(if place == 0 { "\r\nCookie: " } else { "; " });
            head.extend(
                format_args!("{name}={value}")
                    .to_string()
                    .chars()
                    .filter(|it| !it.is_control()),
            );
        }
        if self.shared.no_reuse {
            head.push_str("\r\nConnection: close");
        }
        head.push_str("\r\n\r\n");
        head
    }

    async fn connect(&self, key: Key, timings: &mut Timings) -> Result<Connection, HttpError> {
        let addresses = self.resolve(&key).await?;
        let began = Instant::now();
        let mut last = HttpError::new(1101, format!("lookup {}: no such host", key.host));
        let mut tcp = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    tcp = Some(stream);
                    break;
                }
                Err(err) => last = HttpError::of_connect(&err),
            }
        }
        let tcp = tcp.ok_or(last)?;
        let _ = tcp.set_nodelay(true);
        let connected = Instant::now();
        timings.connecting = millis(began, connected);
        let stream = if key.tls {
            let name = ServerName::try_from(key.host.trim_matches(['[', ']']).to_owned())
                .map_err(|err| HttpError::new(1300, err.to_string()))?;
            let connector = TlsConnector::from(Arc::clone(&self.shared.tls));
            let tls = connector
                .connect(name, tcp)
                .await
                .map_err(|err| tls_error(&err))?;
            timings.tls = millis(connected, Instant::now());
            Stream::Tls(Box::new(tls))
        } else {
            Stream::Plain(tcp)
        };
        Ok(Connection {
            key,
            stream,
            buffer: Vec::new(),
            reused: false,
        })
    }

    async fn resolve(&self, key: &Key) -> Result<Vec<SocketAddr>, HttpError> {
        let host = key.host.trim_matches(['[', ']']);
        if self.shared.blocked.iter().any(|it| blocks(it, host)) {
            return Err(HttpError::new(
                1111,
                format!("hostname ({host}) is in a blocked pattern"),
            ));
        }
        let with_port = format!("{host}:{}", key.port);
        let elsewhere = if self.shared.hosts.is_empty() {
            None
        } else {
            self.shared
                .hosts
                .get(&with_port)
                .or_else(|| self.shared.hosts.get(host))
        };
        let (host, port) = match elsewhere {
            Some(target) => match target.parse::<SocketAddr>() {
                Ok(address) => return Ok(vec![address]),
                Err(_) => (target.as_str(), key.port),
            },
            None => (host, key.port),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let known = || {
            self.shared
                .resolved
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let cached = known().get(host).cloned();
        let addresses = if let Some(addresses) = cached {
            addresses
        } else {
            let found = tokio::net::lookup_host((host, port))
                .await
                .map_err(|_| HttpError::new(1101, format!("lookup {host}: no such host")))?;
            let mut addresses: Vec<IpAddr> = found.map(|it| it.ip()).collect();
            // IPv4 first, as k6 does.
            addresses.sort_by_key(IpAddr::is_ipv6);
            known().insert(host.to_owned(), addresses.clone());
            addresses
        };
        Ok(addresses
            .into_iter()
            .map(|it| SocketAddr::new(it, port))
            .collect())
    }
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
            response.proto = "";
            response.error_code = err.code;
            response.error = err.text;
        }
    }
}

fn blocks(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(rest) => host.ends_with(rest),
        None => host == pattern,
    }
}

fn tls_error(err: &std::io::Error) -> HttpError {
    let inner = err
        .get_ref()
        .and_then(|it| it.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            HttpError::new(1310, "x509: unknown certificate authority")
        }
        Some(rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName
            | rustls::CertificateError::NotValidForNameContext { .. },
        )) => HttpError::new(1311, "x509: certificate doesn't match hostname"),
        Some(other) => HttpError::new(1300, format!("tls: {other}")),
        None => HttpError::of_io("tls", err),
    }
}

fn key_of(url: &Url) -> Result<Key, HttpError> {
    let tls = match url.scheme() {
        "http" => false,
        "https" => true,
        other => {
            return Err(HttpError::new(
                1020,
                format!("unsupported protocol scheme \"{other}\""),
            ));
        }
    };
    let host = url.host_str().filter(|it| !it.is_empty());
    Ok(Key {
        tls,
        host: host
            .ok_or_else(|| HttpError::new(1020, "no host in the address"))?
            .to_owned(),
        port: url.port().unwrap_or(if tls { 443 } else { 80 }),
    })
}

fn cookies(request: &Request, jar: Option<&RefCell<Jar>>) -> Vec<(String, String)> {
    let mut cookies: Vec<(String, String)> = request
        .cookies
        .iter()
        .map(|it| (it.0.clone(), it.1.clone()))
        .collect();
    if let Some(jar) = jar {
        for (name, value) in jar.borrow().matching(&request.url) {
            if !request.cookies.iter().any(|it| it.0 == name && it.2) {
                cookies.push((name, value));
            }
        }
    }
    cookies
}

fn sent(request: &Request, user_agent: &str) -> Vec<(String, String)> {
    let mut headers = request.headers.clone();
    if !headers.iter().any(|it| it.0 == "User-Agent") {
        headers.push(("User-Agent".to_owned(), user_agent.to_owned()));
    }
    headers
}

fn redirect(request: &Request, response: &Response) -> Option<Url> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers.iter().find(|it| it.0 == "Location")?;
    request.url.join(&location.1).ok()
}

fn failed(method: &str, url: &Url, error: HttpError) -> Response {
    Response {
        url: url.to_string(),
        method: method.to_owned(),
        error: error.text,
        error_code: error.code,
        ..Response::default()
    }
}

fn finished(request: &Request, answer: Answer, timings: Timings) -> Response {
    Response {
        url: request.url.to_string(),
        method: request.method.clone(),
        status: answer.status,
        status_text: format!("{} {}", answer.status, answer.reason),
        proto: if answer.http10 {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        },
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
