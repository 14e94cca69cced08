//! The head of a request: what is sent beside the body, in HTTP/1.1's form and HTTP/2's.

use std::{cell::RefCell, fmt::Write as _};

use super::{Jar, Request};
use base64::Engine as _;

/// Returns the cookies that go with a request: its own, then those of the jar.
pub(super) fn cookies(request: &Request, jar: Option<&RefCell<Jar>>) -> Vec<(String, String)> {
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

/// Returns the headers as scripts see what was sent.
pub(super) fn sent(request: &Request, user_agent: &str) -> Vec<(String, String)> {
    let mut headers = request.headers.clone();
    if !headers.iter().any(|it| it.0 == "User-Agent") {
        headers.push(("User-Agent".to_owned(), user_agent.to_owned()));
    }
    headers
}

/// Returns `host:port` of a request, without the port where it is the usual one.
pub(super) fn authority(request: &Request) -> String {
    let given = request.headers.iter().find(|it| it.0 == "Host");
    if let Some((_, host)) = given {
        return clean(host);
    }
    let host = request.url.host_str().unwrap_or_default();
    match request.url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Returns the method as it is sent.
pub(super) fn method(request: &Request) -> &str {
    match request.method.as_str() {
        "" => "GET",
        method => method,
    }
}

/// Returns path and query.
pub(super) fn target(request: &Request) -> String {
    if let Some(address) = &request.address {
        return address.target.clone();
    }
    let url = &request.url;
    let path = match url.path() {
        "" => "/",
        path => path,
    };
    match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// Returns whether the length of a body is told, even of an empty one.
pub(super) fn tells_length(request: &Request) -> bool {
    !request.body.is_empty() || matches!(request.method.as_str(), "POST" | "PUT" | "PATCH")
}

/// Returns all headers but `Host`, names as the script wrote them.
pub(super) fn fields(
    request: &Request,
    user_agent: &str,
    cookies: &[(String, String)],
) -> Vec<(String, String)> {
    let mut fields = Vec::with_capacity(request.headers.len() + 4);
    let agent = request.headers.iter().find(|it| it.0 == "User-Agent");
    fields.push((
        "User-Agent".to_owned(),
        clean(agent.map_or(user_agent, |it| &it.1)),
    ));
    if tells_length(request) {
        fields.push(("Content-Length".to_owned(), request.body.len().to_string()));
    }
    if let Some((user, password)) = &request.basic {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        fields.push(("Authorization".to_owned(), format!("Basic {text}")));
    }
    for (name, value) in &request.headers {
        // What says how the body is sent is said by who sends it.
        if !matches!(
            name.as_str(),
            "Host" | "User-Agent" | "Content-Length" | "Transfer-Encoding" | "Trailer"
        ) {
            fields.push((name.clone(), clean(value)));
        }
    }
    if !cookies.is_empty() {
        // Behind those that the script wrote itself: there is one such header.
        let own = fields.iter().position(|it| it.0 == "Cookie");
        let mut line = own.map_or_else(String::new, |it| fields.remove(it).1);
        for (name, value) in cookies {
            let between = if line.is_empty() { "" } else { "; " };
            let _ = write!(line, "{between}{name}={value}");
        }
        line.retain(|it| !it.is_control());
        fields.push(("Cookie".to_owned(), line));
    }
    fields
}

/// Writes a request's head for HTTP/1.1. `whole` asks for the whole address, as proxies need it.
pub(super) fn text(request: &Request, fields: &[(String, String)], whole: bool) -> String {
    let mut head = String::with_capacity(256);
    let authority = authority(request);
    head.push_str(method(request));
    head.push(' ');
    if whole {
        let _ = write!(head, "{}://{authority}", request.url.scheme());
    }
    head.push_str(&target(request));
    let _ = write!(head, " HTTP/1.1\r\nHost: {authority}");
    for (name, value) in fields {
        let _ = write!(head, "\r\n{name}: {value}");
    }
    head.push_str("\r\n\r\n");
    head
}

/// Removes line breaks, behind which another header would begin.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|it| *it != '\r' && *it != '\n')
        .collect()
}

/// Undoes the escapes of an address.
pub(crate) fn unescaped(text: &str) -> String {
    url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
        .next()
        .map(|it| it.0.into_owned())
        .unwrap_or_default()
}
