//! A proxy on loopback that lets everything through and remembers what.

use std::{
    io::{self, BufRead as _, BufReader, Read, Write as _},
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
    /// Starts a proxy that speaks HTTP's `CONNECT` and SOCKS 5. Every host is taken for loopback.
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
    let is_socks = client.fill_buf()?.first() == Some(&SOCKS);
    let asked = if is_socks {
        socks(&mut client)?
    } else {
        http(&mut client)?
    };
    let Some((target, credentials)) = asked else {
        return Ok(());
    };
    let port = target.rsplit_once(':').map_or("", |(_, port)| port);
    let server = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    lock(state).through.push((target, credentials));
    let mut client = client.into_inner();
    if is_socks {
        // It is connected, and from where is nobody's business.
        client.write_all(&[SOCKS, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    } else {
        client.write_all(b"HTTP/1.1 200 Established\r\n\r\n")?;
    }
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

/// Host and port that a client wants to reach, and its credentials.
type Asked = Option<(String, Option<String>)>;

fn http(client: &mut BufReader<TcpStream>) -> io::Result<Asked> {
    let mut line = String::new();
    client.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some("CONNECT"), Some(target)) = (words.next(), words.next()) else {
        let refusal = b"HTTP/1.1 405 Only CONNECT\r\n\r\n";
        client.get_mut().write_all(refusal)?;
        return Ok(None);
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
    Ok(Some((target, credentials)))
}

/// The version of SOCKS (RFC 1928).
const SOCKS: u8 = 5;

fn socks(client: &mut BufReader<TcpStream>) -> io::Result<Asked> {
    let [_, count] = bytes(client)?;
    let mut ways = vec![0; count.into()];
    client.read_exact(&mut ways)?;
    // Whoever they are.
    client.get_mut().write_all(&[SOCKS, 0])?;
    let [_, _, _, kind] = bytes(client)?;
    let host = match kind {
        1 => std::net::Ipv4Addr::from(bytes::<4>(client)?).to_string(),
        4 => std::net::Ipv6Addr::from(bytes::<16>(client)?).to_string(),
        _ => {
            let [length] = bytes(client)?;
            let mut name = vec![0; length.into()];
            client.read_exact(&mut name)?;
            String::from_utf8_lossy(&name).into_owned()
        }
    };
    let port = u16::from_be_bytes(bytes(client)?);
    Ok(Some((format!("{host}:{port}"), None)))
}

fn bytes<const LENGTH: usize>(client: &mut impl Read) -> io::Result<[u8; LENGTH]> {
    let mut all = [0; LENGTH];
    client.read_exact(&mut all)?;
    Ok(all)
}
