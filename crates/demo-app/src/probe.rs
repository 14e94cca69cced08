//! Asking instead of answering: `demo-app --probe URL`, for images that hold no other program.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

/// How long connecting, sending and reading may take, each.
const LIMIT: Duration = Duration::from_secs(5);

/// Where to ask: plain HTTP, host, port and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    authority: String,
    path: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("http://")
            .ok_or("wants http://HOST:PORT/PATH")?;
        if rest.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
            return Err("has a character that an address cannot have".to_owned());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'))
            .map_or(authority, |(host, _)| host);
        if host.is_empty() || authority.contains('@') {
            return Err("wants http://HOST:PORT/PATH".to_owned());
        }
        let authority = if host == authority {
            format!("{authority}:80")
        } else {
            authority.to_owned()
        };
        Ok(Self {
            authority,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Asks once, and returns the status of the answer.
///
/// # Errors
/// When nobody answers in time, or what answers does not speak HTTP.
pub fn ask(target: &Target) -> io::Result<u16> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in target.authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, LIMIT) {
            Ok(stream) => return exchange(stream, target),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn exchange(mut stream: TcpStream, target: &Target) -> io::Result<u16> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        target.path, target.authority
    )?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    std::str::from_utf8(&head)
        .ok()
        .and_then(|head| {
            head.strip_prefix("HTTP/1.1 ")
                .or(head.strip_prefix("HTTP/1.0 "))
        })
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_and_the_path_have_defaults() {
        let shown = |text: &str| text.parse::<Target>().map(|target| target.to_string());
        assert_eq!(shown("http://shop"), Ok("http://shop:80/".to_owned()));
        assert_eq!(shown("http://[::1]/x"), Ok("http://[::1]:80/x".to_owned()));
        assert_eq!(shown("http://[::1]:8/"), Ok("http://[::1]:8/".to_owned()));
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for bad in [
            "https://shop/",
            "shop",
            "http://",
            "http://:80/",
            "http://me@shop/",
            "http://shop/a b",
            "http://shop/\r\nx: y",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }
}
