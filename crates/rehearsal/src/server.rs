//! TLS, tokens and HTTP around the API.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::TlsAcceptor;

use crate::{
    api::{self, Answer},
    cluster::Cluster,
    error::ApiError,
};

/// How long a client may take to agree on the encryption.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The longest body that is taken.
const LIMIT: usize = 16 << 20;

/// The keys of the stand-in, kept beside its journal.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// The certificate authority, in PEM.
    pub(crate) authority: String,
    /// The token that may do everything.
    pub(crate) token: String,
    certificate: String,
    key: String,
}

impl Keys {
    /// Reads the keys of an earlier run, or makes new ones.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read or written.
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| std::fs::read_to_string(folder.join(name));
        if let (Ok(authority), Ok(token), Ok(certificate), Ok(key)) = (
            read("ca.pem"),
            read("token"),
            read("server.pem"),
            read("server.key"),
        ) {
            return Ok(Self {
                authority,
                token,
                certificate,
                key,
            });
        }
        let keys = Self::generate().context("cannot make keys")?;
        for (name, content) in [
            ("ca.pem", &keys.authority),
            ("token", &keys.token),
            ("server.pem", &keys.certificate),
            ("server.key", &keys.key),
        ] {
            autoscaleops_core::file::replace_private(&folder.join(name), content.as_bytes())?;
        }
        Ok(keys)
    }

    fn generate() -> anyhow::Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority
            .distinguished_name
            .push(DnType::CommonName, "embedded stand-in");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let mut server =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        server
            .distinguished_name
            .push(DnType::CommonName, "127.0.0.1");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = server.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: authority_certificate.pem(),
            token: crate::value::random_hex(32)?,
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Serves the API until the task is dropped.
///
/// # Errors
///
/// Fails when the keys cannot be used.
pub(crate) async fn run(
    cluster: Arc<Cluster>,
    listener: TcpListener,
    keys: Keys,
) -> anyhow::Result<()> {
    let acceptor = keys
        .acceptor()
        .context("cannot use the keys of the stand-in")?;
    let token: Arc<str> = Arc::from(keys.token.as_str());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (acceptor, cluster, token) =
            (acceptor.clone(), Arc::clone(&cluster), Arc::clone(&token));
        tokio::spawn(async move {
            // Who connects and says nothing is not waited for.
            let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await
            else {
                return;
            };
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request| {
                let (cluster, token) = (Arc::clone(&cluster), Arc::clone(&token));
                async move { Ok::<_, Infallible>(respond(&cluster, &token, request).await) }
            });
            let stream = TokioIo::new(stream);
            let served = if h2 {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .serve_connection(stream, service)
                    .await
            } else {
                hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(stream, service)
                    .await
            };
            if let Err(err) = served {
                tracing::debug!("a connection ended: {err}");
            }
        });
    }
}

async fn respond(
    cluster: &Arc<Cluster>,
    token: &str,
    request: Request<Incoming>,
) -> Response<Payload> {
    let (parts, body) = request.into_parts();
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|it: &HeaderValue| it.to_str().ok())
            .unwrap_or("")
            .to_owned()
    };
    let path: Vec<String> = parts
        .uri
        .path()
        .split('/')
        .filter(|it| !it.is_empty())
        .map(decode)
        .collect();
    let public = matches!(
        path.first().map(String::as_str),
        Some("readyz" | "livez" | "healthz" | "version")
    );
    if !public
        && !same(
            header(AUTHORIZATION).strip_prefix("Bearer ").unwrap_or(""),
            token,
        )
    {
        return finish(Answer::from(ApiError::unauthorized()), cluster);
    }
    let body = match crate::proxy::read(body, LIMIT).await {
        Ok(body) => body,
        Err(true) => return finish(Answer::from(ApiError::too_large(LIMIT)), cluster),
        Err(false) => {
            return finish(
                Answer::from(ApiError::bad_request("the body could not be read")),
                cluster,
            );
        }
    };
    let request = api::Request {
        method: parts.method.as_str().to_owned(),
        path,
        query: query(parts.uri.query().unwrap_or("")),
        accept: header(ACCEPT),
        content_type: header(CONTENT_TYPE),
        agent: header(USER_AGENT),
        body,
    };
    let answer = api::answer(cluster, &request);
    if let Answer::Json(code, ..) = &answer {
        tracing::debug!("{} {} {code}", request.method, parts.uri);
    }
    finish(answer, cluster)
}

/// Compares in a time that does not tell how much is right.
fn same(given: &str, token: &str) -> bool {
    given.len() == token.len()
        && given
            .bytes()
            .zip(token.bytes())
            .fold(0, |sum, (a, b)| sum | (a ^ b))
            == 0
}

pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        if let Some(code) = code {
            decoded.push(code);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

pub(crate) fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|it| !it.is_empty())
        .map(|it| {
            let (name, value) = it.split_once('=').unwrap_or((it, ""));
            (
                decode(&name.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

fn finish(answer: Answer, cluster: &Arc<Cluster>) -> Response<Payload> {
    let (code, payload, kind) = match answer {
        Answer::Json(code, body, kind) => (code, Payload::Whole(Full::new(body)), kind),
        Answer::Text(code, text) => (
            code,
            Payload::Whole(Full::new(Bytes::from(text))),
            "text/plain; charset=utf-8",
        ),
        Answer::Watch(watch) => {
            let (sender, receiver) = mpsc::channel(16);
            tokio::spawn(watch.run(Arc::clone(cluster), sender));
            (200, Payload::Stream(receiver), "application/json")
        }
        Answer::Log(log) => {
            let (sender, receiver) = mpsc::channel(16);
            tokio::spawn(log.run(Arc::clone(cluster), sender));
            (200, Payload::Stream(receiver), "text/plain; charset=utf-8")
        }
    };
    let mut response = Response::new(payload);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert("x-autoscaleops-stand-in", HeaderValue::from_static("true"));
    response
}

/// The body of an answer.
#[derive(Debug)]
enum Payload {
    Whole(Full<Bytes>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Stream(receiver) => receiver
                .poll_recv(context)
                .map(|it| it.map(|it| Ok(Frame::data(it)))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_a_broken_escape_stays() {
        let query = query("labelSelector=app%3Dweb%2Cx+in+%28a%29&watch=true&x=%zz");
        assert_eq!(query["labelSelector"], "app=web,x in (a)");
        assert_eq!(query["x"], "%zz");
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(same("abc", "abc"));
        assert!(!same("ab", "abc") && !same("abd", "abc") && !same("", "abc"));
    }
}
