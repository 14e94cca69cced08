//! Retries against a server that fails on purpose.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use reqwest::header::HeaderValue;

use super::*;

/// Answers one connection after the other with `answers`, then stops listening.
fn server(answers: Vec<&'static str>) -> (String, thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let handle = thread::spawn(move || {
        let mut served = 0;
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            stream.write_all(answer.as_bytes()).unwrap();
            served += 1;
        }
        served
    });
    (address, handle)
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
