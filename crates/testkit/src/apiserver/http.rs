//! The wire: HTTP/1.1 on a thread for each connection.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Shared, answer};

/// Something that is read and written.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) accept: String,
    pub(super) authorization: String,
}

impl Request {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Answers the requests of one connection, one after the other.
pub(super) fn converse(shared: &Shared, stream: TcpStream, tls: Option<Arc<ServerConfig>>) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(600)));
    let stream: Box<dyn Stream> = match tls {
        Some(config) => {
            let Ok(connection) = ServerConnection::new(config) else {
                return;
            };
            Box::new(StreamOwned::new(connection, stream))
        }
        None => Box::new(stream),
    };
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        let delay = {
            let mut inner = shared.lock();
            let query: Vec<String> = request
                .query
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            let line = format!("{} {}?{}", request.method, request.path, query.join("&"));
            inner.requests.push(line);
            inner.delay
        };
        std::thread::sleep(delay);
        let mut reply = Reply {
            stream: stream.get_mut(),
            skew_s: shared.lock().skew_s,
        };
        if answer::answer(shared, &request, &mut reply).is_err() {
            return;
        }
    }
}

fn read(stream: &mut BufReader<Box<dyn Stream>>) -> Option<Request> {
    let mut line = String::new();
    if stream.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request {
        method,
        path: path.trim_end_matches('/').to_owned(),
        query: query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), decode(value))
            })
            .collect(),
        ..Request::default()
    };
    let mut length = 0_usize;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "accept" => value.trim().clone_into(&mut request.accept),
            "authorization" => value.trim().clone_into(&mut request.authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length.min(1 << 20)];
    stream.read_exact(&mut body).ok()?;
    Some(request)
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let hex = text
            .get(index + 1..index + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                index += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where an answer goes.
pub(super) struct Reply<'a> {
    stream: &'a mut Box<dyn Stream>,
    skew_s: i64,
}

impl Reply<'_> {
    fn head(&mut self, status: u16, more: &str) -> std::io::Result<()> {
        let head = format!(
            "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nDate: {}\r\n{more}\r\n",
            date(self.skew_s)
        );
        self.stream.write_all(head.as_bytes())
    }

    pub(super) fn whole(&mut self, status: u16, body: &str) -> std::io::Result<()> {
        self.head(status, &format!("Content-Length: {}\r\n", body.len()))?;
        self.stream.write_all(body.as_bytes())?;
        self.stream.flush()
    }

    pub(super) fn begin_chunks(&mut self) -> std::io::Result<()> {
        self.head(200, "Transfer-Encoding: chunked\r\n")?;
        self.stream.flush()
    }

    pub(super) fn chunk(&mut self, text: &str) -> std::io::Result<()> {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        self.stream.write_all(chunk.as_bytes())?;
        self.stream.flush()
    }

    pub(super) fn end_chunks(&mut self) -> std::io::Result<()> {
        self.stream.write_all(b"0\r\n\r\n")?;
        self.stream.flush()
    }
}

/// The date as HTTP writes it.
fn date(skew_s: i64) -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let seconds = i64::try_from(now.as_secs()).unwrap() + skew_s;
    let days = seconds.div_euclid(86_400);
    let rest = seconds.rem_euclid(86_400);
    // The civil date of a day number, by Howard Hinnant's algorithm.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let name = names[usize::try_from(days.rem_euclid(7)).unwrap()];
    let month = months[usize::try_from(month - 1).unwrap()];
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    format!("{name}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(decode("metadata.name%3Dweb+a%zz"), "metadata.name=web a%zz");
    }
}
