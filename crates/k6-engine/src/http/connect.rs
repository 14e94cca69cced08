//! The way to a server: names, addresses, proxies, TLS.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError},
    time::Instant,
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::{
    HttpError, Shared, Timings, millis,
    pool::Key,
    proxy::Proxy,
    stream::{Stream, Tcp, Traffic},
};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Requests, in HTTP/2 where the server has it.
    Requests,
    /// A `WebSocket`: HTTP/1.1, and past proxies unread.
    Socket,
}

/// Opens a connection. Returns it with whether a proxy on it reads requests itself.
pub(super) async fn connect(
    shared: &Shared,
    key: &Key,
    purpose: Purpose,
    traffic: &Traffic,
    timings: &mut Timings,
) -> Result<(Stream, bool), HttpError> {
    let proxy = shared.proxies.between(key.tls, &key.host, key.port);
    let (host, port) = match proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (key.host.as_str(), key.port),
    };
    if proxy.is_some() {
        refuse_blocked(shared, key.host.trim_matches(['[', ']']))?;
    }
    let addresses = resolve(shared, host, port).await?;
    let began = Instant::now();
    let mut last = HttpError::new(1101, "lookup: no such host");
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
    let mut tcp = Tcp::new(tcp, traffic.clone());
    if !key.tls && purpose == Purpose::Requests {
        return Ok((Stream::Plain(tcp), proxy.is_some()));
    }
    if let Some(proxy) = proxy {
        tunnel(&mut tcp, proxy, key).await?;
    }
    if !key.tls {
        return Ok((Stream::Plain(tcp), false));
    }
    let began = Instant::now();
    let name = ServerName::try_from(key.host.trim_matches(['[', ']']).to_owned())
        .map_err(|err| HttpError::new(1300, err.to_string()))?;
    let config = match purpose {
        Purpose::Requests => &shared.tls.0,
        Purpose::Socket => shared.tls.one(),
    };
    let tls = TlsConnector::from(Arc::clone(config))
        .connect(name, tcp)
        .await
        .map_err(|err| tls_error(&err))?;
    timings.tls = millis(began, Instant::now());
    Ok((Stream::Tls(Box::new(tls)), false))
}

/// Asks a proxy to pass bytes on unread.
async fn tunnel(tcp: &mut Tcp, proxy: &Proxy, key: &Key) -> Result<(), HttpError> {
    let target = format!("{}:{}", key.host, key.port);
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(text) = &proxy.authorization {
        head.push_str(&format!("Proxy-Authorization: {text}\r\n"));
    }
    head.push_str("\r\n");
    let failed = |verb: &str, err: &std::io::Error| HttpError::of_io(verb, err);
    tcp.write_all(head.as_bytes())
        .await
        .map_err(|err| failed("write", &err))?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        // Byte by byte, so that nothing of what comes through the tunnel is taken.
        let byte = tcp.read_u8().await.map_err(|err| failed("read", &err))?;
        answer.push(byte);
        if answer.len() > 65_536 {
            return Err(HttpError::malformed("the proxy's answer is too long"));
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default().to_owned();
    let status = line.split_whitespace().nth(1).unwrap_or_default();
    if status == "200" {
        return Ok(());
    }
    let words = line.splitn(3, ' ').nth(2).unwrap_or("no answer of HTTP");
    Err(HttpError::new(1000, words))
}

fn refuse_blocked(shared: &Shared, host: &str) -> Result<(), HttpError> {
    if shared.blocked.iter().any(|it| blocks(it, host)) {
        return Err(HttpError::new(
            1111,
            format!("hostname ({host}) is in a blocked pattern"),
        ));
    }
    Ok(())
}

fn blocks(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(rest) => host.ends_with(rest),
        None => host == pattern,
    }
}

async fn resolve(shared: &Shared, host: &str, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
    let host = host.trim_matches(['[', ']']);
    refuse_blocked(shared, host)?;
    let addresses = look_up(shared, host, port).await?;
    let is_refused = |address: &SocketAddr| {
        let mut ranges = shared.blocked_ranges.iter();
        ranges.any(|it| it.contains(address.ip()))
    };
    if addresses.iter().any(is_refused) {
        return Err(HttpError::new(1110, "ip is blacklisted"));
    }
    Ok(addresses)
}

async fn look_up(shared: &Shared, host: &str, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
    let elsewhere = if shared.hosts.is_empty() {
        None
    } else {
        renamed(shared, host, port)
    };
    let (host, port) = match elsewhere {
        Some(target) => match target.parse::<SocketAddr>() {
            Ok(address) => return Ok(vec![address]),
            Err(_) => (target, port),
        },
        None => (host, port),
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let known = || {
        shared
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
            .map_err(|_| HttpError::new(1101, "lookup: no such host"))?;
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

/// Returns what the option `hosts` has for a name: with its port, without, or by a pattern `*.a.test`.
fn renamed<'a>(shared: &'a Shared, host: &str, port: u16) -> Option<&'a str> {
    let with_port = format!("{host}:{port}");
    let whole = shared
        .hosts
        .get(&with_port)
        .or_else(|| shared.hosts.get(host));
    if let Some(target) = whole {
        return Some(target);
    }
    let matches = |pattern: &str| {
        pattern
            .strip_prefix('*')
            .is_some_and(|rest| host.ends_with(rest) || with_port.ends_with(rest))
    };
    let found = shared.hosts.iter().filter(|it| matches(it.0));
    found.max_by_key(|it| it.0.len()).map(|it| it.1.as_str())
}

fn tls_error(err: &std::io::Error) -> HttpError {
    let inner = err
        .get_ref()
        .and_then(|it| it.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            HttpError::new(1310, "x509: unknown authority")
        }
        Some(rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName
            | rustls::CertificateError::NotValidForNameContext { .. },
        )) => HttpError::new(1311, "x509: certificate doesn't match hostname"),
        Some(other) => HttpError::new(1300, format!("tls: {other}")),
        None => HttpError::of_io("tls", err),
    }
}

/// Returns whom a request goes to.
pub(super) fn key_of(url: &Url) -> Result<Key, HttpError> {
    let tls = match url.scheme() {
        "http" | "ws" => false,
        "https" | "wss" => true,
        other => {
            return Err(HttpError::new(
                1000,
                format!("unsupported protocol scheme \"{other}\""),
            ));
        }
    };
    let host = url.host_str().filter(|it| !it.is_empty());
    Ok(Key {
        tls,
        host: host
            .ok_or_else(|| HttpError::new(1000, "http: no Host in request URL"))?
            .to_owned(),
        port: url.port().unwrap_or(if tls { 443 } else { 80 }),
    })
}
