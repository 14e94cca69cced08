//! The server of `scripts/bench/load.sh`: one thread, and a clock of its own that generators are held against.
//!
//! `/` answers at once. `/slow` answers late, now and then very late, and `/clock` tells how long that took here. `/arrive`
//! answers at once, and `/arrivals?rate=N` tells how far the requests were from N a second, evenly spaced.
#![expect(clippy::print_stdout, reason = "tells its address")]

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::LocalSet,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: bench\r\nContent-Length: 100\r\n\r\n\
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// What was seen since it was last asked for.
struct Clock {
    began: Instant,
    /// How long `/slow` took, in seconds.
    took: Vec<f64>,
    /// When `/arrive` was asked for, in seconds since `began`.
    arrived: Vec<f64>,
    random: u64,
}

type Shared = Rc<RefCell<Clock>>;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}/", listener.local_addr()?);
        let clock = Rc::new(RefCell::new(Clock {
            began: Instant::now(),
            took: Vec::new(),
            arrived: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15,
        }));
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::task::spawn_local(serve(stream, Rc::clone(&clock)));
        }
    })
}

async fn serve(mut stream: TcpStream, clock: Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 4_096];
    let mut held = 0;
    loop {
        let count = stream.read(&mut buffer[held..]).await?;
        if count == 0 {
            return Ok(());
        }
        let came = Instant::now();
        held += count;
        // One request at a time and without a body: its end is the empty line.
        if buffer[..held].ends_with(b"\r\n\r\n") {
            let path = path(&buffer[..held]);
            if path == b"/" {
                stream.write_all(ANSWER).await?;
            } else {
                special(path, came, &mut stream, &clock).await?;
            }
            held = 0;
        } else if held == buffer.len() {
            return Ok(());
        }
    }
}

fn path(request: &[u8]) -> &[u8] {
    request.split(|it| *it == b' ').nth(1).unwrap_or_default()
}

async fn special(
    path: &[u8],
    came: Instant,
    stream: &mut TcpStream,
    clock: &Shared,
) -> io::Result<()> {
    match path {
        b"/slow" => {
            let delay = clock.borrow_mut().delay();
            tokio::time::sleep(delay).await;
            stream.write_all(ANSWER).await?;
            let took = came.elapsed().as_secs_f64();
            clock.borrow_mut().took.push(took);
            Ok(())
        }
        b"/arrive" => {
            let at = came - clock.borrow().began;
            clock.borrow_mut().arrived.push(at.as_secs_f64());
            stream.write_all(ANSWER).await
        }
        _ => {
            let told = clock.borrow_mut().tell(path);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", told.len());
            stream.write_all((head + &told).as_bytes()).await
        }
    }
}

impl Clock {
    /// Mostly 2 to 12 ms, and 60 ms more for two in a hundred.
    fn delay(&mut self) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let late = if self.random % 100 < 2 { 60 } else { 0 };
        Duration::from_micros(2_000 + late * 1_000 + (self.random >> 32) % 10_000)
    }

    /// Tells what was asked for, and forgets it.
    fn tell(&mut self, path: &[u8]) -> String {
        let path = String::from_utf8_lossy(path).into_owned();
        let Some(rate) = path.strip_prefix("/arrivals?rate=") else {
            return told(std::mem::take(&mut self.took));
        };
        let period = 1.0 / rate.parse::<f64>().unwrap_or(1.0);
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let apart = arrived
            .iter()
            .enumerate()
            .map(|(place, at)| at - place as f64 * period);
        let apart: Vec<f64> = apart.collect();
        // Nobody says when the first was due: it was when the most punctual one says that it was.
        let first = apart.iter().copied().fold(f64::INFINITY, f64::min);
        told(apart.into_iter().map(|it| it - first).collect())
    }
}

fn told(mut seconds: Vec<f64>) -> String {
    seconds.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let place = (seconds.len() * percent / 100).min(seconds.len().saturating_sub(1));
        seconds.get(place).copied().unwrap_or(0.0) * 1e3
    };
    format!(
        "{{\"count\": {}, \"p50_ms\": {:.4}, \"p95_ms\": {:.4}, \"p99_ms\": {:.4}, \"max_ms\": {:.4}}}",
        seconds.len(),
        at(50),
        at(95),
        at(99),
        at(100)
    )
}
