//! Addresses as k6 reads them: by the rules of Go's `net/url`, which sends a path as it stands.
//!
//! The rules of browsers, by which the crate `url` works, would take `..` out of a path and write a
//! query anew. A server that is asked for something else measures something else.

use std::borrow::Cow;

use url::{ParseError, Url};

use super::HttpError;

/// An address that a script asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where the server is, and who asks. Its path, by which cookies and redirects go, is not written as
    /// the one that is sent.
    pub url: Url,
    /// The address as it is shown.
    pub shown: String,
    /// The path and the query as they are sent.
    pub target: String,
    /// Why nothing can be sent to it.
    pub fault: Option<HttpError>,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// Fails on what is none, in the words of k6.
    pub fn parse(text: &str) -> Result<Self, String> {
        read(text).map_err(|err| format!("parse {text:?}: {err}"))
    }

    /// Returns the address as it stands in tags: without who asks.
    pub fn masked(&self) -> String {
        masked(&self.shown).into_owned()
    }

    /// Returns the address without who asks.
    pub fn anonymous(&self) -> String {
        with_user(&self.shown, "").into_owned()
    }
}

/// Returns an address with stars in place of a name and a password.
pub(crate) fn masked(address: &str) -> Cow<'_, str> {
    with_user(address, "****:****@")
}

fn with_user<'a>(address: &'a str, user: &str) -> Cow<'a, str> {
    let Some((scheme, rest)) = address.split_once("://") else {
        return Cow::Borrowed(address);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => Cow::Owned(format!("{scheme}://{user}{}", &rest[at + 1..])),
        None => Cow::Borrowed(address),
    }
}

/// Returns an address that nothing can be sent to, with the reason.
fn faulty(shown: String, fault: HttpError) -> Result<Address, String> {
    // A place that is never asked for.
    let url = Url::parse("http://invalid./").map_err(|err| err.to_string())?;
    Ok(Address {
        url,
        shown,
        target: "/".to_owned(),
        fault: Some(fault),
    })
}

fn read(text: &str) -> Result<Address, String> {
    if text.bytes().any(|it| it < b' ' || it == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let (rest, fragment) = match text.split_once('#') {
        Some((rest, fragment)) => (rest, format!("#{fragment}")),
        None => (text, String::new()),
    };
    let (scheme, rest) = scheme(rest)?;
    let scheme = scheme.to_ascii_lowercase();
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (rest, String::new()),
    };
    if scheme.is_empty() {
        let first = path.split('/').next().unwrap_or_default();
        if first.contains(':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    if scheme != "http" && scheme != "https" {
        let fault = format!("unsupported protocol scheme \"{scheme}\"");
        return faulty(text.to_owned(), HttpError::new(1000, fault));
    }
    let Some(behind) = path.strip_prefix("//") else {
        let fault = HttpError::new(1000, "http: no Host in request URL");
        return faulty(text.to_owned(), fault);
    };
    let end = behind.find('/').unwrap_or(behind.len());
    let (authority, path) = behind.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |it| it.1);
    let port = check_host(host)?;
    let path = escaped_path(path)?;
    let shown = format!("{scheme}://{authority}{path}{query}{fragment}");
    if host.is_empty() {
        let fault = HttpError::new(1000, "http: no Host in request URL");
        return faulty(shown, fault);
    }
    let url = match Url::parse(&shown) {
        Ok(url) => url,
        Err(ParseError::InvalidPort) => {
            let text = format!("dial tcp: address {port}: invalid port");
            return faulty(shown, HttpError::new(1210, text));
        }
        Err(err) => return Err(err.to_string()),
    };
    let begin = if path.is_empty() { "/" } else { "" };
    Ok(Address {
        url,
        shown,
        target: format!("{begin}{path}{query}"),
        fault: None,
    })
}

/// Cuts the scheme off, where there is one.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, letter) in text.char_indices() {
        match letter {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at > 0 => return Ok((&text[..at], &text[at + 1..])),
            ':' => return Err("missing protocol scheme".to_owned()),
            _ => break,
        }
    }
    Ok(("", text))
}

/// Refuses what is no host, and returns its port.
fn check_host(host: &str) -> Result<&str, String> {
    let (name, rest) = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        host.split_at(end + 1)
    } else {
        host.split_at(host.rfind(':').unwrap_or(host.len()))
    };
    let port = match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|it| it.is_ascii_digit()) => port,
        None if rest.is_empty() => "",
        _ => return Err(format!("invalid port {rest:?} after host")),
    };
    let is_wrong = |it: &char| {
        matches!(
            it,
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'
        )
    };
    if let Some(wrong) = name.chars().find(is_wrong) {
        return Err(format!(
            "invalid character {:?} in host name",
            wrong.to_string()
        ));
    }
    Ok(port)
}

/// Returns a path as it is sent: as it stands where it can stand so, else escaped anew.
fn escaped_path(path: &str) -> Result<String, String> {
    let mut plain = Vec::with_capacity(path.len());
    let bytes = path.as_bytes();
    let (mut at, mut can_stand) = (0, true);
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digits = bytes.get(at + 1..at + 3);
            let digits = digits.and_then(|it| std::str::from_utf8(it).ok());
            let value = digits
                .filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))
                .and_then(|it| u8::from_str_radix(it, 16).ok());
            let Some(value) = value else {
                let end = (at + 3).min(bytes.len());
                let wrong = String::from_utf8_lossy(&bytes[at..end]);
                return Err(format!("invalid URL escape {wrong:?}"));
            };
            plain.push(value);
            at += 3;
            continue;
        }
        can_stand &= is_plain(byte) || b"!'()*[]".contains(&byte);
        plain.push(byte);
        at += 1;
    }
    if can_stand {
        return Ok(path.to_owned());
    }
    let mut escaped = String::with_capacity(path.len() + 16);
    for byte in plain {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(escaped)
}

/// Returns whether a path has this byte as it is.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> String {
        Address::parse(text).unwrap().target
    }

    #[test]
    fn a_path_is_sent_as_it_stands_where_it_can() {
        for (text, wanted) in [
            ("http://a", "/"),
            ("http://a?q", "/?q"),
            ("http://a/x/../y/./z//", "/x/../y/./z//"),
            ("http://a/%7ex/!$&'()*+,;=:@[]~", "/%7ex/!$&'()*+,;=:@[]~"),
            ("http://a/%7ex/|{}^`<>\\", "/~x/%7C%7B%7D%5E%60%3C%3E%5C"),
            ("http://a/b c?d e=\u{e9}#f", "/b%20c?d e=\u{e9}"),
            ("http://a/x?", "/x?"),
            ("http://a/x?q=%zz", "/x?q=%zz"),
        ] {
            assert_eq!(target(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_in_the_words_of_k6() {
        for (text, wanted) in [
            ("://bad", "missing protocol scheme"),
            ("http://a/%zz", "invalid URL escape \"%zz\""),
            ("http://a/%4", "invalid URL escape \"%4\""),
            ("http://a b/", "invalid character \" \" in host name"),
            ("http://a:x/", "invalid port \":x\" after host"),
            ("http://[::1", "missing ']' in host"),
            ("http://a/\n", "net/url: invalid control character in URL"),
            ("1:2", "first path segment in URL cannot contain colon"),
        ] {
            let err = Address::parse(text).unwrap_err();
            assert_eq!(err, format!("parse {text:?}: {wanted}"));
        }
    }

    #[test]
    fn what_nothing_can_be_sent_to_is_an_address() {
        for (text, code, wanted) in [
            ("", 1000, "unsupported protocol scheme \"\""),
            ("example.org", 1000, "unsupported protocol scheme \"\""),
            ("ftp://a/", 1000, "unsupported protocol scheme \"ftp\""),
            ("http://", 1000, "http: no Host in request URL"),
            ("http:a", 1000, "http: no Host in request URL"),
            (
                "http://a:99999/",
                1210,
                "dial tcp: address 99999: invalid port",
            ),
        ] {
            let fault = Address::parse(text).unwrap().fault.unwrap();
            assert_eq!((fault.code, fault.text.as_str()), (code, wanted), "{text}");
        }
    }

    #[test]
    fn who_asks_is_shown_to_nobody() {
        let address = Address::parse("HTTP://u:p@a:80/x@y?z#w").unwrap();
        assert_eq!(address.shown, "http://u:p@a:80/x@y?z#w");
        assert_eq!(address.masked(), "http://****:****@a:80/x@y?z#w");
        assert_eq!(address.anonymous(), "http://a:80/x@y?z#w");
        assert_eq!(address.url.username(), "u");
    }
}
