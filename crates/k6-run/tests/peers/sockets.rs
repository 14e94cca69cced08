//! `WebSockets` of the server that both engines are run against. Frames are written by hand: a server
//! that keeps the rules could not break them.
#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers of paths and lengths of frames are small where they are cut"
)]

use std::{
    io::{BufReader, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use sha1::{Digest as _, Sha1};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Answers a handshake for `/ws/KIND/NUMBER` and goes on as `KIND` says.
pub(crate) fn serve(
    stream: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    parts: &[&str],
    headers: &Map<String, Value>,
) -> std::io::Result<()> {
    let kind = parts.get(1).copied().unwrap_or_default();
    let number: u64 = parts.get(2).and_then(|it| it.parse().ok()).unwrap_or(0);
    let header = |name: &str| headers.get(name).and_then(Value::as_str).unwrap_or("");
    let key = format!(
        "{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
        header("sec-websocket-key")
    );
    let mut accept = STANDARD.encode(Sha1::digest(key));
    if kind == "bad-accept" {
        "bm9uc2Vuc2U=".clone_into(&mut accept);
    }
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    );
    match kind {
        // Of what is offered, the last.
        "protocol" => {
            if let Some(chosen) = header("sec-websocket-protocol").split(',').next_back() {
                head.push_str(&format!("Sec-WebSocket-Protocol: {}\r\n", chosen.trim()));
            }
        }
        "foreign" => head.push_str("Sec-WebSocket-Protocol: foreign\r\n"),
        "cookie" => head.push_str("Set-Cookie: session=abc; Path=/\r\n"),
        "unheard" => {
            // The handshake is never answered.
            let _ = reader.read_to_end(&mut Vec::new());
            return Ok(());
        }
        _ => {}
    }
    head.push_str("\r\n");
    let mut socket = Socket { stream, reader };
    socket.raw(head.as_bytes())?;
    socket.begin(kind, number, headers)?;
    loop {
        let (opcode, content) = socket.read()?;
        let pause = Duration::from_millis(if kind == "slow" { number } else { 0 });
        match opcode {
            TEXT if kind == "closing" => socket.close(number)?,
            TEXT | BINARY => {
                thread::sleep(pause);
                socket.write(opcode, &content)?;
            }
            PING => socket.write(PONG, &content)?,
            PONG if kind == "ping" => {
                let told = format!("pong {}", String::from_utf8_lossy(&content));
                socket.write(TEXT, told.as_bytes())?;
            }
            CLOSE if kind == "silent" => {}
            CLOSE => {
                socket.write(CLOSE, &content)?;
                return Ok(());
            }
            _ => {}
        }
    }
}

struct Socket<'a, 'b> {
    stream: &'a TcpStream,
    reader: &'a mut BufReader<&'b TcpStream>,
}

impl Socket<'_, '_> {
    fn raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)
    }

    fn frame(&mut self, first: u8, content: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![first];
        match content.len() {
            short @ 0..=125 => frame.push(short as u8),
            middle @ 126..=0xffff => {
                frame.push(126);
                frame.extend((middle as u16).to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(content);
        self.raw(&frame)
    }

    fn write(&mut self, opcode: u8, content: &[u8]) -> std::io::Result<()> {
        self.frame(0x80 | opcode, content)
    }

    /// 0 is a close without a code.
    fn close(&mut self, code: u64) -> std::io::Result<()> {
        let content = if code == 0 {
            Vec::new()
        } else {
            [&(code as u16).to_be_bytes()[..], b"bye"].concat()
        };
        self.write(CLOSE, &content)
    }

    /// Reads a message, put together of its frames, or a frame that belongs to none.
    fn read(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let (mut kind, mut whole) = (0, Vec::new());
        loop {
            let (first, content) = self.read_frame()?;
            let opcode = first & 0x0f;
            if opcode >= CLOSE {
                return Ok((opcode, content));
            }
            if opcode != 0 {
                kind = opcode;
            }
            whole.extend(content);
            if first & 0x80 != 0 {
                return Ok((kind, whole));
            }
        }
    }

    fn read_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.reader.read_exact(&mut head)?;
        let length = match head[1] & 0x7f {
            126 => {
                let mut more = [0; 2];
                self.reader.read_exact(&mut more)?;
                u64::from(u16::from_be_bytes(more))
            }
            127 => {
                let mut more = [0; 8];
                self.reader.read_exact(&mut more)?;
                u64::from_be_bytes(more)
            }
            short => u64::from(short),
        };
        assert!(head[1] & 0x80 != 0, "what clients send is masked");
        let mut mask = [0; 4];
        self.reader.read_exact(&mut mask)?;
        let mut content = vec![0; length as usize];
        self.reader.read_exact(&mut content)?;
        for (byte, mask) in content.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        Ok((head[0], content))
    }

    /// What the server says first.
    fn begin(
        &mut self,
        kind: &str,
        number: u64,
        headers: &Map<String, Value>,
    ) -> std::io::Result<()> {
        // With a 1 behind them, these wait until they are spoken to.
        if number == 1 && ["drop", "garbage", "masked", "reserved"].contains(&kind) {
            self.read()?;
        }
        let ended = || Err(std::io::ErrorKind::ConnectionAborted.into());
        match kind {
            "hello" => {
                for place in 0..number {
                    self.write(TEXT, format!("message {place}").as_bytes())?;
                }
                Ok(())
            }
            "headers" => {
                let told = Value::Object(headers.clone()).to_string();
                self.write(TEXT, told.as_bytes())
            }
            "close" => self.close(number),
            "ping" => self.write(PING, b"there?"),
            "binary" => self.write(BINARY, &(0..number as u8).collect::<Vec<u8>>()),
            "big" => self.write(TEXT, &vec![b'x'; number as usize]),
            "fragments" => {
                self.frame(TEXT, b"one ")?;
                self.frame(0, b"two ")?;
                self.write(PING, b"between")?;
                self.frame(0x80, b"three")
            }
            "utf8" => self.write(TEXT, b"a\xff\xfeb"),
            "giant" => {
                self.raw(&[0x82, 127])?;
                self.raw(&(1_u64 << 62).to_be_bytes())?;
                self.raw(&[0; 1000])
            }
            "masked" => self.raw(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']),
            "reserved" => self.raw(&[0xf1, 2, b'h', b'i']),
            "garbage" => self.raw(b"garbage, and no frames"),
            "drop" => ended(),
            // Closed with something unread, a connection is reset.
            "reset" => {
                let _ = self.stream.peek(&mut [0]);
                ended()
            }
            _ => Ok(()),
        }
    }
}
