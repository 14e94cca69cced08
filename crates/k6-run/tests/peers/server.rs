//! The server that both engines are run against: one thread a connection, on loopback.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::{Map, Value, json};

use super::sockets;

/// Starts the server and returns its address.
pub(crate) fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = serve(&stream);
            });
        }
    });
    address
}

#[expect(clippy::too_many_lines, reason = "a table of paths and answers")]
fn serve(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, target) = (
            words.next().unwrap_or("").to_owned(),
            words.next().unwrap_or("/").to_owned(),
        );
        let mut headers = Map::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            let name = name.to_lowercase();
            if name == "content-length" {
                length = value.trim().parse().unwrap_or(0);
            }
            headers.insert(name, Value::from(value.trim()));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let number = || {
            parts
                .get(1)
                .and_then(|it| it.parse::<u64>().ok())
                .unwrap_or(0)
        };
        if parts[0] == "ws" && headers.contains_key("sec-websocket-key") {
            return sockets::serve(stream, &mut reader, &parts, &headers);
        }
        let echo =
            json!({"method": method, "target": target, "headers": headers, "body": String::from_utf8_lossy(&body)})
                .to_string();
        let mut extra = format!("X-Method: {method}\r\n");
        let mut status = 200;
        let mut content = match parts[0] {
            "status" => {
                status = number();
                if status == 301 {
                    extra.push_str("Location: /echo\r\n");
                }
                Vec::new()
            }
            "redirect" => {
                if number() > 0 {
                    status = 302;
                    extra.push_str(&format!("Location: /redirect/{}\r\n", number() - 1));
                }
                b"end".to_vec()
            }
            "redirect-to" => {
                status = number();
                let target = if query.is_empty() { "/echo" } else { query };
                extra.push_str(&format!("Location: {target}\r\n"));
                Vec::new()
            }
            "loop" => {
                status = 302;
                extra.push_str("Location: /loop\r\n");
                Vec::new()
            }
            "basic" if !headers.contains_key("authorization") => {
                status = 401;
                extra.push_str("WWW-Authenticate: Basic realm=\"shop\"\r\n");
                Vec::new()
            }
            "digest" => {
                let given = headers.get("authorization").and_then(Value::as_str);
                status = if is_allowed(given.unwrap_or_default(), &method) { 200 } else { 401 };
                if !given.is_some_and(|it| it.starts_with("Digest")) {
                    extra.push_str("WWW-Authenticate: Digest realm=\"shop\", nonce=\"n1\", qop=\"auth\", opaque=\"o1\", algorithm=MD5\r\n");
                }
                Vec::new()
            }
            "bytes" => (0..=255).cycle().take(usize::try_from(number()).unwrap_or(0)).collect(),
            "odd" | "bare" | "short" | "garbage" | "length" | "chunks" | "gzipped" | "old" | "early" => {
                stream.write_all(match parts[0] {
                    "odd" => b"HTTP/1.1 299 Odd Reason\r\nContent-Length: 2\r\n\r\nok",
                    "bare" => b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
                    "short" => b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                    "garbage" => b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
                    "length" => b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
                    "chunks" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                    "gzipped" => b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
                    "early" => b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                    _ => &b"HTTP/1.0 200 OK\r\n\r\nold"[..],
                })?;
                return Ok(());
            }
            "cookies" => {
                let query = query.replace("%20", " ");
                extra.push_str(&format!("Set-Cookie: {query}; Path=/\r\n"));
                Vec::new()
            }
            "headers" => {
                extra.push_str("X-Multi: 1\r\nX-Multi: 2\r\nx-lower-case: yes\r\n");
                echo.into_bytes()
            }
            "slow" => {
                thread::sleep(Duration::from_millis(number()));
                b"slow".to_vec()
            }
            "gzip" => {
                extra.push_str("Content-Encoding: gzip\r\n");
                // "zipped", as gzip writes it.
                vec![
                    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 202, 44, 40, 72, 77, 1, 0, 87, 104, 194,
                    226, 6, 0, 0, 0,
                ]
            }
            // "zipped", as each of them writes it.
            "compressed" => {
                let kind = parts.get(1).copied().unwrap_or_default();
                extra.push_str(&format!("Content-Encoding: {kind}\r\n"));
                match kind {
                    "gzip" => vec![
                        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 202, 44, 40, 72, 77, 1, 0, 87, 104,
                        194, 226, 6, 0, 0, 0,
                    ],
                    "deflate" => vec![120, 156, 171, 202, 44, 40, 72, 77, 1, 0, 9, 45, 2, 141],
                    "br" => vec![139, 2, 128, 122, 105, 112, 112, 101, 100, 3],
                    "zstd" => vec![
                        40, 181, 47, 253, 4, 56, 49, 0, 0, 122, 105, 112, 112, 101, 100, 26, 228,
                        122, 251,
                    ],
                    _ => b"zipped".to_vec(),
                }
            }
            "people" => br#"{"list":[{"name":"one","n":1},{"name":"two","n":2},{"name":"tri","n":3.5}],"o":{"k.v":1,"b":true,"z":null,"s":"x"},"e":[],"a":1}"#.to_vec(),
            "json" => br#"{"a":1,"list":[{"name":"one"},{"name":"two"}]}"#.to_vec(),
            "text" => b"hello".to_vec(),
            // What was sent, so that a script has its page.
            "page" => body.clone(),
            "chunked" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")?;
                continue;
            }
            "close" => return Ok(()),
            _ => echo.into_bytes(),
        };
        if method == "HEAD" || status == 204 {
            content.clear();
        }
        let reason = match status {
            200 => "OK",
            204 => "No Content",
            301 => "Moved Permanently",
            302 => "Found",
            401 => "Unauthorized",
            404 => "Not Found",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "Status",
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\n{extra}Content-Length: {}\r\n\r\n",
            content.len()
        );
        stream.write_all(&[head.as_bytes(), &content].concat())?;
    }
}

/// Returns whether a header answers the challenge of the server for `user` and `secret`.
fn is_allowed(header: &str, method: &str) -> bool {
    let Some(fields) = header.strip_prefix("Digest ") else {
        return false;
    };
    let field = |name: &str| -> String {
        let pairs = fields.split(", ").filter_map(|it| it.split_once('='));
        let found = pairs.filter(|it| it.0 == name).map(|it| it.1).next();
        found.unwrap_or_default().trim_matches('"').to_owned()
    };
    let hash = |text: String| -> String {
        use md5::Digest as _;
        let bytes = md5::Md5::digest(text.as_bytes());
        bytes
            .iter()
            .fold(String::new(), |all, it| all + &format!("{it:02x}"))
    };
    let secret = hash("user:shop:secret".to_owned());
    let what = hash(format!("{method}:{}", field("uri")));
    let wanted = format!(
        "{secret}:n1:{}:{}:auth:{what}",
        field("nc"),
        field("cnonce")
    );
    field("response") == hash(wanted)
}
