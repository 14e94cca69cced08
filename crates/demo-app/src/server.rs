//! Listening, and stopping without dropping a request.
//!
//! One thread answers; `/load` burns on threads of the blocking pool. After SIGTERM the process says on `/ready` that it
//! is stopping, goes on serving for the drain time (so that endpoints and proxies can notice), then stops accepting and
//! waits for the requests under way. A second signal ends it at once.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::lifecycle::Phase;
use crate::service::Service;
use crate::{Cli, say};

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How many threads burn CPU at a time; the kernel shares the container's quota among them.
const BURNERS: usize = 64;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the runtime, the signal handlers or the listening socket cannot be had.
pub fn serve(cli: &Cli) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BURNERS)
        .build()?;
    let finished = runtime.block_on(run(cli));
    // Work that nobody waits for any more must not hold the process back.
    runtime.shutdown_background();
    finished
}

async fn run(cli: &Cli) -> io::Result<()> {
    let mut signals = Signals::listen()?;
    let listener = TcpListener::bind(cli.listen).await.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {}: {error}", cli.listen),
        )
    })?;
    let service = Arc::new(Service::new(cli));
    say(&format!(
        "demo-app {} listening on http://{}",
        cli.app_version,
        listener.local_addr()?
    ));
    start(&service, cli.startup_ms);

    let connections = GracefulShutdown::new();
    tokio::select! {
        never = accept(&listener, &service, &connections) => match never {},
        () = signals.next() => {}
    }
    service.lifecycle.advance(Phase::Stopping);
    say("stopping");
    tokio::select! {
        never = accept(&listener, &service, &connections) => match never {},
        () = sleep(Duration::from_millis(cli.drain_ms)) => {}
        () = signals.next() => return Ok(()),
    }
    drop(listener);
    tokio::select! {
        done = timeout(Duration::from_millis(cli.grace_ms), connections.shutdown()) => match done {
            Ok(()) => say("stopped"),
            Err(_) => say("stopped with requests unfinished: the grace time is over"),
        },
        () = signals.next() => say("stopped at once"),
    }
    Ok(())
}

/// Becomes ready, at once or after the warm-up that was asked for.
fn start(service: &Arc<Service>, startup_ms: u64) {
    if startup_ms == 0 {
        service.lifecycle.advance(Phase::Serving);
        return;
    }
    let service = Arc::clone(service);
    tokio::spawn(async move {
        sleep(Duration::from_millis(startup_ms)).await;
        service.lifecycle.advance(Phase::Serving);
    });
}

async fn accept(
    listener: &TcpListener,
    service: &Arc<Service>,
    connections: &GracefulShutdown,
) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => handle(stream, service, connections),
            // Out of file descriptors, most likely: leave the kernel's queue be for a moment.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

fn handle(stream: TcpStream, service: &Arc<Service>, connections: &GracefulShutdown) {
    let _ = stream.set_nodelay(true);
    let service = Arc::clone(service);
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    let watched = connections.watch(connection);
    tokio::spawn(async move {
        // A broken connection is the client's affair.
        let _ = watched.await;
    });
}

/// The two signals that ask a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
