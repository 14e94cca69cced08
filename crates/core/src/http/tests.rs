//! The client against servers that fail on purpose.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use reqwest::header::HeaderValue;
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

use super::*;

/// Reads the head of one request and writes `answer`. Returns the head.
fn converse(stream: impl Read + Write, answer: &str) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    // An empty line ends the head, and so does a client that leaves.
    while reader.read_line(&mut head).is_ok_and(|it| it > 2) {}
    let _ = reader.get_mut().write_all(answer.as_bytes());
    let _ = reader.get_mut().flush();
    head
}

/// Answers one connection after the other with `answers`, then stops listening. Returns the heads
/// of the requests.
fn listen(answers: Vec<String>) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handle = thread::spawn(move || {
        let one = |it: &String| converse(listener.accept().unwrap().0, it);
        answers.iter().map(one).collect()
    });
    (address, handle)
}

/// Like [`listen`], and returns how many requests came.
fn server(answers: Vec<&'static str>) -> (String, thread::JoinHandle<usize>) {
    let (address, handle) = listen(answers.into_iter().map(str::to_owned).collect());
    let counted = thread::spawn(move || handle.join().unwrap().len());
    (format!("http://{address}/"), counted)
}

fn client(retries: u32) -> Client {
    Client::new(&Settings {
        retry: Policy {
            retries,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(2),
            total: Duration::from_secs(10),
        },
        ..Settings::default()
    })
    .unwrap()
}

const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine";
const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn passing_faults_are_tried_again_until_the_answer_is_good() {
    let (address, handle) = server(vec![BUSY, "", BROKEN, FINE]);
    let response = client(5).send(|it| it.get(&address)).unwrap();
    assert_eq!(
        body(response, 10, Duration::from_secs(10)).unwrap(),
        b"fine"
    );
    assert_eq!(handle.join().unwrap(), 4);
}

#[test]
fn a_refusal_is_an_answer_and_not_tried_again() {
    let (address, handle) = server(vec![MISSING]);
    let response = client(5).send(|it| it.get(&address)).unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(handle.join().unwrap(), 1);
}

#[test]
fn tries_are_bounded_and_the_last_answer_is_returned() {
    let (address, handle) = server(vec![BROKEN, BROKEN, BROKEN]);
    let response = client(2).send(|it| it.get(&address)).unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(handle.join().unwrap(), 3);
}

#[test]
fn a_long_body_is_refused() {
    let (address, _) = server(vec![FINE]);
    let response = client(0).send(|it| it.get(&address)).unwrap();
    assert!(body(response, 3, Duration::from_secs(10)).is_err());
}

#[test]
fn the_wait_is_read_in_seconds_and_as_a_date() {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
    assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    headers.insert(
        RETRY_AFTER,
        HeaderValue::from_static("Fri, 31 Dec 2199 23:59:59 GMT"),
    );
    assert!(retry_after(&headers).is_some_and(|it| it > Duration::from_secs(1_000_000)));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("soon"));
    assert_eq!(retry_after(&headers), None);
}

#[test]
fn a_file_without_certificates_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs_err::write(&path, "nothing").unwrap();
    let err = Client::new(&Settings {
        ca_file: Some(path),
        ..Settings::default()
    })
    .unwrap_err();
    assert!(err.to_string().contains("ca.pem"), "{err}");
}

#[test]
fn a_body_that_drips_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|it| it > 2) {
            line.clear();
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        for _ in 0..100 {
            if stream.write_all(b"x").is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let response = client(0).send(|it| it.get(&address)).unwrap();
    let err = body(response, 1_000, Duration::from_millis(200)).unwrap_err();
    assert!(err.to_string().contains("takes longer"), "{err}");
}

/// How often something connects to `listener` until `over`.
fn connections(
    listener: TcpListener,
    answer: &'static str,
) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            converse(stream, answer);
        }
    });
    (address, count)
}

#[test]
fn a_request_that_is_not_idempotent_is_sent_once() {
    for answer in [BUSY, BROKEN, ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, count) = connections(listener, answer);
        let told = client(3).send(|it| it.post(&address));
        assert_eq!(told.is_ok(), !answer.is_empty());
        assert_eq!(
            count.load(std::sync::atomic::Ordering::SeqCst),
            1,
            "{answer}"
        );
        // While the same server is asked again for what may be asked twice.
        let _ = client(3).send(|it| it.get(&address));
        assert_eq!(
            count.load(std::sync::atomic::Ordering::SeqCst),
            5,
            "{answer}"
        );
    }
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    let soon = BUSY.replace("Retry-After: 0", "Retry-After: 1");
    let (address, handle) = listen(vec![soon, FINE.to_owned()]);
    let started = Instant::now();
    let response = client(1)
        .send(|it| it.get(format!("http://{address}/")))
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(handle.join().unwrap().len(), 2);
}

#[test]
fn a_wait_longer_than_all_retries_may_take_is_not_begun() {
    let late = BUSY.replace("Retry-After: 0", "Retry-After: 3600");
    let (address, handle) = listen(vec![late]);
    let response = client(5)
        .send(|it| it.get(format!("http://{address}/")))
        .unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(handle.join().unwrap().len(), 1);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let client = Client::new(&Settings {
        timeout: Duration::from_millis(200),
        retry: Policy {
            retries: 0,
            ..Policy::default()
        },
        ..Settings::default()
    })
    .unwrap();
    let err = client.send(|it| it.get(&address)).unwrap_err();
    assert!(err.is_timeout() && !err.is_connect(), "{err:?}");
}

#[test]
fn a_host_that_takes_no_connection_is_given_up_sooner_than_one_that_is_slow() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: once the queue is full, the system lets further connections wait.
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 10_000, "the queue never fills");
    }
    let client = Client::new(&Settings {
        connect_timeout: Duration::from_millis(300),
        retry: Policy {
            retries: 0,
            ..Policy::default()
        },
        ..Settings::default()
    })
    .unwrap();
    let err = client
        .send(|it| it.get(format!("http://{address}/")))
        .unwrap_err();
    assert!(err.is_timeout() && err.is_connect(), "{err:?}");
}

#[test]
fn authorization_does_not_follow_a_redirect_to_another_host() {
    let (elsewhere, second) = listen(vec![FINE.to_owned()]);
    let moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let (address, first) = listen(vec![moved]);
    let response = client(0)
        .send(|it| {
            it.get(format!("http://{address}/here"))
                .bearer_auth("hunter2")
        })
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let first = first.join().unwrap().remove(0).to_ascii_lowercase();
    let second = second.join().unwrap().remove(0).to_ascii_lowercase();
    assert!(first.contains("authorization: bearer hunter2"), "{first}");
    assert!(
        second.starts_with("get /there ") && !second.contains("hunter2"),
        "{second}"
    );
}

#[test]
fn redirects_are_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = connections(
        listener,
        "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let err = client(3).send(|it| it.get(&address)).unwrap_err();
    assert!(err.is_redirect(), "{err:?}");
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 6);
}

/// A server with a certificate of its own authority. Returns its port and the authority.
fn encrypted(answers: Vec<String>) -> (u16, tempfile::NamedTempFile) {
    use_ring();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for answer in answers {
            let stream = listener.accept().unwrap().0;
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            converse(StreamOwned::new(connection, stream), &answer);
        }
    });
    let authority = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(authority.path(), certified.cert.pem()).unwrap();
    (port, authority)
}

fn trusting(ca_file: Option<&std::path::Path>) -> Client {
    Client::new(&Settings {
        ca_file: ca_file.map(std::path::Path::to_owned),
        retry: Policy {
            retries: 0,
            ..Policy::default()
        },
        ..Settings::default()
    })
    .unwrap()
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named_and_only_then() {
    let (port, authority) = encrypted(vec![String::new(), String::new(), FINE.to_owned()]);
    let ask = |client: &Client, name: &str| {
        let url = format!("https://{name}:{port}/");
        client.send(|it| it.get(&url))
    };
    let stranger = ask(&trusting(None), "localhost").unwrap_err();
    assert!(
        format!("{stranger:?}").contains("UnknownIssuer"),
        "{stranger:?}"
    );
    let named = trusting(Some(authority.path()));
    // The certificate is for another name.
    assert!(ask(&named, "127.0.0.1").is_err());
    assert_eq!(ask(&named, "localhost").unwrap().status(), StatusCode::OK);
}

#[test]
fn a_client_that_trusts_nobody_returns_the_way_to_an_encrypted_server() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (address, handle) = listen(vec![moved.to_owned(), FINE.to_owned()]);
    let client = Client::new(&Settings {
        trust: Trust::Nobody,
        ..Settings::default()
    })
    .unwrap();
    let ask = || {
        client
            .send(|it| it.get(format!("http://{address}/")))
            .unwrap()
    };
    assert_eq!(ask().headers()["location"], "https://127.0.0.1:1/there");
    assert_eq!(ask().status(), StatusCode::OK);
    assert_eq!(handle.join().unwrap().len(), 2);
    let (port, _authority) = encrypted(vec![FINE.to_owned()]);
    let url = format!("https://localhost:{port}/");
    let once = Client {
        retry: Policy {
            retries: 0,
            ..client.retry
        },
        ..client
    };
    assert!(once.send(|it| it.get(&url)).is_err());
}

#[test]
fn a_redirect_never_leads_out_of_encryption() {
    let to = |address: &str| {
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    let (plain, _) = listen(vec![FINE.to_owned()]);
    let (port, authority) = encrypted(vec![
        to("http://registry.example/"),
        to(&format!("http://{plain}/")),
    ]);
    let client = trusting(Some(authority.path()));
    let url = format!("https://localhost:{port}/");
    let err = client.send(|it| it.get(&url)).unwrap_err();
    assert!(
        err.is_redirect() && format!("{err:?}").contains("plain HTTP"),
        "{err:?}"
    );
    // To ourselves it may.
    assert_eq!(
        client.send(|it| it.get(&url)).unwrap().status(),
        StatusCode::OK
    );
}
