//! A Git hosting service on loopback: smart HTTP over the real `git http-backend`, with Basic
//! authentication, and refusals on demand.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::git;

/// A running server of every repository below one folder. It ends when this is dropped.
#[derive(Debug)]
pub struct GitHttp {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    /// The value of `Authorization` that is wanted.
    authorization: Option<String>,
    refusals: AtomicU32,
    requests: AtomicUsize,
    unauthorized: AtomicUsize,
    stop: AtomicBool,
}

impl GitHttp {
    /// Serves the repositories below `folder`; with `credentials`, only to that user and password.
    pub fn serve(folder: &Path, credentials: Option<(&str, &str)>) -> Self {
        Self::serve_at(("127.0.0.1", 0), folder, credentials)
    }

    /// Serves on an address of the caller's choice.
    pub fn serve_at(
        address: (&str, u16),
        folder: &Path,
        credentials: Option<(&str, &str)>,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            folder: folder.canonicalize().unwrap(),
            authorization: credentials.map(|(user, password)| {
                format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
            }),
            refusals: AtomicU32::new(0),
            requests: AtomicUsize::new(0),
            unauthorized: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let state = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if state.stop.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&state);
                // A client that goes away is no fault of the server.
                thread::spawn(move || stream.and_then(|stream| answer(&state, stream)));
            }
        });
        Self { port, shared }
    }

    /// Returns the address of a repository, named by its folder below the served one.
    pub fn url(&self, repository: &str) -> String {
        format!("http://127.0.0.1:{}/{repository}", self.port)
    }

    /// Answers 503 to this many further requests.
    pub fn refuse(&self, count: u32) {
        self.shared.refusals.store(count, Ordering::SeqCst);
    }

    /// Returns how many requests came so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Returns how many of them were turned away for want of the right credentials.
    pub fn unauthorized(&self) -> usize {
        self.shared.unauthorized.load(Ordering::SeqCst)
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees the word.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

fn answer(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let Some(request) = read(&mut stream)? else {
        return Ok(());
    };
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let one_less = |count: u32| count.checked_sub(1);
    if shared
        .refusals
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
        .is_ok()
    {
        return respond(&mut stream, "503 Service Unavailable", "", b"try again\n");
    }
    if shared.authorization.as_deref() != request.header("authorization")
        && shared.authorization.is_some()
    {
        shared.unauthorized.fetch_add(1, Ordering::SeqCst);
        let challenge = "WWW-Authenticate: Basic realm=\"git\"\r\n";
        return respond(
            &mut stream,
            "401 Unauthorized",
            challenge,
            b"who are you?\n",
        );
    }
    let output = backend(shared, &request)?;
    // The answer of a CGI program: headers, an empty line, the body.
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(0);
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let body = output.get(end + 4..).unwrap_or_default();
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK")
        .to_owned();
    let mut headers = String::new();
    for line in head.lines().filter(|line| !line.starts_with("Status: ")) {
        headers.push_str(line);
        headers.push_str("\r\n");
    }
    respond(&mut stream, &status, &headers, body)
}

/// Reads one request; `None` where the client said nothing.
fn read(stream: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => break,
        }
    }
    let mut request = Request {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).unwrap_or(0);
            (&mut reader).take(size).read_to_end(&mut request.body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    } else {
        let size = request
            .header("content-length")
            .and_then(|size| size.parse().ok())
            .unwrap_or(0);
        (&mut reader).take(size).read_to_end(&mut request.body)?;
    }
    Ok(Some(request))
}

/// Runs `git http-backend` for one request.
fn backend(shared: &Shared, request: &Request) -> std::io::Result<Vec<u8>> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let program = PathBuf::from(git(&shared.folder, &["--exec-path"])).join("git-http-backend");
    let mut command = Command::new(program);
    command
        .env("GIT_PROJECT_ROOT", &shared.folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("REMOTE_ADDR", "127.0.0.1")
        // Pushing is only for people who said who they are.
        .env("REMOTE_USER", "ada")
        .env("CONTENT_LENGTH", request.body.len().to_string());
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let body = request.body.clone();
    let mut input = child.stdin.take().unwrap();
    // Written beside the reading, so that neither side waits for the other.
    let writer = thread::spawn(move || input.write_all(&body));
    let output = child.wait_with_output()?;
    drop(writer.join());
    Ok(output.stdout)
}

fn respond(
    stream: &mut TcpStream,
    status: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * place) & 63];
            text.push(if place > group.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::Remote;

    #[test]
    fn base64_is_the_one_of_the_standard() {
        let texts = ["", "f", "fo", "foo", "foob", "ada:secret"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "YWRhOnNlY3JldA=="];
        assert_eq!(texts.map(|text| base64(text.as_bytes())), coded);
    }

    #[test]
    fn the_right_user_clones_and_pushes_and_another_does_not() {
        let remote = Remote::new(&[("values.yaml", "tag: 1\n")]);
        let server = GitHttp::serve(remote.path().parent().unwrap(), Some(("ada", "secret")));
        let url = server.url("remote.git");
        let folder = TempDir::new().unwrap();
        let with_user = url.replace("http://", "http://ada:secret@");
        git(
            folder.path(),
            &["clone", "--quiet", "--filter=blob:none", &with_user, "."],
        );
        // Large enough for git to send it in chunks.
        fs::write(folder.path().join("large.bin"), noise(3 << 20)).unwrap();
        git(folder.path(), &["add", "--all"]);
        git(folder.path(), &["commit", "--quiet", "--message", "large"]);
        git(folder.path(), &["push", "--quiet", "origin", "main"]);
        assert_eq!(remote.subjects("main"), ["large", "first"]);

        let output = Command::new("git")
            .args(["ls-remote", &url.replace("http://", "http://ada:wrong@")])
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(server.unauthorized() > 0);
    }

    #[test]
    fn refusals_are_counted_down() {
        let remote = Remote::new(&[]);
        let server = GitHttp::serve(remote.path().parent().unwrap(), None);
        server.refuse(1);
        let list = || {
            Command::new("git")
                .args(["ls-remote", &server.url("remote.git")])
                .output()
                .unwrap()
        };
        assert!(!list().status.success());
        assert!(list().status.success());
        assert!(server.requests() >= 2);
    }

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..size).map(|_| next()).collect()
    }
}
