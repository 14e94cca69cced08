//! The real binary, over real sockets and with real signals.
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts the binary itself"
)]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A running demo-app, killed when dropped.
struct App {
    child: Child,
    address: String,
    log: BufReader<std::process::ChildStderr>,
}

impl App {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_demo-app"))
            .args(arguments)
            .env("LISTEN", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").unwrap().1.to_owned();
        Self {
            child,
            address,
            log,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(5)))
            .unwrap();
        stream
    }

    /// Sends one request on a connection of its own and returns head and body.
    fn request(&self, method: &str, target: &str) -> (String, String) {
        let mut stream = self.connect();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        read_all(&mut stream)
    }

    fn get(&self, target: &str) -> (String, String) {
        self.request("GET", target)
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.log.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(stream: &mut TcpStream) -> (String, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

#[test]
fn the_environment_names_the_version() {
    let app = App::start(
        &[],
        &[
            ("APP_VERSION", "1.4.0"),
            ("APP_REVISION", "1a2b3c4"),
            ("POD_NAME", "shop-0"),
        ],
    );
    let (head, body) = app.get("/version");
    assert_eq!(
        (status(&head), body.as_str()),
        ("200", "{\"version\":\"1.4.0\",\"revision\":\"1a2b3c4\"}\n")
    );
    assert!(head.contains("content-type: application/json"));
    assert_eq!(
        app.get("/").1,
        "{\"service\":\"demo-app\",\"instance\":\"shop-0\",\"version\":\"1.4.0\"}\n"
    );
    assert!(
        app.get("/metrics")
            .1
            .contains(r#"app_build_info{version="1.4.0",revision="1a2b3c4"} 1"#)
    );
}

#[test]
fn load_burns_what_was_asked_and_health_answers_meanwhile() {
    let app = App::start(&[], &[]);
    let mut burning = app.connect();
    write!(
        burning,
        "GET /load?ms=3000 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        sender.send(read_all(&mut burning)).unwrap();
    });
    assert_eq!(status(&app.get("/health").0), "200");
    assert_eq!(status(&app.get("/ready").0), "200");
    assert!(
        receiver.try_recv().is_err(),
        "the load was over before the probes were answered"
    );
    reader.join().unwrap();
    let (head, body) = receiver.recv().unwrap();
    assert_eq!(status(&head), "200", "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(answer["cpu_ms"].as_f64().unwrap() >= 3000.0, "{body}");
    assert_eq!(answer["asked_ms"], 3000);
}

#[test]
fn bad_requests_are_refused_by_name() {
    let app = App::start(&[], &[]);
    assert_eq!(status(&app.get("/load?ms=99999").0), "400");
    assert!(app.get("/load?ms=x").1.contains("from 0 to 10000"));
    let (head, _) = app.request("POST", "/load");
    assert_eq!(status(&head), "405");
    assert!(head.contains("allow: get, head"), "{head}");
    let (head, body) = app.request("HEAD", "/health");
    assert_eq!((status(&head), body.as_str()), ("200", ""));
}

#[test]
fn a_thousand_unknown_paths_are_one_series_and_scrapes_are_none() {
    let app = App::start(&[], &[]);
    for n in 0..50 {
        assert_eq!(status(&app.get(&format!("/nope/{n}")).0), "404");
    }
    app.get("/metrics");
    let (_, text) = app.get("/metrics");
    let totals: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("app_http_requests_total{"))
        .collect();
    assert_eq!(
        totals,
        [r#"app_http_requests_total{method="GET",path="unknown",status="404"} 50"#]
    );
}

#[test]
fn not_ready_while_starting() {
    let app = App::start(&["--startup-ms", "600000"], &[]);
    let (head, body) = app.get("/ready");
    assert_eq!((status(&head), body.as_str()), ("503", "starting\n"));
    assert_eq!(status(&app.get("/health").0), "200");
}

#[test]
fn after_sigterm_it_serves_on_not_ready_until_a_second_signal() {
    let mut app = App::start(&["--drain-ms", "600000"], &[]);
    app.terminate();
    assert_eq!(app.next_line(), "stopping");
    let (head, body) = app.get("/ready");
    assert_eq!((status(&head), body.as_str()), ("503", "stopping\n"));
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(status(&app.get("/load?ms=1").0), "200");
    app.terminate();
    assert_eq!(app.child.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(&app.address).is_err());
}

#[test]
fn sigterm_does_not_cut_off_what_is_under_way() {
    let mut app = App::start(&["--grace-ms", "600000"], &[]);
    let mut slow = app.connect();
    write!(slow, "GET /load?ms=1500 HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    while !app
        .get("/metrics")
        .1
        .contains("app_http_requests_in_progress 1\n")
    {
        thread::sleep(Duration::from_millis(10));
    }
    app.terminate();
    assert_eq!(app.next_line(), "stopping");
    let (head, body) = read_all(&mut slow);
    assert_eq!(status(&head), "200", "{body}");
    assert_eq!(app.next_line(), "stopped");
    assert_eq!(app.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_grace_time_ends() {
    let mut app = App::start(&["--grace-ms", "1"], &[]);
    let mut slow = app.connect();
    write!(slow, "GET /load?ms=10000 HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    while !app
        .get("/metrics")
        .1
        .contains("app_http_requests_in_progress 1\n")
    {
        thread::sleep(Duration::from_millis(10));
    }
    app.terminate();
    assert_eq!(app.next_line(), "stopping");
    let last = app.next_line();
    assert!(last.contains("the grace time is over"), "{last}");
    assert_eq!(app.child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let first = App::start(&[], &[]);
    let second = Command::new(env!("CARGO_BIN_EXE_demo-app"))
        .args(["--listen", &first.address])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(
        error.starts_with(&format!("error: cannot listen on {}: ", first.address)),
        "{error}"
    );
}

#[test]
fn the_binary_probes_another_one() {
    let app = App::start(&["--startup-ms", "600000"], &[]);
    let probe = |path: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_demo-app"))
            .args(["--probe", &format!("http://{}{path}", app.address)])
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(probe("/health"), (Some(0), String::new()));
    let (code, error) = probe("/ready");
    assert_eq!(code, Some(1));
    assert!(error.ends_with("/ready answered 503\n"), "{error}");
}
