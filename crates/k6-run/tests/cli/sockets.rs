//! `WebSockets` of servers that keep no rules: everything ends with a report, in bounded memory.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::run;

/// Agrees to every handshake, and goes on as `talk` does.
fn server(talk: fn(&mut TcpStream) -> std::io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let _ = agree(&mut stream).and_then(|()| talk(&mut stream));
                let _ = stream.read(&mut [0; 64]);
            });
        }
    });
    address
}

fn agree(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut key = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if let Some(value) = line.strip_prefix("Sec-WebSocket-Key: ") {
            key = format!("{value}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        }
        if line.is_empty() {
            break;
        }
    }
    let accept = STANDARD.encode(Sha1::digest(key));
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}

/// A script that throws what it saw, where that is not what was expected.
fn expecting(url: &str, module: &str, wanted: &str) -> String {
    let events = "const log = []; const seen = (name) => (it) => log.push(`${name} ${it?.error?.call ? it.error() : it?.error ?? (typeof it === 'object' ? '' : it)}`);";
    let judge =
        format!("if (log.join('; ') !== {wanted:?}) throw new Error(`saw ${{log.join('; ')}}`);");
    match module {
        "k6/ws" => format!(
            "import ws from 'k6/ws';\nexport default function () {{ {events} ws.connect('{url}', {{}}, (socket) => {{ for (const name of ['message', 'error', 'close']) socket.on(name, seen(name)); }}); {judge} }}"
        ),
        _ => format!(
            "import {{ WebSocket }} from '{module}';\nexport default function () {{ {events} const socket = new WebSocket('{url}'); socket.onmessage = seen('message'); socket.onerror = seen('error'); socket.onclose = () => {{ log.push('close'); {judge} }}; }}"
        ),
    }
}

#[test]
fn frames_that_are_too_large_or_no_text_end_a_connection_with_an_error() {
    let giant = server(|stream| {
        stream.write_all(&[0x82, 127])?;
        stream.write_all(&(1_u64 << 62).to_be_bytes())?;
        stream.write_all(&[0; 1_000])
    });
    let parts = server(|stream| {
        // A message without end, in frames that are small enough.
        let mut head = vec![0x01, 127];
        head.extend((1_u64 << 20).to_be_bytes());
        loop {
            stream.write_all(&head)?;
            stream.write_all(&vec![b'x'; 1 << 20])?;
            head[0] = 0;
        }
    });
    let no_text = server(|stream| stream.write_all(b"\x81\x03a\xff\xfe"));
    let limit = "error websocket: read limit exceeded";
    let utf8 = "error websocket: a text is no UTF-8";
    for (url, why, code) in [
        (&giant, limit, 1009),
        (&parts, limit, 1009),
        (&no_text, utf8, 1007),
    ] {
        for module in ["k6/ws", "k6/websockets"] {
            let wanted = if module == "k6/ws" {
                format!("{why}; close {code}")
            } else {
                format!("{why}; close")
            };
            let (exit, report) = run(&expecting(url, module, &wanted), &[]);
            assert_eq!(exit, 0, "{module}: {report}");
        }
    }
}

#[test]
fn a_run_that_opens_no_connection_fails_and_one_is_enough() {
    let there = server(|_| Ok(()));
    for module in ["k6/ws", "k6/websockets"] {
        let script = |urls: &[&str]| match module {
            "k6/ws" => format!(
                "import ws from 'k6/ws';\nexport default function () {{ for (const url of {urls:?}) ws.connect(url, (socket) => socket.on('open', () => socket.close())); }}"
            ),
            _ => format!(
                "import {{ WebSocket }} from '{module}';\nexport default function () {{ for (const url of {urls:?}) {{ const socket = new WebSocket(url); socket.onerror = () => {{}}; socket.onopen = () => socket.close(); }} }}"
            ),
        };
        let (exit, report) = run(&script(&["ws://127.0.0.1:1/", "ws://127.0.0.1:1/a"]), &[]);
        assert_eq!(
            (exit, &report["findings"][0]["message"]),
            (10, &Value::from("none of the 2 WebSockets was opened")),
            "{module}: {report}"
        );
        let (exit, report) = run(&script(&["ws://127.0.0.1:1/", &there]), &[]);
        assert_eq!(
            (exit, &report["details"]["sockets_opened"]),
            (0, &Value::from(1)),
            "{module}: {report}"
        );
    }
}

#[test]
fn a_message_beyond_a_users_memory_ends_its_iteration() {
    let url = server(|stream| {
        let mut frame = vec![0x81, 127];
        frame.extend((60_u64 << 20).to_be_bytes());
        frame.resize(frame.len() + (60 << 20), b'x');
        stream.write_all(&frame)
    });
    for text in [
        format!(
            "import ws from 'k6/ws';\nexport default function () {{ ws.connect('{url}', (socket) => socket.on('message', () => socket.close())); }}"
        ),
        format!(
            "import {{ WebSocket }} from 'k6/websockets';\nexport default function () {{ const socket = new WebSocket('{url}'); socket.onmessage = () => socket.close(); }}"
        ),
    ] {
        let (exit, report) = run(&text, &["--memory-limit=32"]);
        assert_eq!(
            (exit, &report["details"]["exceptions"]),
            (10, &Value::from(1)),
            "{report}"
        );
    }
}

#[test]
fn connections_without_end_do_not_outlive_their_scenario() {
    let silent = server(|stream| {
        let mut all = [0; 1_024];
        while stream.read(&mut all)? > 0 {}
        Ok(())
    });
    let flood = server(|stream| {
        loop {
            stream.write_all(b"\x81\x05hello\x89\x04ping")?;
        }
    });
    let deaf = server(|_| {
        thread::park();
        Ok(())
    });
    let options = "export const options = { scenarios: { a: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '200ms' } } };";
    let blocking = |url: &str, set_up: &str| {
        format!(
            "import ws from 'k6/ws';\n{options}\nexport default function () {{ ws.connect('{url}', {{}}, (socket) => {{ {set_up} }}); }}"
        )
    };
    let beside = |url: &str, set_up: &str| {
        format!(
            "import {{ WebSocket }} from 'k6/websockets';\n{options}\nexport default function () {{ const socket = new WebSocket('{url}'); {set_up} }}"
        )
    };
    let all = [
        blocking(&silent, "socket.on('close', () => {});"),
        blocking(&flood, "socket.on('message', () => {});"),
        blocking(&flood, "socket.on('open', () => { while (true) ; });"),
        blocking(
            &deaf,
            "socket.on('open', () => { while (true) socket.send('x'.repeat(100000)); });",
        ),
        blocking(&deaf, "socket.setInterval(() => socket.ping(), 0.001);"),
        beside(&silent, "socket.onopen = () => socket.send('x');"),
        beside(&flood, "socket.onmessage = () => {};"),
        beside(&flood, "socket.onopen = () => { while (true) ; };"),
        beside(
            &deaf,
            "socket.onopen = () => { while (true) socket.send('x'.repeat(100000)); };",
        ),
        beside(&deaf, "socket.onopen = () => socket.close();"),
    ];
    // Each waits for its end: together they take as long as one.
    thread::scope(|scope| {
        for text in &all {
            scope.spawn(move || {
                let (exit, report) = run(text, &[]);
                assert_eq!(
                    (exit, &report["details"]["interrupted"]),
                    (11, &Value::from(2)),
                    "{text}: {report}"
                );
            });
        }
    });
}
