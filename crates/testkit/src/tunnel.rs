//! A proxy on loopback that lets everything through and remembers what.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// A running proxy. It ends when this is dropped.
#[derive(Debug)]
pub struct Tunnel {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Host and port, and the credentials that came with them.
    through: Vec<(String, Option<String>)>,
    is_over: bool,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tunnel {
    /// Starts a proxy that answers `CONNECT`. Every host is taken for loopback.
    #[expect(clippy::new_without_default, reason = "it starts something")]
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if lock(&shared).is_over {
                    return;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let _ = converse(&shared, stream);
                });
            }
        });
        Self { address, state }
    }

    /// Returns host and port, such as `127.0.0.1:1234`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what went through: host and port, and the `Proxy-Authorization` that came with it.
    pub fn through(&self) -> Vec<(String, Option<String>)> {
        lock(&self.state).through.clone()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        lock(&self.state).is_over = true;
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn converse(state: &Mutex<State>, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(600)))?;
    let mut client = BufReader::new(stream);
    let mut line = String::new();
    client.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some("CONNECT"), Some(target)) = (words.next(), words.next()) else {
        return client
            .get_mut()
            .write_all(b"HTTP/1.1 405 Only CONNECT\r\n\r\n");
    };
    let target = target.to_owned();
    let mut credentials = None;
    loop {
        let mut line = String::new();
        client.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("proxy-authorization") {
            credentials = Some(value.trim().to_owned());
        }
    }
    let port = target.rsplit_once(':').map_or("", |(_, port)| port);
    let server = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    lock(state).through.push((target, credentials));
    let mut client = client.into_inner();
    client.write_all(b"HTTP/1.1 200 Established\r\n\r\n")?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut server = server;
    let _ = io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
    Ok(())
}
