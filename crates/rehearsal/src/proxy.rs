//! Node ports: real listening ports on loopback, balanced over the ready pods behind them.
//!
//! A port named `http…` is balanced request by request, any other connection by connection, as
//! kube-proxy does for all of them.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Body as _, Incoming},
    client::conn::http1::SendRequest,
    header::{CONNECTION, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    api::lock,
    cluster::Cluster,
    endpoints::{self, NodePort},
    objects,
    value::set,
};

/// The condition of a service whose node port cannot be had.
pub(crate) const LISTENING: &str = "NodePortListening";

/// What one port hands its connections.
#[derive(Debug)]
struct Shared {
    cluster: Arc<Cluster>,
    number: u16,
    port: Mutex<NodePort>,
    next: AtomicUsize,
    idle: Mutex<BTreeMap<SocketAddr, Vec<SendRequest<Body>>>>,
}

impl Shared {
    /// Returns the ready places, the next one in turn first.
    fn turn(&self) -> Vec<SocketAddr> {
        let mut backends = lock(&self.port).backends.clone();
        if !backends.is_empty() {
            let at = self.next.fetch_add(1, Ordering::Relaxed) % backends.len();
            backends.rotate_left(at);
        }
        backends
    }

    /// Returns the ready places that were not tried yet, as they are this very moment: a pod may have
    /// ended before this port heard of it, and another one have become ready in its place.
    fn now(&self, tried: &[SocketAddr]) -> Vec<SocketAddr> {
        let ports = endpoints::node_ports(&lock(&self.cluster.store));
        let mut backends = ports
            .get(&self.number)
            .map(|it| it.backends.clone())
            .unwrap_or_default();
        backends.retain(|it| !tried.contains(it));
        backends
    }
}

#[derive(Debug)]
struct Listening {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the listening ports as the services say, until the task is dropped.
pub(crate) async fn run(cluster: Arc<Cluster>) {
    let mut news = lock(&cluster.store).subscribe();
    let mut listening: BTreeMap<u16, Listening> = BTreeMap::new();
    let mut refused: BTreeMap<u16, String> = BTreeMap::new();
    let mut seen = (0, 0);
    loop {
        let (wanted, touched) = {
            let store = lock(&cluster.store);
            let touched = (store.touched("services"), store.touched("pods"));
            let wanted =
                (touched != seen || !refused.is_empty()).then(|| endpoints::node_ports(&store));
            (wanted, touched)
        };
        seen = touched;
        if let Some(wanted) = wanted {
            listening.retain(|port, _| wanted.contains_key(port));
            refused.retain(|port, _| wanted.contains_key(port));
            for (port, node_port) in wanted {
                if let Some(found) = listening.get(&port) {
                    let mut idle = lock(&found.shared.idle);
                    idle.retain(|address, _| node_port.backends.contains(address));
                    *lock(&found.shared.port) = node_port;
                    continue;
                }
                match TcpListener::bind(("127.0.0.1", port)).await {
                    Ok(listener) => {
                        if refused.remove(&port).is_some() {
                            mark(&cluster, &node_port.service, None);
                        }
                        let shared = Arc::new(Shared {
                            cluster: Arc::clone(&cluster),
                            number: port,
                            port: Mutex::new(node_port),
                            next: AtomicUsize::new(0),
                            idle: Mutex::new(BTreeMap::new()),
                        });
                        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
                        listening.insert(port, Listening { shared, task });
                    }
                    Err(err) => {
                        let message = if err.kind() == ErrorKind::AddrInUse {
                            format!(
                                "cannot listen on 127.0.0.1:{port}: another program does; end it, or give the Service another nodePort"
                            )
                        } else {
                            format!("cannot listen on 127.0.0.1:{port}: {err}")
                        };
                        if refused.insert(port, message.clone()).as_ref() != Some(&message) {
                            warn(&cluster, &node_port.service, &message);
                            mark(&cluster, &node_port.service, Some(&message));
                        }
                    }
                }
            }
        }
        let pause = if refused.is_empty() {
            Duration::from_secs(60)
        } else {
            Duration::from_secs(1)
        };
        tokio::select! {
            heard = news.changed() => if heard.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn warn(cluster: &Cluster, service: &str, message: &str) {
    tracing::warn!("{service}: {message}");
    let mut store = lock(&cluster.store);
    if let Some((namespace, name)) = service.split_once('/')
        && let Some(service) = store.get("services", namespace, name)
    {
        objects::event(
            &mut store,
            &service.value(),
            "Warning",
            "NodePortRefused",
            message,
            "stand-in-proxy",
        );
    }
}

/// Notes in the status of a service that its node port cannot be had, or that it is had again: an
/// application with such a service is not healthy, whoever else answers at the port.
fn mark(cluster: &Cluster, service: &str, refused: Option<&str>) {
    let mut store = lock(&cluster.store);
    let Some((namespace, name)) = service.split_once('/') else {
        return;
    };
    let Some(live) = store.get("services", namespace, name) else {
        return;
    };
    let mut value = live.value();
    let conditions: Vec<Value> = refused
        .map(|message| json!({"type": LISTENING, "status": "False", "reason": "NodePortRefused", "message": message}))
        .into_iter()
        .collect();
    set(&mut value, &["status"], "conditions", conditions);
    if let Err(err) = store.put("services", value) {
        tracing::warn!("cannot write the status of {service}: {err}");
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let http = lock(&shared.port).http;
        tokio::spawn(async move {
            if http {
                requests(stream, shared).await;
            } else {
                connection(stream, &shared).await;
            }
        });
    }
}

async fn connection(mut stream: TcpStream, shared: &Shared) {
    let mut backends = shared.turn();
    let mut tried = Vec::new();
    for _ in 0..2 {
        for backend in std::mem::take(&mut backends) {
            if let Ok(mut upstream) = TcpStream::connect(backend).await {
                let _ = upstream.set_nodelay(true);
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
                return;
            }
            tried.push(backend);
        }
        backends = shared.now(&tried);
    }
}

async fn requests(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(forward(request, &shared).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

type Body = Either<Incoming, Full<Bytes>>;

fn refuse(code: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(format!(
        "{message}\n"
    )))));
    *response.status_mut() = code;
    response
}

/// Sends a request to the next ready pod in turn. One without a body that may be repeated is sent
/// again when a pod ended just then.
async fn forward(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(CONNECTION);
    let repeatable = body.is_end_stream() && parts.method.is_idempotent();
    let again = repeatable.then(|| parts.clone());
    let body = if body.is_end_stream() {
        Either::Right(Full::default())
    } else {
        Either::Left(body)
    };
    let mut request = Some(Request::from_parts(parts, body));
    let mut backends = VecDeque::from(shared.turn());
    let mut tried = Vec::new();
    let mut is_anew = false;
    loop {
        let Some(backend) = backends.pop_front() else {
            if is_anew {
                break;
            }
            is_anew = true;
            backends.extend(shared.now(&tried));
            continue;
        };
        tried.push(backend);
        // A kept connection may just have been closed by its pod; then a new one is tried.
        for kept in [true, false] {
            let sender = if kept {
                lock(&shared.idle).get_mut(&backend).and_then(Vec::pop)
            } else {
                connect(backend).await
            };
            let Some(mut sender) = sender.filter(|it| !it.is_closed()) else {
                continue;
            };
            if sender.ready().await.is_err() {
                continue;
            }
            let whole = request.take().or_else(|| {
                let parts = again.clone()?;
                Some(Request::from_parts(parts, Either::Right(Full::default())))
            });
            let Some(whole) = whole else {
                return refuse(StatusCode::BAD_GATEWAY, "the pod closed the connection");
            };
            match sender.try_send_request(whole).await {
                Ok(response) => return hand_back(response, sender, backend, shared),
                Err(mut err) => request = err.take_message(),
            }
        }
    }
    if request.is_none() && again.is_none() {
        return refuse(StatusCode::BAD_GATEWAY, "the pod closed the connection");
    }
    refuse(
        StatusCode::SERVICE_UNAVAILABLE,
        "no pod is ready behind this port",
    )
}

async fn connect(backend: SocketAddr) -> Option<SendRequest<Body>> {
    let stream = TcpStream::connect(backend).await.ok()?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(connection);
    Some(sender)
}

fn hand_back(
    mut response: Response<Incoming>,
    sender: SendRequest<Body>,
    backend: SocketAddr,
    shared: &Shared,
) -> Response<Body> {
    let closes = response
        .headers()
        .get(CONNECTION)
        .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"close"));
    response.headers_mut().remove(CONNECTION);
    if !closes && !sender.is_closed() && lock(&shared.port).backends.contains(&backend) {
        let mut idle = lock(&shared.idle);
        let kept = idle.entry(backend).or_default();
        if kept.len() < 256 {
            kept.push(sender);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&backend.port().to_string()) {
        response.headers_mut().insert("x-rehearsal-backend", value);
    }
    response.map(Either::Left)
}

/// Reads a whole body, up to a limit.
///
/// # Errors
///
/// Fails when it is longer, or cannot be read.
pub(crate) async fn read(body: Incoming, limit: usize) -> Result<Bytes, bool> {
    let collected = http_body_util::Limited::new(body, limit).collect().await;
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(err) => Err(err.is::<http_body_util::LengthLimitError>()),
    }
}
