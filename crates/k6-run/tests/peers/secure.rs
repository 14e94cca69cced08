//! Servers that speak TLS and HTTP/2, and a proxy, for both engines.

use std::{convert::Infallible, net::SocketAddr, path::Path, sync::Arc, thread};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

/// Where the servers are, and what they want to see.
pub(crate) struct Secure {
    /// HTTP/2 and HTTP/1.1 by ALPN.
    pub(crate) any: SocketAddr,
    /// HTTP/1.1 alone.
    pub(crate) one: SocketAddr,
    /// As the first, for clients with a certificate.
    pub(crate) mutual: SocketAddr,
    /// The plain server behind TLS.
    pub(crate) wrapped: SocketAddr,
    /// A proxy that leads every name to the plain server.
    pub(crate) proxy: SocketAddr,
}

/// Starts all servers. `folder` gets the authority and the client's certificate and key.
pub(crate) fn start(folder: &Path, plain: SocketAddr) -> Secure {
    let authority = authority();
    let (chain, key) = issue(&authority, "localhost");
    let (client, client_key) = issue(&authority, "client");
    for (name, text) in [
        ("authority.pem", authority.pem()),
        ("client.pem", client),
        ("client-key.pem", client_key),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let config = |protocols: &[&str], mutual: bool| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = rustls::pki_types::CertificateDer::pem_slice_iter(chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut config = builder
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    };
    let both = ["h2", "http/1.1"];
    let (any, wrapped, one, mutual) = (
        config(&both, false),
        config(&both, false),
        config(&both[1..], false),
        config(&both, true),
    );
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime: Runtime = runtime.unwrap();
        runtime.block_on(async move {
            sender
                .send(Secure {
                    any: listen(move |stream| secure(stream, any.clone())).await,
                    one: listen(move |stream| secure(stream, one.clone())).await,
                    mutual: listen(move |stream| secure(stream, mutual.clone())).await,
                    wrapped: listen(move |stream| unwrap(stream, wrapped.clone(), plain)).await,
                    proxy: listen(move |stream| pass_on(stream, plain)).await,
                })
                .unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "authority of the tests");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issue(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let names = vec![name.to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, authority)
        .unwrap();
    (certificate.pem(), key.serialize_pem())
}

async fn listen<F, W>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn secure(stream: TcpStream, tls: TlsAcceptor) {
    let stream = match tls.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((_, mut stream)) => {
            // In TLS 1.3 a client may have sent its request already. Closed with that unread, the
            // connection would be reset, and the client would meet the alert or the reset, by luck.
            let _ = stream.shutdown().await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            return;
        }
    };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(stream);
    // That a client hangs up is no fault.
    if is_h2 {
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(io, service_fn(answer)).await;
    } else {
        let server = hyper::server::conn::http1::Builder::new();
        let _ = server.serve_connection(io, service_fn(answer)).await;
    }
}

type Answer = Response<BoxBody<Bytes, std::io::Error>>;

async fn answer(request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let names = head.headers.iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), Value::from(text))
    });
    let told = json!({
        "method": head.method.as_str(),
        "authority": head.uri.authority().map(ToString::to_string),
        "version": format!("{:?}", head.version),
        "headers": names.collect::<Map<_, _>>(),
        "length": body.len(),
        "body": String::from_utf8_lossy(&body[..body.len().min(100)]),
    });
    let whole = |text: String| {
        Full::new(Bytes::from(text))
            .map_err(|never| match never {})
            .boxed()
    };
    let answer = match head.uri.path() {
        "/redirect" => Response::builder()
            .status(302)
            .header("location", "/echo")
            .body(whole(String::new())),
        "/status" => Response::builder()
            .status(503)
            .body(whole("sorry".to_owned())),
        "/headers" => Response::builder()
            .header("x-lower-case", "yes")
            .header("x-multi", "1")
            .header("x-multi", "2")
            .header("set-cookie", "a=1; Path=/")
            .body(whole(told.to_string())),
        "/lib/one.js" => {
            Response::builder().body(whole("import n from './two.js'; export default `one ${n}`; export const triple = (x) => x * 3;".to_owned()))
        }
        "/lib/two.js" => Response::builder().body(whole("export default 2;".to_owned())),
        "/large" => Response::builder().body(whole("x".repeat(3_000_000))),
        "/broken" => Response::builder().body(BoxBody::new(Broken(false))),
        _ => Response::builder().body(whole(told.to_string())),
    };
    Ok(answer.unwrap())
}

/// A body that breaks off.
struct Broken(bool);

impl Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let next = if self.0 {
            Err(std::io::Error::other("broken"))
        } else {
            self.0 = true;
            Ok(Frame::data(Bytes::from_static(b"half")))
        };
        std::task::Poll::Ready(Some(next))
    }
}

/// Takes the TLS off for `target`.
async fn unwrap(stream: TcpStream, tls: TlsAcceptor, target: SocketAddr) {
    let (Ok(mut stream), Ok(mut target)) =
        (tls.accept(stream).await, TcpStream::connect(target).await)
    else {
        return;
    };
    // Who speaks HTTP/2 has misunderstood, and is not answered.
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
    }
}

/// Reads the head of a request as proxies do, and passes it on to `target`, whoever it is for.
async fn pass_on(stream: TcpStream, target: SocketAddr) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match stream.read_line(&mut head).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
    let first = head.lines().next().unwrap_or_default().to_owned();
    let mut words = first.split(' ');
    let (method, whole) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if method == "CONNECT" {
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        let Ok(mut target) = TcpStream::connect(whole.replace("app.test", "127.0.0.1")).await
        else {
            let _ = stream.write_all(refusal.as_bytes()).await;
            return;
        };
        let _ = stream
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await;
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
        return;
    }
    let path = whole.splitn(4, '/').nth(3).unwrap_or("");
    let asked = whole.split('/').nth(2).unwrap_or("");
    let head = head.replacen(
        &first,
        &format!("{method} /{path} HTTP/1.1\r\nConnection: close\r\nX-Proxied: {asked}"),
        1,
    );
    let Ok(mut target) = TcpStream::connect(target).await else {
        return;
    };
    let _ = target.write_all(head.as_bytes()).await;
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
}
